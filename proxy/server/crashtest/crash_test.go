package crashtest

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if os.Getenv(pointConfig) != "" {
		os.Exit(runPoint())
	}
	code := m.Run()
	os.RemoveAll(buildDir)
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// rounds is how many clients are cut: SLUICE_CRASH_ROUNDS, or 50.
func rounds(t *testing.T) int {
	s := os.Getenv("SLUICE_CRASH_ROUNDS")
	if s == "" {
		return 50
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		t.Fatalf("SLUICE_CRASH_ROUNDS=%s is no number of rounds", s)
	}
	return n
}

// TestKilledAtEveryStep kills the gateway with every client at a step of its
// own, in turn standing still there and racing on from it, until enough clients
// were cut.
func TestKilledAtEveryStep(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped with -short: it starts PostgreSQL and kills the gateway many times")
	}
	w := begin(t)
	random := rand.New(rand.NewPCG(4, 9))
	want, cut, kills, writes := rounds(t), 0, 0, 0
	tally := map[string]int{}
	began := time.Now()
	w.start()
	for n := 1; cut < want || n == 2; n++ {
		race := time.Duration(0)
		if n%2 == 0 {
			race = time.Duration(random.Int64N(int64(40 * time.Millisecond)))
		}
		l := w.live(n, race)
		for _, k := range kinds {
			cut += len(k.steps)
		}
		kills++
		writes += len(l.ops)
		w.check(l, tally)
		if t.Failed() {
			w.kill()
			t.Fatalf("after kill %d, in a race of %s", kills, race)
		}
	}
	w.stop()
	t.Logf("%d rounds: %d clients cut by %d kills, %d writes, in %s", cut, cut, kills, writes, time.Since(began).Round(time.Second))
	for _, state := range slices.Sorted(maps.Keys(tally)) {
		t.Logf("%6d %s", tally[state], state)
	}
}

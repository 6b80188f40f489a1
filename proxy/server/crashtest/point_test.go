package crashtest

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"sluice.dev/proxy/audit"
	"sluice.dev/proxy/server"
)

// The gateway's own steps, which nobody sees from outside: this test's binary
// runs as the gateway, and kills itself when a certain record is about to be
// written to the log's file, or has been.

const (
	pointConfig = "SLUICE_TEST_POINT_CONFIG" // runs a gateway on this file, instead of tests
	pointAt     = "SLUICE_TEST_POINT_AT"     // "before" or "after", and the event
	pointMark   = "SLUICE_TEST_POINT_MARK"   // of the write
	pointArmed  = "SLUICE_TEST_POINT_ARMED"  // a file: it is there when the start is over
)

// runPoint runs the gateway that kills itself.
func runPoint() int {
	when, event, _ := strings.Cut(os.Getenv(pointAt), " ")
	files := &dyingFiles{Files: audit.OS(), before: when == "before", event: event, needle: []byte(`"event":"` + event + `"`), seen: map[int64]int{}}
	err := server.Run(context.Background(), server.Options{Config: []string{os.Getenv(pointConfig)}, Version: "test", Files: files}, nil)
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// dyingFiles kill their process around the write of a record.
type dyingFiles struct {
	audit.Files
	before bool
	event  string
	needle []byte

	mu   sync.Mutex
	seen map[int64]int // by offset: a block is written again when more comes into it
	ours bool          // the write's intent has been written
}

type dyingFile struct {
	audit.File
	on *dyingFiles
}

func (f *dyingFiles) OpenSegment(path string) (audit.File, bool, error) {
	file, synced, err := f.Files.OpenSegment(path)
	return &dyingFile{file, f}, synced, err
}

// due says that a record of the event is new in what is written.
func (f *dyingFiles) due(b []byte, at int64) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := bytes.Count(b, f.needle)
	fresh := n > f.seen[at]
	f.seen[at] = n
	marked := bytes.Contains(b, []byte(os.Getenv(pointMark)))
	was := f.ours
	f.ours = f.ours || marked && bytes.Contains(b, []byte(`"event":"cmd.intent"`))
	if _, err := os.Stat(os.Getenv(pointArmed)); err != nil {
		return false
	}
	switch f.event {
	case audit.CommandIntent, audit.CommandHold:
		return fresh && marked
	case audit.CommandResult:
		return fresh && was
	}
	return fresh
}

func (f *dyingFile) WriteAt(b []byte, at int64) (int, error) {
	due := f.on.due(b, at)
	if due && f.on.before {
		die()
	}
	n, err := f.File.WriteAt(b, at)
	if due {
		die()
	}
	return n, err
}

func die() {
	syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {} // it is on its way
}

// points are where the gateway dies, with the kinds of write that come there.
var points = []struct {
	event string
	kinds []string
}{
	{audit.ApprovalRequest, []string{"held", "ticket"}},
	{audit.CommandHold, []string{"held block"}},
	{audit.ApprovalGrant, []string{"held", "ticket"}},
	{audit.ApprovalConsume, []string{"held", "ticket"}},
	{audit.CommandIntent, []string{"plain", "held prepared"}},
	{audit.CommandResult, []string{"plain", "prepared"}},
	{"approval.finished", []string{"held", "pipeline"}},
}

// TestKilledInsideAStep kills the gateway around each record of a write.
func TestKilledInsideAStep(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped with -short: it starts PostgreSQL and kills the gateway many times")
	}
	w := begin(t)
	tally := map[string]int{}
	n := 1000
	for i, p := range points {
		for j, kind := range p.kinds {
			for _, when := range []string{"before", "after"} {
				if rounds(t) < 1000 && (i%2 == 1 || j > 0) {
					continue // make test has some of the points
				}
				n++
				t.Run(when+" "+p.event+" of "+kind, func(t *testing.T) {
					w := *w
					w.t = t
					w.killedAt(n, when+" "+p.event, kind, tally)
				})
			}
		}
	}
	for state, n := range tally {
		t.Logf("%6d %s", n, state)
	}
}

func (w *world) killedAt(n int, point, kind string, tally map[string]int) {
	l := &life{w: w, n: n, release: make(chan struct{})}
	close(l.release)
	k := kinds[slices.IndexFunc(kinds, func(k writeKind) bool { return k.name == kind })]
	o := l.op(k.name, k.guarded, k.block, "", 1, 0)
	armed := filepath.Join(w.t.TempDir(), "armed")
	w.startAs(os.Args[0], append(os.Environ(), pointConfig+"="+w.Config, pointAt+"="+point, pointMark+"="+o.mark, pointArmed+"="+armed))
	if err := os.WriteFile(armed, nil, 0o600); err != nil {
		w.t.Fatal(err)
	}
	w.run(o) //nolint:errcheck // it is cut, or ended just before
	select {
	case err := <-w.ended:
		w.ended <- err
	case <-time.After(20 * time.Second):
		w.t.Errorf("the gateway never came to it:\n%s", w.tail())
	}
	w.kill()
	l.dead.Store(true)
	w.relay.cut()
	w.check(l, tally)
	w.kill()
}

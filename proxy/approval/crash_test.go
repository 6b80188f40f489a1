package approval_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"sluice.dev/proxy/approval"
	"sluice.dev/proxy/state"
)

// The victim is this test binary again: it holds, approves, runs and finishes,
// and is killed (SIGKILL) somewhere in between. What it ran is in the file
// effects, one line for each run, synced.

const (
	victimDir = "SLUICE_TEST_VICTIM_DIR" // the folder with state.db and effects
	victimDie = "SLUICE_TEST_VICTIM_DIE" // the point at which to die
)

// points at which the deterministic victim dies; "update n" is the n-th write of
// the ledger.
var points = []string{
	"before update 1", "after update 1", "before update 2", "after update 2", "requested",
	"before update 3", "after update 3", "approved", "before update 4", "after update 4",
	"claimed", "ran", "before update 5", "after update 5", "finished", "never",
}

// dieStore kills the process before or after its n-th update.
type dieStore struct {
	state.Store
	mu sync.Mutex
	n  int
}

func (d *dieStore) Update(fn func(state.Tx) error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.n++
	dieAt(fmt.Sprintf("before update %d", d.n))
	err := d.Store.Update(fn)
	dieAt(fmt.Sprintf("after update %d", d.n))
	return err
}

func dieAt(point string) {
	if os.Getenv(victimDie) == point {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {} // the signal is on its way
	}
}

func runVictim() bool {
	dir := os.Getenv(victimDir)
	if dir == "" {
		return false
	}
	if err := victim(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return true
}

func victim(dir string) error {
	file, err := state.OpenFile(filepath.Join(dir, "state.db"))
	if err != nil {
		return err
	}
	l, err := approval.Open(&dieStore{Store: file}, approval.Options{PerPrincipal: 1000})
	if err != nil {
		return err
	}
	if os.Getenv(victimDie) != "" {
		return errors.Join(victimStep(l, dir), l.Close(), file.Close())
	}
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for n := range 50 {
				if err := victimRound(l, dir, fmt.Sprintf("s%d", i), fmt.Sprintf("delete %d", n%3)); err != nil {
					fmt.Println("error", err)
				}
				fmt.Println("round")
			}
		})
	}
	wg.Wait()
	return errors.Join(l.Close(), file.Close())
}

func victimStep(l *approval.Ledger, dir string) error {
	w, err := l.Request(context.Background(), request("s1", "delete 1"))
	if err != nil {
		return err
	}
	dieAt("requested")
	if err := l.Approve(context.Background(), w.Ticket(), person("dba-2", "dba"), ""); err != nil {
		return err
	}
	dieAt("approved")
	return victimRun(l, w, dir)
}

func victimRun(l *approval.Ledger, w *approval.Waiter, dir string) error {
	mine, err := w.Claim()
	if err != nil || !mine {
		w.Leave()
		return err
	}
	dieAt("claimed")
	if err := effect(dir, w.Ticket()); err != nil {
		return err
	}
	dieAt("ran")
	if err := l.Finish(w.Ticket(), "committed"); err != nil {
		return err
	}
	dieAt("finished")
	return nil
}

func victimRound(l *approval.Ledger, dir, session, statement string) error {
	w, err := l.Request(context.Background(), request(session, statement))
	if err != nil {
		return err
	}
	err = l.Approve(context.Background(), w.Ticket(), person("dba-2", "dba"), "")
	if err != nil && !errors.Is(err, approval.ErrDecided) {
		return err
	}
	<-w.Done()
	return victimRun(l, w, dir)
}

func effect(dir, ticket string) error {
	f, err := os.OpenFile(filepath.Join(dir, "effects"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(ticket + "\n")
	return errors.Join(err, f.Sync(), f.Close())
}

// effects counts the runs of each ticket.
func effects(t *testing.T, dir string) map[string]int {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "effects"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	out := map[string]int{}
	for _, ticket := range strings.Fields(string(data)) {
		out[ticket]++
	}
	return out
}

func start(t *testing.T, dir, die string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), victimDir+"="+dir, victimDie+"="+die)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, bufio.NewScanner(out)
}

func TestKilledAtEveryStep(t *testing.T) {
	for _, point := range points {
		t.Run(point, func(t *testing.T) {
			b := &bench{t: t, path: filepath.Join(t.TempDir(), "state.db")}
			dir := filepath.Dir(b.path)
			cmd, out := start(t, dir, point)
			for out.Scan() {
			}
			err := cmd.Wait()
			if killed := err != nil && cmd.ProcessState.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL; killed == (point == "never") {
				t.Fatalf("the victim ended with %v", err)
			}
			ran := effects(t, dir)
			b.start()
			defer b.stop()
			holds, err := b.List(approval.Filter{})
			if err != nil {
				t.Fatal(err)
			}
			for _, h := range holds {
				if h.State == approval.Claimed || ran[h.Ticket] > 1 || ran[h.Ticket] == 1 && h.State != approval.Unknown && h.State != approval.Done {
					t.Errorf("ticket %s is %s after the restart and ran %d times", h.Ticket, h.State, ran[h.Ticket])
				}
			}
			// The client comes back, and the approver with it.
			w := b.request(request("s2", "delete 1"))
			if w.Hold().State == approval.Pending {
				b.approve(w.Ticket(), person("dba-2", "dba"))
			}
			<-w.Done()
			if err := victimRun(b.Ledger, w, dir); err != nil {
				t.Fatal(err)
			}
			for ticket, n := range effects(t, dir) {
				if n > 1 {
					t.Errorf("ticket %s ran %d times", ticket, n)
				}
			}
			b.wantState(w.Ticket(), approval.Done)
		})
	}
}

// TestKilledAnywhere kills the busy victim after some number of rounds, wherever
// its goroutines and its disk are then, on one state file again and again.
func TestKilledAnywhere(t *testing.T) {
	b := &bench{t: t, path: filepath.Join(t.TempDir(), "state.db")}
	dir := filepath.Dir(b.path)
	for kill := 1; kill < 100; kill += 19 {
		cmd, out := start(t, dir, "")
		rounds := 0
		for out.Scan() {
			if strings.HasPrefix(out.Text(), "error") {
				t.Error(out.Text())
			}
			if rounds++; rounds == kill {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := cmd.Wait(); err == nil {
			t.Fatal("the victim ended before it was killed: " + strconv.Itoa(rounds) + " rounds")
		}
		b.start()
		holds, err := b.List(approval.Filter{})
		if err != nil {
			t.Fatal(err)
		}
		ran, known := effects(t, dir), map[string]bool{}
		for _, h := range holds {
			known[h.Ticket] = true
			if h.State == approval.Claimed || h.State == approval.Done && ran[h.Ticket] != 1 {
				t.Errorf("ticket %s is %s after the restart and ran %d times", h.Ticket, h.State, ran[h.Ticket])
			}
		}
		for ticket, n := range ran {
			if n > 1 || !known[ticket] {
				t.Errorf("ticket %s ran %d times; in the ledger: %v", ticket, n, known[ticket])
			}
		}
		b.stop()
	}
}

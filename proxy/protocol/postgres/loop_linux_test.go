package postgres_test

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sluice.dev/proxy/server/servertest"
)

// startLoop starts a gateway whose connection has the loop.
func startLoop(t *testing.T, o servertest.Options) *servertest.Gateway {
	t.Setenv("SLUICE_POSTGRES_DRIVER", "loop")
	return startSuite(t, o)
}

// loops counts the loops that run.
func loops() int {
	b := make([]byte, 4<<20)
	return strings.Count(string(b[:runtime.Stack(b, true)]), "postgres.(*loop).run(")
}

// moves has a session say so much that the loop takes it.
func moves(t *testing.T, r *raw) {
	t.Helper()
	for range 5000 {
		r.must("SELECT 1")
		if loops() > 0 {
			return
		}
	}
	t.Fatal("the loop does not take the session")
}

func said(t *testing.T, g *servertest.Gateway, what string) {
	t.Helper()
	waitFor(t, func() bool { return strings.Contains(g.Log.String(), what) })
}

// TestLoopAndAHungDisk: while the log stands still no answer is shown, the
// sessions that wait leave the loop, and none of their answers is lost.
func TestLoopAndAHungDisk(t *testing.T) {
	disk := servertest.NewDisk()
	g := startLoop(t, servertest.Options{Files: disk})
	sessions := []*raw{login(t, g, g.Agent()), login(t, g, g.Agent()), login(t, g, g.Agent())}
	for _, r := range sessions {
		moves(t, r)
	}
	until := make(chan struct{})
	release := sync.OnceFunc(func() { close(until) })
	defer release()
	disk.Before(func() error { <-until; return nil })
	before := make([]int, len(sessions))
	for i, r := range sessions {
		before[i] = len(r.all())
		r.send(query(fmt.Sprintf("SELECT 'canary %d'", i)))
	}
	said(t, g, "the audit log takes long")
	for i, r := range sessions {
		if got := r.all()[before[i]:]; len(got) > 0 {
			t.Errorf("session %d reads %q before it is on record", i, got)
		}
	}
	release()
	for i, r := range sessions {
		if got := fmt.Sprint(r.until('Z')); !strings.Contains(got, fmt.Sprintf("canary %d", i)) {
			t.Errorf("session %d is answered %s", i, got)
		}
		r.works()
		moves(t, r)
	}
}

// TestLoopAndADiskThatStutters: whoever was held up by the log leaves the loop to
// the one that has taken over, also where that one waits for the log in its turn.
func TestLoopAndADiskThatStutters(t *testing.T) {
	disk := servertest.NewDisk()
	g := startLoop(t, servertest.Options{Files: disk})
	var writes atomic.Int64
	disk.Before(func() error {
		if writes.Add(1)%8 < 2 {
			time.Sleep(60 * time.Millisecond)
		}
		return nil
	})
	var wg sync.WaitGroup
	for i := range 6 {
		r := login(t, g, g.Agent())
		wg.Go(func() {
			for n := range 150 {
				want := fmt.Sprintf("session %d says %d", i, n)
				r.send(query("SELECT '" + want + "'"))
				if got := fmt.Sprint(r.until('Z')); !strings.Contains(got, want) {
					t.Errorf("%s: %s", want, got)
					return
				}
			}
		})
	}
	wg.Wait()
}

// TestLoopHeldUp: a command that takes long to decide about leaves the loop to
// the others, and comes to its end.
func TestLoopHeldUp(t *testing.T) {
	g := startLoop(t, servertest.Options{Rego: map[string]string{"base": servertest.AllowAll + `
deny contains "never" if {
	"public.orders" in input.command.reads
	count([1 | some i in numbers.range(1, 3000); some j in numbers.range(1, 3000); i + j == 0]) == 1
}
`}})
	slow, other := login(t, g, g.Agent()), login(t, g, g.Agent())
	moves(t, slow)
	moves(t, other)
	slow.send(query("SELECT count(*) FROM orders"))
	said(t, g, "deciding about a command takes long")
	other.works()
	if answer := fmt.Sprint(slow.until('Z')); !strings.Contains(answer, "sluice: cannot decide") { // policies may take 100 ms
		t.Errorf("what took long is answered %s", answer)
	}
	slow.works()
	other.works()
}

// TestLoopIsForTheFast: a session whose every command takes long to decide about
// leaves the loop, and loses nothing by it.
func TestLoopIsForTheFast(t *testing.T) {
	g := startLoop(t, servertest.Options{})
	r := login(t, g, g.Agent())
	moves(t, r)
	for i := range 400 { // each is new to the parser
		if got := fmt.Sprint(r.must(fmt.Sprintf("SELECT 'value %d' AS a%d", i, i))); !strings.Contains(got, fmt.Sprintf("value %d", i)) {
			t.Fatalf("statement %d is answered %s", i, got)
		}
		if strings.Contains(g.Log.String(), "it goes on without the loop") {
			break
		}
	}
	said(t, g, "it goes on without the loop")
	waitFor(t, func() bool { return loops() == 0 })
	r.works()
}

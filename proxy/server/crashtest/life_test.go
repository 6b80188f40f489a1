package crashtest

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// life is one life of the gateway, from its start to its kill, with the writes
// that were begun in it.
type life struct {
	w       *world
	n       int
	release chan struct{} // closed: nobody stands still any more
	dead    atomic.Bool

	mu  sync.Mutex
	ops []*op
	bad []string // what went wrong while the gateway lived
	wg  sync.WaitGroup
}

func (l *life) isDead() bool { return l.dead.Load() }

func (l *life) op(kind string, guarded, block bool, stop step, client, n int) *op {
	o := &op{kind: kind, guarded: guarded, block: block, stop: stop, world: l, mark: fmt.Sprintf("m%d-%d-%d", l.n, client, n),
		stopped: make(chan struct{}), ended: make(chan struct{})}
	l.mu.Lock()
	l.ops = append(l.ops, o)
	l.mu.Unlock()
	l.w.relay.own(o)
	return o
}

func (l *life) went(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.bad = append(l.bad, fmt.Sprintf(format, args...))
}

// live brings one client to each step of each kind, and kills the gateway: at
// once, with all standing still, or after a race of the given length.
func (w *world) live(n int, race time.Duration) *life {
	w.t.Helper()
	l := &life{w: w, n: n, release: make(chan struct{})}
	id := 0
	for _, k := range kinds {
		for _, s := range k.steps {
			id++
			client := id
			// One that ends before the kill: what it was told is checked too.
			l.wg.Go(func() {
				o := l.op(k.name, k.guarded, k.block, s, client, 0)
				for i := 1; ; i++ {
					err := w.run(o)
					close(o.ended)
					if l.isDead() {
						return
					}
					if err != nil {
						l.went("%s to %q, %s: %v", o.kind, o.stop, o.mark, err)
						return
					}
					o = l.op(k.name, k.guarded, k.block, "", client, i) // racing to the end
				}
			})
		}
	}
	l.standing()
	if race == 0 {
		l.dead.Store(true)
	} else {
		close(l.release)
		time.Sleep(race)
		l.dead.Store(true)
	}
	w.kill()
	if race == 0 {
		close(l.release)
	}
	w.relay.cut()
	l.wg.Wait()
	for _, b := range l.bad {
		w.t.Error(b)
	}
	return l
}

// standing waits until every client stands still at its step.
func (l *life) standing() {
	l.w.t.Helper()
	deadline := time.After(time.Minute)
	l.mu.Lock()
	first := len(l.ops)
	l.mu.Unlock()
	want := 0
	for _, k := range kinds {
		want += len(k.steps)
	}
	for ; first < want; time.Sleep(time.Millisecond) {
		l.mu.Lock()
		first = len(l.ops)
		l.mu.Unlock()
	}
	for _, o := range l.ops[:want] {
		select {
		case <-o.stopped:
		case <-o.ended:
			l.w.t.Errorf("%s never came to %q; it came to %q, %s", o.kind, o.stop, o.last, o.failed)
		case <-deadline:
			l.w.t.Fatalf("%s does not come to %q; it came to %q\n%s", o.kind, o.stop, o.last, l.w.tail())
		}
	}
}

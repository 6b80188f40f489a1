package api

import (
	"context"
	"errors"
	"iter"

	"sluice.dev/proxy/console"
)

// Watch yields each hold that waits, and then each one that changes, until ctx ends or an error. It asks again when a
// stream ends; a change that comes and goes between two streams is seen only if the hold still waits.
func (c *Client) Watch(ctx context.Context) iter.Seq2[console.Hold, error] {
	return func(yield func(console.Hold, error) bool) {
		w := watcher{c: c, told: map[string]console.State{}, yield: yield}
		for ctx.Err() == nil {
			events, err := c.Events(ctx)
			if err != nil {
				w.fail(ctx, err)
				return
			}
			for ch, err := range events {
				if err == nil {
					err = w.see(ctx, ch)
				}
				if w.done {
					return
				}
				if err != nil {
					w.fail(ctx, err)
					return
				}
			}
		}
	}
}

// maxTold is when a watcher forgets the decided holds.
const maxTold = 10000

type watcher struct {
	c     *Client
	told  map[string]console.State
	yield func(console.Hold, error) bool
	done  bool
}

func (w *watcher) fail(ctx context.Context, err error) {
	if ctx.Err() == nil {
		w.yield(console.Hold{}, err)
	}
}

func (w *watcher) see(ctx context.Context, ch console.Change) error {
	switch {
	case ch.Kind == console.ChangeHold && ch.ID != "":
		return w.look(ctx, ch.ID)
	case ch.Kind == console.ChangeHold, ch.Kind == console.ChangeAll:
		return w.lookAll(ctx)
	}
	return nil
}

func (w *watcher) look(ctx context.Context, ticket string) error {
	h, err := w.c.Hold(ctx, ticket)
	var p *Problem
	if errors.As(err, &p) && p.Kind == KindNotFound {
		delete(w.told, ticket)
		return nil
	}
	if err != nil {
		return err
	}
	w.tell(h)
	return nil
}

// lookAll tells what waits now, and what became of what was told to wait.
func (w *watcher) lookAll(ctx context.Context) error {
	holds, err := w.c.Holds(ctx, console.Filter{States: []console.State{console.Pending}})
	if err != nil {
		return err
	}
	waits := map[string]bool{}
	for _, h := range holds {
		waits[h.Ticket] = true
	}
	for ticket, state := range w.told {
		if state == console.Pending && !waits[ticket] && !w.done {
			if err := w.look(ctx, ticket); err != nil {
				return err
			}
		}
	}
	for i := len(holds) - 1; i >= 0 && !w.done; i-- {
		w.tell(holds[i])
	}
	return nil
}

// tell yields a hold unless its state was told. Votes that do not decide it are no news.
func (w *watcher) tell(h console.Hold) {
	if w.told[h.Ticket] == h.State {
		return
	}
	w.told[h.Ticket] = h.State
	if len(w.told) > maxTold {
		for t, s := range w.told {
			if s != console.Pending {
				delete(w.told, t)
			}
		}
	}
	w.done = !w.yield(h, nil)
}

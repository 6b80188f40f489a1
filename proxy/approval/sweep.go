package approval

import (
	"fmt"
	"slices"
	"time"

	"sluice.dev/proxy/state"
)

// maxSleep bounds the sweeper's sleep: expiries read from the store are of the
// wall clock, which may be set while we sleep.
const maxSleep = time.Minute

// retryWrite is the pause before telling a failed store again.
const retryWrite = 5 * time.Second

// sweeper ends what time ends: waits, and holds that nobody decided.
func (l *Ledger) sweeper() {
	defer close(l.done)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-l.quit:
			return
		case <-l.wake:
		case <-timer.C:
		}
		timer.Reset(l.sweep())
	}
}

// sweep does what is due and returns how long to sleep.
func (l *Ledger) sweep() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return maxSleep
	}
	now := l.o.Now()
	sleep := maxSleep
	due := func(t time.Time) bool {
		if !now.Before(t) {
			return true
		}
		sleep = min(sleep, t.Sub(now))
		return false
	}
	for _, e := range l.live {
		switch {
		case e.dirty:
			if l.rewrite(e) != nil {
				sleep = min(sleep, retryWrite)
			}
			continue
		case e.hold.State == Pending && due(e.hold.Expires):
			l.end(e, Expired, "nobody decided in time", now)
			continue
		case e.hold.State == Approved && due(e.hold.Expires):
			l.end(e, Expired, "it was approved, and not used in time", now)
			continue
		}
		for w := range e.waiters {
			if w.over || !due(w.until) {
				continue
			}
			l.leave(w, "nobody decided while the client could wait", now)
			w.finish(e.outcome())
		}
	}
	for digest, e := range l.denials {
		if due(e.hold.Expires) {
			delete(l.denials, digest)
		}
	}
	l.prune()
	if len(l.orphans) > 0 {
		if l.remove(l.orphans) == nil {
			l.orphans = nil
		} else {
			sleep = min(sleep, retryWrite)
		}
	}
	return max(sleep, time.Millisecond)
}

// end ends a hold by time, or for want of a waiter. It is so whether or not the
// store can be told: the sweeper tells it again, and Open comes to the same.
func (l *Ledger) end(e *entry, s State, note string, now time.Time) {
	h := e.hold
	h.State, h.Note = s, note
	if h.Decided.IsZero() || s == Withdrawn {
		h.Decided = now
	}
	kind := EventExpired
	if s == Withdrawn {
		kind = EventWithdrawn
	}
	if l.write(e, h, kind, nil, now) != nil {
		e.hold, e.dirty = h, true
		l.tell(e, kind, nil, now)
		l.poke()
	}
	l.forget(e)
	l.remember(h.Digest, h.Ticket)
	l.settle(e)
}

// forget lets an equal action be a new hold.
func (l *Ledger) forget(e *entry) {
	if l.byAction[e.hold.Digest] == e {
		delete(l.byAction, e.hold.Digest)
	}
}

func (l *Ledger) remember(digest, ticket string) {
	if len(l.previous) >= l.o.History {
		clear(l.previous) // it is a convenience for the approver; nothing depends on it
	}
	l.previous[digest] = ticket
}

// settle lets go of a hold that has ended.
func (l *Ledger) settle(e *entry) {
	close(e.settled)
	for w := range e.waiters {
		w.finish(e.outcome())
		w.left = true
	}
	clear(e.waiters)
	if e.hold.State == Denied {
		l.remember(e.hold.Digest, e.hold.Ticket)
	}
	if !e.dirty {
		l.retire(e)
	}
}

func (l *Ledger) retire(e *entry) {
	delete(l.live, e.hold.Ticket)
	l.ended = append(l.ended, e.hold.Ticket)
	if len(l.ended) > l.o.History+l.o.History/8 {
		l.poke()
	}
}

// rewrite tells the store of an end that it could not be told of before.
func (l *Ledger) rewrite(e *entry) error {
	data, err := encode(&e.hold)
	if err != nil {
		return err
	}
	if err := l.store.Update(func(tx state.Tx) error { return tx.Put(holdBucket, e.hold.Ticket, data) }); err != nil {
		return err
	}
	e.dirty = false
	l.retire(e)
	return nil
}

// prune removes the oldest ended holds beyond the history.
func (l *Ledger) prune() {
	over := len(l.ended) - l.o.History
	if over <= l.o.History/8 {
		return
	}
	old := l.ended[:over]
	for _, e := range l.denials {
		if slices.Contains(old, e.hold.Ticket) {
			return // its client is still to be told; the denial's expiry frees the list
		}
	}
	if l.remove(old) == nil {
		l.ended = slices.Clone(l.ended[over:])
	}
}

func (l *Ledger) remove(tickets []string) error {
	return l.store.Update(func(tx state.Tx) error {
		for _, t := range tickets {
			if err := tx.Delete(holdBucket, t); err != nil {
				return err
			}
		}
		return nil
	})
}

// recover reads the store after a start.
func (l *Ledger) recover() error {
	if err := l.loadKey(); err != nil {
		return fmt.Errorf("approval: open the ledger: %w", err)
	}
	var holds []*Hold
	err := l.store.View(func(tx state.Tx) error {
		return tx.ForEach(holdBucket, func(ticket string, data []byte) error {
			h, err := decode(ticket, data)
			if err == nil {
				holds = append(holds, h)
			}
			return err
		})
	})
	if err != nil {
		return fmt.Errorf("approval: open the ledger: %w", err)
	}
	slices.SortFunc(holds, func(a, b *Hold) int { return a.Created.Compare(b.Created) })
	now := l.o.Now()
	for _, h := range holds {
		e := &entry{hold: *h, waiters: map[*Waiter]struct{}{}, settled: make(chan struct{})}
		if !h.State.Live() {
			l.ended = append(l.ended, h.Ticket)
			if h.State == Denied && !h.Told && now.Before(h.Expires) {
				l.denials[h.Digest] = e
			}
			continue
		}
		l.live[h.Ticket] = e
		if h.State != Claimed {
			l.byAction[h.Digest] = e
		}
		if err := l.revive(e, now); err != nil {
			return err
		}
		if e.hold.State == Pending || e.hold.State == Approved {
			l.retell(e, now)
		}
	}
	return nil
}

// retell tells again what led to where a live hold stands.
func (l *Ledger) retell(e *entry, now time.Time) {
	l.o.Events(Event{Kind: EventRequested, At: now, Hold: e.snapshot(), Again: true})
	for i := range e.hold.Votes {
		l.o.Events(Event{Kind: EventVote, At: now, Hold: e.snapshot(), Vote: &e.hold.Votes[i], Again: true})
	}
}

// revive brings one live hold to where a restart leaves it. Unlike in operation,
// an error here is fatal: a gateway that cannot write its ledger does not start.
func (l *Ledger) revive(e *entry, now time.Time) error {
	h := e.hold
	switch {
	case h.State == Claimed:
		h.State, h.Outcome, h.Finished = Unknown, string(Unknown), now
		h.Note = "the gateway stopped while it ran"
		if err := l.write(e, h, EventFinished, nil, now); err != nil {
			return err
		}
		l.settle(e)
	case !now.Before(h.Expires):
		l.end(e, Expired, "nobody decided in time", now)
	case h.Mode == ModeWait && h.State == Pending:
		l.end(e, Withdrawn, "the gateway was restarted and the client with it", now)
	case h.Mode == ModeWait:
		l.end(e, Expired, "it was approved, and the gateway was restarted before it was used", now)
	}
	if e.dirty {
		return fmt.Errorf("approval: write ticket %s: %w", h.Ticket, state.ErrUnavailable)
	}
	return nil
}

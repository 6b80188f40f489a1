package approval

import (
	"fmt"
	"time"
)

// Waiter is one client's interest in a ticket. The caller ends it with Claim or
// Leave. Its methods are safe for concurrent use.
type Waiter struct {
	ledger  *Ledger
	entry   *entry
	ticket  string
	session string
	until   time.Time // end of the wait in the connection; zero: none
	done    chan struct{}

	// The rest is the ledger's, under its lock.
	outcome Outcome
	over    bool // done is closed
	left    bool // no longer counted
	claimed bool
}

// Outcome is how a wait ended. The hold is as it was then.
type Outcome struct {
	Hold Hold
	// Err is set when the ledger closed or failed before a decision.
	Err error
}

// Approved is whether the waiter may try to claim.
func (o Outcome) Approved() bool { return o.Err == nil && o.Hold.State == Approved }

func newWaiter(l *Ledger, e *entry, session string) *Waiter {
	return &Waiter{ledger: l, entry: e, ticket: e.hold.Ticket, session: session, done: make(chan struct{})}
}

// Ticket of the hold.
func (w *Waiter) Ticket() string { return w.ticket }

// Hold is the hold as it is now.
func (w *Waiter) Hold() Hold {
	w.ledger.mu.Lock()
	defer w.ledger.mu.Unlock()
	return w.entry.snapshot()
}

// Done is closed when the hold is decided or has ended, when the wait is over,
// or when the ledger closes. It is closed from the start when there is nothing
// to wait for.
func (w *Waiter) Done() <-chan struct{} { return w.done }

// Until is when the wait in the connection ends; zero when there is none.
func (w *Waiter) Until() time.Time { return w.until }

// Outcome is valid once Done is closed. A state of Pending means that the wait is
// over and the ticket stays.
func (w *Waiter) Outcome() Outcome {
	w.ledger.mu.Lock()
	defer w.ledger.mu.Unlock()
	return w.outcome
}

// Settled is closed when the hold has ended for good: for an approved one, when
// whoever claimed it has told the outcome.
func (w *Waiter) Settled() <-chan struct{} { return w.entry.settled }

// Claim takes the right to run the action, once and for all: of all waiters of
// a ticket at most one ever gets true, and the claim is durable before it does.
// Whoever gets true runs the action and calls Finish. False without an error
// means that another has it, or that the hold is not approved, or expired. With
// an error the action is not to be run either.
func (w *Waiter) Claim() (bool, error) {
	l := w.ledger
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false, fmt.Errorf("approval: %w", ErrClosed)
	}
	e, now := w.entry, l.o.Now()
	if w.left || e.hold.State != Approved {
		return false, nil
	}
	if !now.Before(e.hold.Expires) {
		l.end(e, Expired, "it was approved, and not used in time", now)
		return false, nil
	}
	h := e.hold
	h.State, h.Claimed, h.ClaimedBy = Claimed, now, w.session
	if err := l.write(e, h, EventClaimed, nil, now); err != nil {
		return false, err
	}
	w.claimed, w.left = true, true
	delete(e.waiters, w)
	// From here on an equal action is a new hold.
	l.forget(e)
	return true, nil
}

// Leave says that the client is gone, or has cancelled, or will not run the
// action after all. In mode wait the hold ends with its last waiter. It may be
// called more than once, and after Claim it does nothing.
func (w *Waiter) Leave() {
	l := w.ledger
	l.mu.Lock()
	defer l.mu.Unlock()
	if w.left || l.closed {
		return
	}
	l.leave(w, "the client left", l.o.Now())
	w.finish(w.entry.outcome())
}

// leave takes the waiter out, and ends a hold which cannot be run without one.
func (l *Ledger) leave(w *Waiter, why string, now time.Time) {
	e := w.entry
	w.left = true
	delete(e.waiters, w)
	if len(e.waiters) > 0 || e.hold.Mode != ModeWait {
		return
	}
	switch e.hold.State {
	case Pending:
		l.end(e, Withdrawn, why, now)
	case Approved:
		l.end(e, Expired, "it was approved, and "+why, now)
	}
}

// finish ends the wait. The ledger is locked.
func (w *Waiter) finish(o Outcome) {
	if w.over {
		return
	}
	w.over, w.outcome = true, o
	close(w.done)
}

func (e *entry) outcome() Outcome { return Outcome{Hold: e.snapshot()} }

// Finish says how the claimed action ended: outcome is committed, rolled back,
// error, done or unknown. An error means that the store does not know it; after
// a restart the outcome is unknown then.
func (l *Ledger) Finish(ticket, outcome string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return fmt.Errorf("approval: %w", ErrClosed)
	}
	e := l.live[ticket]
	if e == nil {
		return fmt.Errorf("approval: finish ticket %s: it is not being run: %w", ticket, ErrNotFound)
	}
	if e.hold.State != Claimed {
		return fmt.Errorf("approval: finish ticket %s: it is %s, not claimed: %w", ticket, e.hold.State, ErrDecided)
	}
	now, h := l.o.Now(), e.hold
	h.State, h.Outcome, h.Finished = Done, bound(outcome), now
	if outcome == string(Unknown) || h.Outcome == "" {
		h.State, h.Outcome = Unknown, string(Unknown)
	}
	err := l.write(e, h, EventFinished, nil, now)
	if err != nil {
		// It has ended whether or not the store knows.
		e.hold, e.dirty = h, true
		l.tell(e, EventFinished, nil, now)
	}
	l.settle(e)
	return err
}

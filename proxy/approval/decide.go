package approval

import (
	"context"
	"fmt"
	"slices"
	"time"

	"sluice.dev/proxy/identity"
)

// Approve counts the person's approval for every rule of the ticket that they
// may approve; when the last rule is satisfied, the ticket is approved and its
// waiters are woken. It is durable when Approve returns nil. An error wraps
// ErrNotFound, ErrDecided, ErrNotApprover, ErrSelf, ErrAgain, ErrClosed or
// state.ErrUnavailable.
func (l *Ledger) Approve(ctx context.Context, ticket string, by *identity.Principal, reason string) error {
	return l.decide(ctx, ticket, func(e *entry, now time.Time) error {
		rules, groups, err := e.hold.may(by, now)
		if err != nil {
			return err
		}
		h := e.hold
		h.Votes = slices.Clone(h.Votes)
		vote := l.vote(by, groups, rules, reason, now)
		if i := slices.IndexFunc(h.Votes, vote.samePerson); i >= 0 {
			// After a change of the rules a person may be asked again, for those.
			if !slices.ContainsFunc(rules, func(r string) bool { return !slices.Contains(h.Votes[i].Rules, r) }) {
				return fmt.Errorf("approval: ticket %s: %w; it needs %s", h.Ticket, ErrAgain, needs(h.Missing()))
			}
			h.Votes = slices.Delete(h.Votes, i, i+1)
		}
		h.Votes = append(h.Votes, vote)
		kind := EventVote
		if len(h.Missing()) == 0 {
			kind, h.State, h.Decided = EventApproved, Approved, now
		}
		if err := l.write(e, h, kind, &vote, now); err != nil {
			return err
		}
		if h.State != Approved {
			return nil
		}
		for w := range e.waiters {
			w.finish(e.outcome())
		}
		return nil
	})
}

// Deny ends the ticket at once; one member of one rule's approvers is enough.
// The reason goes to the client and must not be empty.
func (l *Ledger) Deny(ctx context.Context, ticket string, by *identity.Principal, reason string) error {
	return l.decide(ctx, ticket, func(e *entry, now time.Time) error {
		if err := e.hold.known(by, now); err != nil {
			return err
		}
		var rules, groups []string
		for _, r := range e.hold.Rules {
			if in := intersect(by.Groups, r.Approvers); len(in) > 0 {
				rules = append(rules, r.Name)
				groups = append(groups, in...)
			}
		}
		if len(rules) == 0 {
			return fmt.Errorf("approval: ticket %s is for %s; %s is in none of them: %w", e.hold.Ticket, e.hold.approvers(), by.Subject, ErrNotApprover)
		}
		vote := l.vote(by, groups, rules, reason, now)
		if vote.Reason == "" {
			return fmt.Errorf("approval: deny ticket %s: %w", e.hold.Ticket, ErrReason)
		}
		h := e.hold
		h.State, h.Denial, h.Decided = Denied, &vote, now
		// Who waits learns it now, and sends a new request if it means to. Who has
		// gone to come back later is told when it does, until the ticket's end.
		h.Told = len(e.waiters) > 0 || h.Mode == ModeWait
		if err := l.write(e, h, EventDenied, &vote, now); err != nil {
			return err
		}
		l.forget(e)
		if !h.Told {
			l.denials[h.Digest] = e
		}
		l.settle(e)
		return nil
	})
}

func (l *Ledger) decide(ctx context.Context, ticket string, fn func(*entry, time.Time) error) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("approval: decide: %w", err)
	}
	ticket, err := ParseTicket(ticket)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return fmt.Errorf("approval: %w", ErrClosed)
	}
	now := l.o.Now()
	e := l.live[ticket]
	if e != nil && e.hold.State == Pending && !now.Before(e.hold.Expires) {
		l.end(e, Expired, "nobody decided in time", now)
	}
	if e != nil && e.hold.State == Pending {
		return fn(e, now)
	}
	h, err := l.get(ticket)
	if err != nil {
		return err
	}
	return fmt.Errorf("approval: ticket %s is %s: %w", ticket, h.Status(), ErrDecided)
}

func (l *Ledger) vote(by *identity.Principal, groups, rules []string, reason string, now time.Time) Vote {
	return Vote{
		Subject: by.Subject, Issuer: by.Issuer, Name: bound(l.o.Name(by)), Display: bound(by.Display),
		Groups: slices.Compact(slices.Sorted(slices.Values(groups))), Rules: rules,
		Reason: bound(reason), At: now, TokenID: bound(by.TokenID),
	}
}

func (v Vote) samePerson(o Vote) bool { return v.Subject == o.Subject && v.Issuer == o.Issuer }

func needs(missing []Missing) string {
	s := ""
	for i, m := range missing {
		if i > 0 {
			s += " and "
		}
		s += fmt.Sprintf("%d more for %s", m.Needed, m.Rule)
	}
	return s
}

// Status says in a few words where the hold stands and by whom.
func (h Hold) Status() string {
	switch h.State {
	case Approved:
		return "approved by " + h.voters()
	case Claimed:
		return "approved by " + h.voters() + " and being run"
	case Denied:
		return "denied by " + h.Denial.Name + ": " + h.Denial.Reason
	case Done, Unknown:
		return "run once, approved by " + h.voters() + ": " + h.Outcome
	case Expired, Withdrawn:
		return string(h.State) + ": " + h.Note
	}
	return string(h.State)
}

func (h Hold) voters() string {
	s := ""
	for i, v := range h.Votes {
		if i > 0 {
			s += ", "
		}
		s += v.Name
	}
	return s
}

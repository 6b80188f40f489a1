package approval

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"sluice.dev/proxy/identity"
)

// plan is what several rules come to for one command (CONTRACT 3): each must be
// satisfied, the shortest wait and expiry count.
type plan struct {
	rules   []Rule
	mode    string
	wait    time.Duration // 0: the client does not wait
	expires time.Duration
}

// combine checks the rules, fills in their defaults and puts them together. Of
// the modes, ticket wins, since a rule that lets nobody wait has a wait of
// nothing; then wait, which lets no ticket outlive its client.
func combine(rules []Rule, protocol string, inTransaction bool) (plan, error) {
	if len(rules) == 0 {
		return plan{}, fmt.Errorf("approval: hold without an approval block: %w", ErrInvalid)
	}
	p := plan{mode: ModeWaitThenTicket}
	for _, r := range rules {
		r.fill(protocol)
		if err := r.check(); err != nil {
			return plan{}, err
		}
		if i := slices.IndexFunc(p.rules, func(o Rule) bool { return o.Name == r.Name }); i >= 0 {
			if !p.rules[i].same(r) {
				return plan{}, fmt.Errorf("approval: two approvals of the name %q differ: %w", r.Name, ErrInvalid)
			}
			continue
		}
		wait := r.Wait
		if inTransaction {
			wait = min(wait, r.TxWait)
		}
		if len(p.rules) == 0 {
			p.wait, p.expires = wait, r.Expires
		}
		p.wait, p.expires = min(p.wait, wait), min(p.expires, r.Expires)
		if r.Mode == ModeTicket || r.Mode == ModeWait && p.mode != ModeTicket {
			p.mode = r.Mode
		}
		p.rules = append(p.rules, r)
	}
	if p.mode == ModeTicket {
		p.wait = 0
	}
	p.wait = min(p.wait, p.expires)
	return p, nil
}

func (r *Rule) fill(protocol string) {
	if r.Required == 0 {
		r.Required = 1
	}
	if r.Self == "" {
		r.Self = SelfDeny
	}
	if r.Mode == "" {
		r.Mode = ModeWaitThenTicket
	}
	if r.Wait == 0 {
		r.Wait = DefaultWait(protocol)
	}
	if r.Expires == 0 {
		r.Expires = DefaultExpires
	}
	if r.TxWait == 0 {
		r.TxWait = DefaultTxWait
	}
}

func (r *Rule) check() error {
	switch {
	case r.Name == "":
		return fmt.Errorf("approval: an approval without a name: %w", ErrInvalid)
	case len(r.Approvers) == 0:
		return fmt.Errorf("approval: approval %q has no approvers: nobody could decide: %w", r.Name, ErrInvalid)
	case r.Required < 0:
		return fmt.Errorf("approval: approval %q requires %d approvers: %w", r.Name, r.Required, ErrInvalid)
	case r.Self != SelfDeny && r.Self != SelfHuman:
		return fmt.Errorf("approval: approval %q: self is %q, want deny or human: %w", r.Name, r.Self, ErrInvalid)
	case r.Mode != ModeWait && r.Mode != ModeTicket && r.Mode != ModeWaitThenTicket:
		return fmt.Errorf("approval: approval %q: mode is %q, want wait, ticket or wait-then-ticket: %w", r.Name, r.Mode, ErrInvalid)
	case r.Wait < 0 || r.Expires < 0 || r.TxWait < 0:
		return fmt.Errorf("approval: approval %q has a negative time: %w", r.Name, ErrInvalid)
	}
	return nil
}

// same is whether the rules ask the same of the approvers; times and mode are
// the requester's matter.
func (r Rule) same(o Rule) bool {
	return r.Name == o.Name && r.Required == o.Required && r.Self == o.Self && slices.Equal(r.Approvers, o.Approvers)
}

// covers is whether satisfying the rules of a hold satisfies those of a request.
func covers(hold, request []Rule) bool {
	for _, r := range request {
		if !slices.ContainsFunc(hold, r.same) {
			return false
		}
	}
	return true
}

// tighten gives a pending hold the rules of a later configuration too. A vote
// for a rule that changed no longer counts for it: the person agreed to another
// one.
func (h *Hold) tighten(p plan, now time.Time) {
	h.Rules, h.Votes = slices.Clone(h.Rules), slices.Clone(h.Votes)
	for _, r := range p.rules {
		i := slices.IndexFunc(h.Rules, func(o Rule) bool { return o.Name == r.Name })
		switch {
		case i < 0:
			h.Rules = append(h.Rules, r)
		case !h.Rules[i].same(r):
			h.Rules[i] = r
			for v := range h.Votes {
				h.Votes[v].Rules = slices.DeleteFunc(slices.Clone(h.Votes[v].Rules), func(n string) bool { return n == r.Name })
			}
		}
	}
	h.Votes = slices.DeleteFunc(h.Votes, func(v Vote) bool { return len(v.Rules) == 0 })
	h.Mode = p.mode
	if t := now.Add(p.expires); t.Before(h.Expires) {
		h.Expires = t
	}
}

// Covers is whether what this hold asks of its approvers is enough for the rules
// of a later decision on the same command; release decides again and asks this.
func (h Hold) Covers(rules []Rule) bool {
	p, err := combine(rules, h.Protocol, h.InTransaction)
	return err == nil && covers(h.Rules, p.rules)
}

// may tells which rules of the hold the person may approve, with the groups that
// give the right, and why not when there are none.
func (h *Hold) may(by *identity.Principal, now time.Time) (rules, groups []string, err error) {
	if err := h.known(by, now); err != nil {
		return nil, nil, err
	}
	self := by.Shares(&h.Principal)
	// The human of the chain is one whom the requester acts for. A human who asks
	// without an agent between has nobody else to answer to, and is refused.
	human := slices.ContainsFunc(h.Principal.Chain, func(hop identity.Hop) bool {
		return hop.Proven() && hop.Kind == identity.KindHuman && by.Is(hop)
	})
	refusedSelf := false
	for _, r := range h.Rules {
		in := intersect(by.Groups, r.Approvers)
		if len(in) == 0 {
			continue
		}
		if self && (r.Self != SelfHuman || !human) {
			refusedSelf = true
			continue
		}
		rules = append(rules, r.Name)
		for _, g := range in {
			if !slices.Contains(groups, g) {
				groups = append(groups, g)
			}
		}
	}
	switch {
	case len(rules) > 0:
		return rules, groups, nil
	case refusedSelf:
		return nil, nil, fmt.Errorf("approval: ticket %s: %s stands in the chain of %s: %w", h.Ticket, by.Subject, h.Principal.Subject, ErrSelf)
	}
	return nil, nil, fmt.Errorf("approval: ticket %s is for %s; %s is in none of them: %w", h.Ticket, h.approvers(), by.Subject, ErrNotApprover)
}

// known refuses whoever cannot decide anything: nobody, a login that has ended,
// and an agent with somebody's delegated token, whose groups are that person's
// though the person did not look.
func (h *Hold) known(by *identity.Principal, now time.Time) error {
	switch {
	case by == nil || by.Subject == "" || by.Issuer == "":
		return fmt.Errorf("approval: ticket %s: deciding needs a proven identity: %w", h.Ticket, ErrNotApprover)
	case !by.NotAfter.IsZero() && now.After(by.NotAfter):
		return fmt.Errorf("approval: ticket %s: the login of %s has expired: log in again: %w", h.Ticket, by.Subject, ErrNotApprover)
	case by.Delegated():
		return fmt.Errorf("approval: ticket %s: %s acts for somebody else; deciding needs the approver's own token: %w", h.Ticket, by.Subject, ErrNotApprover)
	}
	return nil
}

// approvers names the groups that may still decide, for people.
func (h *Hold) approvers() string {
	var groups []string
	for _, r := range h.Rules {
		for _, g := range r.Approvers {
			if !slices.Contains(groups, g) {
				groups = append(groups, g)
			}
		}
	}
	return strings.Join(groups, ", ")
}

func intersect(a, b []string) []string {
	var out []string
	for _, s := range a {
		if slices.Contains(b, s) {
			out = append(out, s)
		}
	}
	return out
}

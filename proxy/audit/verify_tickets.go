package audit

import "time"

// ticket is what the log says of one approval.
type ticket struct {
	requester Principal
	asked     map[string]*asked // by the name of the approval block
	consumed  bool
	used      bool // an intent rests on it
}

// asked is one approval block's part of a ticket.
type asked struct {
	digest   string
	self     string
	required int64
	expires  time.Time
	grants   map[[2]string]struct{} // issuer and subject of who granted
}

// ticketChecker checks that what ran on an approval was approved: the same
// action, by somebody else, in time, once.
type ticketChecker struct {
	report *Report
	all    map[string]*ticket
}

func (c *ticketChecker) check(index uint64, e *Entry) {
	a := &e.Approval
	switch e.Event {
	case ApprovalRequest:
		c.request(a, &e.Principal)
	case ApprovalGrant:
		c.grant(index, e)
	case ApprovalConsume:
		c.consume(index, e)
	case CommandIntent:
		if e.Decision.Ticket != "" && e.Decision.Verdict == Allow {
			c.use(index, e)
		}
	}
}

func (c *ticketChecker) request(a *Approval, who *Principal) {
	t := c.all[a.Ticket]
	if t == nil {
		t = &ticket{requester: *who, asked: make(map[string]*asked)}
		c.all[a.Ticket] = t
	}
	t.asked[a.Name] = &asked{
		digest: a.ActionDigest, self: a.Self, required: max(a.Required, 1), expires: a.Expires,
		grants: make(map[[2]string]struct{}),
	}
}

// part finds what a record is about, or reports that it cannot be.
func (c *ticketChecker) part(index uint64, a *Approval, what string) (*ticket, *asked) {
	t := c.all[a.Ticket]
	if t == nil {
		c.report.record(index, ByContent, "%s of ticket %s, which nobody asked for", what, a.Ticket)
		return nil, nil
	}
	p := t.asked[a.Name]
	if p == nil && a.Name == "" {
		for _, any := range t.asked { // a record for the whole ticket: all parts have one digest
			p = any
		}
	}
	if p == nil {
		c.report.record(index, ByContent, "%s of ticket %s for approval %q, which was not asked for", what, a.Ticket, a.Name)
	}
	return t, p
}

func (c *ticketChecker) grant(index uint64, e *Entry) {
	a := &e.Approval
	t, p := c.part(index, a, "a grant")
	if p == nil {
		return
	}
	who := &a.Approver
	if a.ActionDigest != p.digest {
		c.report.record(index, ByContent, "ticket %s was granted for another action than was asked for", a.Ticket)
	}
	if kind, in := inChain(&t.requester, who); in && (p.self != "human" || kind != "human") {
		c.report.record(index, ByContent, "ticket %s was approved by %s, who is in the requester's own chain", a.Ticket, who.Subject)
	}
	if !p.expires.IsZero() && e.Time.After(p.expires) {
		c.report.record(index, ByContent, "ticket %s was granted after it had expired", a.Ticket)
	}
	p.grants[[2]string{who.Issuer, who.Subject}] = struct{}{}
}

// inChain reports whether who is the requester or one of those it acts for,
// and as what.
func inChain(requester, who *Principal) (kind string, in bool) {
	same := func(subject, issuer string) bool {
		return subject == who.Subject && (issuer == who.Issuer || issuer == "" || who.Issuer == "")
	}
	for _, h := range requester.Chain {
		if same(h.Subject, h.Issuer) {
			return h.Kind, true
		}
	}
	if same(requester.Subject, requester.Issuer) {
		if len(requester.Kinds) > 0 {
			kind = requester.Kinds[0]
		}
		return kind, true
	}
	return "", false
}

func (c *ticketChecker) consume(index uint64, e *Entry) {
	a := &e.Approval
	t, p := c.part(index, a, "the use")
	if p == nil {
		return
	}
	if t.consumed {
		c.report.record(index, ByContent, "ticket %s was used a second time", a.Ticket)
	}
	t.consumed = true
	for name, part := range t.asked {
		if a.ActionDigest != part.digest {
			c.report.record(index, ByContent, "ticket %s was used for another action than was approved", a.Ticket)
		}
		if int64(len(part.grants)) < part.required {
			c.report.record(index, ByContent, "ticket %s was used with %d of %d approvals of %q", a.Ticket, len(part.grants), part.required, name)
		}
		if !part.expires.IsZero() && e.Time.After(part.expires) {
			c.report.record(index, ByContent, "ticket %s was used after it had expired", a.Ticket)
		}
	}
}

func (c *ticketChecker) use(index uint64, e *Entry) {
	name := e.Decision.Ticket
	t := c.all[name]
	if t == nil || !t.consumed {
		c.report.record(index, ByContent, "the command ran on ticket %s, which was not approved and consumed before", name)
		return
	}
	if t.used {
		c.report.record(index, ByContent, "a second command ran on ticket %s", name)
	}
	t.used = true
	for _, p := range t.asked {
		if e.Action.Digest != p.digest {
			c.report.record(index, ByContent, "the command that ran on ticket %s is not the action that was approved", name)
			return
		}
	}
}

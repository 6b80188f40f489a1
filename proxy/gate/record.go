package gate

import (
	"context"
	"slices"
	"time"

	"sluice.dev/proxy/approval"
	"sluice.dev/proxy/audit"
	"sluice.dev/proxy/identity"
)

// record begins a record of the session; it is numbered when it is appended.
// There is one at a time: the log has encoded it when Append returns.
func (s *Session) record(event string) *audit.Record {
	s.scratch = audit.Record{Event: event, Time: time.Now(), Session: s.ID, Principal: s.who,
		Client: audit.Client{Address: s.Client.Address, Application: s.Client.Application, User: s.Client.User}}
	return &s.scratch
}

func auditPrincipal(p *identity.Principal) audit.Principal {
	out := audit.Principal{Subject: p.Subject, Issuer: p.Issuer, Groups: p.Groups, Kinds: p.Kinds, TokenID: p.TokenID}
	for _, h := range p.Chain {
		out.Chain = append(out.Chain, audit.Hop{Subject: h.Subject, Issuer: h.Issuer, Kind: h.Kind, Proof: h.Proof, Groups: h.Groups})
	}
	return out
}

func (s *Session) target(c *Connection, database, role string) audit.Connection {
	t := audit.Connection{Name: c.Name, Protocol: c.Protocol, Address: c.Address, Database: c.Database, Role: c.Role, Credential: c.Credential}
	if database != "" {
		t.Database = database
	}
	if role != "" {
		t.Role = role
	}
	return t
}

// commandRecord is a record about one command: what it would do, and what was
// decided about it.
func (s *Session) commandRecord(event string, c *Command, v *Verdict, j *judged) *audit.Record {
	r := s.record(event)
	r.Command = c.ID
	r.Connection = s.target(j.conn, c.Database, c.Role)
	red := s.redact(c, j)
	r.Action, r.Decision = j.action, j.said
	if j.opinion == unjudged {
		r.Action = actionOf(c.Facts, &j.class)
	}
	r.Action.Text, r.Action.TextSize, r.Action.Parameters = red.text, max(int64(len(c.Text)), c.size), int64(len(c.Params))
	if r.Action.Plugins = j.class.said; len(j.class.said) > 0 {
		r.Action.Facts, r.Action.FactsObject = c.Facts.JSON, c.Facts.digest
	}
	r.Action.InTransaction = c.InTransaction
	if s.opinions.conn == j.conn {
		r.Principal.Claims = s.opinions.claims
	}
	if len(red.params) > 0 {
		r.Detail = paramDetail(red.params)
	}
	if v.ticket != nil {
		h := v.ticket.Hold()
		r.Decision.Ticket, r.Action.Digest = h.Ticket, h.Digest
	}
	r.Config.Generation = j.conn.Generation.ID()
	return r
}

// maxParams bounds how many bound values one record shows.
const maxParams = 32

func paramDetail(params []string) map[string]string {
	out := make(map[string]string, min(len(params), maxParams))
	for i, p := range params {
		if i == maxParams {
			break
		}
		out["$"+itoa(i+1)] = p
	}
	return out
}

func itoa(n int) string {
	if n < 10 {
		return string(rune('0' + n))
	}
	return itoa(n/10) + string(rune('0'+n%10))
}

func (s *Session) outcomeRecord(c *Command, v *Verdict, o Outcome) *audit.Record {
	r := s.record("cmd.result")
	r.Command = c.ID
	r.Result = audit.Result{Outcome: o.Result, Code: o.Code, Effect: o.Effect, Rows: o.Rows, BytesIn: o.BytesIn, BytesOut: o.BytesOut,
		Masked: o.Masked, DurationUS: time.Since(v.began).Microseconds()}
	r.Result.Timing.Hold = v.hold.Microseconds()
	return r
}

// LedgerEvent records one change of a hold, one record for each approval that
// it concerns. The ledger calls it, in order.
func (g *Gateway) LedgerEvent(e approval.Event) {
	h := &e.Hold
	var rules []approval.Rule
	event := "approval." + string(e.Kind)
	switch e.Kind {
	case approval.EventRequested, approval.EventTightened:
		event = audit.ApprovalRequest
		for _, r := range h.Rules {
			if e.Kind == approval.EventRequested || !voted(h, r.Name) {
				rules = append(rules, r)
			}
		}
	case approval.EventVote, approval.EventApproved:
		event = audit.ApprovalGrant
		for _, r := range h.Rules {
			if e.Vote != nil && slices.Contains(e.Vote.Rules, r.Name) {
				rules = append(rules, r)
			}
		}
	case approval.EventDenied:
		event = audit.ApprovalDeny
	case approval.EventExpired:
		event = audit.ApprovalExpire
	case approval.EventClaimed:
		event = audit.ApprovalConsume
	}
	if len(rules) == 0 {
		rules = append(rules, approval.Rule{})
	}
	for _, rule := range rules {
		seq, err := g.Log.Append(ledgerRecord(event, &e, rule))
		if err != nil {
			g.Logger.Error("gate: a change of a ticket could not be recorded", "ticket", h.Ticket, "error", err)
			continue
		}
		g.ledgerSeq.Store(uint64(seq))
	}
	g.OnChange(h.Ticket)
}

// AwaitLedger returns when every change of a ticket so far is on disk in the
// log: who decides about one is told so only then.
func (g *Gateway) AwaitLedger(ctx context.Context) error {
	if err := g.Log.Err(); err != nil {
		return err
	}
	return g.Log.Wait(ctx, audit.Seq(g.ledgerSeq.Load()))
}

func voted(h *approval.Hold, rule string) bool {
	return slices.ContainsFunc(h.Votes, func(v approval.Vote) bool { return slices.Contains(v.Rules, rule) })
}

// ledgerRecord is one change of a hold as far as it concerns one approval; the
// rule without a name stands for all of them.
func ledgerRecord(event string, e *approval.Event, rule approval.Rule) *audit.Record {
	h := &e.Hold
	r := &audit.Record{Event: event, Time: e.At, Session: h.Session, Principal: auditPrincipal(&h.Principal),
		Connection: audit.Connection{Name: h.Connection, Protocol: h.Protocol, Database: h.Database}}
	r.Approval = audit.Approval{Ticket: h.Ticket, ActionDigest: h.Digest, State: string(h.State), Expires: h.Expires,
		Name: rule.Name, Self: rule.Self, Required: int64(rule.Required)}
	if e.Vote != nil {
		r.Approval.Approver = audit.Principal{Subject: e.Vote.Subject, Issuer: e.Vote.Issuer, Groups: e.Vote.Groups, TokenID: e.Vote.TokenID}
		r.Approval.Reason = e.Vote.Reason
	}
	if e.Kind == approval.EventFinished {
		r.Result.Effect = h.Outcome
	}
	switch {
	case e.Again:
		r.Detail = map[string]string{"again": "so it stood when the gateway started"}
	case h.Note != "":
		r.Detail = map[string]string{"note": h.Note}
	}
	return r
}

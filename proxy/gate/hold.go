package gate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sluice.dev/proxy/approval"
	"sluice.dev/proxy/state"
)

// hold puts a command on the ledger. It may come back approved already (a
// client that was given a ticket sends its action again), pending, or refused.
func (s *Session) hold(c *Command, v *Verdict, j *judged) {
	action := approval.Action{Principal: s.Principal, Connection: s.connection, Database: c.Database,
		Role: c.Role, Path: c.Path, Canonical: c.Canonical}
	for _, p := range c.Params {
		action.Values = append(action.Values, approval.Value{Bytes: p.Value, Null: p.Null, Binary: p.Binary})
	}
	req := approval.Request{
		Digest: action.Digest(), Principal: s.Principal, Session: s.ID, Connection: s.connection, Protocol: s.protocol, Database: c.Database,
		Description: c.Facts.Description, Fingerprint: c.Facts.Fingerprint,
		InTransaction: c.InTransaction, Generation: j.conn.Generation.ID(),
		SessionLimit: j.conn.Limits.HoldsPerSession,
	}
	red := s.redact(c, j)
	req.Command, req.Parameters = red.text, red.params
	for _, h := range j.decision.Holds {
		rule, ok := j.conn.Approvals[h.Approval]
		if !ok {
			s.refuse(c, v, j, CannotDecide(fmt.Errorf("policy %s holds for approval %q, which is not configured", h.Policy, h.Approval)))
			return
		}
		req.Rules = append(req.Rules, rule)
		req.Reasons = append(req.Reasons, approval.Reason{Policy: h.Policy, Approval: h.Approval, Reason: h.Reason})
	}
	w, err := s.gw.Ledger.Request(context.Background(), req)
	if err != nil {
		s.refuse(c, v, j, s.ledgerRefusal(err))
		return
	}
	h := &Hold{Ticket: w.Ticket(), waiter: w, since: time.Now()}
	if now, over := ended(w); over {
		if now.Approved() {
			v.ticket = w
			if s.admit(c, v, j); v.Refusal != nil {
				w.Leave()
			}
			return
		}
		w.Leave()
		s.refuseTicket(c, v, j, now)
		return
	}
	h.Notice = w.Hold().Notice(s.gw.TicketURL(h.Ticket))
	r := s.commandRecord("cmd.hold", c, v, j)
	r.Decision.Verdict, r.Decision.Ticket = "hold", h.Ticket
	seq, err := s.records.Append(s.gw.Log, r)
	if err != nil {
		w.Leave()
		v.done()
		v.Refusal = LogStopped()
		return
	}
	s.held.Store(h)
	s.gw.Metrics.Commands.WithLabelValues(s.protocol, "hold").Inc()
	s.recordHold(c, h)
	v.done() // release decides again, under the generation of then
	v.Intent, v.Pending = seq, h
}

// ledgerRefusal is the refusal when the ledger does not take a command. What is
// wrong with its file is for the operator, not for the client.
func (s *Session) ledgerRefusal(err error) *Refusal {
	switch {
	case errors.Is(err, approval.ErrLimit):
		return LimitReached(trimPackage(err.Error()))
	case errors.Is(err, state.ErrUnavailable):
		s.gw.Logger.Error("gate: the ledger of held commands cannot be used: they are refused", "session", s.ID, "error", err)
		return CannotDecide(errors.New("the ledger of held commands cannot be written"))
	}
	return CannotDecide(err)
}

func ended(w *approval.Waiter) (approval.Outcome, bool) {
	select {
	case <-w.Done():
		return w.Outcome(), true
	default:
		return approval.Outcome{}, false
	}
}

// Resume goes on with a command whose hold is Done: it is decided again, and
// runs only if it is still allowed and its ticket was not used by another.
func (s *Session) Resume(c *Command, v *Verdict) Verdict {
	h := v.Pending
	s.held.Store(nil)
	o, over := ended(h.waiter)
	if !over {
		h.waiter.Leave()
		return s.answer(c, CannotDecide(fmt.Errorf("ticket %s was taken up before it was decided", h.Ticket)))
	}
	if !o.Approved() {
		h.waiter.Leave()
		return s.answerTicket(c, o)
	}
	next := s.decide(c, h)
	if next.Refusal != nil || next.Pending != nil {
		h.waiter.Leave()
	}
	return next
}

// Abandon takes a held command back: its client cancelled, or is gone. It
// reports whether the ticket went with it; one that outlives its waiters stays.
func (s *Session) Abandon(v *Verdict, why string) (withdrawn bool) {
	if v.Pending == nil {
		return false
	}
	s.held.Store(nil)
	v.Pending.waiter.Leave()
	s.gw.Logger.Debug("gate: a held command was taken back", "session", s.ID, "ticket", v.Pending.Ticket, "why", why)
	return v.Pending.waiter.Hold().State == approval.Withdrawn
}

// Withdrawn records that a held command was cancelled by its client.
func (s *Session) Withdrawn(c *Command, r *Refusal) (*Refusal, Seq) {
	v := s.answer(c, r)
	return v.Refusal, v.Intent
}

// answer is a refusal of a command that was held.
func (s *Session) answer(c *Command, r *Refusal) Verdict {
	conn := c.Conn
	if c.Conn = nil; conn == nil {
		conn = s.gw.Connection(s.connection)
	}
	if conn == nil {
		return Verdict{Refusal: r}
	}
	v := Verdict{conn: conn, began: time.Now()}
	s.refuse(c, &v, &judged{conn: conn, opinion: unjudged}, r)
	return v
}

func (s *Session) answerTicket(c *Command, o approval.Outcome) Verdict {
	return s.answer(c, ticketRefusal(o))
}

func (s *Session) refuseTicket(c *Command, v *Verdict, j *judged, o approval.Outcome) {
	s.refuse(c, v, j, ticketRefusal(o))
}

// ticketRefusal tells a client how its ticket stands.
func ticketRefusal(o approval.Outcome) *Refusal {
	if o.Err != nil {
		return CannotDecide(o.Err)
	}
	text, hint := o.Text()
	r := &Refusal{Kind: TicketPending, Text: text, Hint: hint, Ticket: o.Hold.Ticket}
	if o.Hold.State == approval.Denied {
		r.Kind = TicketDenied
	}
	return r
}

// finishTicket tells the ledger how a claimed action ended.
func (s *Session) finishTicket(w *approval.Waiter, outcome string) {
	if err := s.gw.Ledger.Finish(w.Ticket(), outcome); err != nil {
		s.gw.Logger.Warn("gate: the ledger does not know how a ticket ended", "ticket", w.Ticket(), "outcome", outcome, "error", err)
	}
}

// Transaction tells the gate that a transaction boundary has passed: idle says
// that none is open any more, rolledBack that the one that ended was undone.
// Tickets used inside it learn their effect then.
func (s *Session) Transaction(idle, rolledBack bool) {
	if !idle || len(s.open) == 0 {
		return
	}
	effect := "committed"
	if rolledBack {
		effect = "rolled back"
	}
	for _, w := range s.open {
		s.finishTicket(w, effect)
	}
	s.open = s.open[:0]
}

// PartlyUndone tells the gate that tickets used in the open transaction may
// have been undone (a rollback to a savepoint): nobody can say which.
func (s *Session) PartlyUndone() {
	for _, w := range s.open {
		s.finishTicket(w, "unknown")
	}
	s.open = s.open[:0]
}

// settleOpen tells the ledger of tickets whose transaction was open when the
// session ended, so that none stays claimed: a protocol that knew better has
// said so by now.
func (s *Session) settleOpen() {
	for _, w := range s.open {
		s.finishTicket(w, "unknown")
	}
	s.open = s.open[:0]
}

// Finish records how a command ended, once. It returns the record that must be
// durable before the client reads that the command is finished; 0 when it may
// read at once.
func (s *Session) Finish(c *Command, v *Verdict, o Outcome) Seq {
	if v.conn == nil {
		return 0
	}
	defer v.done()
	r := s.outcomeRecord(c, v, o)
	s.recordComplete(c, o)
	if v.ticket != nil {
		switch {
		case o.Result == "unknown":
			s.finishTicket(v.ticket, "unknown")
		case o.Result != "ok":
			s.finishTicket(v.ticket, "error")
		default:
			s.open = append(s.open, v.ticket) // its transaction decides
		}
		v.ticket = nil
	}
	seq, err := s.records.Grouped(s.gw.Log, r)
	if err != nil {
		s.end(EndStopped, "the audit log has stopped")
	}
	if !v.Durable {
		return 0
	}
	return seq
}

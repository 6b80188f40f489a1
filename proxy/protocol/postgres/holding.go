package postgres

import (
	"sluice.dev/proxy/gate"
)

// held is a command that waits for an approval.
type held struct {
	kind byte
	run  *running
	msg  []byte
}

// types are those that the parameters of its statement were declared to have.
func (h *held) types() []uint32 {
	if h.run.po == nil {
		return nil
	}
	return h.run.po.st.types
}

// Resolve is called when a hold is decided, over, or its wait is.
func (m *machine) Resolve(h *held) {
	if m.held != h || m.ended {
		return
	}
	m.held = nil
	pending := h.run.verdict
	// What it would touch is looked at again, as names and masks stand now.
	if h.run.a.shared && !m.lens.current(h.run.a) {
		a, seq, r := m.lookFor(h.kind, string(h.run.a.text), h.types(), h)
		if m.asking != nil {
			return
		}
		if r != nil {
			m.gs.Abandon(&pending, "it can no longer be read")
			m.refuse(h.kind, r, seq)
			m.advance()
			return
		}
		h.run.a = a
	}
	id := h.run.cmd.ID
	h.run.cmd = m.command(h.run.a, h.run.cmd.Params)
	h.run.cmd.ID = id
	h.run.verdict = m.gs.Resume(h.run.cmd, &pending)
	m.act(h.kind, h.run, h.msg)
	m.advance()
}

// Cancel is the client's CancelRequest. It reports whether there was a held
// command to take back; otherwise the request goes to the database.
func (m *machine) Cancel() bool {
	h := m.held
	if h == nil {
		return false
	}
	m.held = nil
	ticket := h.run.verdict.Pending.Ticket
	r := &gate.Refusal{Kind: gate.Cancelled, Ticket: ticket, Text: "cancelled while it was held: nothing was sent, and ticket " + ticket + " stays",
		Hint: "Wait for the approval, then send the same statement again."}
	if m.gs.Abandon(&h.run.verdict, "cancelled by the client") {
		r.Text, r.Hint = "cancelled while it was held: ticket "+ticket+" is withdrawn", ""
	}
	r, seq := m.gs.Withdrawn(h.run.cmd, r)
	m.refuse(h.kind, r, seq)
	m.advance()
	return true
}

// leaveHold takes back what is held: nobody waits for it any more.
func (m *machine) leaveHold() {
	if m.asking != nil && m.asking.held != nil {
		m.held = m.asking.held
	}
	if m.held != nil {
		m.gs.Abandon(&m.held.run.verdict, "the client is gone")
		m.held = nil
	}
}

// Leave tells the gate that the session is over, whatever was held.
func (m *machine) Leave() {
	m.leaveHold()
	for _, e := range m.queue {
		if e.run != nil && !e.run.done {
			m.finish(e.run, "unknown")
		}
	}
	if len(m.queue) == 0 {
		m.gs.Transaction(true, true) // nothing is under way: the database rolls back what is open
	}
	m.lens.drop() // a generation that no command took over
}

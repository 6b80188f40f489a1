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

// Resolve is called when a hold is decided, over, or its wait is.
func (m *machine) Resolve(h *held) {
	if m.held != h || m.ended {
		return
	}
	m.held = nil
	h.run.verdict = m.gs.Resume(h.run.cmd, &h.run.verdict)
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
	m.gs.Abandon(&h.run.verdict, "cancelled by the client")
	r := &gate.Refusal{Kind: gate.Cancelled, Text: "cancelled while it was held: ticket " + h.run.verdict.Pending.Ticket + " is withdrawn", Ticket: h.run.verdict.Pending.Ticket}
	m.refuse(h.kind, m.gs.Withdrawn(h.run.cmd, r), 0)
	m.advance()
	return true
}

// Leave tells the gate that the session is over, whatever was held.
func (m *machine) Leave() {
	if m.held != nil {
		m.gs.Abandon(&m.held.run.verdict, "the client is gone")
		m.held = nil
	}
	for _, e := range m.queue {
		if e.run != nil && !e.run.done {
			m.finish(e.run, "unknown")
		}
	}
}

package postgres

import "sluice.dev/proxy/protocol/postgres/wire"

// serverError passes an error, cleaned, and drops what the server now skips.
func (m *machine) serverError(msg, body []byte) error {
	fields, err := readFields(body)
	if err != nil {
		return err
	}
	e := m.head()
	if get(fields, 'S') == "FATAL" || get(fields, 'S') == "PANIC" || get(fields, 'V') == "FATAL" || get(fields, 'V') == "PANIC" {
		out, _ := m.clean(fields, m.currentRun())
		m.toClient = appendFields(m.toClient, 'E', out)
		m.ended = true
		return nil
	}
	if m.discard {
		return nil
	}
	code := get(fields, 'C')
	if e != nil && m.probe != nil && e == m.probe.entry {
		m.probe.failed = true
		return nil
	}
	m.undone = true
	if e != nil && e.ask != nil {
		if e.kind == 'P' {
			m.askFailed(e, fields)
		}
		return nil
	}
	if e != nil && e.poison {
		m.pop()
		return m.skipToSync("")
	}
	run := (*running)(nil)
	if e != nil {
		run = e.run
	}
	context := run
	if context == nil && e != nil {
		context = m.contextOf(e)
	}
	out, changed := m.clean(fields, context)
	if changed {
		m.toClient = appendFields(m.toClient, 'E', out)
	} else {
		m.toClient = append(m.toClient, msg...)
	}
	m.recordNotice("error", out)
	if run != nil {
		if e.reuses && code == "26000" {
			m.kept.forget() // something has taken it away
		}
		run.code = code
		m.copying = nil
	}
	if e == nil {
		return nil
	}
	if e.kind == 'Q' || e.kind == 'F' {
		return nil // ReadyForQuery follows
	}
	m.skipped(e, "error")
	m.pop0()
	return m.skipToSync(code)
}

// contextOf gives an error at Parse, Bind or Describe the statement that it is
// about, so that the error's text is judged by it.
func (m *machine) contextOf(e *entry) *running {
	switch {
	case e.st != nil && e.st.a != nil:
		return &running{a: e.st.a, verdict: m.gs.MaskOnly(), done: true}
	case e.po != nil && e.po.st.a != nil:
		return &running{a: e.po.st.a, verdict: m.gs.MaskOnly(), done: true}
	}
	return nil
}

// pop0 removes the head without saying what follows it.
func (m *machine) pop0() {
	m.queue[0] = nil
	m.queue = m.queue[1:]
}

// skipToSync drops what the server skips after an error in the extended
// protocol: all up to Sync. Answers of our own in between go too, since the
// client has its error.
func (m *machine) skipToSync(string) error {
	for len(m.queue) > 0 && m.queue[0].kind != 'S' {
		m.skipped(m.queue[0], "skipped")
		m.pop0()
	}
	if len(m.queue) == 0 {
		// The server skips all until the Sync that has not come yet.
		m.absorb = true
		m.dirty = false
		if m.held != nil {
			m.gs.Abandon(&m.held.run.verdict, "an earlier command of its pipeline failed")
			m.held = nil
		}
	}
	m.settle()
	return nil
}

// serverReady handles ReadyForQuery.
func (m *machine) serverReady(status byte) error {
	skipped := "skipped"
	if m.discard {
		skipped = "unknown" // their answers were dropped with the rest
	}
	m.discard = false
	if m.probe != nil && m.head() == m.probe.entry {
		return m.probeDone(status)
	}
	// Anything before the Sync that this answers was skipped.
	for len(m.queue) > 0 && m.queue[0].kind != 'S' && m.queue[0].kind != 'Q' && m.queue[0].kind != 'F' {
		e := m.queue[0]
		if e.kind == 'L' {
			m.settle()
			continue
		}
		m.skipped(e, skipped)
		m.pop0()
	}
	e := m.head()
	if e == nil {
		return &wire.ProtocolError{Text: "the database is ready when nothing was asked"}
	}
	if e.run != nil {
		result := "ok"
		if e.run.code != "" {
			result = "error"
		}
		m.finish(e.run, result)
	}
	if e.ask != nil && e.ask.of == m.asking && e.kind == 'Q' {
		m.printing = e.ask.set
		m.asking.left = 0
		m.askAnswered()
	}
	m.letDeferred()
	m.copying = nil
	m.tx = status
	if status == 'I' {
		m.expire(e.pipeline)
	}
	if len(m.queue) == 1 {
		m.next = txStart(status)
	}
	m.settleTickets(status)
	m.waiting = &pendingReady{quiet: e.quiet}
	m.pop0()
	m.settleReady()
	return nil
}

// pendingReady is a ReadyForQuery that has come from the server and not yet
// gone to the client.
type pendingReady struct{ quiet bool }

// settleReady passes ReadyForQuery, unless the gateway has a question of its
// own for the server first, which only this moment allows.
func (m *machine) settleReady() {
	if m.cancelling || m.startProbe() || m.wantReload() {
		return
	}
	m.passReady()
}

// Cancelled says that the database has got the request to cancel what it runs:
// it cannot hit a later command any more.
func (m *machine) Cancelled() {
	m.cancelling = false
	if m.waiting != nil && m.probe == nil {
		// Not settleReady: this is not the goroutine that reads the server, so
		// the session's own connection may not be asked. Names that are unsure
		// stay so until the next ReadyForQuery.
		m.passReady()
	}
}

// settleTickets tells the gate what became of approved commands, at a
// ReadyForQuery. A rollback inside of what goes on, or behind which more came,
// may have undone them or not.
func (m *machine) settleTickets(status byte) {
	whole := m.undone || m.lens.lastTag == "ROLLBACK"
	switch {
	case status == 'I' && (whole || !m.rolled):
		m.gs.Transaction(true, whole)
	case m.rolled:
		m.gs.PartlyUndone()
	}
	m.undone, m.rolled = false, false
}

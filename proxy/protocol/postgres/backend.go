package postgres

import (
	"errors"
	"fmt"

	"sluice.dev/proxy/gate"
	"sluice.dev/proxy/protocol/postgres/wire"
)

// Server takes bytes from the database.
func (m *machine) Server(b []byte) {
	m.fromServer = append(m.fromServer, b...)
	used := m.answers()
	m.flushMasked()
	defer m.resume()
	switch {
	case used == len(m.fromServer):
		m.fromServer = m.fromServer[:0]
		if cap(m.fromServer) > 1<<20 {
			m.fromServer = nil
		}
	case used > 0:
		m.fromServer = append(m.fromServer[:0], m.fromServer[used:]...)
	}
}

// answers handles what has come from the server, as far as it is whole.
func (m *machine) answers() (used int) {
	for !m.ended {
		b := m.fromServer[used:]
		if n := min(m.passServer, len(b)); n > 0 {
			m.toClient = append(m.toClient, b[:n]...)
			m.passServer -= n
			used += n
			continue
		}
		if n := min(m.dropServer, len(b)); n > 0 {
			m.dropServer -= n
			used += n
			continue
		}
		typ, size, err := wire.Header(b)
		if errors.Is(err, wire.ErrShort) {
			return used
		}
		if err != nil {
			m.serverBroken(err)
			return used
		}
		total := wire.HeaderSize + size
		if (typ == 'D' || typ == 'd') && m.streams(typ) {
			// Nothing needs to look into this row: it is passed as it comes. A
			// small one waits to be whole, so that a database which dies leaves
			// the client at the end of a message, where it can be told.
			if n := m.stream(typ, b); n > 0 {
				used += n
				continue
			}
			if total <= 4*chunk && len(b) < total {
				return used
			}
			n := min(total, len(b))
			m.countRow(typ, total)
			if m.discard {
				m.dropServer = total - n
			} else {
				m.toClient = append(m.toClient, b[:n]...)
				m.passServer = total - n
			}
			used += n
			continue
		}
		if size > m.opts.limits().Message {
			m.serverBroken(&wire.TooLong{Type: typ, Size: int64(size), Limit: int64(m.opts.limits().Message)})
			return used
		}
		if len(b) < total {
			return used
		}
		used += total
		if len(m.deferred) > 0 && typ != 'Z' && typ != 'N' && typ != 'A' && typ != 'S' {
			m.letDeferred()
		}
		e, mark := m.head(), len(m.toClient)
		if err := m.answer(typ, b[:total]); err != nil {
			m.serverBroken(err)
			return used
		}
		switch typ {
		case 'D', 'd':
			m.holdBack(e, mark)
		case 'N', 'A', 'S':
			if len(m.deferred) > 0 {
				m.deferred = append(m.deferred, m.toClient[mark:]...)
				m.toClient = m.toClient[:mark]
			}
		}
	}
	return used
}

// serverBroken ends a session whose server no longer speaks the protocol, or
// sends what the gateway cannot judge.
func (m *machine) serverBroken(err error) {
	m.flushMasked()
	m.fatal("08006", "the database's answer cannot be passed on: "+err.Error())
}

// head is the answer that the server is giving.
func (m *machine) head() *entry {
	if len(m.queue) == 0 {
		return nil
	}
	return m.queue[0]
}

// streams says that rows of the head's answer need no look.
func (m *machine) streams(typ byte) bool {
	if m.discard {
		return true
	}
	e := m.head()
	if e == nil || e.run == nil {
		return false
	}
	run := e.run
	if run.holdsRows() {
		return false
	}
	if typ == 'd' {
		return run.copyOut == nil && run.underLimit() && !m.records(run)
	}
	if !run.looked && run.reanalysed() {
		return false
	}
	m.prepareMasker(run)
	return run.masker == nil && run.underLimit() && !run.unmaskable && !m.records(run)
}

func (m *machine) countRow(typ byte, size int) {
	if e := m.head(); e != nil && e.run != nil {
		e.run.rows++
		e.run.out += int64(size)
	}
	_ = typ
}

// answer handles one whole message from the server.
func (m *machine) answer(typ byte, msg []byte) error {
	body := msg[wire.HeaderSize:]
	if typ != 'D' && typ != 'd' {
		m.flushMasked()
	}
	switch typ {
	case 'N', 'A', 'S':
		return m.async(typ, msg, body)
	case 'E':
		return m.serverError(msg, body)
	case 'Z':
		if len(body) != 1 {
			return &wire.ProtocolError{Text: "ReadyForQuery without a status"}
		}
		return m.serverReady(body[0])
	}
	e := m.head()
	if e == nil {
		return &wire.ProtocolError{Text: fmt.Sprintf("the database sent %q when nothing was asked", typ)}
	}
	if m.probe != nil && e == m.probe.entry {
		return m.probe.take(typ, body)
	}
	if m.discard {
		return nil
	}
	if e.ask != nil {
		return m.questionAnswer(e, typ)
	}
	pass := func() {
		if !e.quiet {
			m.toClient = append(m.toClient, msg...)
		}
	}
	if e.reuses && (typ == '1' || typ == '2' || typ == '3' || typ == 'n') {
		return nil // answers to what the client did not send
	}
	switch typ {
	case '1', '2', '3':
		if want := map[byte]byte{'1': 'P', '2': 'B', '3': 'C'}[typ]; e.kind != want {
			return unexpected(typ, e)
		}
		switch typ {
		case '1':
			m.parsed(e, true)
		case '2':
			m.bound(e, true)
		}
		pass()
		m.pop()
	case 't':
		if e.kind != 'D' {
			return unexpected(typ, e)
		}
		if e.st != nil {
			e.st.described = readParameterDescription(body)
		}
		pass()
	case 'T':
		cols, err := wire.ReadRowDescription(body)
		if err != nil {
			return err
		}
		switch {
		case e.kind == 'D' && e.target == 'S':
			if e.st != nil {
				e.st.columns, e.st.describedBy = cols, e.st.a.sum
			}
		case e.kind == 'D':
			if e.po != nil {
				e.po.columns = cols
			}
		case e.kind == 'Q':
			e.run.columns, e.run.masker, e.run.looked = cols, nil, false
			m.recordColumns(e.run)
			pass()
			return nil
		default:
			return unexpected(typ, e)
		}
		pass()
		m.pop()
	case 'n':
		if e.kind != 'D' {
			return unexpected(typ, e)
		}
		pass()
		m.pop()
	case 'D':
		return m.row(e, msg, body)
	case 'C', 'I', 's':
		if e.run == nil {
			return unexpected(typ, e)
		}
		return m.completed(e, typ, msg, body)
	case 'G', 'H', 'W':
		if e.run == nil {
			return unexpected(typ, e)
		}
		return m.copyStarts(e, typ, msg, body)
	case 'd':
		return m.copyRow(e, msg, body)
	case 'c':
		if e.run != nil {
			m.letGo(e.run)
		}
		if e.run != nil && e.run.copyOut != nil {
			if m.copyWhole(e, true); m.discard {
				return nil // answered already
			}
		}
		pass()
	case 'V':
		if e.kind != 'F' {
			return unexpected(typ, e)
		}
		e.run.rows++
		return m.functionResult(e, msg, body)
	default:
		return &wire.ProtocolError{Text: fmt.Sprintf("the database sent an unknown message %q", typ)}
	}
	return nil
}

func unexpected(typ byte, e *entry) error {
	return &wire.ProtocolError{Text: fmt.Sprintf("the database answered %q to a %q", typ, e.kind)}
}

// async passes notices, notifications and parameter changes, at any moment.
func (m *machine) async(typ byte, msg, body []byte) error {
	switch typ {
	case 'N':
		if m.discard || (m.probe != nil && m.head() == m.probe.entry) {
			return nil
		}
		fields, err := readFields(body)
		if err != nil {
			return err
		}
		if m.lens.printing || m.printing {
			if detail, ok := printedTree(fields); ok {
				m.printed(detail)
				return nil
			}
			if !m.wantsNotice(get(fields, 'V')) {
				return nil
			}
		}
		out, changed := m.clean(fields, m.currentRun())
		if changed {
			m.toClient = appendFields(m.toClient, 'N', out)
		} else {
			m.toClient = append(m.toClient, msg...)
		}
		m.recordNotice("notice", out)
	case 'A':
		out, err := m.cleanNotification(msg, body)
		if err != nil {
			return err
		}
		m.toClient = append(m.toClient, out...)
	case 'S':
		m.lens.parameter(m, body)
		m.toClient = append(m.toClient, msg...)
	}
	return nil
}

// currentRun is the command whose answer the server is giving, or nil.
func (m *machine) currentRun() *running {
	for _, e := range m.queue {
		if e.run != nil {
			return e.run
		}
		if e.kind == 'S' {
			break
		}
	}
	return nil
}

// completed handles the end of one statement's answer.
func (m *machine) completed(e *entry, typ byte, msg, body []byte) error {
	run := e.run
	if typ == 's' && run.holdsRows() {
		run.back = nil
		m.cutOff(e, gate.CannotMask("rows of an expression over masked columns that can fail may not be read in parts"))
		return nil
	}
	m.letGo(run)
	run.part++
	if typ == 'C' {
		run.tag = string(trimNul(body))
		m.lens.completed(run)
		if (run.tag == "DISCARD ALL" || run.tag == "RESET") && !m.lens.printing {
			m.printing = false // the session's defaults are back
		}
		switch {
		case run.tag == "ROLLBACK":
			m.rolled = true
		case run.tag == "COMMIT" && e.kind == 'E':
			m.gs.Transaction(true, false) // whatever its pipeline does next
		}
	}
	if e.kind == 'Q' && run.verdict.Durable {
		m.deferred = append(m.deferred, msg...)
		return nil
	}
	m.toClient = append(m.toClient, msg...)
	if e.kind == 'Q' {
		return nil // more may follow; ReadyForQuery ends it
	}
	if e.kind != 'E' {
		return unexpected(typ, e)
	}
	m.finish(run, "ok")
	m.copying = nil
	m.pop()
	return nil
}

// letDeferred passes what waited for the end of its command.
func (m *machine) letDeferred() {
	m.toClient = append(m.toClient, m.deferred...)
	m.deferred = m.deferred[:0]
}

func trimNul(b []byte) []byte {
	if n := len(b); n > 0 && b[n-1] == 0 {
		return b[:n-1]
	}
	return b
}

// finish writes a command's outcome, once. What changed something is on disk
// before the client reads on.
func (m *machine) finish(run *running, result string) {
	if run.done {
		return
	}
	run.done = true
	m.named(run, result == "ok")
	o := gate.Outcome{Result: result, Code: run.code, Rows: run.rows, BytesIn: run.in, BytesOut: run.out, Masked: run.masked}
	if result == "ok" {
		o.Code = "00000"
	}
	if seq := m.gs.Finish(run.cmd, &run.verdict, o); seq != 0 {
		m.clientAfter = max(m.clientAfter, seq)
	}
}

// cutOff ends an answer that may not go on: the client gets the error in place
// of the rest, and the database is asked to stop.
func (m *machine) cutOff(e *entry, r *gate.Refusal) {
	run := e.run
	run.code = sqlstate(r.Kind)
	m.toClient = appendRefusal(m.toClient, r)
	if run.masker != nil {
		run.masker.reset()
	}
	m.finish(run, "error")
	m.want.Cancel, m.cancelling = true, true
	m.discard = true
	if m.asking != nil && e.kind == 'E' {
		m.asking, m.stalled = nil, true // its answers are skipped with the rest
	}
	if e.kind == 'E' && !m.owesSync() {
		m.absorb = true // the client skips to the Sync that it has yet to send
	}
}

func (m *machine) owesSync() bool {
	for _, e := range m.queue {
		if e.kind == 'S' {
			return true
		}
	}
	return false
}

// Gone tells the machine that the database has closed the connection.
func (m *machine) Gone(err error) {
	m.flushMasked()
	for _, e := range m.queue {
		if e.run != nil && !e.run.done {
			result := "unknown"
			if e.run.cmd.Facts.ReadOnly {
				result = "error"
			}
			e.run.code = "08006"
			m.finish(e.run, result)
		}
	}
	if !m.ended {
		text := "the database closed the connection"
		if len(m.queue) > 0 {
			text += " before it had answered; whether the command took effect is not known"
		}
		_ = err
		m.fatal("08006", text)
	}
}

package postgres

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"sluice.dev/proxy/gate"
	"sluice.dev/proxy/protocol/postgres/wire"
)

// Client takes bytes from the client. What it cannot use yet it keeps, at most
// limits.message and a chunk.
func (m *machine) Client(b []byte) {
	m.fromClient = append(m.fromClient, b...)
	m.advance()
}

// full says that the client's bytes must not be read further for now: they
// wait behind a hold, or for the end.
func (m *machine) full() bool {
	return len(m.fromClient) > m.opts.limits().Message+wire.HeaderSize
}

// advance handles whole messages from the client until one has to wait.
func (m *machine) advance() {
	used := 0
	defer func() {
		if used == len(m.fromClient) {
			m.fromClient = m.fromClient[:0]
			if cap(m.fromClient) > 1<<20 {
				m.fromClient = nil
			}
		} else if used > 0 {
			m.fromClient = append(m.fromClient[:0], m.fromClient[used:]...)
		}
	}()
	for m.held == nil && m.waiting == nil && m.asking == nil && !m.stalled && !m.ended && !m.left {
		b := m.fromClient[used:]
		if m.expires() {
			return
		}
		if n := min(m.passClient, len(b)); n > 0 {
			m.forward(b[:n])
			m.passClient -= n
			used += n
			continue
		}
		if n := min(m.dropClient, len(b)); n > 0 {
			m.dropClient -= n
			used += n
			continue
		}
		typ, size, err := wire.Header(b)
		if errors.Is(err, wire.ErrShort) {
			return
		}
		if err != nil {
			m.fatal("08P01", "invalid message: "+err.Error())
			return
		}
		if typ == 'd' { // CopyData is streamed, whatever its size
			n := min(wire.HeaderSize+size, len(b))
			if run := m.takesCopyData(); run != nil {
				run.in += int64(size)
				m.forward(b[:n])
				m.passClient = wire.HeaderSize + size - n
			} else {
				m.dropClient = wire.HeaderSize + size - n
			}
			used += n
			continue
		}
		limit := m.opts.limits().Message
		if !knownFromClient(typ) {
			m.fatal("08P01", fmt.Sprintf("message type %q is not known", typ))
			return
		}
		if typ == 'Q' || typ == 'P' {
			// The text's own limit plus what stands around it; a Parse may
			// declare 65,535 types.
			limit = min(limit, m.opts.limits().Statement+1<<19)
		}
		if size > limit {
			if typ == 'Q' || typ == 'P' {
				// Refused without being kept: the rest is read past.
				n := min(wire.HeaderSize+size, len(b))
				used += n
				m.dropClient = wire.HeaderSize + size - n
				m.tooLong(typ, size)
				continue
			}
			m.fatal("53000", fmt.Sprintf("message of %d bytes is over limits.message (%d)", size, limit))
			return
		}
		if len(b) < wire.HeaderSize+size {
			return
		}
		if m.dropMessage { // it has its answer
			m.dropMessage = false
			used += wire.HeaderSize + size
			continue
		}
		if m.switchOn() {
			return
		}
		if m.answersFirst(typ, b[wire.HeaderSize:wire.HeaderSize+size]) {
			return
		}
		m.message(typ, b[:wire.HeaderSize+size])
		if m.asking != nil {
			return // it is looked at again when the server has answered
		}
		m.asked = 0
		used += wire.HeaderSize + size
	}
}

// expires says that the log-in is over and no command, transaction or pipeline
// is: nothing new is begun, and the session ends with the last answer.
func (m *machine) expires() bool {
	if !m.expiring || m.tx != 'I' || m.next != 'I' || m.unsynced || m.passClient > 0 || m.takesCopyData() != nil {
		return false
	}
	if len(m.queue) == 0 {
		m.fatal("28000", logInExpired)
	}
	return true
}

func knownFromClient(typ byte) bool {
	switch typ {
	case 'Q', 'P', 'B', 'D', 'E', 'C', 'S', 'H', 'F', 'd', 'c', 'f', 'X':
		return true
	}
	return false
}

// tooLong refuses a statement over its limit; the connection stays.
func (m *machine) tooLong(typ byte, size int) {
	if m.absorb {
		return
	}
	r := gate.LimitReached(fmt.Sprintf("statement of %d bytes is over limits.statement (%d)", size, m.opts.limits().Statement))
	r, seq := m.gs.RefuseUnparsed(nil, int64(size), r)
	m.refuse(typ, r, seq)
}

// message handles one whole message.
func (m *machine) message(typ byte, msg []byte) {
	body := msg[wire.HeaderSize:]
	if m.absorb && typ != 'S' && typ != 'X' {
		return
	}
	var err error
	switch typ {
	case 'Q':
		var text string
		if text, err = wire.ReadQuery(body); err == nil {
			m.query(text, msg)
		}
	case 'P':
		err = m.parse(body, msg)
	case 'B':
		err = m.bind(body, msg)
	case 'D':
		err = m.describe(body, msg)
	case 'E':
		var e wire.Execute
		if e, err = wire.ReadExecute(body); err == nil {
			m.execute(e, msg)
		}
	case 'C':
		err = m.closeTarget(body, msg)
	case 'S':
		if len(body) != 0 {
			err = &wire.ProtocolError{Text: "Sync has a body"}
			break
		}
		m.sync(msg)
	case 'H':
		m.forward(msg)
	case 'F':
		var f *wire.FunctionCall
		if f, err = wire.ReadFunctionCall(body); err == nil {
			m.functionCall(f, msg)
		}
	case 'c', 'f':
		if run := m.takesCopyData(); run != nil {
			m.copyDone(run)
			m.forward(msg)
		}
	case 'X':
		// What was sent before it still runs to its end.
		m.left, m.ended = true, len(m.queue) == 0
		if !m.keeps {
			m.forward(msg)
		}
	}
	if err != nil {
		m.fatal("08P01", err.Error())
	}
}

// query decides a simple Query whole, whatever number of statements it has.
func (m *machine) query(text string, msg []byte) {
	a, seq, r := m.look('Q', text, nil)
	if m.asking != nil {
		return
	}
	if r != nil {
		m.refuse('Q', r, seq)
		return
	}
	run := &running{a: a, in: int64(len(msg))}
	run.cmd = m.command(a, nil)
	m.decide('Q', run, msg)
}

// look analyses the text of a message, whose parameters have been declared to
// be of types, and records the refusal when that cannot be done. When the server
// has to be asked first, m.asking is set.
func (m *machine) look(kind byte, text string, types []uint32) (*analysis, gate.Seq, *gate.Refusal) {
	return m.lookFor(kind, text, types, nil)
}

// lookFor is look for the message of a hold that was released.
func (m *machine) lookFor(kind byte, text string, types []uint32, h *held) (*analysis, gate.Seq, *gate.Refusal) {
	fail := func(r *gate.Refusal) (*analysis, gate.Seq, *gate.Refusal) {
		m.lens.drop()
		r, seq := m.gs.RefuseUnparsed([]byte(text), int64(len(text)), r)
		return nil, seq, r
	}
	if len(text) > m.opts.limits().Statement {
		return fail(gate.LimitReached(fmt.Sprintf("statement of %d bytes is over limits.statement (%d)", len(text), m.opts.limits().Statement)))
	}
	if !utf8.ValidString(text) {
		return fail(&gate.Refusal{Kind: gate.Malformed, Text: "the statement is not valid UTF-8",
			Hint: "Set client_encoding to UTF8, the only encoding that the gateway reads."})
	}
	m.looking = kind
	a, err := m.lens.analyse(m, text, types)
	var need *needsServer
	if errors.As(err, &need) {
		m.lens.drop()
		if r := m.ask(kind, text, int64(len(text)), need, h); r != nil {
			return fail(r)
		}
		return nil, 0, nil
	}
	if err != nil {
		return fail(malformed(err))
	}
	return a, 0, nil
}

// decide asks the gate about a command and acts on its word.
func (m *machine) decide(kind byte, run *running, msg []byte) {
	run.verdict = m.gs.Decide(run.cmd)
	m.act(kind, run, msg)
}

// act does what a verdict says.
func (m *machine) act(kind byte, run *running, msg []byte) {
	v := &run.verdict
	switch {
	case v.Refusal != nil:
		m.refuse(kind, v.Refusal, v.Intent)
	case v.Pending != nil:
		if kind == 'E' {
			m.forward(wire.Empty(nil, 'H')) // what came before is answered now
		}
		m.endAsk()
		m.push(&entry{kind: 'L', local: appendNotice(nil, v.Pending.Notice, ""), after: v.Intent})
		m.held = &held{kind: kind, run: run, msg: append([]byte(nil), msg...)}
		m.want.Watch = m.held
		m.settle()
	default:
		m.release(kind, run, msg)
	}
}

// release lets a command go to the server.
func (m *machine) release(kind byte, run *running, msg []byte) {
	v := &run.verdict
	if v.Durable {
		m.serverAfter = max(m.serverAfter, v.Intent)
	}
	m.clientAfter = max(m.clientAfter, v.Intent)
	m.lens.effect(m, run.a)
	if run.a.strange() {
		m.strange = true
		if !m.lens.path.TempOpaque {
			m.lens.path.TempOpaque, m.lens.view = true, nil
		}
		m.kept.forget()
	}
	m.unname(run)
	e := &entry{kind: kind, run: run, po: run.po, pipeline: m.pipeline}
	if kind == 'E' {
		run.formats = run.po.bind.Results
		if m.needsColumns(run) && !run.po.asked {
			// Nobody asked what the rows will look like; the masks need to
			// know, and a portal's plan is what Execute will run.
			run.po.asked = true
			m.push(&entry{kind: 'D', quiet: true, target: 'P', po: run.po})
			m.forward(wire.Describe(nil, 'P', run.po.name))
		}
		m.dirty, m.unsynced = true, true
	}
	m.push(e)
	switch c := run.a.level; {
	case c != nil && kind == 'Q':
		m.toServer = wire.Query(m.toServer, c.played())
	case kind == 'Q' && m.reuse(e, run):
	default:
		m.forward(msg)
	}
	m.open = false
	if kind != 'E' {
		// A Query ends the pipeline before it: what comes next is another's.
		m.pipeline++
		m.dirty, m.unsynced = false, false
	}
}

// refuse answers a message with an error and leaves the session as the
// protocol wants it (CONTRACT 5, last part).
func (m *machine) refuse(kind byte, r *gate.Refusal, after gate.Seq) {
	if m.inTransaction() && r.Kind != gate.Stopped {
		r = withDetail(r, "Nothing was sent: the transaction is still open, and what came before in it keeps its effect.")
	}
	local := appendRefusal(nil, r)
	if r.Kind == gate.Stopped {
		m.toClient = append(m.toClient, local...)
		m.ended = true
		return
	}
	m.fail(kind, local, after)
}

// unknownName answers a message that names what the session has not made.
func (m *machine) unknownName(kind byte, code, text string) {
	m.fail(kind, appendError(nil, "ERROR", code, text, "", "", 0), 0)
}

// fail answers a message with an error that is ready, in place of the server.
func (m *machine) fail(kind byte, local []byte, after gate.Seq) {
	m.endAsk()
	simple := kind == 'Q' || kind == 'F'
	poison := m.dirty && !m.inTransaction()
	m.push(&entry{kind: 'L', local: local, ready: simple && !m.unsynced, after: after})
	if poison {
		m.push(&entry{kind: 'B', quiet: true, poison: true})
		m.toServer = wire.Poison(m.toServer, "sluice refused a command of this pipeline")
	}
	switch {
	case simple && m.unsynced:
		// A Query behind unsynced messages ends their pipeline, refused or not.
		m.push(&entry{kind: 'S', pipeline: m.pipeline})
		m.pipeline++
		m.dirty, m.unsynced = false, false
		m.toServer = wire.Empty(m.toServer, 'S')
	case !simple:
		m.absorb = true
		if m.unsynced && !poison {
			// What came before is answered now, so that the client reads the
			// error also when it sends a Flush and waits.
			m.toServer = wire.Empty(m.toServer, 'H')
		}
	}
	m.settle()
}

func withDetail(r *gate.Refusal, more string) *gate.Refusal {
	d := *r
	if d.Detail != "" {
		d.Detail += " "
	}
	d.Detail += more
	return &d
}

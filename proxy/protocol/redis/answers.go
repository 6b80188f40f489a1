package redis

import (
	"bytes"
	"errors"
	"strings"

	"sluice.dev/proxy/gate"
	"sluice.dev/proxy/protocol/redis/resp"
)

var errUnasked = errors.New("the server says something that nobody asked for")

// Server takes bytes of the server's. An error ends the session.
func (m *machine) Server(b []byte) error {
	if m.ended { // the driver is about to hang up
		return nil
	}
	m.fromServer = append(m.fromServer, b...)
	for len(m.fromServer) > m.scanned && !m.ended {
		if len(m.queue) == 0 || m.fromServer[0] == '>' && m.passed == 0 {
			return errUnasked
		}
		o := m.queue[0]
		n, done, err := m.scan.Scan(m.fromServer[m.scanned:])
		if err != nil {
			return err
		}
		if m.scanned += n; !done {
			m.part(o)
			return nil
		}
		m.answer(o, m.fromServer[:m.scanned])
		m.fromServer = append(m.fromServer[:0], m.fromServer[m.scanned:]...)
		m.scan.Reset()
		m.scanned, m.passed = 0, 0
		m.queue = append(m.queue[:0], m.queue[1:]...)
		m.settle()
	}
	m.advance()
	return nil
}

// part deals with an answer that has not come whole: it is passed on as it
// comes, unless it has to be looked at.
func (m *machine) part(o *owed) {
	first := m.fromServer[0]
	if m.passed == 0 && (o.masks || o.verdict.Limits.Rows > 0 || first == '-' || first == '!' || m.scanned == 0) {
		if len(m.fromServer) > m.opts.Limits.Message {
			m.fatal("the answer is larger than limits.message and would have to be masked: ask for less")
		}
		return
	}
	m.clientAfter = max(m.clientAfter, o.verdict.Intent)
	m.toClient = append(m.toClient, m.fromServer[:m.scanned]...)
	m.passed += int64(m.scanned)
	m.fromServer = append(m.fromServer[:0], m.fromServer[m.scanned:]...)
	m.scanned = 0
}

// answer deals with an answer, or the rest of one, that has come whole.
func (m *machine) answer(o *owed, raw []byte) {
	o.out = m.passed + int64(len(raw))
	m.clientAfter = max(m.clientAfter, o.verdict.Intent)
	if m.passed > 0 {
		m.clientAfter = max(m.clientAfter, m.finish(o, "ok", ""))
		m.toClient = append(m.toClient, raw...)
		return
	}
	result, code := "ok", ""
	out := raw
	switch {
	case raw[0] == '-':
		word, _, _ := strings.Cut(strings.TrimSpace(string(raw[1:])), " ")
		result, code = "error", word
		if word == "MOVED" || word == "ASK" {
			out = resp.AppendError(nil, "ERR sluice: this key lives on another node of a cluster, where this connection does not lead. Tell the operator.")
		}
	case o.masks || o.verdict.Limits.Rows > 0:
		v, err := resp.Parse(raw)
		switch limit := o.verdict.Limits.Rows; {
		case err != nil:
			result, out = "error", appendRefusal(nil, gate.CannotMask("the answer cannot be read"))
		case limit > 0 && int64(len(v.Elems)) > limit:
			result, out = "error", appendRefusal(nil, gate.RowLimit(limit))
		case o.masks:
			k := &masker{o: o.opts, a: o.a, args: o.args, plan: o.verdict.Masks, key: m.gs.Key(), scope: m.gs.Scope, resp3: m.resp3}
			out = k.apply(nil, &v)
			o.masked = k.masked
		}
	default:
		m.follow(o, raw)
	}
	m.clientAfter = max(m.clientAfter, m.finish(o, result, code))
	m.toClient = append(m.toClient, out...)
}

// follow keeps up with what a command that succeeded has changed about the
// session.
func (m *machine) follow(o *owed, raw []byte) {
	switch o.a.command.Name {
	case "select":
		if bytes.HasPrefix(raw, []byte("+OK")) {
			m.database = string(o.args[1])
		}
	case "hello":
		if len(o.args) > 1 {
			m.resp3 = string(o.args[1]) == "3"
		}
	}
}

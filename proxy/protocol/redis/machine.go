package redis

import (
	"bytes"
	"errors"
	"slices"
	"strconv"
	"strings"

	"sluice.dev/proxy/gate"
	"sluice.dev/proxy/protocol/redis/commands"
	"sluice.dev/proxy/protocol/redis/resp"
)

// machine is one session between a client that has logged in and the server.
// It is pure: no sockets, no clock. Its driver feeds it bytes and events, one
// at a time, and takes what it has to say from toClient and toServer.
type machine struct {
	gs    *gate.Session
	opts  *Options
	table commands.Table

	// What has come in and is not yet dealt with; need is how many bytes of the
	// client's make a whole request at least.
	fromClient, fromServer []byte
	need                   int
	// What is to go out, and the record that must be durable before it does.
	toClient, toServer       []byte
	clientAfter, serverAfter gate.Seq

	// queue is what the client is still owed, in order.
	queue []*owed
	// scan is at byte scanned of fromServer. passed: a part of the answer that
	// is due has gone to the client.
	scan    resp.Scanner
	scanned int
	passed  int64

	held     *owed // waits for an approval; what follows waits behind it
	watch    *owed // for the driver: wait for the hold, then call Resolve
	noMulti  bool  // MULTI was refused: what follows it is, too, until EXEC
	resp3    bool  // what the client asked for
	database string
	ended    bool // the last word was said
	left     bool // the client has said QUIT

	seen map[string]*analysis // by the request's name and keys, under opts
	args [][]byte
}

// owed is one answer that the client is owed.
type owed struct {
	local   []byte // an answer of our own; nil: it comes from the server
	after   gate.Seq
	cmd     *gate.Command
	verdict gate.Verdict
	a       *analysis
	opts    *Options // that a was made under
	args    [][]byte // kept where the answer's masks or a hold need them
	raw     []byte   // likewise
	masks   bool
	in, out int64
	masked  int64
}

func newMachine(gs *gate.Session, o *Options, t commands.Table) *machine {
	return &machine{gs: gs, opts: o, table: t, database: o.Database, seen: make(map[string]*analysis)}
}

// full says that the client's bytes wait: behind a hold, behind more answers
// than are kept in mind, or behind what the server has not taken yet.
func (m *machine) full() bool {
	return m.held != nil && len(m.fromClient) > m.opts.Limits.Message || m.busy()
}

// busy says that no more commands are taken up for now.
func (m *machine) busy() bool {
	return len(m.queue) > maxOwed || len(m.toServer) > m.opts.Limits.Message
}

// maxOwed is how many commands may be under way at once.
const maxOwed = 4096

func (m *machine) limits() resp.Limits {
	return resp.Limits{Args: 1 << 20, Bytes: m.opts.Limits.Message}
}

// Client takes bytes of the client's.
func (m *machine) Client(b []byte) {
	m.fromClient = append(m.fromClient, b...)
	m.advance()
}

// advance deals with the requests that have come whole.
func (m *machine) advance() {
	at := 0
	for m.held == nil && !m.ended && !m.left && !m.busy() && len(m.fromClient)-at >= m.need {
		args, n, need, err := resp.Request(m.fromClient[at:], m.args, m.limits())
		if err != nil {
			m.malformed(m.fromClient[at:], err)
			break
		}
		if m.need = need; n == 0 {
			break
		}
		if len(args) > 0 {
			m.args = args
			m.request(args, m.fromClient[at:at+n])
		}
		at += n
	}
	if at > 0 {
		m.fromClient = append(m.fromClient[:0], m.fromClient[at:]...)
	}
}

// malformed ends a session whose bytes cannot be told apart any more.
func (m *machine) malformed(rest []byte, err error) {
	size := int64(len(rest))
	var e *resp.Error
	if errors.As(err, &e) {
		size = max(size, e.Size)
	}
	r, seq := m.gs.RefuseUnparsed(rest[:min(len(rest), 1024)], size, &gate.Refusal{Kind: gate.Malformed, Text: strings.TrimPrefix(err.Error(), "resp: ")})
	m.left = true
	m.push(&owed{local: resp.AppendError(nil, "ERR Protocol error: "+r.Line()), after: seq})
}

// request deals with one request; raw is all of it.
func (m *machine) request(args [][]byte, raw []byte) {
	if len(args) == 1 && bytes.EqualFold(args[0], []byte("QUIT")) {
		m.left = true
		m.push(&owed{local: []byte("+OK\r\n")})
		return
	}
	conn := m.under()
	if m.ended {
		return
	}
	a := m.analyse(args)
	if a == nil {
		release(conn)
		r, seq := m.gs.RefuseUnparsed(raw[:min(len(raw), 1024)], int64(len(raw)), &gate.Refusal{Kind: gate.Malformed,
			Text: "unknown command, or wrong number of arguments, and nothing unknown is passed on"})
		m.refuse(r, seq)
		return
	}
	if len(raw) > m.opts.Limits.Statement && len(args) > 64 {
		release(conn)
		r, seq := m.gs.RefuseUnparsed(raw[:1024], int64(len(raw)), gate.LimitReached("a command of many arguments is larger than limits.statement"))
		m.refuse(r, seq)
		return
	}
	o := &owed{a: a, opts: m.opts, cmd: a.gateCommand(args, m.database), in: int64(len(raw))}
	o.cmd.Conn = conn
	m.restrict(o, args)
	o.verdict = m.gs.Decide(o.cmd)
	m.act(o, args, raw)
}

// under brings the options up to the newest generation, which the next command
// is decided under: what is protected may have changed. The caller hands the
// connection to the gate, or releases it. nil: the gate ends the session, since
// the connection is there no more.
func (m *machine) under() *gate.Connection {
	conn := m.gs.Acquire()
	if conn == nil {
		return nil
	}
	opts, ok := conn.Options.(*Options)
	if !ok {
		release(conn)
		m.fatal("the connection's name stands for another protocol now: connect again")
		return nil
	}
	if opts != m.opts {
		m.opts = opts
		clear(m.seen)
	}
	return conn
}

func release(conn *gate.Connection) {
	if conn != nil {
		conn.Generation.Release()
	}
}

// restrict adds the gateway's own objections that depend on more than keys.
func (m *machine) restrict(o *owed, args [][]byte) {
	before := o.cmd.Refuse
	defer func() {
		if o.cmd.Refuse != before {
			o.cmd.RefuseColumns = nil // no mask that is lifted lifts these
		}
	}()
	switch o.a.command.Name {
	case "multi":
		m.noMulti = true
		return
	case "exec", "discard":
		m.noMulti = false
		return
	}
	if m.noMulti {
		o.cmd.Refuse = gate.Deny("MULTI was refused, and so is what it was to run", "Send it without MULTI.")
		return
	}
	switch o.a.command.Name {
	case "select":
		if !m.opts.maySelect(string(args[1])) {
			o.cmd.Refuse = gate.Deny("this connection does not lead to database "+clip(string(args[1])), "The connection's redis.databases says which may be asked for.")
		}
	case "copy", "move":
		for _, arg := range args[2:] {
			if o.a.command.Name == "move" || strings.EqualFold(string(arg), "DB") {
				o.cmd.Refuse = gate.Deny("it would carry a value to another database", "")
			}
		}
	case "hello":
		for _, arg := range args[1:] {
			if strings.EqualFold(string(arg), "AUTH") {
				o.cmd.Refuse = gate.Deny("a session keeps its log-in", "Connect again.")
			}
		}
	}
}

// analyse is opts.analyse with a memory: facts do not change once made.
func (m *machine) analyse(args [][]byte) *analysis {
	c := m.table.Find(args)
	if c == nil {
		return nil
	}
	keys, sure := c.Keys(args)
	id := strconv.AppendBool(append(make([]byte, 0, 128), c.Name...), sure)
	for _, k := range keys {
		id = append(append(id, 0), args[k.Index]...)
	}
	if a := m.seen[string(id)]; a != nil && slices.Equal(a.keys, keys) {
		return a
	}
	a := m.opts.analyse(m.table, args)
	if len(m.seen) >= maxSeen {
		clear(m.seen)
	}
	if len(id) <= 1024 {
		m.seen[string(id)] = a
	}
	return a
}

// maxSeen is how many analyses one session keeps.
const maxSeen = 256

// act does what the verdict on a command says.
func (m *machine) act(o *owed, args [][]byte, raw []byte) {
	v := &o.verdict
	switch {
	case v.Refusal != nil:
		m.refuse(v.Refusal, v.Intent)
	case v.Pending != nil:
		// Nothing tells the client that it waits: RESP has no word for it.
		o.args, o.raw = cloneArgs(args), slices.Clone(raw)
		m.held, m.watch = o, o
		m.clientAfter = max(m.clientAfter, v.Intent)
	default:
		o.masks = o.a.masks(v.Masks)
		if (o.masks || o.a.command.Name == "select" || o.a.command.Name == "hello") && o.args == nil {
			o.args = cloneArgs(args)
		}
		if v.Durable {
			m.serverAfter = max(m.serverAfter, v.Intent)
		}
		m.toServer = append(m.toServer, raw...)
		m.push(o)
	}
}

func cloneArgs(args [][]byte) [][]byte {
	out := make([][]byte, len(args))
	for i, a := range args {
		out[i] = bytes.Clone(a)
	}
	return out
}

// refuse answers for the server.
func (m *machine) refuse(r *gate.Refusal, seq gate.Seq) {
	m.push(&owed{local: appendRefusal(nil, r), after: seq})
}

// appendRefusal is a refusal as a client of Redis reads it.
func appendRefusal(b []byte, r *gate.Refusal) []byte {
	code := "NOPERM "
	switch r.Kind {
	case gate.Malformed, gate.OverLimit, gate.Unable, gate.Stopped:
		code = "ERR "
	}
	return resp.AppendError(b, code+r.Line())
}

func (m *machine) push(o *owed) {
	m.queue = append(m.queue, o)
	m.settle()
}

// settle says the answers of our own that are due.
func (m *machine) settle() {
	for len(m.queue) > 0 && m.queue[0].local != nil {
		m.toClient = append(m.toClient, m.queue[0].local...)
		m.clientAfter = max(m.clientAfter, m.queue[0].after)
		m.queue = slices.Delete(m.queue, 0, 1)
	}
	if m.left && len(m.queue) == 0 && m.held == nil {
		m.ended = true
	}
}

// Resolve is called when a hold is decided, over, or its wait is.
func (m *machine) Resolve(o *owed) {
	if m.held != o || m.ended {
		return
	}
	m.held = nil
	pending := o.verdict
	id := o.cmd.ID
	conn := m.under()
	if m.ended {
		m.gs.Abandon(&pending, "the connection is another")
		return
	}
	o.a, o.opts = m.analyse(o.args), m.opts
	o.cmd = o.a.gateCommand(o.args, m.database)
	o.cmd.ID, o.cmd.Conn = id, conn
	m.restrict(o, o.args)
	o.verdict = m.gs.Resume(o.cmd, &pending)
	m.act(o, o.args, o.raw)
	m.advance()
}

// leaveHold takes back what is held: nobody waits for it any more.
func (m *machine) leaveHold() {
	if m.held != nil {
		m.gs.Abandon(&m.held.verdict, "the client is gone")
		m.held = nil
	}
}

// Leave tells the gate that the session is over, whatever was under way.
func (m *machine) Leave() {
	m.leaveHold()
	for _, o := range m.queue {
		if o.cmd != nil && o.local == nil {
			m.finish(o, "unknown", "")
		}
	}
	m.queue = nil
}

func (m *machine) finish(o *owed, result, code string) gate.Seq {
	seq := m.gs.Finish(o.cmd, &o.verdict, gate.Outcome{Result: result, Code: code, BytesIn: o.in, BytesOut: o.out, Masked: o.masked})
	m.gs.Transaction(true, false) // each command stands by itself
	return seq
}

// fatal says a last word and ends the session.
func (m *machine) fatal(text string) {
	if m.ended {
		return
	}
	m.ended = true
	if m.passed == 0 { // else in the middle of an answer
		m.toClient = resp.AppendError(m.toClient, "ERR sluice: "+text)
	}
}

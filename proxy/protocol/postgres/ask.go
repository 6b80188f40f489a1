package postgres

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"sluice.dev/proxy/gate"
	"sluice.dev/proxy/protocol/postgres/lineage"
	"sluice.dev/proxy/protocol/postgres/tree"
	"sluice.dev/proxy/protocol/postgres/wire"
)

// With lineage = "server" the database itself says what the names in a
// statement mean, before anything of it runs (reference/masking.md 2). The
// gateway sends a Parse of its own and a Flush; with debug_print_rewritten on,
// the server prints the analysed and rewritten query as a notice before
// ParseComplete. The client's message waits for that, and is then looked at
// again. Nothing is synced in between: the Parse opens the transaction in which
// the client's message runs, so the locks that it took keep the relations as
// they were analysed.

// ask is one query that the server's analyser has to look at.
type ask struct {
	query string
	types []uint32 // that its parameters were declared to have
	inner bool     // it stands within the client's text, which is another
	keep  bool     // what is prepared for it is kept, to run it
}

// key names what was asked.
func (a *ask) key() string {
	if len(a.types) == 0 {
		return a.query
	}
	b := append([]byte(a.query), 0)
	for _, t := range a.types {
		b = binary.BigEndian.AppendUint32(b, t)
	}
	return string(b)
}

// needsServer says that a text cannot be judged before the server has analysed
// the queries in it.
type needsServer struct {
	asks  []ask
	alone bool // the text is one statement
}

func (e *needsServer) Error() string {
	return fmt.Sprintf("%d queries are to be analysed by the server", len(e.asks))
}

// seen is what the server's analyser printed for a query.
type seen struct {
	key     string // of the view that it was printed under
	sum     treeSum
	normal  treeSum // see tree.Normal
	tree    *tree.Tree
	err     error // why the tree cannot be used
	refused bool  // the server would not analyse the query
}

// treeSum names a printed tree.
type treeSum [sha256.Size]byte

// asking is the question under way; the client's next message waits for it.
type asking struct {
	kind     byte // of the client's message
	text     string
	size     int64
	alone    bool
	left     int // answers due
	settings bool
	held     *held // the message is that of a hold that was released
	// canary is a constant that shows, in a Parse of its own behind the
	// others, that the server still prints trees; "" where nothing can have
	// switched that off in between.
	canary string
}

// question is what the entry of one Parse of the gateway's own is about.
type question struct {
	ask    ask
	key    string
	trees  []string
	size   int
	canary bool
	name   string // that it is kept under
	of     *asking
	set    bool // of the settings: the server took them
}

// Bounds of what is asked.
const (
	maxAsked  = 4   // rounds for one message, while the catalog changes
	maxTrees  = 64  // notices with trees for one Parse
	maxSeen   = 256 // answers kept until they are used
	askedName = "sluice_analysis"
)

// guardSettings switch the printing of trees on. client_min_messages has to be
// log for them to be sent at all.
const guardSettings = "SET debug_print_rewritten = on; SET debug_pretty_print = off; SET client_min_messages = log"

// printSettings are the same for the start-up message: as defaults of the
// session, which RESET ALL and DISCARD ALL go back to.
var printSettings = []wire.Setting{{Name: "debug_print_rewritten", Value: "on"}, {Name: "debug_pretty_print", Value: "off"}, {Name: "client_min_messages", Value: "log"}}

// ask sends what has to be asked before the message (of a kind and size) can
// be judged. It returns a refusal when nothing can be asked now.
func (m *machine) ask(kind byte, text string, size int64, need *needsServer, h *held) *gate.Refusal {
	m.asked++
	if m.asked > maxAsked {
		m.asked = 0
		return gate.CannotDecide(errors.New("the server does not show its analysis of the statement, or the catalog keeps changing"))
	}
	m.asking = &asking{kind: kind, text: text, size: size, alone: need.alone, held: h}
	if !m.printing {
		if m.inTransaction() || m.tx != 'I' || m.unsynced || len(m.queue) > 0 {
			m.asking, m.asked = nil, 0
			if m.inTransaction() || m.tx != 'I' {
				return &gate.Refusal{Kind: gate.Denied, Text: "masks apply here since this transaction began, or their analysis was switched off in it",
					Hint: "End this transaction (ROLLBACK or COMMIT), then send the statement again."}
			}
			return analysisOff()
		}
		m.askSettings(m.asking)
		return nil
	}
	for i := range need.asks {
		m.sendAsk(&question{ask: need.asks[i], key: m.lens.key(m.lens.snapshot())})
	}
	if p, err := m.lens.set(m.lens.snapshot()); err != nil || p.TypesOpaque() {
		// A constant of such a type runs code while it is parsed: what that
		// prints, or switches off, must not pass for the statement's.
		m.asking.canary = fmt.Sprintf("%x", m.nonce())
		m.sendAsk(&question{ask: ask{query: "SELECT '" + m.asking.canary + "'"}, canary: true})
	}
	m.toServer = wire.Empty(m.toServer, 'H')
	m.open = m.open || !m.unsynced
	return nil
}

// analysisOff refuses what the server has not shown its analysis of: something
// in the session has switched that off. The next question switches it on again.
func analysisOff() *gate.Refusal {
	return gate.Deny("the server's analysis, which masks need, was switched off in this session", "Send the statement again.")
}

// switchOn has the server print its analysis from here on, in a session that
// was open before any mask applied to it. It reports whether the client's
// message has to wait for that.
func (m *machine) switchOn() bool {
	if m.printing || m.absorb || m.tx != 'I' || m.unsynced || len(m.queue) > 0 || m.asked > 0 || m.lens.take() != nil {
		return false
	}
	defer m.lens.drop()
	if !m.lens.opts.byServer() {
		return false
	}
	m.asked++
	m.askSettings(&asking{})
	return true
}

func (m *machine) askSettings(a *asking) {
	m.asking = a
	a.settings, a.left = true, 1
	m.push(&entry{kind: 'Q', quiet: true, ask: &question{of: a}})
	m.toServer = wire.Query(m.toServer, guardSettings)
}

func (m *machine) sendAsk(q *question) {
	m.asking.left++
	q.of = m.asking
	m.push(&entry{kind: 'P', quiet: true, ask: q})
	if q.ask.keep {
		q.name = m.kept.name()
		m.toServer = wire.AppendParse(m.toServer, q.name, q.ask.query, q.ask.types)
		return
	}
	m.toServer = wire.AppendParse(m.toServer, askedName, q.ask.query, q.ask.types)
	m.closePrepared(askedName)
}

// closePrepared closes a statement of the gateway's own.
func (m *machine) closePrepared(name string) {
	m.push(&entry{kind: 'C', quiet: true})
	m.toServer = wire.AppendClose(m.toServer, 'S', name)
}

// took keeps a tree that the server prints for a question.
func (q *question) took(detail string) {
	q.size += len(detail)
	if len(q.trees) < maxTrees && q.size <= tree.MaxBytes {
		q.trees = append(q.trees, detail)
	}
}

// questionAnswer handles what the server answers to a question, errors and
// notices apart.
func (m *machine) questionAnswer(e *entry, typ byte) error {
	switch {
	case e.kind == 'Q' && typ == 'C':
		e.ask.set = true
	case e.kind == 'P' && typ == '1':
		if e.ask.of == m.asking {
			m.analysed(e.ask)
		}
		m.pop()
		m.askAnswered()
	default:
		return unexpected(typ, e)
	}
	return nil
}

// analysed handles ParseComplete of a question.
func (m *machine) analysed(q *question) {
	m.asking.left--
	if q.canary {
		if len(q.trees) != 1 || !showsConstant(q.trees[0], m.asking.canary) {
			m.printing = false
			clear(m.lens.seen)
		}
		return
	}
	s := &seen{key: q.key}
	switch {
	case q.size == 0:
		m.printing = false // and switched on again before the next question
		return
	case q.size > tree.MaxBytes || len(q.trees) >= maxTrees:
		s.err = fmt.Errorf("the server's analysis of the statement has more than %d bytes", tree.MaxBytes)
	case len(q.trees) > 1 && m.asking.canary == "":
		// Something else was analysed on the way: code ran that nobody knows of.
		s.err = errors.New("the server analysed more than the statement")
	default:
		// The statement's own is printed last, when its analysis is whole.
		last := q.trees[len(q.trees)-1]
		s.sum, s.normal = sha256.Sum256([]byte(last)), tree.Normal(last)
		s.tree, s.err = tree.Parse(last, m.lens.snapshot().ServerVersion/10000)
	}
	m.lens.remember(&q.ask, s)
	if q.name != "" {
		if old := m.kept.keep(q.ask.query, q.name); old != "" {
			m.closePrepared(old)
		}
	}
}

// askAnswered lets the message that waited be looked at again.
func (m *machine) askAnswered() {
	if m.asking == nil || m.asking.left > 0 {
		return
	}
	h := m.asking.held
	m.asking = nil
	if h != nil {
		m.held = h
		m.reheld = true
		return
	}
	m.stalled = true // resume goes on
}

// askFailed handles an error in place of the answer to a question: the server
// cannot analyse the statement, and says so to the client as it would have.
func (m *machine) askFailed(e *entry, fields []field) {
	q := e.ask
	a := q.of
	if m.asking != a {
		return // its message has gone already
	}
	m.asking, m.asked = nil, 0
	again := !q.canary && !a.alone && !m.inTransaction() && !m.unsynced && a.held == nil
	// The server skips all until Sync now.
	for len(m.queue) > 0 && m.queue[0].ask == nil && m.queue[0].kind == 'C' || len(m.queue) > 0 && m.queue[0].ask != nil {
		m.pop0()
	}
	if again {
		// One of several statements, which an earlier one of them may make
		// possible: they are judged by the gateway's own catalog instead.
		m.lens.remember(&q.ask, &seen{key: q.key, refused: true})
		m.endAsk()
		m.stalled = true
		return
	}
	if q.ask.inner {
		fields = without(fields, 'P') // a position in another text
	}
	m.lens.drop()
	_, seq := m.gs.RefuseUnparsed([]byte(a.text), a.size, &gate.Refusal{Kind: gate.Malformed, Text: "the server cannot analyse it: SQLSTATE " + get(fields, 'C')})
	m.clientAfter = max(m.clientAfter, seq)
	m.toClient = appendFields(m.toClient, 'E', m.cleanAnalysis(fields))
	if a.held != nil {
		m.gs.Abandon(&a.held.run.verdict, "the server cannot analyse it any more")
	}
	switch {
	case a.kind != 'Q' && a.kind != 'F':
		m.absorb, m.dirty = true, false // the message, and all up to Sync
		if m.open && !m.unsynced {
			m.endAsk()
		}
	default:
		m.open = false
		m.push(&entry{kind: 'S', pipeline: m.pipeline})
		m.pipeline++
		m.dirty, m.unsynced = false, false
		m.toServer = wire.Empty(m.toServer, 'S')
		m.dropMessage = a.held == nil
	}
	m.stalled = true
}

// endAsk ends the transaction that a question has begun, where the message that
// it was asked for does not go out.
func (m *machine) endAsk() {
	if !m.open || m.unsynced {
		return
	}
	m.open = false
	m.push(&entry{kind: 'S', quiet: true, pipeline: m.pipeline})
	m.pipeline++
	m.toServer = wire.Empty(m.toServer, 'S')
}

// cleanAnalysis takes out of an error of the server's analyser what code of the
// user's has put into it. The analyser's own words quote the statement, and
// nothing else; code that ran meanwhile leaves its context.
func (m *machine) cleanAnalysis(fields []field) []field {
	if !raisedByCode(fields) {
		return fields
	}
	return scrub(fields)
}

func without(fields []field, typ byte) []field {
	out := fields[:0:0]
	for _, f := range fields {
		if f.typ != typ {
			out = append(out, f)
		}
	}
	return out
}

// printedTree says whether a notice is a tree that the server itself printed.
// What a function raises under the same words names another routine
// (PostgreSQL 55.8, field R), which it cannot choose.
func printedTree(fields []field) (detail string, ok bool) {
	if get(fields, 'R') != "elog_node_display" || get(fields, 'V') != "LOG" {
		return "", false
	}
	return get(fields, 'D'), get(fields, 'M') == "rewritten parse tree:"
}

// remember keeps what was seen until the message is looked at again.
func (l *lens) remember(a *ask, s *seen) {
	if len(l.seen) >= maxSeen {
		clear(l.seen)
	}
	if l.seen == nil {
		l.seen = make(map[string]*seen)
	}
	l.seen[a.key()] = s
}

// refusedAnalysis is the verdict on a statement whose tree cannot be used.
func refusedAnalysis(v lineage.Verdict, err error) lineage.Verdict {
	v.Touches, v.Scrub, v.Facts = true, true, lineage.Unknown()
	v.Refuse, v.Hint = "server lineage: "+err.Error(), "Rewrite the statement, or tell your human."
	return v
}

// showsConstant says whether the tree of a SELECT shows a text constant: it is
// printed as the numbers of its bytes, behind four of length.
func showsConstant(detail, text string) bool {
	var b strings.Builder
	for i := range len(text) {
		fmt.Fprintf(&b, " %d", text[i])
	}
	return strings.Contains(strings.Join(strings.Fields(detail), " "), b.String()+" ]")
}

// nonce is a number that nobody can have guessed.
func (m *machine) nonce() []byte {
	b := make([]byte, 12)
	rand.Read(b) //nolint:errcheck // it never fails (crypto/rand)
	return b
}

package postgres

import (
	"container/list"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"

	pg "github.com/pganalyze/pg_query_go/v6"

	"sluice.dev/proxy/gate"
	"sluice.dev/proxy/protocol/postgres/catalog"
	"sluice.dev/proxy/protocol/postgres/facts"
	"sluice.dev/proxy/protocol/postgres/lineage"
)

// analysis is what is known of one text under one view of the names in it. It
// does not change once made, and is shared by sessions that see names alike.
type analysis struct {
	text     []byte
	facts    *gate.Facts
	own      *facts.Facts
	verdict  lineage.Verdict
	literals []gate.Literal
	copy     *copySpec
	copyIn   bool
	steps    []step

	changesPath, changesTemp, changesCatalog bool
	undoes                                   bool // nothing but a ROLLBACK

	key       string
	opts      *Options
	protected *catalog.Protected
	// server says that the queries in it were judged by the server's own
	// analysis; sum names the tree that it printed, of a text that is one query.
	server   bool
	sum      treeSum
	normal   treeSum
	proof    *proof // of one that was foreseen: the server has yet to print its tree
	uses     int    // of a text that one session keeps: how often it was sent
	resolved []*lineage.Resolved
	parts    []lineage.Verdict // of each statement, where there are several
	level    *levelChange      // of SET client_min_messages, which the gateway plays
	// shared says that it depends on nothing but text and key: not on what
	// this session has prepared or declared.
	shared bool
}

// step is what one statement of the text does to the session.
type step struct {
	transaction transaction
	prepare     string // the name of an SQL PREPARE, and
	declare     string // of a DECLARE, each with
	inner       *analysis
}

type transaction uint8

const (
	stays transaction = iota
	begins
	ends
)

// touches says whether anything protected is in reach of the statement.
func (a *analysis) touches() bool { return a != nil && a.verdict.Touches }

// unknownName says whether the text uses a name that the catalog lacks.
func (a *analysis) unknownName() bool {
	return a.verdict.Unresolved || slices.ContainsFunc(a.own.Unsure, func(why string) bool { return strings.HasSuffix(why, " is not known") })
}

// scrubs says whether errors and notices may quote something protected.
func (a *analysis) scrubs() bool { return a != nil && a.verdict.Scrub }

// newAnalysis works out what a text does. With server, the queries in it are
// judged by what the server printed of them; what it has not yet printed is the
// error, a *needsServer.
func newAnalysis(text string, types []uint32, view *catalog.View, p *catalog.Protected, m *machine, server bool) (*analysis, error) {
	stmt, err := facts.Parse(text)
	if err != nil {
		return nil, err
	}
	f := stmt.Facts(view)
	a := &analysis{text: []byte(text), shared: true, server: server}
	inner, known := a.innerFacts(f, m, p)
	if known && len(inner) > 0 {
		f = f.WithInner(inner...)
	}
	a.own = f
	trees := make([]*pg.Node, len(stmt.Stmts))
	for i := range stmt.Stmts {
		trees[i] = stmt.Stmts[i].Tree
	}
	verdicts := lineage.StrictText(trees, view, p)
	if server {
		if err := a.serverVerdicts(verdicts, stmt, types, view, p, m); err != nil {
			return nil, err
		}
		a.guard(stmt, verdicts)
		if len(verdicts) > 1 {
			a.parts = verdicts
		}
	}
	for i, v := range verdicts {
		if len(trees) > 1 && v.Copy != nil {
			// Which of several answers is which COPY's would be a guess.
			v.Copy = nil
			if v.Refuse == "" && !p.Empty() {
				v.Refuse, v.Hint = "strict lineage: COPY together with other statements in one message", "Send the statements one by one."
			}
		}
		a.join(v, m, p, len(trees) == 1)
		a.step(stmt, i, v)
	}
	if need := m.lens.needs; need != nil {
		m.lens.needs = nil
		return nil, need
	}
	if a.resolved != nil {
		f = resolvedFacts(f, a.resolved)
		a.own = f
	}
	a.changesPath = f.ChangesPath || f.ChangesRole
	a.changesTemp, a.changesCatalog = f.ChangesTemp, f.ChangesCatalog
	a.undoes = len(stmt.Stmts) == 1 && (f.Transaction == "rollback" || f.Transaction == "rollback_to")
	a.copyIn = f.Has("copy_in")
	a.facts = gateFacts(f, &a.verdict)
	a.keepLiterals(f, !p.Empty())
	return a, nil
}

// meant is what EXECUTE runs or FETCH reads: the analysis of what the session
// has put under the name; nil when it has put nothing there. sure says that its
// verdict is the whole truth: it holds under the names and the protected set of
// now, and no code that the gateway cannot read has run in the session, which
// could have put another in its place.
func (m *machine) meant(kind, name string, p *catalog.Protected) (x *analysis, sure bool) {
	switch kind {
	case "execute":
		// The server plans it anew when names mean something else by now.
		if x = m.prepared[name]; x == nil || !x.shared {
			return x, false
		}
		now, err := m.lens.work(m, string(x.text), nil)
		if need := (*needsServer)(nil); errors.As(err, &need) {
			m.lens.needs = need
		}
		if err != nil {
			return x, false
		}
		x = now
	case "fetch":
		if x = m.cursors[name]; x == nil {
			if po := m.portals[name]; po != nil && po.known { // SQL sees the protocol's portals as cursors
				x = po.st.a
			}
		}
	}
	return x, x != nil && x.shared && x.protected == p && !m.strange && !p.CastsOpaque()
}

// strange says whether a command may run code that the gateway cannot read.
func (a *analysis) strange() bool {
	f := a.verdict.Facts
	return f.CallsOpaqueFunction || f.FiresOpaqueTrigger || a.own.Flags.Dynamic || (a.protected.Empty() && !a.own.Session)
}

// innerFacts finds what EXECUTE runs and FETCH reads; known says that all of
// it was.
func (a *analysis) innerFacts(f *facts.Facts, m *machine, p *catalog.Protected) (inner []*facts.Facts, known bool) {
	known = true
	for _, in := range f.Inner {
		if in.Kind != "execute" && in.Kind != "fetch" {
			continue
		}
		a.shared = false
		if x, _ := m.meant(in.Kind, in.Name, p); x != nil {
			inner = append(inner, x.own)
		} else {
			known = false
		}
	}
	return inner, known
}

// join adds one statement's verdict to the whole.
func (a *analysis) join(v lineage.Verdict, m *machine, p *catalog.Protected, alone bool) {
	for _, ref := range []struct{ name, kind, what string }{{v.Execute, "execute", "prepared statement"}, {v.Fetch, "fetch", "cursor"}} {
		if ref.name == "" {
			continue
		}
		a.shared = false
		x, sure := m.meant(ref.kind, ref.name, p)
		switch {
		case x != nil:
			if sure && !v.Touches {
				v.System, v.Proven, v.Outputs = x.verdict.System, x.verdict.Proven, x.verdict.Outputs
				v.HoldRows = v.HoldRows || x.verdict.HoldRows
			}
			v.Columns = append(slices.Clone(v.Columns), x.verdict.Columns...)
			v.Facts = v.Facts.Or(x.verdict.Facts)
			v.Touches, v.Scrub, v.MaskAll = v.Touches || x.verdict.Touches, v.Scrub || x.verdict.Scrub, v.MaskAll || x.verdict.MaskAll
			v.Explain = v.Explain || x.verdict.Explain
		case !p.Empty() && v.Refuse == "":
			v.Refuse = fmt.Sprintf("strict lineage: %s %q is not known to this session", ref.what, ref.name)
			v.Hint = "Prepare or declare it in this session, outside of functions."
		}
		if !p.Empty() && !sure {
			v.Touches, v.Scrub = true, true
		}
	}
	if alone {
		a.verdict.System, a.verdict.Proven, a.verdict.Outputs = v.System, v.Proven, v.Outputs
	}
	w := &a.verdict
	w.HoldRows = w.HoldRows || v.HoldRows
	w.Touches, w.MaskAll, w.Scrub, w.Explain = w.Touches || v.Touches, w.MaskAll || v.MaskAll, w.Scrub || v.Scrub, w.Explain || v.Explain
	if w.Refuse == "" {
		w.Refuse, w.Hint = v.Refuse, v.Hint
	}
	w.Unresolved = w.Unresolved || v.Unresolved
	w.Facts = w.Facts.Or(v.Facts)
	for _, c := range v.Columns {
		if !slices.Contains(w.Columns, c) {
			w.Columns = append(w.Columns, c)
		}
	}
	if v.Copy != nil {
		a.copy = newCopySpec(v.Copy, p.Snapshot())
	}
}

// step notes what statement i does to the session.
func (a *analysis) step(stmt *facts.Statement, i int, v lineage.Verdict) {
	f := a.own
	if len(stmt.Stmts) > 1 {
		f = stmt.StmtFacts(i, nil)
	}
	s := step{prepare: v.Prepare, declare: v.Declare}
	switch f.Transaction {
	case "begin":
		s.transaction = begins
	case "commit", "rollback", "prepare":
		s.transaction = ends
	}
	if s.prepare != "" || s.declare != "" {
		s.inner = a
	}
	if s != (step{}) {
		a.steps = append(a.steps, s)
	}
}

var settingsNames = []string{"settings"}

// gateFacts is the protocol-neutral form, with PostgreSQL's own object.
func gateFacts(f *facts.Facts, v *lineage.Verdict) *gate.Facts {
	out := &gate.Facts{Complete: f.Complete, Resolved: f.Resolved, Operations: f.Operations, Reads: f.Reads, Writes: f.Writes,
		Columns: f.Columns, Filters: f.Filters, Functions: f.Functions, ReadOnly: f.ReadOnly, Session: f.Session, Exempt: f.Exempt,
		Fingerprint: f.Fingerprint, Description: f.Description}
	out.Flags = asMap[bool](f.Flags)
	out.Extra = asMap[any](v.Facts)
	settings := make([]any, 0, len(f.Settings))
	for _, s := range f.Settings {
		settings = append(settings, s.Name)
	}
	out.Extra["settings"], out.ExtraNames = settings, settingsNames
	out.Encode("postgres", f.Params)
	return out
}

// asMap turns a struct of booleans into what policies read, by its JSON names.
func asMap[T any](v any) map[string]T {
	b, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	var m map[string]T
	if json.Unmarshal(b, &m) != nil {
		return nil
	}
	return m
}

func (a *analysis) keepLiterals(f *facts.Facts, guarded bool) {
	for _, l := range f.Literals {
		a.literals = append(a.literals, gate.Literal{From: l.Start, To: l.End, Columns: l.Columns,
			// A program has literals of its own that nobody looked into.
			Secret: l.Secret || (l.Code && guarded)})
	}
}

// command makes the gate's command of an analysis and the values bound to it.
// It takes over the generation that the analysis was made under.
func (m *machine) command(a *analysis, params []gate.Param) *gate.Command {
	c := &gate.Command{Conn: m.lens.conn, Facts: a.facts, Text: a.text, Literals: a.literals, Canonical: a.own.Canonical,
		Database: m.lens.database, Role: m.lens.role, Path: m.lens.pathText, InTransaction: m.inTransaction()}
	m.lens.conn = nil
	if len(params) > 0 {
		c.Params = slices.Clone(params)
		for i := range c.Params {
			if i < len(a.own.ParamColumns) {
				c.Params[i].Columns = a.own.ParamColumns[i]
			}
		}
	}
	if v := &a.verdict; v.Refuse != "" && !a.own.Exempt {
		c.Refuse = gate.Deny(v.Refuse, v.Hint)
		c.RefuseColumns = v.Columns
	}
	return c
}

// analyses is what the sessions of a connection have worked out: by text, by
// shape, and what the server has shown, by either and what that hangs on.
type analyses struct {
	texts                   texts
	shapes, foreseenByShape shapes
	foreseenByText          texts

	warned sync.Map // alarms given, by text
}

// texts keeps analyses by text and view, within a bound on the bytes of the
// texts. The least recently used go first.
type texts struct {
	mu    sync.Mutex
	byKey map[string]*list.Element
	order list.List
	size  int
}

// maxAnalyses bounds the texts that are kept, in bytes; what is kept of each is
// a few times as long.
const maxAnalyses = 8 << 20

func (c *texts) get(text, key string) *analysis {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.byKey[text]
	if e == nil {
		return nil
	}
	a := e.Value.(*analysis)
	if a.key != key {
		return nil
	}
	c.order.MoveToFront(e)
	return a
}

func (c *texts) put(a *analysis) {
	if len(a.text) > maxAnalyses/8 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byKey == nil {
		c.byKey = make(map[string]*list.Element)
	}
	text := string(a.text)
	if e := c.byKey[text]; e != nil {
		e.Value = a
		c.order.MoveToFront(e)
		return
	}
	c.byKey[text] = c.order.PushFront(a)
	c.size += len(text) + 512
	for c.size > maxAnalyses {
		last := c.order.Back()
		old := string(last.Value.(*analysis).text)
		c.order.Remove(last)
		delete(c.byKey, old)
		c.size -= len(old) + 512
	}
}

// alarm tells the operator, once for each text, what is wrong with the
// protected set.
func (o *Options) alarm(log *slog.Logger, gateway string, err error) {
	if _, told := o.cache.warned.LoadOrStore(err.Error(), true); !told {
		log.Error("postgres: a mask names a column that the database does not have", "gateway", gateway, "error", err)
	}
}

package lineage

import (
	"fmt"

	"sluice.dev/proxy/protocol/postgres/catalog"
	"sluice.dev/proxy/protocol/postgres/tree"
)

// walker judges one tree that the server printed (masking.md 4). It is used by
// one goroutine, once.
type walker struct {
	t *tree.Tree
	s *catalog.Snapshot
	p *catalog.Protected
	names
	view *catalog.View // nil for what all sessions see alike

	scopes []*scopeOf // by the ID of the QUERY node
	values []value    // by the ID of the node
	known  []bool     // which of values hold
	outs   map[int32][]value
	open   map[int32][]value // recursive queries whose columns are being worked out
	hits   int               // how often one of open was looked up
	from   map[int32]value   // see rowsFrom
	steps  int
	depth  int
	types  map[uint32]typeClass
	effect map[int32]flag // see effects

	rounds    bool // within a recursive query
	withKnown bool
	withFlags flag

	alone *catalog.Relation // whose columns a Var outside of any query is of

	lost       bool // something was not understood
	refused    string
	hint       string
	unresolved bool
	facts      Facts
	scrub      bool // uses a protected column or an opaque function, or writes a protected relation
	opaque     bool
	user       bool // touches more than columns of the system's own relations
	hold       bool
	used       uint64 // configured columns that are referred to
	maskAll    bool
}

type typeClass uint8

const (
	typeUnknown typeClass = iota
	typePlain
	typeOpaque   // converting to it runs an opaque function
	typeCastable // a cast from or to it does
)

// Limits beyond which a tree is refused. A step is one look at a node.
const (
	maxTreeSteps = 4_000_000
	maxTreeDepth = 6000
)

// scopeOf is a query with what it can see.
type scopeOf struct {
	n    *tree.Node
	up   *scopeOf
	rtes []tree.Value
	// columns of range table entries, by index - 1, as they are worked out.
	columns [][]value
	// assigned are the values written, by attribute number of the result
	// relation; nil for a SELECT. INSERT … ON CONFLICT and MERGE have several.
	assigned map[int][]value
	target   int // resultRelation, 0 for none
	command  int
	// ungrouped: aggregates without GROUP BY, so one row comes out.
	ungrouped bool
}

// Commands of QUERY (nodes/nodes.h CmdType). Before 15, 5 is a utility command.
const (
	cmdSelect = 1
	cmdUpdate = 2
	cmdInsert = 3
	cmdDelete = 4
	cmdMerge  = 5
)

// Kinds of range table entries (nodes/parsenodes.h RTEKind).
const (
	rteRelation  = 0
	rteSubquery  = 1
	rteJoin      = 2
	rteFunction  = 3
	rteTableFunc = 4
	rteValues    = 5
	rteCTE       = 6
	rteResult    = 8
	rteGroup     = 9
)

func newWalker(t *tree.Tree, p *catalog.Protected) *walker {
	n := t.Nodes()
	return &walker{
		t: t, s: p.Snapshot(), p: p,
		scopes: make([]*scopeOf, n), values: make([]value, n), known: make([]bool, n),
		outs: make(map[int32][]value), from: make(map[int32]value), effect: make(map[int32]flag),
	}
}

// refuse keeps the first reason.
func (w *walker) refuse(hint, format string, args ...any) {
	if w.refused == "" {
		w.refused, w.hint = fmt.Sprintf(format, args...), hint
	}
}

// lacks refuses what the snapshot does not have: the caller loads it again.
func (w *walker) lacks(what string, oid uint32) {
	w.unresolved = true
	w.refuse("Send the statement again.", "%s %d is not in the gateway's catalog yet", what, oid)
}

// step counts work; false ends it.
func (w *walker) step() bool {
	w.steps++
	if w.steps > maxTreeSteps || w.depth > maxTreeDepth {
		w.lost = true
		w.refuse(otherHint, "the statement is too large")
		return false
	}
	return true
}

// scope is the scope of a query below up. A query has one place in a tree, so
// the first call decides.
func (w *walker) scope(n *tree.Node, up *scopeOf) *scopeOf {
	if q := w.scopes[n.ID]; q != nil {
		return q
	}
	q := &scopeOf{n: n, up: up, rtes: n.List(tree.Rtable)}
	q.command, _ = n.Int(tree.CommandType)
	q.columns = make([][]value, len(q.rtes))
	if q.command != cmdSelect {
		q.target, _ = n.Int(tree.ResultRelation)
	}
	q.ungrouped = n.True(tree.HasAggs) && len(n.List(tree.GroupClause)) == 0 && len(n.List(tree.GroupingSets)) == 0
	w.scopes[n.ID] = q
	return q
}

func (q *scopeOf) level(up int) *scopeOf {
	for ; up > 0 && q != nil; up-- {
		q = q.up
	}
	return q
}

func (w *walker) rte(q *scopeOf, i int) *tree.Node {
	if i < 1 || i > len(q.rtes) {
		return nil
	}
	n := w.t.Node(q.rtes[i-1])
	if n == nil || n.Tag != tree.TagRangeTblEntry {
		return nil
	}
	return n
}

// column is the value of a Var (primnodes.h): column att of range table entry
// i, 0 for the whole row, less for a system column.
func (w *walker) column(q *scopeOf, i, att int) value {
	r := w.rte(q, i)
	if w.alone != nil && q.n == nil && i == 1 {
		return w.attribute(w.alone, att)
	}
	if r == nil {
		return w.surprise("a column of nothing")
	}
	kind, ok := r.Int(tree.Rtekind)
	if !ok {
		return w.surprise("a range table entry without a kind")
	}
	if kind == rteRelation {
		return w.relation(q, r, i, att)
	}
	if att < 0 {
		return w.surprise("a system column of a query")
	}
	cols := w.rteColumns(q, r, kind, i)
	if att > 0 {
		if att > len(cols) {
			return w.surprise("a column that a query does not have")
		}
		return seen(cols[att-1])
	}
	return whole(cols)
}

// seen is a column's value as a Var has it.
func seen(v value) value {
	v = v.result()
	if v.nothing() {
		return v
	}
	if v.level == Clean {
		return value{flags: hasClean}
	}
	if !v.has(hasOpaque) {
		v.flags |= hasTainted
	}
	return v
}

// whole is a row of columns in one value.
func whole(cols []value) value {
	var v value
	for _, c := range cols {
		v = v.within(seen(c))
	}
	if !on(ruleWhole) {
		return value{flags: hasClean}
	}
	return v
}

// surprise is for a tree that is not as it should be.
func (w *walker) surprise(what string) value {
	w.lost = true
	w.refuse(otherHint, "the server's analysis is not understood: %s", what)
	return unknownValue
}

// relation is a column of a table, view or other relation.
func (w *walker) relation(q *scopeOf, r *tree.Node, i, att int) value {
	oid := r.OID(tree.Relid)
	rel, ok := w.s.Relation(oid)
	if !ok {
		w.lacks("relation", oid)
		return unknownValue
	}
	v := w.attribute(rel, att)
	if i != q.target || q.assigned == nil || !on(ruleReturning) {
		return v
	}
	if att != 0 { // what is returned is what was written
		return returned(v, q.assigned[att])
	}
	for _, l := range q.assigned {
		for _, a := range l {
			v = v.within(a.result())
		}
	}
	return v
}

func returned(v value, assigned []value) value {
	for _, a := range assigned {
		if a.tainted() && (v.level != a.level || v.from|a.from != v.from) {
			v = v.within(a.result())
		}
	}
	return v
}

func (w *walker) attribute(rel *catalog.Relation, att int) value {
	if att < 0 { // ctid and its like: where a row lies, not what is in it
		if w.p.Relation(rel.OID) && rel.Kind == 'f' {
			return w.protectedValue(rel, nil, Derived)
		}
		return value{flags: hasClean}
	}
	if att == 0 {
		if !on(ruleWhole) {
			return value{flags: hasClean}
		}
		var v value
		for _, n := range rel.Live() {
			v = v.within(w.attribute(rel, int(n)))
		}
		return v
	}
	if w.view != nil && w.view.Opaque(rel) {
		return w.fromOpaque(value{flags: hasClean})
	}
	if att > 1600 || att > len(rel.Columns) {
		w.unresolved = true
		w.refuse("Send the statement again.", "column %d of %s is not in the gateway's catalog yet", att, rel.ID())
		return unknownValue
	}
	n := int16(att) //nolint:gosec // at most 1600 columns
	origins, ok := w.p.Column(rel.OID, n)
	if !ok || !on(ruleSensitive) && w.p.Sensitive(rel.OID, n) {
		return value{flags: hasClean}
	}
	level := Derived
	if w.p.Exact(rel.OID, n) {
		level = Protected
	}
	return w.protectedValue(rel, origins, level)
}

func (w *walker) protectedValue(rel *catalog.Relation, origins []string, level Level) value {
	w.scrub = true
	w.user = w.user || !rel.System()
	v := value{level: level, flags: hasTainted, from: w.of(origins)}
	w.used |= v.from
	return v
}

// rteColumns are the columns of an entry that is no relation.
func (w *walker) rteColumns(q *scopeOf, r *tree.Node, kind, i int) []value {
	if c := q.columns[i-1]; c != nil {
		return c
	}
	before := w.hits
	cols := w.findColumns(q, r, kind)
	if w.hits == before { // else it may still grow
		q.columns[i-1] = cols
	}
	return cols
}

func (w *walker) findColumns(q *scopeOf, r *tree.Node, kind int) []value {
	switch kind {
	case rteSubquery:
		if s := r.Node(tree.Subquery); s != nil {
			return w.outputs(w.scope(s, q))
		}
	case rteJoin:
		return w.each(r.List(tree.Joinaliasvars), q)
	case rteGroup:
		return w.each(r.List(tree.Groupexprs), q)
	case rteFunction:
		return w.functionColumns(r, q)
	case rteTableFunc:
		v := w.expr(r.Node(tree.Tablefunc), q)
		return repeat(value{}.within(v), len(w.t.List(r.Node(tree.Eref).Get(tree.Colnames))))
	case rteValues:
		return w.valuesColumns(r.List(tree.ValuesLists), q)
	case rteCTE:
		return w.cteColumns(q, r)
	case rteResult:
		return []value{}
	}
	w.surprise("a range table entry of an unknown kind")
	return []value{}
}

func (w *walker) each(list []tree.Value, q *scopeOf) []value {
	out := make([]value, len(list))
	for i, x := range list {
		n := w.t.Node(x)
		if n == nil { // a dropped column of a join's side
			continue
		}
		out[i] = w.expr(n, q)
	}
	return out
}

func repeat(v value, n int) []value {
	out := make([]value, n)
	for i := range out {
		out[i] = v
	}
	return out
}

func (w *walker) valuesColumns(rows []tree.Value, q *scopeOf) []value {
	out := []value{}
	for k, row := range rows {
		cells := w.t.List(row)
		if k == 0 {
			out = make([]value, len(cells))
		}
		if len(cells) != len(out) {
			w.surprise("VALUES of different lengths")
			return out
		}
		for i, c := range cells {
			v := w.expr(w.t.Node(c), q)
			if k == 0 {
				out[i] = v
			} else {
				out[i] = out[i].beside(v)
			}
		}
	}
	return out
}

// cteColumns finds the query of WITH that an entry means. Names with line
// breaks in them may look alike here; then it is any of them.
func (w *walker) cteColumns(q *scopeOf, r *tree.Node) []value {
	n, at := w.cte(q, r)
	if n == nil {
		w.surprise("a query of WITH that is not there")
		return []value{}
	}
	cols := w.outputs(w.scope(n, at))
	return cols
}

func (w *walker) cte(q *scopeOf, r *tree.Node) (*tree.Node, *scopeOf) {
	up, ok := r.Int(tree.Ctelevelsup)
	at := q.level(up)
	if !ok || at == nil {
		return nil, nil
	}
	name := r.Text(tree.Ctename)
	var found *tree.Node
	for _, x := range at.n.List(tree.CteList) {
		c := w.t.Node(x)
		if c == nil || c.Text(tree.Ctename) != name {
			continue
		}
		if found != nil {
			return nil, nil
		}
		if found = c.Node(tree.Ctequery); found == nil {
			return nil, nil
		}
	}
	return found, at
}

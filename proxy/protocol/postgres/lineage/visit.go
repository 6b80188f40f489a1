package lineage

import (
	"maps"
	"slices"

	"sluice.dev/proxy/protocol/postgres/catalog"
	"sluice.dev/proxy/protocol/postgres/tree"
)

const (
	effectHint  = "Do not compute with protected columns in the expression that calls it."
	decoderHint = "Compare protected columns with constants or parameters only."
	storeHint   = "Set the column to a constant or a parameter, or leave protected columns out."
)

// root ends an expression: nothing that tells of protected data may decide
// whether something happens that another statement can see.
func (w *walker) root(v value) value {
	if on(ruleGuard) {
		switch {
		case v.has(hasTainted) && v.has(hasEffect):
			w.refuse(effectHint, "one expression has a protected column and a function that changes state")
		case v.has(hasOpaque) && v.has(ownEffect):
			w.refuse(effectHint, "one expression has the result of an opaque function and a function that changes state")
		}
	}
	if v.has(hasRaise) && on(ruleRaise) {
		w.hold = true
	}
	return v
}

// visit checks a query and all queries within it. fixed: its rows end in an
// ungrouped aggregate, so that how many there are shows in the aggregate alone.
func (w *walker) visit(q *scopeOf, fixed bool) {
	w.depth++
	defer func() { w.depth-- }()
	if !w.step() {
		return
	}
	if q.command < cmdSelect || q.command > cmdMerge || q.command == cmdMerge && w.t.Major < 15 {
		w.surprise("a command that is no query")
		return
	}
	cols := w.outputs(q)
	outer := fixed
	fixed = fixed || q.ungrouped
	if q.command != cmdSelect {
		w.writes(q)
	}
	w.targets(q.n.List(tree.TargetList), q, outer)
	w.targets(q.n.List(tree.ReturningList), q, outer)
	w.filters(q)
	w.limits(q)
	w.keys(q)
	if so := q.n.Node(tree.SetOperations); so != nil {
		w.setOperation(so, cols)
	}
	for i := range q.rtes {
		w.entry(q, i+1, fixed)
	}
	for _, x := range q.n.List(tree.CteList) {
		c := w.t.Node(x)
		if s := c.Node(tree.Ctequery); s != nil {
			before := w.rounds
			w.rounds = w.rounds || c.True(tree.Cterecursive)
			w.visit(w.scope(s, q), false)
			w.rounds = before
		} else {
			w.surprise("a query of WITH without a query")
		}
	}
	w.subqueries(q)
}

// targets checks a result list. Set-returning functions in it run after
// aggregation, so that what counts is the query around.
func (w *walker) targets(list []tree.Value, q *scopeOf, fixed bool) {
	for _, x := range list {
		n := w.t.Node(x)
		if n == nil || n.Tag != tree.TagTargetEntry {
			w.surprise("a result list of something else")
			continue
		}
		v := w.root(w.expr(n.Node(tree.Expr), q))
		w.rows(v, fixed)
	}
}

func (w *walker) rows(v value, fixed bool) {
	if v.has(hasRows) && !fixed && on(ruleRows) {
		w.refuse(otherHint, "the number of rows of a set-returning function depends on a protected value")
	}
}

func (w *walker) limits(q *scopeOf) {
	for _, f := range []tree.Field{tree.LimitCount, tree.LimitOffset} {
		if v := w.root(w.expr(q.n.Node(f), q)); v.tainted() && on(ruleLimit) {
			w.refuse(otherHint, "LIMIT or OFFSET is computed from a protected value")
		}
	}
}

// keys judges what rows are sorted, grouped and made distinct by.
func (w *walker) keys(q *scopeOf) {
	key := func(x tree.Value, fact *bool) {
		v := w.sortKey(w.t.Node(x), q)
		if !v.tainted() {
			return
		}
		*fact = true
		w.endless()
		if v.has(hasRaise) {
			w.hold = true
		}
		if v.mixed() && on(ruleKey) {
			w.refuse(decoderHint, "rows are sorted or grouped by protected and other data together")
		}
	}
	for _, x := range q.n.List(tree.SortClause) {
		key(x, &w.facts.OrdersByProtected)
	}
	for _, f := range []tree.Field{tree.GroupClause, tree.DistinctClause} {
		for _, x := range q.n.List(f) {
			key(x, &w.facts.GroupsByProtected)
		}
	}
	for _, x := range q.n.List(tree.WindowClause) {
		c := w.t.Node(x)
		for _, f := range []tree.Field{tree.PartitionClause, tree.OrderClause} {
			for _, k := range c.List(f) {
				key(k, &w.facts.OrdersByProtected)
			}
		}
		w.root(w.expr(c.Node(tree.StartOffset), q))
		w.root(w.expr(c.Node(tree.EndOffset), q))
	}
}

// setOperation: UNION, INTERSECT and EXCEPT compare rows, unless ALL of a
// UNION.
func (w *walker) setOperation(so *tree.Node, cols []value) {
	if !w.compares(so) {
		return
	}
	for _, c := range cols {
		if !c.tainted() {
			continue
		}
		w.facts.GroupsByProtected = true
		w.endless()
		if c.mixed() && on(ruleSet) {
			w.refuse(decoderHint, "a set operation compares protected with other data; UNION ALL does not")
		}
	}
}

func (w *walker) compares(so *tree.Node) bool {
	if so == nil || so.Tag != tree.TagSetOperation {
		return false
	}
	op, _ := so.Int(tree.Op)
	return !so.True(tree.All) || op != 1 || w.compares(so.Node(tree.Larg)) || w.compares(so.Node(tree.Rarg))
}

// endless refuses what lets a protected value decide how many rounds a
// recursive query makes: its counter would tell the value, though nothing
// compares the two.
func (w *walker) endless() {
	if w.rounds && on(ruleRecursive) {
		w.refuse(otherHint, "a recursive query would end by a protected value")
	}
}

// entry checks one entry of the range table.
func (w *walker) entry(q *scopeOf, i int, fixed bool) {
	r := w.rte(q, i)
	kind, ok := r.Int(tree.Rtekind)
	if r == nil || !ok {
		w.surprise("a range table entry of an unknown kind")
		return
	}
	switch kind {
	case rteRelation:
		w.relationEntry(q, r, i)
	case rteSubquery:
		if s := r.Node(tree.Subquery); s != nil {
			w.visit(w.scope(s, q), fixed)
		} else {
			w.surprise("a subquery without a query")
		}
	case rteFunction:
		for _, x := range r.List(tree.Functions) {
			v := w.root(w.rangeFunction(w.t.Node(x), q))
			w.rows(v, fixed)
		}
	case rteTableFunc:
		v := w.root(w.expr(r.Node(tree.Tablefunc), q))
		if v.tainted() && !fixed && on(ruleRows) {
			w.refuse(otherHint, "the rows of a table function come from a protected value")
		}
	case rteValues:
		for _, row := range r.List(tree.ValuesLists) {
			for _, c := range w.t.List(row) {
				v := w.root(w.expr(w.t.Node(c), q))
				w.rows(v, fixed)
			}
		}
	case rteJoin, rteCTE, rteResult, rteGroup:
	default:
		w.surprise("a range table entry of an unknown kind")
	}
}

func (w *walker) relationEntry(q *scopeOf, r *tree.Node, i int) {
	oid := r.OID(tree.Relid)
	if _, ok := w.s.Relation(oid); !ok {
		w.lacks("relation", oid)
		return
	}
	if w.p.Relation(oid) && (i != q.target || q.command != cmdInsert) {
		w.facts.ReadsProtectedRelation = true
	}
	// Conditions of row security are the owner's, not the client's: what they
	// compare is no question of this statement.
	if v := w.any(r.Get(tree.SecurityQuals), q); v.has(hasRaise) && on(ruleRaise) {
		w.hold = true
	}
	if s := r.Node(tree.Tablesample); s != nil {
		if v := w.root(w.expr(s, q)); v.tainted() && on(ruleLimit) {
			w.refuse(otherHint, "the size of a sample is computed from a protected value")
		}
	}
}

// writes checks what a statement stores and what it sets off.
func (w *walker) writes(q *scopeOf) {
	r := w.rte(q, q.target)
	if r == nil {
		w.surprise("a write to nothing")
		return
	}
	oid := r.OID(tree.Relid)
	rel, ok := w.s.Relation(oid)
	if !ok {
		w.lacks("relation", oid)
		return
	}
	for _, att := range slices.Sorted(maps.Keys(q.assigned)) { // what is refused is the same each time
		for _, v := range q.assigned[att] {
			w.stored(rel, att, v)
		}
	}
	if on(ruleConflict) {
		w.conflict(q, rel)
	}
	for _, op := range w.operations(q) {
		reach := w.p.Writes(oid, op)
		if reach.Protected || reach.Opaque {
			w.scrub, w.user = true, true
		}
		opaque, denied := w.p.Fires(oid, op)
		if opaque || denied {
			w.facts.FiresOpaqueTrigger = true
			w.scrub, w.user, w.maskAll = true, true, true
			if on(ruleTrigger) {
				w.refuse(otherHint, "a write to %s fires a trigger that can read what masks protect", rel.ID())
			}
		}
		if reach.Denied {
			w.refuse(otherHint, "a write to %s runs a function that can read what masks protect", rel.ID())
		}
	}
}

func (w *walker) stored(rel *catalog.Relation, att int, v value) {
	w.root(v)
	w.attribute(rel, att) // it is referred to
	if v.tainted() && on(ruleWrite) && !w.storable(rel, att, v) {
		name := w.s.ColumnName(catalog.Attr{Relation: rel.OID, Number: int16(att)}) //nolint:gosec // at most 1600 columns
		w.refuse(storeHint, "a protected value would be stored in column %s, where masks do not reach or another applies", name)
	}
}

// storable: a protected column may get the very values of the columns that its
// masks are for. What is computed from them could come out of its mask bit by
// bit.
func (w *walker) storable(rel *catalog.Relation, att int, v value) bool {
	to := w.attribute(rel, att)
	return v.level == Protected && to.level == Protected && v.from != 0 && v.from|to.from == to.from
}

// operations are the kinds of write that a statement makes to its target.
func (w *walker) operations(q *scopeOf) []catalog.Op {
	switch q.command {
	case cmdInsert:
		if q.n.Node(tree.OnConflict) != nil {
			return []catalog.Op{catalog.Insert, catalog.Update}
		}
		return []catalog.Op{catalog.Insert}
	case cmdUpdate:
		return []catalog.Op{catalog.Update}
	case cmdDelete:
		return []catalog.Op{catalog.Delete}
	}
	return []catalog.Op{catalog.Insert, catalog.Update, catalog.Delete}
}

// conflict: ON CONFLICT tells which of the inserted values are there already.
// One that is given as a constant is a question like any filter; a whole column
// of them reads the other table's column out.
func (w *walker) conflict(q *scopeOf, rel *catalog.Relation) {
	oc := q.n.Node(tree.OnConflict)
	if oc == nil || !w.p.Relation(rel.OID) {
		return
	}
	for _, x := range oc.List(tree.ArbiterElems) {
		w.root(w.expr(w.t.Node(x), q))
	}
	for _, x := range q.n.List(tree.TargetList) {
		n := w.t.Node(x)
		no, _ := n.Int(tree.Resno)
		if n.True(tree.Resjunk) || !w.attribute(rel, no).tainted() {
			continue
		}
		w.facts.FiltersProtectedConst = true
		if v := w.expr(n.Node(tree.Expr), q); v.has(hasClean) && !w.listed(n.Node(tree.Expr), q) {
			w.refuse(decoderHint, "ON CONFLICT compares a protected column with other data")
		}
	}
}

// listed: an expression over columns of VALUES that has only constants.
func (w *walker) listed(n *tree.Node, q *scopeOf) bool {
	if n.Tag == tree.TagVar {
		i, _ := n.Int(tree.Varno)
		att, _ := n.Int(tree.Varattno)
		r := w.rte(q, i)
		if k, ok := r.Int(tree.Rtekind); r == nil || !ok || k != rteValues || att < 1 {
			return false
		}
		cols := w.rteColumns(q, r, rteValues, i)
		return att <= len(cols) && !cols[att-1].has(hasClean)
	}
	if n.Tag == tree.TagSubLink || n.Tag == tree.TagQuery {
		return false
	}
	found := true
	for i := range n.Fields() {
		_, x := n.At(i)
		for _, e := range append(w.t.List(x), x) {
			if c := w.t.Node(e); c != nil {
				found = found && w.listed(c, q)
			}
		}
	}
	return found
}

// subqueries visits the queries within the expressions of a query. Those of the
// range table and of WITH are visited by themselves.
func (w *walker) subqueries(q *scopeOf) {
	for i := range q.n.Fields() {
		name, x := q.n.At(i)
		if name == tree.CteList {
			continue
		}
		if name == tree.Rtable {
			for _, e := range w.t.List(x) {
				w.within(w.t.Node(e), q, true)
			}
			continue
		}
		w.nested(x, q)
	}
}

func (w *walker) nested(x tree.Value, q *scopeOf) {
	switch x.Kind {
	case tree.Inner:
		w.within(w.t.Node(x), q, false)
	case tree.List:
		for _, e := range w.t.List(x) {
			if e.Kind >= tree.Inner {
				w.nested(e, q)
			}
		}
	}
}

// within looks for queries below a node. Of an entry of the range table, its
// own subquery has been visited.
func (w *walker) within(n *tree.Node, q *scopeOf, entry bool) {
	if n == nil || !w.step() {
		return
	}
	if n.Tag == tree.TagQuery {
		w.visit(w.scope(n, q), false)
		return
	}
	w.depth++
	for i := range n.Fields() {
		name, x := n.At(i)
		if entry && name == tree.Subquery || x.Kind < tree.Inner {
			continue
		}
		w.nested(x, q)
	}
	w.depth--
}

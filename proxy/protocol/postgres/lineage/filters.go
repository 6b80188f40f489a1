package lineage

import "sluice.dev/proxy/protocol/postgres/tree"

// filters judges what decides which rows there are: WHERE, ON, HAVING, the
// WHERE of ON CONFLICT, the conditions of MERGE.
func (w *walker) filters(q *scopeOf) {
	w.joins(q.n.Node(tree.Jointree), q)
	w.condition(q.n.Node(tree.HavingQual), q)
	w.condition(q.n.Node(tree.MergeJoinCondition), q)
	oc := q.n.Node(tree.OnConflict)
	w.condition(oc.Node(tree.OnConflictWhere), q)
	w.condition(oc.Node(tree.ArbiterWhere), q)
	for _, x := range q.n.List(tree.MergeActionList) {
		w.conditions(w.t.Node(x).Get(tree.Qual), q)
	}
}

// joins walks a jointree (primnodes.h FromExpr, JoinExpr).
func (w *walker) joins(n *tree.Node, q *scopeOf) {
	if n == nil || n.Tag == tree.TagRangeTblRef {
		return
	}
	if n.Tag != tree.TagFromExpr && n.Tag != tree.TagJoinExpr || !w.step() {
		w.surprise("a join of an unknown kind")
		return
	}
	w.depth++
	defer func() { w.depth-- }()
	w.conditions(n.Get(tree.Quals), q)
	for _, x := range n.List(tree.Fromlist) {
		w.joins(w.t.Node(x), q)
	}
	w.joins(n.Node(tree.Larg), q)
	w.joins(n.Node(tree.Rarg), q)
}

func (w *walker) conditions(x tree.Value, q *scopeOf) {
	switch x.Kind {
	case tree.Inner:
		w.condition(w.t.Node(x), q)
	case tree.List: // of conditions joined by AND
		for _, e := range w.t.List(x) {
			w.conditions(e, q)
		}
	}
}

func (w *walker) condition(n *tree.Node, q *scopeOf) {
	if n != nil {
		w.root(w.expr(n, q))
		w.atom(n, q)
	}
}

// atom judges a condition, by the parts that AND, OR and NOT join.
func (w *walker) atom(n *tree.Node, q *scopeOf) {
	if n == nil || !w.step() {
		return
	}
	switch n.Tag {
	case tree.TagBoolExpr:
		for _, x := range n.List(tree.Args) {
			w.atom(w.t.Node(x), q)
		}
		return
	case tree.TagBooleanTest:
		w.atom(n.Node(tree.Arg), q)
		return
	}
	v := w.expr(n, q)
	if v.tainted() {
		w.endless()
	}
	switch {
	case !v.tainted():
	case n.Tag == tree.TagSubLink:
		w.subqueryAtom(n, v, q)
	case !v.has(hasTainted):
		w.facts.FiltersOnOpaqueFunction = true
		w.decodes(v)
	case w.decodes(v):
		w.facts.FiltersDerived = true
	case n.Tag == tree.TagNullTest && w.expr(n.Node(tree.Arg), q).level == Protected:
		w.facts.FiltersNullProtected = true
	default:
		w.comparison(n, v, q)
	}
}

// decodes refuses a condition that compares protected data with a column that
// is not: joined to a list of candidates it prints the value.
func (w *walker) decodes(v value) bool {
	if !v.mixed() {
		return false
	}
	if on(ruleDecoder) {
		w.refuse(decoderHint, "a filter compares protected with other data")
	}
	return true
}

// comparison sorts the facts of a condition over protected columns, constants
// and parameters.
func (w *walker) comparison(n *tree.Node, v value, q *scopeOf) {
	args := n.List(tree.Args)
	if len(args) != 2 || n.Tag != tree.TagOpExpr && n.Tag != tree.TagScalarArrayOpExpr {
		if v.level == Protected { // a boolean column
			w.facts.FiltersProtectedConst = true
		} else {
			w.facts.FiltersDerived = true
		}
		return
	}
	l, r := w.expr(w.t.Node(args[0]), q), w.expr(w.t.Node(args[1]), q)
	switch {
	case l.level == Protected && r.level == Protected:
		w.facts.JoinsProtectedWithProtected = true
	case l.tainted() && r.tainted():
		w.facts.FiltersDerived, w.facts.JoinsProtectedWithProtected = true, true
	case (l.level == Protected || r.level == Protected) && w.equality(n):
		w.facts.FiltersProtectedConst = true
	default:
		w.facts.FiltersDerived = true
	}
}

// equality: by = of the system, with one value or any of a list.
func (w *walker) equality(n *tree.Node) bool {
	name, oid, ok := w.s.Operator(n.OID(tree.Opno))
	if !ok || name != "=" || n.Tag == tree.TagScalarArrayOpExpr && !n.True(tree.UseOr) {
		return false
	}
	f, ok := w.s.Function(oid)
	return ok && f.FromSystem() && f.Trusted()
}

// subqueryAtom is EXISTS, IN, ANY, ALL or a scalar subquery as a condition.
// Those within the subquery are judged where it is visited.
func (w *walker) subqueryAtom(n *tree.Node, v value, q *scopeOf) {
	kind, _ := n.Int(tree.SubLinkType)
	if kind == sublinkExists {
		return
	}
	var cols value
	if s := n.Node(tree.Subselect); s != nil {
		cols = whole(w.outputs(w.scope(s, q)))
	}
	test := w.expr(n.Node(tree.Testexpr), q)
	switch {
	case !cols.tainted() && !test.tainted(): // only which rows it has
	case w.decodes(test.within(cols)):
		w.facts.FiltersDerived = true
	case cols.tainted() && test.tainted():
		w.facts.JoinsProtectedWithProtected = true
	case !v.has(hasTainted):
		w.facts.FiltersOnOpaqueFunction = true
	default:
		w.facts.FiltersDerived = true
	}
}

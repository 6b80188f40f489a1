package lineage

import "sluice.dev/proxy/protocol/postgres/tree"

// Kinds of SubLink (primnodes.h SubLinkType).
const (
	sublinkExists     = 0
	sublinkAll        = 1
	sublinkAny        = 2
	sublinkRowCompare = 3
	sublinkExpr       = 4
	sublinkMulti      = 5
	sublinkArray      = 6
	sublinkCTE        = 7
)

// sublink is the value of a subquery in an expression.
func (w *walker) sublink(n *tree.Node, q *scopeOf) value {
	s := n.Node(tree.Subselect)
	kind, ok := n.Int(tree.SubLinkType)
	if s == nil || s.Tag != tree.TagQuery || !ok || kind > sublinkCTE {
		return w.surprise("a subquery without a query")
	}
	in := w.scope(s, q)
	cols := w.outputs(in)
	var v value
	switch kind {
	case sublinkExists:
	case sublinkExpr:
		if len(cols) == 1 {
			v = seen(cols[0])
		} else {
			v = whole(cols)
		}
	default:
		v = whole(cols)
	}
	if test := n.Node(tree.Testexpr); test != nil {
		v = v.within(w.expr(test, q))
		v.level = min(v.level, Mixed)
	}
	switch kind {
	case sublinkExists, sublinkAll, sublinkAny, sublinkRowCompare:
		if v.level == Protected { // a comparison, not the value
			v.level = Derived
		}
		if on(ruleExists) {
			v = v.tainting(w.rowsDepend(in))
		}
		v.flags |= hasClean // which rows there are
		v = v.settled()
	case sublinkArray:
		v.flags |= hasClean
		v = v.settled()
	}
	v.flags &^= hasRaise | hasRows // judged where the query is visited
	return v.with(w.effects(s, q))
}

// rowsDepend is what the rows of a query hang on, if it is protected.
func (w *walker) rowsDepend(q *scopeOf) value {
	var v value
	note := func(x value) {
		if x.tainted() {
			x = x.result()
			x.flags &^= hasClean // a filter that has both is refused itself
			if x.level == Mixed || x.level == Protected {
				x.level = Derived
			}
			v = v.within(x)
		}
	}
	note(w.expr(q.n.Node(tree.Jointree), q))
	note(w.expr(q.n.Node(tree.HavingQual), q))
	note(w.expr(q.n.Node(tree.LimitCount), q))
	note(w.expr(q.n.Node(tree.LimitOffset), q))
	for i := range q.rtes {
		r := w.rte(q, i+1)
		if s := r.Node(tree.Subquery); s != nil {
			note(w.rowsDepend(w.scope(s, q)))
		}
	}
	for _, x := range q.n.List(tree.CteList) {
		if s := w.t.Node(x).Node(tree.Ctequery); s != nil {
			note(w.rowsDepend(w.scope(s, q)))
		}
	}
	return v
}

// effects finds what a query does beside its answer, anywhere in it.
func (w *walker) effects(n *tree.Node, q *scopeOf) flag {
	var out flag
	for i := range n.Fields() {
		_, x := n.At(i)
		out |= w.effectsOf(x, q)
	}
	return out
}

func (w *walker) effectsOf(x tree.Value, q *scopeOf) (out flag) {
	switch x.Kind {
	case tree.List:
		for _, e := range w.t.List(x) {
			if e.Kind >= tree.Inner {
				out |= w.effectsOf(e, q)
			}
		}
	case tree.Inner:
		n := w.t.Node(x)
		if f, ok := w.effect[n.ID]; ok {
			return f
		}
		if !w.step() {
			return hasEffect | ownEffect
		}
		out = w.own(n) | w.effects(n, q)
		if n.Tag == tree.TagSubLink || n.Tag == tree.TagQuery {
			w.effect[n.ID] = out
		}
	}
	return out
}

// own are the effects of a node itself.
func (w *walker) own(n *tree.Node) (out flag) {
	switch n.Tag {
	case tree.TagNextValueExpr:
		return hasEffect | ownEffect
	case tree.TagQuery:
		if c, _ := n.Int(tree.CommandType); c != cmdSelect {
			return hasEffect | ownEffect
		}
		return 0
	case tree.TagRangeTblEntry: // a query of WITH runs when it is read
		if k, _ := n.Int(tree.Rtekind); k == rteCTE {
			return w.withEffects()
		}
		return 0
	case tree.TagFuncExpr, tree.TagOpExpr, tree.TagDistinctExpr, tree.TagNullIfExpr, tree.TagScalarArrayOpExpr,
		tree.TagAggref, tree.TagWindowFunc, tree.TagRowCompareExpr:
		return w.called(n, value{}, nil).flags & (hasEffect | ownEffect)
	}
	return 0
}

// withEffects are those of all queries of WITH in the statement.
func (w *walker) withEffects() flag {
	if w.withKnown {
		return w.withFlags
	}
	w.withKnown = true
	var visit func(x tree.Value)
	visit = func(x tree.Value) {
		if n := w.t.Node(x); n != nil {
			if n.Tag == tree.TagCommonTableExpr {
				w.withFlags |= w.effects(n, nil)
			}
			for i := range n.Fields() {
				_, f := n.At(i)
				visit(f)
			}
		}
		for _, e := range w.t.List(x) {
			visit(e)
		}
	}
	for _, n := range w.t.Queries {
		for i := range n.Fields() {
			_, f := n.At(i)
			visit(f)
		}
	}
	clear(w.effect) // what was worked out on the way may lack some
	return w.withFlags
}

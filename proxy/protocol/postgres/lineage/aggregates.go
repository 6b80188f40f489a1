package lineage

import "sluice.dev/proxy/protocol/postgres/tree"

// aggregate is an aggregate's result. Counting rows, or the values of a column
// that are not NULL, tells nothing of what they are; a count of distinct ones
// tells how many groups there are, which is a fact like GROUP BY.
func (w *walker) aggregate(n *tree.Node, q *scopeOf) value {
	up, _ := n.Int(tree.Agglevelsup)
	v := w.called(n, w.parts(n, q), q)
	if w.counts(n) && n.Node(tree.Aggfilter) == nil && len(n.List(tree.Aggorder)) == 0 && !v.has(hasOpaque) {
		plain := true
		for _, x := range n.List(tree.Args) {
			plain = plain && w.expr(w.t.Node(x).Node(tree.Expr), q).level <= Protected
		}
		if plain {
			if v.tainted() && len(n.List(tree.Aggdistinct)) > 0 {
				w.facts.GroupsByProtected = true
			}
			v = value{flags: v.flags & (hasEffect | ownEffect)}
		}
	}
	if !w.insensitive(n) || !v.tainted() {
		v.flags |= hasClean // how many rows there are is in it too
		v = v.settled()
	}
	at := q.level(up)
	if at == nil {
		return w.surprise("an aggregate of no query")
	}
	if on(ruleCount) {
		v = v.tainting(w.rowsFrom(at)) // how many rows it saw is an answer then
	}
	return v
}

// insensitive: the result over a group of rows is the same however often each
// value is in it.
func (w *walker) insensitive(n *tree.Node) bool {
	f, ok := w.s.Function(n.OID(tree.Aggfnoid))
	if !ok || !f.Builtin() {
		return false
	}
	switch f.Name {
	case "min", "max", "avg", "bool_and", "bool_or", "every", "bit_and", "bit_or", "any_value":
		return true
	}
	return len(n.List(tree.Aggdistinct)) > 0
}

func (w *walker) counts(n *tree.Node) bool {
	f, ok := w.s.Function(n.OID(tree.Aggfnoid))
	return ok && f.Builtin() && f.Name == "count"
}

// windowFunction takes the taint of its window too: which rows it is over, in
// which order.
func (w *walker) windowFunction(n *tree.Node, q *scopeOf) value {
	v := w.called(n, w.parts(n, q), q)
	if !on(ruleWindow) {
		return v
	}
	v.flags |= hasClean // which row of its window this is
	v = v.settled()
	ref, _ := n.Int(tree.Winref)
	for _, x := range q.n.List(tree.WindowClause) {
		c := w.t.Node(x)
		if i, ok := c.Int(tree.Winref); !ok || i != ref {
			continue
		}
		var by value
		for _, f := range []tree.Field{tree.PartitionClause, tree.OrderClause} {
			for _, s := range c.List(f) {
				by = by.within(w.sortKey(w.t.Node(s), q))
			}
		}
		by = by.within(w.expr(c.Node(tree.StartOffset), q)).within(w.expr(c.Node(tree.EndOffset), q))
		return v.tainting(by.result())
	}
	w.surprise("a window function without its window")
	return unknownValue
}

// sortKey is the value of a SortGroupClause: of the target that it names.
func (w *walker) sortKey(s *tree.Node, q *scopeOf) value {
	ref, ok := s.Int(tree.TleSortGroupRef)
	if !ok {
		return w.surprise("a key without a target")
	}
	for _, x := range q.n.List(tree.TargetList) {
		n := w.t.Node(x)
		if r, ok := n.Int(tree.Ressortgroupref); !ok || r != ref {
			continue
		}
		if q.n.Node(tree.SetOperations) != nil {
			no, _ := n.Int(tree.Resno)
			if cols := w.outputs(q); no >= 1 && no <= len(cols) {
				return cols[no-1]
			}
			return w.surprise("a key of a set operation that is no column")
		}
		return w.expr(n.Node(tree.Expr), q)
	}
	return w.surprise("a key without a target")
}

// rowsFrom tells whether the number of rows that a query reads hangs on a
// protected value by a set-returning function. Everywhere but below an
// ungrouped aggregate such a query is refused.
func (w *walker) rowsFrom(q *scopeOf) value {
	if v, ok := w.from[q.n.ID]; ok {
		return v
	}
	w.from[q.n.ID] = value{} // of a recursive query: what it has besides itself
	before := w.hits
	var v value
	for i := range q.rtes {
		r := w.rte(q, i+1)
		kind, _ := r.Int(tree.Rtekind)
		switch kind {
		case rteFunction:
			for _, x := range r.List(tree.Functions) {
				if f := w.rangeFunction(w.t.Node(x), q); f.has(hasRows) {
					v = v.within(f.result())
				}
			}
		case rteTableFunc:
			v = v.within(w.expr(r.Node(tree.Tablefunc), q).result())
			if !v.tainted() {
				v = value{}
			}
		case rteSubquery:
			if s := r.Node(tree.Subquery); s != nil {
				v = v.within(w.rowsOf(w.scope(s, q)))
			}
		case rteCTE:
			if n, at := w.cte(q, r); n != nil {
				v = v.within(w.rowsOf(w.scope(n, at)))
			}
		}
	}
	if w.hits == before {
		w.from[q.n.ID] = v
	} else {
		delete(w.from, q.n.ID)
	}
	return v
}

// rowsOf is the same of the rows that a query yields.
func (w *walker) rowsOf(q *scopeOf) value {
	var v value
	if !q.ungrouped {
		v = w.rowsFrom(q)
	}
	for _, x := range q.n.List(tree.TargetList) {
		if e := w.expr(w.t.Node(x).Node(tree.Expr), q); e.has(hasRows) {
			v = v.within(e.result())
		}
	}
	return v
}

package lineage

import "sluice.dev/proxy/protocol/postgres/tree"

// maxRounds bounds the fixed point over a recursive query: its values climb a
// lattice of finite height, and almost always stop after two or three rounds.
const maxRounds = 80

// outputs are the values of a query's result columns. Those of a recursive
// query are a fixed point: while it is worked out, what it refers to of itself
// is what it has come to so far.
func (w *walker) outputs(q *scopeOf) []value {
	id := q.n.ID
	if cols, ok := w.outs[id]; ok {
		return cols
	}
	if cols, ok := w.open[id]; ok {
		w.hits++
		return cols
	}
	if w.open == nil {
		w.open = make(map[int32][]value)
	}
	list := q.n.List(tree.TargetList)
	if q.command != cmdSelect {
		list = q.n.List(tree.ReturningList)
		w.assign(q)
	}
	width := 0
	for _, x := range list {
		if n := w.t.Node(x); n != nil && !n.True(tree.Resjunk) {
			width++
		}
	}
	cur := repeat(value{flags: unsettled}, width)
	before := w.hits
	for range maxRounds {
		w.open[id] = cur
		own := w.hits
		next := w.round(q, list, width)
		same := true
		for i := range next {
			settled := !next[i].has(unsettled)
			next[i] = grown(cur[i], next[i])
			if settled {
				next[i].flags &^= unsettled
			}
			if w.hits != own && next[i].level == Derived {
				next[i].flags |= hasClean // how many rounds it took is in it
				next[i] = next[i].settled()
			}
			same = same && next[i] == cur[i]
		}
		cur = next
		if same || w.hits == own {
			delete(w.open, id)
			// It is final, unless it hangs on another that is still open.
			if w.hits == before || len(w.open) == 0 {
				for i := range cur {
					cur[i].flags &^= unsettled
				}
				w.outs[id] = cur
			}
			return cur
		}
	}
	delete(w.open, id)
	w.surprise("a recursive query that does not settle")
	return repeat(unknownValue, width)
}

// grown is the least value at or above both.
func grown(v, w value) value {
	return value{level: max(v.level, w.level), flags: v.flags | w.flags, from: v.from | w.from}
}

func (w *walker) round(q *scopeOf, list []tree.Value, width int) []value {
	if so := q.n.Node(tree.SetOperations); so != nil {
		return w.branches(so, q, width)
	}
	out := make([]value, 0, width)
	for _, x := range list {
		if n := w.t.Node(x); n != nil && !n.True(tree.Resjunk) {
			out = append(out, w.expr(n.Node(tree.Expr), q).result())
		}
	}
	return out
}

// branches joins the columns of the queries of a set operation.
func (w *walker) branches(n *tree.Node, q *scopeOf, width int) []value {
	if n == nil {
		w.surprise("a set operation without a side")
		return repeat(unknownValue, width)
	}
	if n.Tag == tree.TagRangeTblRef {
		i, _ := n.Int(tree.Rtindex)
		r := w.rte(q, i)
		if r == nil || r.Node(tree.Subquery) == nil {
			w.surprise("a set operation over no query")
			return repeat(unknownValue, width)
		}
		cols := w.outputs(w.scope(r.Node(tree.Subquery), q))
		if len(cols) != width {
			if _, open := w.open[r.Node(tree.Subquery).ID]; !open {
				w.surprise("a set operation over queries of different widths")
			}
			return repeat(unknownValue, width)
		}
		return cols
	}
	if n.Tag != tree.TagSetOperation || !w.step() {
		w.surprise("a set operation of an unknown kind")
		return repeat(unknownValue, width)
	}
	w.depth++
	defer func() { w.depth-- }()
	left, right := w.branches(n.Node(tree.Larg), q, width), w.branches(n.Node(tree.Rarg), q, width)
	out := make([]value, width)
	for i := range out {
		l, r := left[i].result(), right[i].result()
		if on(ruleBeside) {
			out[i] = l.beside(r)
		} else {
			out[i] = l
		}
	}
	return out
}

// assign works out what a statement that writes puts into the columns of its
// target.
func (w *walker) assign(q *scopeOf) {
	if q.assigned != nil {
		return
	}
	m := make(map[int][]value)
	add := func(list []tree.Value) {
		for _, x := range list {
			n := w.t.Node(x)
			if n == nil || n.True(tree.Resjunk) {
				continue
			}
			no, _ := n.Int(tree.Resno)
			m[no] = append(m[no], w.expr(n.Node(tree.Expr), q))
		}
	}
	if q.command == cmdUpdate || q.command == cmdInsert {
		add(q.n.List(tree.TargetList))
	}
	add(q.n.Node(tree.OnConflict).List(tree.OnConflictSet))
	for _, x := range q.n.List(tree.MergeActionList) {
		add(w.t.Node(x).List(tree.TargetList))
	}
	q.assigned = m
}

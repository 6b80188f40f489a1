package lineage

import (
	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/proto"
)

// query analyses anything that puts out rows; up is what it sees from outside.
// open says that it puts out more columns than are listed.
func (a *analysis) query(m proto.Message, up *scope) (cols []column, open bool) {
	defer a.leave()
	if !a.enter() {
		return nil, true
	}
	switch x := m.(type) {
	case *pg.SelectStmt:
		cols, open = a.selectStmt(x, up)
	case *pg.InsertStmt:
		cols, open = a.insert(x, up)
	case *pg.UpdateStmt:
		cols, open = a.update(x, up)
	case *pg.DeleteStmt:
		cols, open = a.delete(x, up)
	case *pg.MergeStmt:
		cols, open = a.merge(x, up)
	default:
		a.refuse(otherHint, "a query of kind %s is not understood", m.ProtoReflect().Descriptor().Name())
		a.unknown()
		return nil, true
	}
	if len(cols) > maxColumns {
		a.refuse(otherHint, "a query has more than %d columns", maxColumns)
		return cols[:maxColumns], true
	}
	return cols, open
}

func (a *analysis) selectStmt(s *pg.SelectStmt, up *scope) (cols []column, open bool) {
	sc := &scope{up: up}
	a.with(s.WithClause, sc)
	if s.IntoClause != nil {
		a.refuse(otherHint, "SELECT INTO stands within another statement")
	}
	switch {
	case s.Op > pg.SetOperation_SETOP_NONE:
		cols, open = a.setOperation(s, sc)
		// Only names and positions of the output may be sort keys.
		sc.items = []*item{{cols: cols, open: open}}
		a.keys(s.SortClause, cols, sc, inOrder, true)
	case len(s.ValuesLists) > 0:
		cols = a.valuesLists(s.ValuesLists, sc)
		sc.items = []*item{{cols: cols}}
		a.keys(s.SortClause, cols, sc, inOrder, true)
	default:
		cols, open = a.simple(s, sc)
	}
	for _, n := range []*pg.Node{s.LimitCount, s.LimitOffset} {
		if a.root(n, sc, inLimit)&murky != 0 {
			a.refuse(otherHint, "LIMIT or OFFSET depends on an opaque function")
		}
	}
	return cols, open
}

// simple is SELECT … FROM … without set operation.
func (a *analysis) simple(s *pg.SelectStmt, sc *scope) (cols []column, open bool) {
	a.fromList(s.FromClause, sc)
	a.filter(s.WhereClause, sc)
	cols, open = a.targets(s.TargetList, sc)
	a.keys(s.GroupClause, cols, sc, inGroup, false)
	a.filter(s.HavingClause, sc)
	for _, w := range s.WindowClause {
		a.ordered(a.node(w, sc, inOrder), inOrder)
	}
	if len(s.DistinctClause) > 0 {
		if inner(s.DistinctClause[0]) == nil { // DISTINCT, without ON
			a.distinct(cols, inDistinct)
		} else {
			a.keys(s.DistinctClause, cols, sc, inDistinct, true)
		}
	}
	a.keys(s.SortClause, cols, sc, inOrder, true)
	return cols, open
}

// ordered refuses what an opaque function computes as a key: the order of the
// rows, or which of them are equal, would tell.
func (a *analysis) ordered(t taint, u use) {
	if t&murky == 0 {
		return
	}
	if u == inOrder {
		a.v.Facts.OrdersByProtected = true
	} else {
		a.v.Facts.GroupsByProtected = true
	}
	a.refuse(otherHint, "the result of an opaque function is %s", useText[u])
}

// distinct: which rows are equal shows in their number.
func (a *analysis) distinct(cols []column, u use) {
	for _, c := range cols {
		if c.guard {
			a.misused(c, u)
		} else if c.murky {
			a.ordered(murky, u)
		}
	}
}

func (a *analysis) setOperation(s *pg.SelectStmt, sc *scope) ([]column, bool) {
	l, lo := a.query(s.Larg, sc)
	r, ro := a.query(s.Rarg, sc)
	for _, cols := range [][]column{l, r} {
		for _, c := range cols {
			if c.guard {
				a.misused(c, inSet)
			}
		}
	}
	out := make([]column, len(l))
	for i, c := range l {
		out[i] = column{name: c.name, murky: c.murky || lo || ro}
		if i < len(r) {
			out[i].murky = out[i].murky || r[i].murky
		}
	}
	if !s.All {
		a.distinct(append(append([]column(nil), l...), r...), inSet)
	}
	return out, lo || ro
}

func (a *analysis) valuesLists(lists []*pg.Node, sc *scope) (cols []column) {
	for _, l := range lists {
		for i, n := range l.GetList().GetItems() {
			if i == len(cols) {
				cols = append(cols, column{name: "column" + itoa(i+1), constant: true})
			}
			if n.GetSetToDefault() != nil {
				continue
			}
			if a.root(n, sc, inTarget)&murky != 0 {
				cols[i].murky = true
			}
			cols[i].constant = cols[i].constant && a.constant(n)
		}
	}
	return cols
}

// keys are sort, group and distinct keys. A position or the name of an output
// means that output; aliasFirst says whether an output's name goes before an
// input's (ORDER BY and DISTINCT ON do, GROUP BY does not).
func (a *analysis) keys(list []*pg.Node, out []column, sc *scope, u use, aliasFirst bool) {
	for _, n := range list {
		a.key(n, out, sc, u, aliasFirst)
	}
}

func (a *analysis) key(n *pg.Node, out []column, sc *scope, u use, aliasFirst bool) {
	if s := n.GetSortBy(); s != nil {
		if len(s.UseOp) > 0 {
			a.operatorNamed(s.UseOp)
		}
		n = s.Node
	}
	if g := n.GetGroupingSet(); g != nil {
		a.keys(g.Content, out, sc, u, aliasFirst)
		return
	}
	if r := n.GetRowExpr(); r != nil && u == inGroup {
		a.keys(r.Args, out, sc, u, aliasFirst)
		return
	}
	var t taint
	switch {
	case n.GetAConst().GetIval() != nil:
		if i := int(n.GetAConst().GetIval().Ival); i >= 1 && i <= len(out) {
			t = a.columnTaint(out[i-1], u)
		}
	case bareName(n) != "":
		name := bareName(n)
		named := a.outputs(out, name)
		local := (&scope{items: sc.items}).has(name)
		if len(named) > 0 && (aliasFirst || !local) {
			for _, c := range named {
				t |= a.columnTaint(c, u)
			}
			break
		}
		t = a.root(n, sc, u)
	default:
		t = a.root(n, sc, u)
	}
	a.ordered(t, u)
}

// has says whether the level itself has a column by that name.
func (sc *scope) has(name string) bool {
	for _, it := range sc.items {
		if _, ok := it.column(name); ok && !it.qualified {
			return true
		}
	}
	return false
}

func (a *analysis) outputs(out []column, name string) (found []column) {
	for _, c := range out {
		if c.name == name {
			found = append(found, c)
		}
	}
	return found
}

// bareName is the name of an unqualified column reference, else "".
func bareName(n *pg.Node) string {
	if f := n.GetColumnRef().GetFields(); len(f) == 1 {
		return f[0].GetString_().GetSval()
	}
	return ""
}

// targets is a result list: the place where a protected column may stand by
// itself.
func (a *analysis) targets(list []*pg.Node, sc *scope) (cols []column, open bool) {
	for _, n := range list {
		rt := n.GetResTarget()
		if rt == nil {
			a.refuse(otherHint, "a result list is not understood")
			return cols, true
		}
		c, o := a.target(rt, sc)
		cols = append(cols, c...)
		open = open || o
		if len(cols) > maxColumns {
			return cols, true // query refuses
		}
	}
	return cols, open
}

func (a *analysis) target(rt *pg.ResTarget, sc *scope) ([]column, bool) {
	if x := rt.Val.GetAIndirection(); x != nil {
		if c, ok := a.field(x, sc); ok {
			return a.output(rt, c), false
		}
	}
	if ref := rt.Val.GetColumnRef(); ref != nil {
		m, ok := a.resolve(ref, sc)
		switch {
		case !ok:
			return []column{{name: rt.Name, murky: true}}, true
		case m.star:
			for _, c := range m.cols {
				a.sees(c)
				a.loose = a.loose || a.users(c)
			}
			return m.cols, m.open
		case m.row == nil:
			return a.output(rt, worst(m.cols)), false
		}
	}
	t := a.root(rt.Val, sc, inTarget)
	name := rt.Name
	if name == "" {
		name = figure(rt.Val)
	}
	return []column{{name: name, murky: t&murky != 0, constant: a.constant(rt.Val)}}, false
}

// output is a column that stands by itself in a result list.
func (a *analysis) output(rt *pg.ResTarget, c column) []column {
	a.sees(c)
	if rt.Name != "" {
		c.name = rt.Name
	}
	return []column{c}
}

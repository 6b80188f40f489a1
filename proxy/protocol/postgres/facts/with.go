package facts

import (
	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/proto"
)

// withClause adds CTEs to the scope.
func (w *walker) withClause(clause *pg.WithClause, sc *scope) {
	if clause == nil {
		return
	}
	var all []*pg.CommonTableExpr
	for _, n := range clause.GetCtes() {
		if cte := n.GetCommonTableExpr(); cte != nil {
			all = append(all, cte)
		}
	}
	var entries []*with
	if clause.GetRecursive() {
		// All see all. Columns of those not walked yet are what their
		// non-recursive part gives; the first pass finds them.
		for _, cte := range all {
			sc.with = &with{name: cte.GetCtename(), open: true, parent: sc.with}
			entries = append(entries, sc.with)
		}
	}
	for i, cte := range all {
		var columns []column
		var open bool
		if clause.GetRecursive() {
			columns, open = w.recursive(cte, sc, entries[i])
		} else {
			columns, open = w.query(inside(cte.GetCtequery()), &scope{with: sc.with, parent: sc.parent})
			columns = w.decorate(cte, columns)
		}
		entry := &with{name: cte.GetCtename(), columns: columns, open: open, parent: sc.with}
		if clause.GetRecursive() {
			entries[i].columns, entries[i].open = columns, open
		} else {
			sc.with = entry
		}
	}
}

// recursive walks a CTE that may refer to itself, until its columns' origins
// stand still.
func (w *walker) recursive(cte *pg.CommonTableExpr, sc *scope, self *with) ([]column, bool) {
	below := func() *scope { return &scope{with: sc.with, parent: sc.parent} }
	if sel := cte.GetCtequery().GetSelectStmt(); sel != nil && sel.GetLarg() != nil && refersTo(sel, cte.GetCtename()) {
		first := below()
		w.withClause(sel.GetWithClause(), first)
		self.columns, self.open = w.selectStmt(sel.GetLarg(), first)
		self.columns = w.decorate(cte, self.columns)
	}
	var columns []column
	var open bool
	for range 4 {
		before := weight(self.columns)
		columns, open = w.query(inside(cte.GetCtequery()), below())
		columns = w.decorate(cte, columns)
		self.columns, self.open = columns, open
		if weight(columns) == before {
			return columns, open
		}
	}
	w.unsure("recursive query " + cte.GetCtename() + " is not followed to its end")
	return columns, open
}

// refersTo: a relation of that name is mentioned somewhere below.
func refersTo(m proto.Message, name string) (found bool) {
	if rv, ok := m.(*pg.RangeVar); ok {
		return rv.GetRelname() == name && rv.GetSchemaname() == ""
	}
	children(m, func(c proto.Message) { found = found || refersTo(c, name) })
	return found
}

func weight(columns []column) (n int) {
	for _, c := range columns {
		n += 1 + c.from.flat().size()
	}
	return n
}

// decorate applies a CTE's column names, SEARCH and CYCLE columns.
func (w *walker) decorate(cte *pg.CommonTableExpr, columns []column) []column {
	columns = append([]column(nil), columns...)
	for i, name := range names(cte.GetAliascolnames()) {
		if i < len(columns) {
			columns[i].name = name
		} else {
			columns = append(columns, column{name: name})
		}
	}
	all := func(list []*pg.Node) (o origin) {
		for _, name := range names(list) {
			for _, c := range columns {
				if c.name == name {
					o = o.with(c.from)
				}
			}
		}
		return o
	}
	var more []column
	if s := cte.GetSearchClause(); s != nil {
		more = append(more, column{s.GetSearchSeqColumn(), all(s.GetSearchColList())})
	}
	if c := cte.GetCycleClause(); c != nil {
		o := all(c.GetCycleColList())
		more = append(more, column{c.GetCycleMarkColumn(), o}, column{c.GetCyclePathColumn(), o})
		w.expr(c.GetCycleMarkValue(), nil)
		w.expr(c.GetCycleMarkDefault(), nil)
	}
	return append(columns, more...)
}

package lineage

import (
	"slices"
	"strconv"

	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/proto"
)

func itoa(n int) string { return strconv.Itoa(n) }

// cte is one WITH query.
type cte struct {
	def   *pg.CommonTableExpr
	scope *scope // what it sees
	state cteState
	cols  []column
	open  bool
}

type cteState int

const (
	cteNew cteState = iota
	cteRunning
	cteLeft // its non-recursive arm is being looked at
	cteDone
)

// with puts the queries of a WITH clause into scope, and analyses each once,
// whether it is used or not: one that writes runs all the same.
func (a *analysis) with(w *pg.WithClause, sc *scope) {
	if w == nil {
		return
	}
	sc.ctes = make(map[string]*cte)
	inside := &scope{up: sc.up, ctes: sc.ctes}
	var all []*cte
	for _, n := range w.Ctes {
		def := n.GetCommonTableExpr()
		if def == nil {
			a.refuse(otherHint, "a WITH query is not understood")
			continue
		}
		c := &cte{def: def, scope: inside}
		all = append(all, c)
		if w.Recursive { // each sees all, in any order
			sc.ctes[def.Ctename] = c
			continue
		}
		a.evaluate(c)
		sc.ctes[def.Ctename] = c
	}
	for _, c := range all {
		a.evaluate(c)
	}
}

func (a *analysis) evaluate(c *cte) {
	if c.state != cteNew {
		return
	}
	c.state = cteRunning
	m := inner(c.def.Ctequery)
	if m == nil {
		a.refuse(otherHint, "a WITH query is not understood")
		c.state = cteDone
		return
	}
	selfRef := c.cols != nil
	cols, open := a.query(m, c.scope)
	selfRef = selfRef || c.cols != nil // the walk met itself, and asked left
	cols = renamed(cols, c.def.Aliascolnames)
	murk := open && len(c.def.Aliascolnames) > 0
	for _, col := range cols {
		murk = murk || selfRef && col.murky
	}
	if murk { // a recursive query can move values between its columns
		for i := range cols {
			cols[i].murky = true
		}
	}
	c.cols, c.open = a.extra(c.def, cols), open
	c.state = cteDone
}

// columns are those of a reference to the query.
func (a *analysis) cteColumns(c *cte) ([]column, bool) {
	switch c.state {
	case cteNew:
		a.evaluate(c)
	case cteRunning:
		a.left(c)
	case cteLeft:
		a.refuse(otherHint, "recursive query %q refers to itself in its first part", c.def.Ctename)
		return nil, true
	}
	return slices.Clone(c.cols), c.open
}

// left learns the columns of a recursive query from its non-recursive arm.
func (a *analysis) left(c *cte) {
	s := c.def.Ctequery.GetSelectStmt()
	if s == nil || s.Op <= pg.SetOperation_SETOP_NONE {
		a.refuse(otherHint, "recursive query %q is not a UNION", c.def.Ctename)
		return
	}
	c.state = cteLeft
	up := &scope{up: c.scope}
	a.with(s.WithClause, up)
	var m proto.Message = s.Larg
	cols, open := a.query(m, up)
	cols = renamed(cols, c.def.Aliascolnames)
	out := make([]column, len(cols))
	for i, col := range cols { // the UNION gives no origin; protected ones are refused there
		out[i] = column{name: col.name, murky: col.murky, guard: col.guard, origins: col.origins, attr: col.attr}
	}
	c.cols, c.open = a.extra(c.def, out), open
	c.state = cteRunning
}

// extra adds the columns that SEARCH and CYCLE make.
func (a *analysis) extra(def *pg.CommonTableExpr, cols []column) []column {
	add := func(name string) {
		if name != "" {
			cols = append(cols, column{name: name})
		}
	}
	keys := func(list []*pg.Node) {
		for _, n := range list {
			for _, c := range cols {
				if c.name == n.GetString_().GetSval() && (c.guard || c.murky) {
					a.misused(column{name: c.name, attr: c.attr, origins: c.origins, guard: true}, inOrder)
				}
			}
		}
	}
	if s := def.SearchClause; s != nil {
		keys(s.SearchColList)
		add(s.SearchSeqColumn)
	}
	if s := def.CycleClause; s != nil {
		keys(s.CycleColList)
		a.node(s.CycleMarkValue, nil, inTarget)
		a.node(s.CycleMarkDefault, nil, inTarget)
		add(s.CycleMarkColumn)
		add(s.CyclePathColumn)
	}
	return cols
}

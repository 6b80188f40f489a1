package lineage

import (
	pg "github.com/pganalyze/pg_query_go/v6"

	"sluice.dev/proxy/protocol/postgres/catalog"
)

// rangeFunction is a function in FROM, or ROWS FROM (…).
func (a *analysis) rangeFunction(x *pg.RangeFunction, sc *scope) ([]column, bool) {
	it := &item{alias: x.Alias.GetAliasname()}
	for _, n := range x.Functions {
		parts := n.GetList().GetItems() // the call, its column definitions
		if len(parts) == 0 {
			a.refuse(otherHint, "a function in FROM is not understood")
			continue
		}
		t := a.root(parts[0], sc, inFrom)
		murk := t&murky != 0
		defs := x.Coldeflist
		if len(parts) > 1 {
			if l := parts[1].GetList(); l != nil {
				defs = l.Items
			}
		}
		cols, open := a.functionColumns(parts[0], defs, aliasOf(x))
		call := parts[0].GetFuncCall()
		names := call != nil && a.optionsTable(call)
		for i := range cols {
			cols[i].murky = cols[i].murky || murk && (!names || cols[i].name != "option_name")
		}
		it.cols = append(it.cols, cols...)
		it.open, it.murky = it.open || open, it.murky || murk
		if it.alias == "" {
			it.alias = figure(parts[0])
		}
	}
	if x.Ordinality {
		it.cols = append(it.cols, column{name: "ordinality"})
	}
	if x.Alias != nil {
		for len(it.cols) < len(x.Alias.Colnames) { // names for columns that are not known
			it.cols = append(it.cols, column{murky: it.murky})
		}
		it.cols = rename(it.cols, x.Alias)
	}
	return a.put(it, sc)
}

// aliasOf names the column of a function that returns a single value.
func aliasOf(x *pg.RangeFunction) string {
	if len(x.Functions) == 1 {
		return x.Alias.GetAliasname()
	}
	return ""
}

// functionColumns are the columns that a call in FROM gives, as far as its
// declaration tells.
func (a *analysis) functionColumns(n *pg.Node, defs []*pg.Node, alias string) (cols []column, open bool) {
	for _, d := range defs {
		def := d.GetColumnDef()
		if def == nil {
			return nil, true
		}
		cols = append(cols, column{name: def.Colname, murky: a.typeName(def.TypeName)&murky != 0})
	}
	if len(defs) > 0 {
		return cols, false
	}
	call := n.GetFuncCall()
	schema, name, ok := qualified(call.GetFuncname())
	if !ok {
		if alias == "" {
			alias = figure(n)
		}
		return []column{{name: alias}}, true
	}
	fs := a.view.FunctionsNamed(schema, name, len(call.Args))
	single := alias
	if single == "" {
		single = name
	}
	if len(fs) == 0 {
		return []column{{name: single}}, true
	}
	cols, open = a.declared(fs[0], single)
	for _, f := range fs[1:] {
		c, o := a.declared(f, single)
		if o || len(c) != len(cols) {
			return cols, true
		}
		for i := range c {
			if c[i].name != cols[i].name {
				return cols, true
			}
		}
	}
	return cols, open
}

func (a *analysis) declared(f *catalog.Function, single string) (cols []column, open bool) {
	s := a.view.Snapshot()
	if len(f.Out) == 1 {
		return []column{{name: f.Out[0]}, {name: single}}, true
	}
	for _, n := range f.Out {
		cols = append(cols, column{name: n})
	}
	if len(cols) > 0 {
		return cols, false
	}
	t, ok := s.Type(f.Result)
	switch {
	case !ok || t.Kind == 'p': // record, anyelement
		return []column{{name: single}}, true
	case t.Kind == 'c':
		rel, ok := s.Relation(t.Relation)
		if !ok {
			return nil, true
		}
		for _, n := range rel.Live() {
			cols = append(cols, column{name: rel.Columns[n-1].Name})
		}
		return cols, false
	}
	return []column{{name: single}}, false
}

// xmlTable is XMLTABLE.
func (a *analysis) xmlTable(x *pg.RangeTableFunc, sc *scope) ([]column, bool) {
	t := a.node(x.Docexpr, sc, inFrom) | a.node(x.Rowexpr, sc, inFrom) | a.nodes(x.Namespaces, sc, inFrom)
	it := &item{alias: x.Alias.GetAliasname()}
	if it.alias == "" {
		it.alias = "xmltable"
	}
	for _, n := range x.Columns {
		c := n.GetRangeTableFuncCol()
		if c == nil {
			it.open = true
			continue
		}
		t |= a.node(c.Colexpr, sc, inFrom) | a.node(c.Coldefexpr, sc, inFrom) | a.typeName(c.TypeName)
		it.cols = append(it.cols, column{name: c.Colname})
	}
	a.rowCount(a.clean(t), "XMLTABLE")
	it.cols = rename(it.cols, x.Alias)
	return a.put(it, sc)
}

// figure is the name that PostgreSQL gives to an output without one
// (parse_target.c FigureColname). Protected columns stand by themselves, so
// theirs is exact.
func figure(n *pg.Node) string {
	switch x := n.GetNode().(type) {
	case *pg.Node_ColumnRef:
		names, _, _ := texts(x.ColumnRef.Fields)
		if len(names) > 0 {
			return names[len(names)-1]
		}
	case *pg.Node_AIndirection:
		for i := len(x.AIndirection.Indirection) - 1; i >= 0; i-- {
			if s := x.AIndirection.Indirection[i].GetString_(); s != nil {
				return s.Sval
			}
		}
		return figure(x.AIndirection.Arg)
	case *pg.Node_FuncCall:
		names, _, _ := texts(x.FuncCall.Funcname)
		if len(names) > 0 {
			return names[len(names)-1]
		}
	case *pg.Node_TypeCast:
		if s := figure(x.TypeCast.Arg); s != "?column?" {
			return s
		}
		names, _, _ := texts(x.TypeCast.TypeName.GetNames())
		if len(names) > 0 {
			return names[len(names)-1]
		}
	case *pg.Node_CollateClause:
		return figure(x.CollateClause.Arg)
	case *pg.Node_CaseExpr:
		if s := figure(x.CaseExpr.Defresult); s != "?column?" {
			return s
		}
		return "case"
	case *pg.Node_SubLink:
		switch x.SubLink.SubLinkType {
		case pg.SubLinkType_EXISTS_SUBLINK:
			return "exists"
		case pg.SubLinkType_ARRAY_SUBLINK:
			return "array"
		case pg.SubLinkType_EXPR_SUBLINK:
			if l := x.SubLink.Subselect.GetSelectStmt().GetTargetList(); len(l) > 0 {
				if rt := l[0].GetResTarget(); rt.GetName() != "" {
					return rt.Name
				}
				return figure(l[0].GetResTarget().GetVal())
			}
		}
	case *pg.Node_CoalesceExpr:
		return "coalesce"
	case *pg.Node_AArrayExpr:
		return "array"
	case *pg.Node_RowExpr:
		return "row"
	case *pg.Node_MinMaxExpr:
		if x.MinMaxExpr.Op == pg.MinMaxOp_IS_LEAST {
			return "least"
		}
		return "greatest"
	case *pg.Node_AExpr:
		if x.AExpr.Kind == pg.A_Expr_Kind_AEXPR_NULLIF {
			return "nullif"
		}
	}
	return "?column?"
}

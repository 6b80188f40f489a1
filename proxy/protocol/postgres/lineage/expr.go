package lineage

import (
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/proto"
)

// root walks a whole expression.
func (a *analysis) root(n *pg.Node, sc *scope, u use) taint { return a.clean(a.node(n, sc, u)) }

func (a *analysis) node(n *pg.Node, sc *scope, u use) taint {
	m := inner(n)
	if m == nil {
		return 0
	}
	return a.expr(m, sc, u)
}

func (a *analysis) nodes(list []*pg.Node, sc *scope, u use) (t taint) {
	for _, n := range list {
		t |= a.node(n, sc, u)
	}
	return t
}

// expr walks an expression in which no protected column may be, and says what
// it contains. What is not known by name is walked field by field.
func (a *analysis) expr(m proto.Message, sc *scope, u use) (t taint) {
	defer a.leave()
	if !a.enter() {
		return murky
	}
	switch x := m.(type) {
	case *pg.A_Const, *pg.ParamRef:
		return 0
	case *pg.ColumnRef:
		return a.columnRef(x, sc, u)
	case *pg.A_Indirection:
		if c, ok := a.field(x, sc); ok {
			return a.columnTaint(c, u)
		}
	case *pg.FuncCall:
		return a.call(x, sc, u)
	case *pg.A_Expr:
		return a.operation(x, sc, u)
	case *pg.TypeCast:
		return a.node(x.Arg, sc, u) | a.typeName(x.TypeName)
	case *pg.TypeName:
		if t := a.typeName(x); !a.ddl { // a column's type is not a value
			return t
		}
		return 0
	case *pg.SubLink:
		return a.subLink(x, sc, u)
	case *pg.SelectStmt:
		cols, _ := a.query(x, sc)
		return a.values(cols, inSubquery, u)
	case *pg.CaseExpr:
		if x.Arg != nil {
			t |= a.operator(nil, "=")
		}
	case *pg.SortBy:
		if len(x.UseOp) > 0 {
			t |= a.operatorNamed(x.UseOp)
		}
	case *pg.CollateClause:
		return a.node(x.Arg, sc, u)
	}
	children(m, func(c proto.Message) { t |= a.expr(c, sc, u) })
	return t
}

// values are the outputs of a subquery that is used as a value.
func (a *analysis) values(cols []column, as, u use) (t taint) {
	for _, c := range cols {
		switch {
		case c.guard && c.soft && u == inTarget:
			t |= a.misused(c, inTarget)
		case c.guard:
			t |= a.misused(c, as)
		case c.murky:
			t |= murky
		}
	}
	return t
}

func (a *analysis) columnTaint(c column, u use) taint {
	if c.guard {
		return a.misused(c, u)
	}
	if c.murky {
		return murky
	}
	return refers
}

func (a *analysis) columnRef(x *pg.ColumnRef, sc *scope, u use) (t taint) {
	m, ok := a.resolve(x, sc)
	if !ok {
		return murky
	}
	for _, c := range m.cols {
		t |= a.columnTaint(c, u)
	}
	if m.row != nil && !m.star {
		if c, ok := m.row.guarded(); ok {
			return t | a.misused(c, u)
		}
		t |= a.columnTaint(m.row.row(), u)
	}
	if m.open && m.row != nil && m.row.murky {
		t |= murky
	}
	return t
}

// resolve looks a column reference up, and refuses what it does not find.
func (a *analysis) resolve(x *pg.ColumnRef, sc *scope) (meaning, bool) {
	names, star, ok := texts(x.Fields)
	if !ok {
		if len(x.Fields) == 1 && x.Fields[0].GetAStar() != nil {
			names, star = nil, true
		} else {
			a.refuse(otherHint, "a column reference is not understood")
			return meaning{}, false
		}
	}
	m, ok := sc.lookup(names, star, a.view.Snapshot().Database)
	if ok {
		return m, true
	}
	if a.ddl {
		return meaning{cols: []column{{}}}, true
	}
	if star {
		names = append(names, "*")
	}
	a.unresolved("column", strings.Join(names, "."))
	return meaning{}, false
}

// field resolves (t).column, where t is something in FROM.
func (a *analysis) field(x *pg.A_Indirection, sc *scope) (column, bool) {
	ref := x.Arg.GetColumnRef()
	if ref == nil || len(x.Indirection) != 1 || x.Indirection[0].GetString_() == nil {
		return column{}, false
	}
	names, star, ok := texts(ref.Fields)
	if !ok || star {
		return column{}, false
	}
	m, ok := sc.lookup(names, false, a.view.Snapshot().Database)
	if !ok || m.row == nil || len(m.cols) > 0 {
		return column{}, false
	}
	return m.row.column(x.Indirection[0].GetString_().Sval)
}

// subLink is EXISTS, IN, ANY, ALL, ARRAY or a scalar subquery.
func (a *analysis) subLink(x *pg.SubLink, sc *scope, u use) (t taint) {
	t = a.node(x.Testexpr, sc, u)
	switch {
	case len(x.OperName) > 0:
		t |= a.operatorNamed(x.OperName)
	case x.Testexpr != nil:
		t |= a.operator(nil, "=")
	}
	q := inner(x.Subselect)
	if q == nil {
		a.refuse(otherHint, "a subquery is not understood")
		return t
	}
	cols, _ := a.query(q, sc)
	if x.SubLinkType == pg.SubLinkType_EXISTS_SUBLINK {
		return t // only whether there is a row
	}
	return t | a.values(cols, inSubquery, u)
}

// filter walks a condition: the only place where a protected column may be
// compared, and only by = with a constant or parameter.
func (a *analysis) filter(n *pg.Node, sc *scope) {
	if n != nil {
		a.clean(a.condition(n, sc))
	}
}

func (a *analysis) condition(n *pg.Node, sc *scope) (t taint) {
	defer a.leave()
	if !a.enter() {
		return murky
	}
	if b := n.GetBoolExpr(); b != nil {
		for _, arg := range b.Args {
			t |= a.condition(arg, sc)
		}
		return t
	}
	if e := n.GetAExpr(); e != nil && a.equality(e, sc) {
		return refers
	}
	if nt := n.GetNullTest(); nt != nil {
		if c, ok := a.plain(nt.Arg, sc); ok && c.guard {
			a.v.Facts.FiltersNullProtected = true
		}
	}
	a.joined(n.GetAExpr(), sc)
	t = a.node(n, sc, inFilter)
	if t&murky != 0 {
		a.v.Facts.FiltersOnOpaqueFunction = true
		if t&refers != 0 {
			a.refuse(otherHint, "a filter compares the result of an opaque function with other data")
		}
	}
	return t
}

// joined notes a comparison of two protected columns.
func (a *analysis) joined(e *pg.A_Expr, sc *scope) {
	if e == nil {
		return
	}
	l, okl := a.plain(e.Lexpr, sc)
	r, okr := a.plain(e.Rexpr, sc)
	if okl && okr && l.guard && r.guard {
		a.v.Facts.JoinsProtectedWithProtected = true
	}
}

// equality says whether e is a protected column = a constant or parameter.
func (a *analysis) equality(e *pg.A_Expr, sc *scope) bool {
	schema, name, ok := qualified(e.Name)
	if !ok || e.Kind != pg.A_Expr_Kind_AEXPR_OP || name != "=" || schema != "" && schema != "pg_catalog" {
		return false
	}
	c, ok := a.plain(e.Lexpr, sc)
	value := e.Rexpr
	if !ok || !c.guard {
		c, ok = a.plain(e.Rexpr, sc)
		value = e.Lexpr
	}
	if !ok || !c.guard || !a.constant(value) || !a.pureOperator(schema, name) {
		return false
	}
	a.constantTypes(value)
	a.sees(c)
	a.v.Facts.FiltersProtectedConst = true
	return true
}

// plain resolves a node that is nothing but a column.
func (a *analysis) plain(n *pg.Node, sc *scope) (column, bool) {
	if x := n.GetAIndirection(); x != nil {
		return a.field(x, sc)
	}
	ref := n.GetColumnRef()
	if ref == nil {
		return column{}, false
	}
	names, star, ok := texts(ref.Fields)
	if !ok || star {
		return column{}, false
	}
	m, ok := sc.lookup(names, false, a.view.Snapshot().Database)
	if !ok || m.row != nil || len(m.cols) == 0 {
		return column{}, false
	}
	return worst(m.cols), true
}

// worst is the column to reckon with when a name can mean several.
func worst(cols []column) column {
	for _, c := range cols {
		if c.guard {
			return c
		}
	}
	for _, c := range cols {
		if c.murky {
			return c
		}
	}
	return cols[0]
}

// constant says whether a node is a constant or parameter, perhaps cast.
func (a *analysis) constant(n *pg.Node) bool {
	switch x := n.GetNode().(type) {
	case *pg.Node_AConst, *pg.Node_ParamRef:
		return true
	case *pg.Node_TypeCast:
		return a.constant(x.TypeCast.Arg)
	case *pg.Node_AExpr: // -1
		_, name, ok := qualified(x.AExpr.Name)
		return ok && x.AExpr.Kind == pg.A_Expr_Kind_AEXPR_OP && (name == "-" || name == "+") && x.AExpr.Lexpr == nil &&
			x.AExpr.Rexpr.GetAConst() != nil
	}
	return false
}

// constantTypes looks at the types that a constant is cast to.
func (a *analysis) constantTypes(n *pg.Node) {
	for c := n.GetTypeCast(); c != nil; c = c.Arg.GetTypeCast() {
		a.typeName(c.TypeName)
	}
}

package facts

import (
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// columnName is PostgreSQL's FigureColname; not sure means that the server may
// call it otherwise.
func columnName(n *pg.Node) (name string, sure bool) {
	const none = "?column?"
	switch v := inside(n).(type) {
	case *pg.ColumnRef:
		list := names(v.GetFields())
		return list[len(list)-1], true
	case *pg.A_Indirection:
		list := names(v.GetIndirection())
		if len(list) > 0 {
			return list[len(list)-1], true
		}
		return columnName(v.GetArg())
	case *pg.FuncCall:
		_, name := qualified(names(v.GetFuncname()))
		return name, true
	case *pg.A_Expr:
		if v.GetKind() == pg.A_Expr_Kind_AEXPR_NULLIF {
			return "nullif", true
		}
		return none, true
	case *pg.TypeCast:
		if name, sure := columnName(v.GetArg()); name != none {
			return name, sure
		}
		_, name := qualified(names(v.GetTypeName().GetNames()))
		return name, true
	case *pg.CollateClause:
		return columnName(v.GetArg())
	case *pg.CaseExpr:
		if name, sure := columnName(v.GetDefresult()); name != none {
			return name, sure
		}
		return "case", true
	case *pg.SubLink:
		switch v.GetSubLinkType() {
		case pg.SubLinkType_EXISTS_SUBLINK:
			return "exists", true
		case pg.SubLinkType_ARRAY_SUBLINK:
			return "array", true
		case pg.SubLinkType_EXPR_SUBLINK:
			if list := firstTargets(v.GetSubselect().GetSelectStmt()); len(list) > 0 {
				if t := list[0].GetResTarget(); t.GetName() != "" {
					return t.GetName(), true
				} else if !endsInStar(t.GetVal().GetColumnRef()) {
					return columnName(t.GetVal())
				}
			}
			return none, false
		}
		return none, true
	case *pg.A_ArrayExpr:
		return "array", true
	case *pg.RowExpr:
		return "row", true
	case *pg.CoalesceExpr:
		return "coalesce", true
	case *pg.MinMaxExpr:
		return strings.ToLower(strings.TrimPrefix(v.GetOp().String(), "IS_")), true
	case *pg.GroupingFunc:
		return "grouping", true
	case *pg.A_Const, *pg.ParamRef, *pg.BoolExpr, *pg.NullTest, *pg.BooleanTest, *pg.SetToDefault, nil:
		return none, true
	}
	return none, false
}

// firstTargets is the select list of a query's leftmost branch.
func firstTargets(q *pg.SelectStmt) []*pg.Node {
	for q.GetLarg() != nil {
		q = q.GetLarg()
	}
	return q.GetTargetList()
}

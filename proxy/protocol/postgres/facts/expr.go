package facts

import (
	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/proto"
)

// expr walks an expression and answers what its value is made of.
func (w *walker) expr(n *pg.Node, sc *scope) origin {
	m := inside(n)
	if m == nil {
		return origin{}
	}
	return w.message(m, sc)
}

// known are the expression nodes that need nothing but a walk of their parts.
var known = set{
	"List": {}, "RowExpr": {}, "CaseExpr": {}, "CaseWhen": {}, "CoalesceExpr": {}, "MinMaxExpr": {},
	"NullTest": {}, "BooleanTest": {}, "AArrayExpr": {}, "A_ArrayExpr": {}, "A_Indices": {}, "A_Star": {},
	"SetToDefault": {}, "SQLValueFunction": {}, "GroupingFunc": {}, "CollateClause": {}, "NamedArgExpr": {},
	"String": {}, "Integer": {}, "Float": {}, "Boolean": {}, "BitString": {}, "XmlExpr": {}, "XmlSerialize": {},
	"ResTarget": {}, "WindowDef": {}, "SortBy": {}, "Alias": {},
	"JsonFormat": {}, "JsonReturning": {}, "JsonValueExpr": {}, "JsonIsPredicate": {}, "JsonBehavior": {},
	"JsonOutput": {}, "JsonArgument": {}, "JsonFuncExpr": {}, "JsonKeyValue": {}, "JsonParseExpr": {},
	"JsonScalarExpr": {}, "JsonSerializeExpr": {}, "JsonObjectConstructor": {}, "JsonArrayConstructor": {},
	"JsonArrayQueryConstructor": {}, "JsonAggConstructor": {}, "JsonObjectAgg": {}, "JsonArrayAgg": {},
	"MergeSupportFunc": {}, "IndexElem": {}, "CollateExpr": {},
}

// jsonCalls are names that newer grammars read as expressions of their own and
// that older servers look up as ordinary functions.
var jsonCalls = map[string]string{
	"JsonScalarExpr": "json_scalar", "JsonParseExpr": "json", "JsonSerializeExpr": "json_serialize",
	"JsonObjectConstructor": "json_object", "JsonArrayConstructor": "json_array",
	"JsonObjectAgg": "json_objectagg", "JsonArrayAgg": "json_arrayagg", "MergeSupportFunc": "merge_action",
}

func (w *walker) message(m proto.Message, sc *scope) origin {
	w.depth++
	if w.steps++; w.depth > 8*maxDepth || w.steps > maxSteps {
		w.unsure("too large to be analysed")
		w.depth--
		return origin{}
	}
	defer func() { w.depth-- }()
	switch v := m.(type) {
	case *pg.ColumnRef:
		if sc == nil {
			sc = &scope{}
		}
		return w.resolve(sc, v)
	case *pg.ParamRef:
		return origin{params: []int{int(v.GetNumber())}}
	case *pg.A_Const:
		if v.GetIsnull() {
			return origin{}
		}
		if i := w.literalAt(v.GetLocation()); i >= 0 {
			return origin{literals: []int{i}}
		}
		return origin{}
	case *pg.TypeCast:
		w.typeName(v.GetTypeName())
		return w.expr(v.GetArg(), sc)
	case *pg.FuncCall:
		return w.funcCall(v, sc)
	case *pg.A_Expr:
		return w.aExpr(v, sc)
	case *pg.BoolExpr:
		var o origin
		for _, arg := range v.GetArgs() {
			o = o.with(w.atoms(arg, sc))
		}
		return o
	case *pg.SubLink:
		return w.subLink(v, sc)
	case *pg.A_Indirection:
		return w.indirection(v, sc)
	case *pg.MultiAssignRef:
		return w.expr(v.GetSource(), sc)
	case *pg.CurrentOfExpr:
		w.f.Inner = append(w.f.Inner, Inner{Kind: "current_of", Name: v.GetCursorName()})
		return origin{}
	case *pg.TypeName:
		w.typeName(v)
		return origin{}
	case *pg.SelectStmt, *pg.InsertStmt, *pg.UpdateStmt, *pg.DeleteStmt, *pg.MergeStmt:
		columns, _ := w.query(m, sc)
		var o origin
		for _, c := range columns {
			o = o.with(c.from)
		}
		return o
	case *pg.CaseExpr:
		return w.caseExpr(v, sc)
	}
	name := string(m.ProtoReflect().Descriptor().Name())
	if !known.has(name) {
		w.unsure("expression " + name)
	}
	if f, ok := jsonCalls[name]; ok && w.r != nil {
		if class, full := w.r.Function("", f, -1); class != Unknown {
			w.calls(class, full, f)
		}
	}
	return w.generic(m, sc)
}

// generic walks every part.
func (w *walker) generic(m proto.Message, sc *scope) (o origin) {
	children(m, func(c proto.Message) { o = o.with(w.message(c, sc)) })
	return o
}

func (w *walker) caseExpr(v *pg.CaseExpr, sc *scope) origin {
	o := w.expr(v.GetArg(), sc)
	if inside(v.GetArg()) != nil {
		w.operator("", "=")
	}
	for _, n := range v.GetArgs() {
		when := n.GetCaseWhen()
		o = o.with(w.expr(when.GetExpr(), sc)).with(w.expr(when.GetResult(), sc))
	}
	return o.with(w.expr(v.GetDefresult(), sc))
}

func (w *walker) aExpr(v *pg.A_Expr, sc *scope) origin {
	schema, name := qualified(names(v.GetName()))
	switch v.GetKind() {
	case pg.A_Expr_Kind_AEXPR_BETWEEN, pg.A_Expr_Kind_AEXPR_BETWEEN_SYM:
		w.operator("", ">=")
		w.operator("", "<=")
	case pg.A_Expr_Kind_AEXPR_NOT_BETWEEN, pg.A_Expr_Kind_AEXPR_NOT_BETWEEN_SYM:
		w.operator("", "<")
		w.operator("", ">")
	default:
		w.operator(schema, name)
	}
	return w.expr(v.GetLexpr(), sc).with(w.expr(v.GetRexpr(), sc))
}

func (w *walker) subLink(v *pg.SubLink, sc *scope) origin {
	o := w.expr(v.GetTestexpr(), sc)
	if list := names(v.GetOperName()); len(list) > 0 {
		w.operator(qualified(list))
	} else if v.GetSubLinkType() == pg.SubLinkType_ANY_SUBLINK {
		w.operator("", "=")
	}
	columns, _ := w.query(inside(v.GetSubselect()), sc)
	if v.GetSubLinkType() == pg.SubLinkType_EXISTS_SUBLINK {
		return o
	}
	for _, c := range columns {
		o = o.with(c.from)
	}
	w.associate(o)
	return o
}

// indirection is subscripts and (x).field; a field that is no column of x may
// be a function of it.
func (w *walker) indirection(v *pg.A_Indirection, sc *scope) origin {
	o := w.expr(v.GetArg(), sc)
	for _, n := range v.GetIndirection() {
		switch part := inside(n).(type) {
		case *pg.String:
			if !w.fieldOf(v.GetArg(), part.GetSval(), sc) {
				w.attribute(part.GetSval())
			}
		case *pg.A_Star:
		default:
			o = o.with(w.expr(n, sc))
		}
	}
	return o
}

// fieldOf: x is a relation's row and has that column.
func (w *walker) fieldOf(x *pg.Node, field string, sc *scope) bool {
	ref := x.GetColumnRef()
	if ref == nil || sc == nil {
		return false
	}
	src := findSource(sc, names(ref.GetFields()))
	if src == nil {
		return false
	}
	for _, c := range src.columns {
		if c.name == field {
			return true
		}
	}
	return false
}

// operator notes an operator's class.
func (w *walker) operator(schema, name string) {
	if schema == "pg_catalog" || name == "" {
		return
	}
	if w.r == nil {
		if schema != "" {
			w.unsure("operator " + schema + "." + name + " is not resolved: no catalog")
		}
		return
	}
	switch w.r.Operator(schema, name) {
	case Pure:
	case Volatile:
		w.impure, w.f.Flags.Volatile = true, true
	default:
		w.impure, w.f.Flags.Volatile = true, true
		w.unsure("operator " + name + " may run a function that is not known")
	}
}

// typeName notes what a conversion to a type may run.
func (w *walker) typeName(t *pg.TypeName) {
	if t == nil {
		return
	}
	for _, n := range t.GetTypmods() {
		w.expr(n, nil)
	}
	schema, name := qualified(names(t.GetNames()))
	if name == "" || schema == "pg_catalog" {
		return
	}
	if t.GetPctType() {
		w.unsure("type of a column by %TYPE")
		return
	}
	if w.r == nil {
		if !builtinType(name) {
			w.unsure("type " + name + " is not resolved: no catalog")
		}
		return
	}
	switch w.r.Type(schema, name) {
	case Pure:
	case Volatile:
		w.impure, w.f.Flags.Volatile = true, true
	default:
		w.impure = true
		w.unsure("type " + name + " may run a function that is not known")
	}
}

func builtinType(name string) bool {
	switch name {
	case "text", "uuid", "json", "jsonb", "date", "bytea", "oid", "regclass", "regtype", "regproc", "name",
		"inet", "cidr", "xml", "int", "money", "point", "regnamespace", "timestamptz", "int4", "int8":
		return true
	}
	return false
}

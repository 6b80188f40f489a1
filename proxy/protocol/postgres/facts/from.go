package facts

import (
	"slices"
	"strconv"

	pg "github.com/pganalyze/pg_query_go/v6"
)

func itoa(n int) string { return strconv.Itoa(n) }

// from walks a FROM list into the scope.
func (w *walker) from(list []*pg.Node, sc *scope) {
	for _, n := range list {
		sc.sources = append(sc.sources, w.fromItem(n, sc, slices.Clone(sc.sources))...)
	}
}

// fromItem walks one FROM item and answers what it makes visible. lateral is
// what stands to its left.
func (w *walker) fromItem(n *pg.Node, sc *scope, lateral []*source) []*source {
	sideways := &scope{sources: lateral, parent: sc.parent, with: sc.with}
	plain := &scope{parent: sc.parent, with: sc.with}
	switch v := inside(n).(type) {
	case *pg.RangeVar:
		return []*source{w.rangeVar(v, sc)}
	case *pg.RangeSubselect:
		env := plain
		if v.GetLateral() {
			env = sideways
		}
		columns, open := w.query(inside(v.GetSubquery()), env)
		src := &source{columns: slices.Clone(columns), open: open}
		src.rename(v.GetAlias())
		return []*source{src}
	case *pg.JoinExpr:
		return w.joinExpr(v, sc, lateral)
	case *pg.RangeFunction:
		return []*source{w.rangeFunction(v, sideways)}
	case *pg.RangeTableFunc:
		return []*source{w.xmlTable(v, sideways)}
	case *pg.JsonTable:
		return []*source{w.jsonTable(v, sideways)}
	case *pg.RangeTableSample:
		sources := w.fromItem(v.GetRelation(), sc, lateral)
		for _, arg := range v.GetArgs() {
			w.expr(arg, sideways)
		}
		w.expr(v.GetRepeatable(), sideways)
		schema, name := qualified(names(v.GetMethod()))
		if schema != "" && schema != "pg_catalog" || name != "system" && name != "bernoulli" {
			w.unsure("sampling method " + name)
		}
		return sources
	}
	w.unsure("FROM item " + nodeName(n))
	w.generic(inside(n), sideways)
	return []*source{{open: true}}
}

func (w *walker) rangeVar(v *pg.RangeVar, sc *scope) *source {
	if v.GetSchemaname() == "" {
		if cte := sc.with.find(v.GetRelname()); cte != nil {
			src := &source{name: v.GetRelname(), columns: slices.Clone(cte.columns), open: cte.open}
			src.rename(v.GetAlias())
			return src
		}
	}
	rel, ok := w.relation(v)
	if ok {
		w.readFrom(rel, v.GetInh())
		w.target(rel.ID())
	} else {
		w.sessionOnly = false
		w.target(asWritten(v))
	}
	return relationSource(rel, v.GetAlias(), v)
}

// readFrom reads a relation with or without ONLY.
func (w *walker) readFrom(rel *Relation, inherit bool) {
	if !inherit {
		only := *rel
		only.Children = nil
		rel = &only
	}
	w.read(rel)
}

func asWritten(v *pg.RangeVar) string {
	if v.GetSchemaname() != "" {
		return v.GetSchemaname() + "." + v.GetRelname()
	}
	return v.GetRelname()
}

func (w *walker) joinExpr(v *pg.JoinExpr, sc *scope, lateral []*source) []*source {
	left := w.fromItem(v.GetLarg(), sc, lateral)
	right := w.fromItem(v.GetRarg(), sc, append(slices.Clone(lateral), left...))
	both := append(slices.Clone(left), right...)
	on := &scope{sources: both, parent: sc.parent, with: sc.with}
	using := names(v.GetUsingClause())
	if v.GetIsNatural() {
		using = common(left, right)
		for _, src := range both {
			if src.open {
				w.unsure("NATURAL JOIN with a relation whose columns are not known")
			}
		}
	}
	var merged []column
	if len(using) > 0 {
		w.operator("", "=")
	}
	for _, name := range using {
		w.filter++
		o, ok := w.unqualified(on, name)
		if !ok {
			w.unsure("column " + name + " of USING is not known")
		}
		w.filter--
		w.associate(o)
		merged = append(merged, column{name, o})
	}
	w.condition(v.GetQuals(), on)
	if alias := v.GetJoinUsingAlias(); alias != nil {
		both = append(both, &source{name: alias.GetAliasname(), columns: merged, qualifiedOnly: true})
	}
	if v.GetAlias() == nil {
		return both
	}
	// An alias hides what is inside. Merged columns come first, once.
	joined := &source{columns: merged}
	for _, src := range both {
		if src.qualifiedOnly {
			continue
		}
		joined.open = joined.open || src.open
		for _, c := range src.columns {
			if !slices.Contains(using, c.name) {
				joined.columns = append(joined.columns, c)
			}
		}
	}
	joined.columns = slices.Clone(joined.columns)
	joined.rename(v.GetAlias())
	return []*source{joined}
}

// common are the column names of both sides.
func common(left, right []*source) (out []string) {
	seen := map[string]bool{}
	for _, src := range right {
		for _, c := range src.columns {
			seen[c.name] = true
		}
	}
	for _, src := range left {
		for _, c := range src.columns {
			if seen[c.name] && !slices.Contains(out, c.name) {
				out = append(out, c.name)
			}
		}
	}
	return out
}

// rangeFunction is f(…), ROWS FROM (…), with or without a column list.
func (w *walker) rangeFunction(v *pg.RangeFunction, sc *scope) *source {
	src := &source{}
	var o origin
	schema, name := "", ""
	for _, n := range v.GetFunctions() {
		for i, item := range n.GetList().GetItems() {
			if i == 0 {
				o = o.with(w.expr(item, sc))
				if call := item.GetFuncCall(); call != nil && name == "" {
					schema, name = qualified(names(call.GetFuncname()))
				} else if name == "" {
					name, _ = columnName(item)
				}
				continue
			}
			w.columnDefs(item.GetList().GetItems(), src, o)
		}
	}
	w.columnDefs(v.GetColdeflist(), src, o)
	if len(src.columns) == 0 {
		// The columns depend on the function's result type: a scalar gives
		// one, called as the alias or the function.
		src.open = schema != "pg_catalog" || !scalarRows.has(name) || len(v.GetFunctions()) > 1
		if alias := v.GetAlias(); alias != nil && len(alias.GetColnames()) == 0 {
			name = alias.GetAliasname()
		}
		src.columns = []column{{name, o}}
	}
	if v.GetOrdinality() {
		src.columns = append(src.columns, column{"ordinality", o})
	}
	src.name, src.whole = name, o
	src.rename(v.GetAlias())
	return src
}

// scalarRows are functions of the system of which every form gives rows of one
// column without a name of its own. psql asks by them.
var scalarRows = set{"generate_series": {}, "generate_subscripts": {}, "regexp_split_to_table": {}, "string_to_table": {}}

func (w *walker) columnDefs(list []*pg.Node, src *source, o origin) {
	for _, n := range list {
		if def := n.GetColumnDef(); def != nil {
			w.typeName(def.GetTypeName())
			src.columns = append(src.columns, column{def.GetColname(), o})
		}
	}
}

func (w *walker) xmlTable(v *pg.RangeTableFunc, sc *scope) *source {
	o := w.expr(v.GetDocexpr(), sc).with(w.expr(v.GetRowexpr(), sc))
	for _, n := range v.GetNamespaces() {
		o = o.with(w.expr(n.GetResTarget().GetVal(), sc))
	}
	src := &source{name: "xmltable"}
	for _, n := range v.GetColumns() {
		if c := n.GetRangeTableFuncCol(); c != nil {
			w.typeName(c.GetTypeName())
			w.expr(c.GetColexpr(), sc)
			w.expr(c.GetColdefexpr(), sc)
			src.columns = append(src.columns, column{c.GetColname(), o})
		}
	}
	src.rename(v.GetAlias())
	return src
}

func (w *walker) jsonTable(v *pg.JsonTable, sc *scope) *source {
	o := w.generic(v.GetContextItem(), sc)
	for _, n := range v.GetPassing() {
		o = o.with(w.expr(n, sc))
	}
	w.expr(v.GetPathspec().GetString_(), sc)
	if b := v.GetOnError(); b != nil {
		w.generic(b, sc)
	}
	src := &source{name: "json_table"}
	w.jsonColumns(v.GetColumns(), src, o, sc)
	src.rename(v.GetAlias())
	return src
}

func (w *walker) jsonColumns(list []*pg.Node, src *source, o origin, sc *scope) {
	for _, n := range list {
		c := n.GetJsonTableColumn()
		if c == nil {
			continue
		}
		w.typeName(c.GetTypeName())
		for _, b := range []*pg.JsonBehavior{c.GetOnEmpty(), c.GetOnError()} {
			if b != nil {
				w.generic(b, sc)
			}
		}
		if len(c.GetColumns()) > 0 {
			w.jsonColumns(c.GetColumns(), src, o, sc)
			continue
		}
		src.columns = append(src.columns, column{c.GetName(), o})
	}
}

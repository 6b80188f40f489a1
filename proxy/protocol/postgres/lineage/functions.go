package lineage

import (
	"strings"

	"sluice.dev/proxy/protocol/postgres/catalog"
	"sluice.dev/proxy/protocol/postgres/tree"
)

// partial are built-in functions behind views of the system, of which single
// columns are protected (masking.md 6): by the names of their results.
var partial = map[string]string{
	"pg_stat_get_activity":           "query",
	"pg_prepared_statement":          "statement",
	"pg_cursor":                      "statement",
	"pg_get_backend_memory_contexts": "ident",
	"pg_stat_statements":             "query",
	"pg_hba_file_rules":              "options",
	"pg_show_all_file_settings":      "setting",
	"pg_stat_get_wal_receiver":       "conninfo",
}

// partially finds the columns of a function in FROM that are protected.
func (w *walker) partially(n *tree.Node) (f *catalog.Function, column string) {
	if n == nil || n.Tag != tree.TagFuncExpr {
		return nil, ""
	}
	f, ok := w.s.Function(n.OID(tree.Funcid))
	if !ok || !f.FromSystem() {
		return nil, ""
	}
	return f, partial[f.Name]
}

// functionColumns are those of functions in FROM, one after another.
func (w *walker) functionColumns(r *tree.Node, q *scopeOf) []value {
	out := []value{}
	for _, x := range r.List(tree.Functions) {
		n := w.t.Node(x)
		count, ok := n.Int(tree.Funccolcount)
		if !ok || count < 0 || count > 1700 {
			w.surprise("a function in FROM without columns")
			return out
		}
		v := w.rangeFunction(n, q).result()
		if f, column := w.partially(n.Node(tree.Funcexpr)); column != "" {
			if len(f.Out) != count {
				w.surprise("a function of the system with other columns")
			}
			for i := range count {
				c := v
				if on(ruleSensitive) && (i >= len(f.Out) || f.Out[i] == column) {
					w.scrub = true
					c = c.within(value{level: Derived, flags: hasTainted})
				}
				out = append(out, c)
			}
			continue
		}
		cols := repeat(v, count)
		if w.optionNames(n.Node(tree.Funcexpr), q) && count == 2 {
			cols[0] = value{}
		}
		out = append(out, cols...)
	}
	if r.True(tree.Funcordinality) {
		out = append(out, value{})
	}
	return out
}

// rangeFunction is what a function in FROM answers in all its columns.
func (w *walker) rangeFunction(n *tree.Node, q *scopeOf) value {
	if n == nil || n.Tag != tree.TagRangeTblFunction {
		return w.surprise("a function in FROM of an unknown kind")
	}
	e := n.Node(tree.Funcexpr)
	if _, column := w.partially(e); column != "" {
		var v value
		for _, a := range e.List(tree.Args) {
			v = v.within(w.expr(w.t.Node(a), q))
		}
		return v
	}
	v := value{}
	if e != nil {
		v = v.within(w.expr(e, q))
		if w.optionNames(e, q) {
			v.flags &^= hasRows
		}
	}
	for _, t := range n.List(tree.Funccoltypes) { // AS (a sometype)
		if oid, ok := w.t.Int(t); ok && oid > 0 && w.typeOf(uint32(oid)) != typePlain { //nolint:gosec // an OID has 32 bits
			v = w.fromOpaque(v)
		}
	}
	return v
}

// optionNames: psql and information_schema list the options of foreign servers
// and user mappings by pg_options_to_table. How many there are is no secret,
// nor what they are called; what they say is.
func (w *walker) optionNames(e *tree.Node, q *scopeOf) bool {
	if e == nil || e.Tag != tree.TagFuncExpr {
		return false
	}
	f, ok := w.s.Function(e.OID(tree.Funcid))
	if !ok || !f.Builtin() || f.Name != "pg_options_to_table" {
		return false
	}
	for _, a := range e.List(tree.Args) {
		if v := w.expr(w.t.Node(a), q); v.from != 0 || v.has(hasOpaque) {
			return false
		}
		if n := w.t.Node(a); n.Tag != tree.TagVar {
			return false
		}
	}
	return true
}

// ofDefinition: information_schema hands whole rows of pg_attribute and pg_type
// to functions that read the number of a type from them, and nothing of
// attmissingval, which would make them sensitive.
func (w *walker) ofDefinition(n *tree.Node, q *scopeOf) bool {
	f, ok := w.s.Function(n.OID(tree.Funcid))
	if !ok || !f.Builtin() || f.Name != "_pg_truetypid" && f.Name != "_pg_truetypmod" {
		return false
	}
	for _, a := range n.List(tree.Args) {
		v := w.t.Node(a)
		if v == nil || v.Tag != tree.TagVar {
			return false
		}
		up, _ := v.Int(tree.Varlevelsup)
		no, _ := v.Int(tree.Varno)
		att, ok := v.Int(tree.Varattno)
		at := q.level(up)
		if at == nil || at.n == nil || !ok || att != 0 {
			return false
		}
		r := w.rte(at, no)
		kind, ok := r.Int(tree.Rtekind)
		if rel, found := w.s.Relation(r.OID(tree.Relid)); !ok || kind != rteRelation || !found || !rel.System() {
			return false
		}
	}
	return true
}

// fixedRows: the number of rows does not hang on the values.
func (w *walker) fixedRows(n *tree.Node, args value) bool {
	f, ok := w.s.Function(n.OID(tree.Funcid))
	if !ok || !f.Builtin() || args.has(hasRows) {
		return false
	}
	list := n.List(tree.Args)
	if len(list) != 1 {
		return false
	}
	arg := w.t.Node(list[0])
	switch {
	case arg == nil:
	case f.Name == "unnest":
		return arg.Tag == tree.TagArrayExpr && arg.Has(tree.Multidims) && !arg.True(tree.Multidims)
	case arg.Tag == tree.TagFuncExpr && strings.HasPrefix(f.Name, "json") && (strings.Contains(f.Name, "_each") || strings.Contains(f.Name, "object_keys")):
		g, ok := w.s.Function(arg.OID(tree.Funcid))
		if !ok || !g.Builtin() || g.Name != "to_jsonb" && g.Name != "to_json" && g.Name != "row_to_json" {
			return false
		}
		inner := arg.List(tree.Args)
		if len(inner) != 1 {
			return false
		}
		row := w.t.Node(inner[0])
		if row == nil || row.Tag != tree.TagVar {
			return false
		}
		att, ok := row.Int(tree.Varattno)
		return ok && att == 0
	}
	return false
}

package facts

import (
	pg "github.com/pganalyze/pg_query_go/v6"
)

// column is one output column of a source.
type column struct {
	name string
	from origin
}

// source is one entry of a range table: a relation, subquery, function, join
// alias or CTE reference.
type source struct {
	name    string // alias, or the relation's name
	schema  string // of a relation without alias, to match schema.rel.column
	rel     *Relation
	columns []column
	// open: it may have columns that are not known here. What they are made
	// of is whole.
	open  bool
	whole origin
	// qualifiedOnly: INSERT's target in ON CONFLICT is plain, `excluded` is not.
	qualifiedOnly bool
	// readsOnUse: a target; it is read only when one of its columns is used.
	readsOnUse bool
	only       bool // written with ONLY
}

// scope is the names that an expression sees.
type scope struct {
	sources []*source
	// outputs are the select list's names, for ORDER BY and GROUP BY.
	outputs []column
	parent  *scope
	with    *with
}

// with is one WITH entry in reach, the newest first.
type with struct {
	name    string
	columns []column
	open    bool
	parent  *with
}

func (w *with) find(name string) *with {
	for ; w != nil; w = w.parent {
		if w.name == name {
			return w
		}
	}
	return nil
}

func (s *scope) child() *scope {
	if s == nil {
		return &scope{}
	}
	return &scope{parent: s, with: s.with}
}

// use is a reference to one column of a source. The columns below a subquery's
// output have been touched already; those below a join's alias have not.
func (w *walker) use(src *source, c column) origin {
	w.useRow(src)
	if w.filter > 0 || len(c.from.parts) == 0 {
		w.touchAll(c.from)
	}
	return c.from
}

// useRow: something of a target's row is looked at.
func (w *walker) useRow(src *source) {
	if src.readsOnUse && src.rel != nil {
		w.readFrom(src.rel, !src.only)
	}
}

// row is a reference to all of a source.
func (w *walker) row(src *source) origin {
	w.useRow(src)
	o := src.whole
	for _, c := range src.columns {
		o = o.with(w.use(src, c))
	}
	return o
}

// resolve finds what a column reference means. Its fields are names, the last
// one perhaps a star.
func (w *walker) resolve(sc *scope, ref *pg.ColumnRef) origin {
	fields := names(ref.GetFields())
	star := len(fields) < len(ref.GetFields())
	switch {
	case star && len(fields) == 0:
		var o origin
		for _, src := range sc.sources {
			if !src.qualifiedOnly {
				o = o.with(w.row(src))
			}
		}
		return o
	case star:
		if src := findSource(sc, fields); src != nil {
			return w.row(src)
		}
	case len(fields) == 1:
		if o, ok := w.unqualified(sc, fields[0]); ok {
			return o
		}
		if src := findSource(sc, fields); src != nil {
			return w.row(src)
		}
	default:
		if o, ok := w.qualifiedColumn(sc, fields); ok {
			return o
		}
	}
	w.unsure("column " + dotted(fields) + " is not known")
	return origin{}
}

// systemColumns exist in every table and hold no data of the user's.
var systemColumns = set{"ctid": {}, "xmin": {}, "xmax": {}, "cmin": {}, "cmax": {}, "tableoid": {}}

// unqualified finds a bare column name, innermost first. Where two sources of
// a level have it, the server refuses; so a source whose columns are not all
// known matters only when no other has the name.
func (w *walker) unqualified(sc *scope, name string) (origin, bool) {
	for ; sc != nil; sc = sc.parent {
		var o origin
		found := false
		var open []*source
		for _, src := range sc.sources {
			if src.qualifiedOnly {
				continue
			}
			if here, ok := w.columnOf(src, name); ok {
				o, found = o.with(here), true
			} else if src.open {
				open = append(open, src)
			}
		}
		if found {
			return o, true
		}
		if len(open) == 0 {
			continue
		}
		if sc.parent.mayHave(name) || len(open) > 1 {
			w.unsure("column " + name + " may be of several relations")
		}
		for _, src := range open {
			o = o.with(w.row(src))
		}
		return o, true
	}
	return origin{}, false
}

// columnOf is the column of a source by name, a system column included.
func (w *walker) columnOf(src *source, name string) (o origin, found bool) {
	for _, c := range src.columns {
		if c.name == name {
			o, found = o.with(w.use(src, c)), true
		}
	}
	if !found && src.rel != nil && systemColumns.has(name) {
		w.useRow(src)
		found = true
	}
	return o, found
}

// mayHave: some level from here outwards has the column, or may have it.
func (s *scope) mayHave(name string) bool {
	for ; s != nil; s = s.parent {
		if s.has(name) {
			return true
		}
	}
	return false
}

func (w *walker) qualifiedColumn(sc *scope, fields []string) (origin, bool) {
	src := findSource(sc, fields[:len(fields)-1])
	if src == nil {
		return origin{}, false
	}
	name := fields[len(fields)-1]
	if o, ok := w.columnOf(src, name); ok {
		return o, true
	}
	o := w.row(src)
	if known := w.attribute(name); !known && !src.open {
		w.unsure("column " + dotted(fields) + " is not known")
	}
	return o, true
}

// attribute is x.name where x has no such column: the function name(x), if
// there is one.
func (w *walker) attribute(name string) bool {
	if w.r == nil {
		w.unsure("attribute " + name + " is not resolved: no catalog")
		return true
	}
	class, full := w.r.Function("", name, 1)
	if class == Unknown {
		return false
	}
	w.calls(class, full, name)
	return true
}

// findSource finds rel, schema.rel or database.schema.rel, innermost first.
func findSource(sc *scope, fields []string) *source {
	schema, name := qualified(fields)
	for ; sc != nil; sc = sc.parent {
		for _, src := range sc.sources {
			if src.name == name && (schema == "" || src.schema == schema) {
				return src
			}
		}
	}
	return nil
}

// relation resolves a range variable that is no CTE.
func (w *walker) relation(rv *pg.RangeVar) (*Relation, bool) {
	name := rv.GetRelname()
	if rv.GetSchemaname() != "" {
		name = rv.GetSchemaname() + "." + name
	}
	if w.r == nil {
		w.unsure("relation " + name + " is not resolved: no catalog")
		return nil, false
	}
	rel, ok := w.r.Relation(rv.GetSchemaname(), rv.GetRelname())
	if !ok {
		w.unsure("relation " + name + " is not known")
		return nil, false
	}
	return &rel, true
}

// read notes that a relation's rows are read, with all that lies below.
func (w *walker) read(rel *Relation) {
	id := rel.ID()
	w.reads.add(id)
	w.reads.add(rel.Underlying...)
	w.reads.add(rel.Children...)
	w.columns.add(rel.UnderlyingColumns...)
	if rel.Opaque {
		w.unsure("reading " + id + " runs code or reaches data that is not known")
	}
	if !rel.System || rel.Sensitive {
		w.sessionOnly = false
	}
}

// relationSource makes a range table entry of a relation.
func relationSource(rel *Relation, alias *pg.Alias, asWritten *pg.RangeVar) *source {
	src := &source{name: asWritten.GetRelname()}
	if rel != nil {
		src.rel, src.schema = rel, rel.Schema
		id := rel.ID()
		for _, c := range rel.Columns {
			src.columns = append(src.columns, column{c, origin{columns: []string{id + "." + c}}})
		}
	} else {
		src.open, src.schema = true, asWritten.GetSchemaname()
	}
	src.rename(alias)
	return src
}

// rename applies AS alias(c1, c2, …).
func (s *source) rename(alias *pg.Alias) {
	if alias == nil {
		return
	}
	s.name, s.schema = alias.GetAliasname(), ""
	for i, name := range names(alias.GetColnames()) {
		if i < len(s.columns) {
			s.columns[i].name = name
		} else {
			s.columns = append(s.columns, column{name, s.whole})
		}
	}
}

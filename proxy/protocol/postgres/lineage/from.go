package lineage

import (
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"

	"sluice.dev/proxy/protocol/postgres/catalog"
)

// fromList puts what stands in FROM into scope, from left to right.
func (a *analysis) fromList(list []*pg.Node, sc *scope) {
	for _, n := range list {
		cols, open := a.from(n, sc)
		sc.star = append(sc.star, cols...)
		sc.starOpen = sc.starOpen || open
		if len(sc.star) > 8*maxColumns {
			a.refuse(otherHint, "FROM has more than %d columns", 8*maxColumns)
			return
		}
	}
}

// from is one entry: the columns that * means by it, in order.
func (a *analysis) from(n *pg.Node, sc *scope) (cols []column, open bool) {
	defer a.leave()
	if !a.enter() {
		return nil, true
	}
	switch x := n.GetNode().(type) {
	case *pg.Node_RangeVar:
		return a.rangeVar(x.RangeVar, sc)
	case *pg.Node_RangeSubselect:
		return a.subselect(x.RangeSubselect, sc)
	case *pg.Node_JoinExpr:
		return a.join(x.JoinExpr, sc)
	case *pg.Node_RangeFunction:
		return a.rangeFunction(x.RangeFunction, sc)
	case *pg.Node_RangeTableFunc:
		return a.xmlTable(x.RangeTableFunc, sc)
	case *pg.Node_JsonTable:
		t := a.clean(a.expr(x.JsonTable, sc, inFrom))
		a.rowCount(t, "JSON_TABLE")
		return a.put(&item{alias: x.JsonTable.Alias.GetAliasname(), open: true, murky: t&murky != 0}, sc)
	case *pg.Node_RangeTableSample:
		s := x.RangeTableSample
		t := a.nodes(s.Args, sc, inLimit) | a.node(s.Repeatable, sc, inLimit)
		if schema, name, ok := qualified(s.Method); ok {
			for _, f := range a.view.FunctionsNamed(schema, name, -1) {
				t |= a.function(f.OID)
			}
		}
		a.rowCount(t, "TABLESAMPLE")
		return a.from(s.Relation, sc)
	}
	a.refuse(otherHint, "an entry of FROM is not understood")
	a.unknown()
	return nil, true
}

func (a *analysis) rowCount(t taint, what string) {
	if t&murky != 0 {
		a.refuse(otherHint, "the number of rows of %s depends on an opaque function", what)
	}
}

func (a *analysis) put(it *item, sc *scope) ([]column, bool) {
	sc.items = append(sc.items, it)
	return it.cols, it.open
}

func (a *analysis) rangeVar(x *pg.RangeVar, sc *scope) ([]column, bool) {
	if x.Schemaname == "" {
		if c := sc.cte(x.Relname); c != nil {
			cols, open := a.cteColumns(c)
			return a.put(&item{alias: aliasName(x.Alias, x.Relname), cols: rename(cols, x.Alias), open: open, murky: open}, sc)
		}
	}
	rel, ok := a.relation(x)
	if !ok {
		return a.put(&item{alias: aliasName(x.Alias, x.Relname), open: true, murky: true}, sc)
	}
	return a.put(a.relationItem(rel, x.Alias), sc)
}

func aliasName(alias *pg.Alias, name string) string {
	if alias != nil {
		return alias.Aliasname
	}
	return name
}

// relation finds a relation and notes what reading it reaches.
func (a *analysis) relation(x *pg.RangeVar) (*catalog.Relation, bool) {
	rel, ok := a.find(x)
	if ok {
		a.read(rel)
	}
	return rel, ok
}

// find looks a relation up by name alone.
func (a *analysis) find(x *pg.RangeVar) (*catalog.Relation, bool) {
	name := x.Relname
	if x.Schemaname != "" {
		name = x.Schemaname + "." + name
	}
	if x.Catalogname != "" && x.Catalogname != a.view.Snapshot().Database {
		a.unresolved("relation", x.Catalogname+"."+name)
		return nil, false
	}
	rel, ok := a.view.Lookup(x.Schemaname, x.Relname)
	if !ok {
		a.unresolved("relation", name)
	}
	return rel, ok
}

func (a *analysis) read(rel *catalog.Relation) {
	r, ok := a.reads[rel.OID]
	if !ok {
		r = a.p.Reads(rel.OID)
		a.reads[rel.OID] = r
	}
	a.reached(r)
	if r.Denied {
		a.refuse(otherHint, "%s runs a function that can read what masks protect", rel.ID())
	}
}

func (a *analysis) reached(r catalog.Reach) {
	if r.Protected {
		a.touch()
		a.v.Facts.ReadsProtectedRelation = true
	}
	if r.Opaque {
		a.opaque()
	}
}

// relationItem is a relation in FROM, with the names that an alias gives.
func (a *analysis) relationItem(rel *catalog.Relation, alias *pg.Alias) *item {
	it := &item{alias: aliasName(alias, rel.Name), rel: rel, murky: false}
	if alias == nil {
		it.schema = rel.Schema
	}
	for _, n := range rel.Live() {
		c := column{name: rel.Columns[n-1].Name, attr: catalog.Attr{Relation: rel.OID, Number: n}}
		c.origins, c.guard = a.p.Column(rel.OID, n)
		c.soft = c.guard && len(c.origins) == 0 && a.p.Sensitive(rel.OID, n)
		it.cols = append(it.cols, c)
	}
	if a.view.Opaque(rel) {
		a.opaque()
		it.murky = true
		for i := range it.cols {
			it.cols[i].murky = true
		}
	}
	if alias != nil && len(alias.Colnames) > 0 {
		a.loose = a.loose || !rel.System()
	}
	it.cols = rename(it.cols, alias)
	return it
}

// users says whether a column comes from a relation that somebody may alter.
func (a *analysis) users(c column) bool {
	rel, ok := a.view.Snapshot().Relation(c.attr.Relation)
	return ok && !rel.System()
}

func (a *analysis) subselect(x *pg.RangeSubselect, sc *scope) ([]column, bool) {
	up := sc
	if !x.Lateral {
		up = sc.outside()
	}
	m := inner(x.Subquery)
	if m == nil {
		a.refuse(otherHint, "a subquery in FROM is not understood")
		return nil, true
	}
	cols, open := a.query(m, up)
	if open && x.Alias != nil && len(x.Alias.Colnames) > 0 {
		cols = a.shuffled(cols)
	}
	return a.put(&item{alias: x.Alias.GetAliasname(), cols: rename(cols, x.Alias), open: open, murky: open}, sc)
}

// shuffled is for columns that get names by position where positions are not
// known: any may be any.
func (a *analysis) shuffled(cols []column) []column {
	out := slices.Clone(cols)
	for i := range out {
		if out[i].guard {
			a.misused(out[i], inSubquery)
		}
		out[i] = column{name: out[i].name, murky: true}
	}
	return out
}

func (a *analysis) join(x *pg.JoinExpr, sc *scope) ([]column, bool) {
	mark := len(sc.items)
	l, lo := a.from(x.Larg, sc)
	r, ro := a.from(x.Rarg, sc)
	names := a.joinNames(x, l, r, lo || ro)
	out := make([]column, 0, len(l)+len(r))
	var merged []column
	for _, name := range names {
		merged = append(merged, a.merged(name, l, r))
	}
	out = append(out, merged...)
	for _, cols := range [][]column{l, r} {
		for _, c := range cols {
			if !slices.Contains(names, c.name) {
				out = append(out, c)
			}
		}
	}
	open := lo || ro
	if x.Quals != nil {
		up, ctes := sc.up, sc.ctes
		a.filter(x.Quals, &scope{up: up, ctes: ctes, items: sc.items[mark:]})
	}
	if x.JoinUsingAlias != nil {
		sc.items = append(sc.items, &item{alias: x.JoinUsingAlias.Aliasname, cols: merged, qualified: true})
	}
	if x.Alias != nil { // hides what it joins
		if open && len(x.Alias.Colnames) > 0 {
			out = a.shuffled(out)
		}
		out = rename(out, x.Alias)
		sc.items = append(sc.items[:mark:mark], &item{alias: x.Alias.Aliasname, cols: out, open: open, murky: open})
	}
	return out, open
}

// joinNames are the columns that USING or NATURAL compares.
func (a *analysis) joinNames(x *pg.JoinExpr, l, r []column, open bool) (names []string) {
	for _, n := range x.UsingClause {
		names = append(names, n.GetString_().GetSval())
	}
	if !x.IsNatural {
		return names
	}
	if open {
		a.refuse(otherHint, "NATURAL JOIN with something whose columns are not known")
	}
	for _, c := range l {
		if slices.ContainsFunc(r, func(o column) bool { return o.name == c.name }) {
			names = append(names, c.name)
		}
	}
	return names
}

// merged compares two columns of the same name, and makes them one.
func (a *analysis) merged(name string, l, r []column) column {
	a.operator(nil, "=")
	var sides []column
	murk, other := false, false
	for _, cols := range [][]column{l, r} {
		i := slices.IndexFunc(cols, func(c column) bool { return c.name == name })
		if i < 0 {
			continue // of an item whose columns are not all known, or an error
		}
		if cols[i].guard {
			a.misused(cols[i], inJoin)
		}
		murk, other = murk || cols[i].murky, other || !cols[i].murky
		sides = append(sides, cols[i])
	}
	if murk && other {
		a.refuse(otherHint, "a join compares the result of an opaque function with other data")
	}
	switch len(sides) {
	case 0:
		return column{name: name, murky: true}
	case 1:
		return both(sides[0], column{murky: true})
	}
	return both(sides[0], sides[1])
}

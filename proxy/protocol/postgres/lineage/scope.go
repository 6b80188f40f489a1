package lineage

import (
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"

	"sluice.dev/proxy/protocol/postgres/catalog"
)

// column is one column that a name can mean, or that a query puts out.
type column struct {
	name     string
	attr     catalog.Attr // where its values come from; zero if computed
	guard    bool         // a protected column, unchanged
	soft     bool         // guarded for masking.md 6 alone
	origins  []string     // configured columns
	murky    bool         // may hold what an opaque function computed
	constant bool         // a constant or a parameter
}

// item is one thing in FROM that can be named.
type item struct {
	alias     string
	schema    string // of a relation without alias, else ""
	rel       *catalog.Relation
	cols      []column
	open      bool // has columns that are not in cols
	murky     bool // the unknown ones too
	qualified bool // its columns need the alias: JOIN … USING (…) AS x
}

// guarded says whether any column of the item is.
func (it *item) guarded() (column, bool) {
	for _, c := range it.cols {
		if c.guard {
			return c, true
		}
	}
	return column{}, false
}

// row is the item's whole row as a value.
func (it *item) row() column {
	out := column{name: it.alias, murky: it.murky}
	for _, c := range it.cols {
		out.murky = out.murky || c.murky
	}
	return out
}

// scope is one query level: what its names can mean.
type scope struct {
	up       *scope
	items    []*item
	ctes     map[string]*cte
	star     []column // what * means
	starOpen bool     // and more
}

// outside is the scope for what stands in FROM without LATERAL: the CTEs are
// visible, the neighbours are not.
func (sc *scope) outside() *scope {
	if sc == nil {
		return nil
	}
	return &scope{up: sc.up, ctes: sc.ctes}
}

func (sc *scope) cte(name string) *cte {
	for s := sc; s != nil; s = s.up {
		if c := s.ctes[name]; c != nil {
			return c
		}
	}
	return nil
}

// systemColumns exist in every relation that has rows of its own
// (PostgreSQL 5.5).
var systemColumns = []string{"tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"}

// column finds a column of the item by name.
func (it *item) column(name string) (column, bool) {
	for _, c := range it.cols {
		if c.name == name {
			return c, true
		}
	}
	if it.rel != nil && slices.Contains(systemColumns, name) {
		return column{name: name, attr: catalog.Attr{Relation: it.rel.OID, Number: -1}}, true
	}
	return column{}, false
}

// meaning is what a column reference can mean.
type meaning struct {
	cols []column // more than one for a star, and for an ambiguous name
	row  *item    // a whole row, or the item that a star stands for
	star bool
	open bool // the star has more columns than cols
}

// lookup resolves a column reference as PostgreSQL does (parse_expr.c
// transformColumnRef): a bare name is a column of the nearest level that has
// one, else a row of the nearest level that has such an item.
func (sc *scope) lookup(names []string, star bool, database string) (meaning, bool) {
	switch {
	case star && len(names) == 0:
		if sc == nil {
			return meaning{}, false
		}
		return meaning{cols: sc.star, star: true, open: sc.starOpen}, true
	case star:
		it, ok := sc.item(names, database)
		if !ok {
			return meaning{}, false
		}
		return meaning{cols: it.cols, row: it, star: true, open: it.open}, true
	case len(names) == 1:
		return sc.bare(names[0])
	}
	it, ok := sc.item(names[:len(names)-1], database)
	if !ok {
		return meaning{}, false
	}
	name := names[len(names)-1]
	if c, ok := it.column(name); ok {
		return meaning{cols: []column{c}}, true
	}
	if it.open {
		return meaning{cols: []column{{name: name, murky: it.murky}}}, true
	}
	return meaning{}, false
}

func (sc *scope) bare(name string) (meaning, bool) {
	var perhaps []column // of items whose columns are not all known
	for s := sc; s != nil; s = s.up {
		var found []column
		for _, it := range s.items {
			if it.qualified {
				continue
			}
			if c, ok := it.column(name); ok {
				found = append(found, c)
			}
			if it.open {
				perhaps = append(perhaps, column{name: name, murky: it.murky})
			}
		}
		if len(found) > 0 {
			return meaning{cols: append(found, perhaps...)}, true
		}
	}
	if it, ok := sc.item([]string{name}, ""); ok {
		return meaning{row: it, cols: perhaps}, true
	}
	return meaning{cols: perhaps}, len(perhaps) > 0
}

// item finds what a qualifier of one to three parts names.
func (sc *scope) item(names []string, database string) (*item, bool) {
	if len(names) == 3 {
		if names[0] != database {
			return nil, false
		}
		names = names[1:]
	}
	if len(names) > 2 {
		return nil, false
	}
	name := names[len(names)-1]
	for s := sc; s != nil; s = s.up {
		for _, it := range s.items {
			if it.alias == name && (len(names) == 1 || it.schema == names[0]) {
				return it, true
			}
		}
	}
	return nil, false
}

// rename applies the column names of an alias.
func rename(cols []column, alias *pg.Alias) []column {
	if alias == nil || len(alias.Colnames) == 0 {
		return cols
	}
	return renamed(cols, alias.Colnames)
}

func renamed(cols []column, names []*pg.Node) []column {
	out := slices.Clone(cols)
	for i, n := range names {
		if s := n.GetString_(); s != nil && i < len(out) {
			out[i].name = s.Sval
		}
	}
	return out
}

// both merges two columns whose values end up in one.
func both(x, y column) column {
	return column{name: x.name, guard: x.guard || y.guard, murky: x.murky || y.murky, constant: x.constant && y.constant}
}

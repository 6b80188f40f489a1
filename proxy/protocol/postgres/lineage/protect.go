package lineage

import (
	"sluice.dev/proxy/protocol/postgres/catalog"
	"sluice.dev/proxy/protocol/postgres/tree"
)

// judge is the catalog.Judge that walks stored definitions as Server walks
// statements. It reads each once.
type judge struct {
	major int
	trees map[*catalog.Relation]*tree.Tree
	exprs map[string]*stored
}

// stored is an expression of the catalogs.
type stored struct {
	t *tree.Tree
	v tree.Value
}

// View walks the one query of a view's _RETURN rule (pg_rewrite.ev_action).
// Views within it are not expanded there: they are relations, which p knows.
func (j *judge) View(p *catalog.Protected, r *catalog.Relation, definition string) ([]catalog.Derivation, bool) {
	t, ok := j.trees[r]
	if !ok {
		t, _, _ = tree.Stored(definition, j.major) // an error leaves nil
		j.trees[r] = t
	}
	if t == nil || len(t.Queries) != 1 {
		return nil, false
	}
	w := newWalker(t, p)
	cols := w.outputs(w.scope(t.Queries[0], nil))
	if w.refused != "" && w.failed() {
		return nil, false
	}
	out := make([]catalog.Derivation, len(cols))
	for i, c := range cols {
		out[i] = w.derivation(c)
	}
	return out, true
}

// Generated walks an expression over the columns of its own relation
// (pg_attrdef.adbin).
func (j *judge) Generated(p *catalog.Protected, r *catalog.Relation, definition string) (catalog.Derivation, bool) {
	x := j.exprs[definition]
	if x == nil {
		t, v, err := tree.Stored(definition, j.major)
		if err != nil {
			return catalog.Derivation{}, false
		}
		if j.exprs == nil {
			j.exprs = make(map[string]*stored)
		}
		x = &stored{t, v}
		j.exprs[definition] = x
	}
	w := newWalker(x.t, p)
	w.alone = r
	v := w.any(x.v, &scopeOf{})
	if w.refused != "" && w.failed() {
		return catalog.Derivation{}, false
	}
	return w.derivation(v), true
}

// failed: the walk met something that it did not understand. A use that Server
// would refuse is none of a definition's business.
func (w *walker) failed() bool { return w.unresolved || w.lost }

func (w *walker) derivation(v value) catalog.Derivation {
	return catalog.Derivation{Tainted: v.tainted(), Exact: v.level == Protected && v.from != 0, Origins: w.origins(v.from)}
}

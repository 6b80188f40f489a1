package catalog

import (
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Protected is the set of columns that masks name, closed over what copies or
// shows them, for one snapshot (masking.md 0 “strict”, 5, 6). It never
// changes.
type Protected struct {
	snapshot   *Snapshot
	configured []string            // the columns as configured, sorted
	columns    map[Attr][]string   // origins: configured columns whose values these are
	relations  map[uint32]bool     // with any protected column
	sensitive  map[Attr]bool       // columns of masking.md 6
	whole      map[uint32][]string // protected in every column
	class      map[uint32]Class
	derived    map[Attr]bool // columns that hold something computed from their origins
	judge      Judge         // nil: views and generated columns are covered whole
	missing    []string
	roots      map[string]Attr

	opaqueOnce  sync.Once
	opaqueTypes bool // see TypesOpaque
}

// Protected closes the columns ("schema.table.column", as the catalog spells
// them) over the snapshot. The errors name the columns that it does not have;
// the set is good for the rest all the same. Where previous knew such a column,
// its (OID, number) stays protected; and what previous had closed over stays
// too as long as the relation lives, since a copy remains a copy when the
// foreign key that told of it is dropped. previous may be nil.
func (s *Snapshot) Protected(columns []string, previous *Protected) (*Protected, []error) {
	return s.Judged(columns, previous, nil)
}

// Judged is Protected, with views, materialized views and generated columns
// closed column by column as judge says; nil covers them whole.
func (s *Snapshot) Judged(columns []string, previous *Protected, judge Judge) (*Protected, []error) {
	p := &Protected{
		snapshot: s, columns: make(map[Attr][]string), relations: make(map[uint32]bool), judge: judge, derived: make(map[Attr]bool),
		sensitive: make(map[Attr]bool), whole: make(map[uint32][]string), roots: make(map[string]Attr),
	}
	p.configured = slices.Compact(slices.Sorted(slices.Values(columns)))
	var errs []error
	for _, name := range p.configured {
		a, err := s.resolve(name)
		if err != nil {
			errs = append(errs, err)
			p.missing = append(p.missing, name)
			if previous != nil {
				a = previous.roots[name]
			}
			if a.Relation == 0 {
				continue
			}
		}
		p.roots[name] = a
		p.add(a, []string{name})
	}
	p.carry(previous)
	p.sections()
	// Functions depend on which relations are protected, views on both.
	for {
		if judge != nil {
			p.classify() // the judge asks for classes
		}
		p.close()
		before := len(p.relations)
		p.classify()
		p.opaqueDefinitions()
		if len(p.relations) == before && (judge == nil || !p.close()) {
			p.judge = nil // its trees are not needed any more
			return p, errs
		}
	}
}

// resolve finds a configured column.
func (s *Snapshot) resolve(name string) (Attr, error) {
	i := strings.LastIndexByte(name, '.')
	j := -1
	if i > 0 {
		j = strings.IndexByte(name[:i], '.')
	}
	if j <= 0 {
		return Attr{}, fmt.Errorf("protected column %q: write it as schema.table.column", name)
	}
	r, ok := s.Named(name[:j], name[j+1:i])
	if !ok {
		return Attr{}, fmt.Errorf("protected column %q: database %q has no relation %q", name, s.Database, name[:i])
	}
	n := r.Column(name[i+1:])
	if n == 0 {
		return Attr{}, fmt.Errorf("protected column %q: relation %q has no column %q", name, name[:i], name[i+1:])
	}
	return Attr{r.OID, n}, nil
}

// add protects one column; true if that is news.
func (p *Protected) add(a Attr, origins []string) bool {
	have := p.columns[a]
	merged := slices.Compact(slices.Sorted(slices.Values(append(slices.Clone(have), origins...))))
	p.relations[a.Relation] = true
	if _, ok := p.columns[a]; ok && len(merged) == len(have) {
		return false
	}
	p.columns[a] = merged
	return true
}

// cover protects a relation in every column; true if that is news.
func (p *Protected) cover(r *Relation, origins []string) bool {
	_, had := p.whole[r.OID]
	news := !had
	p.whole[r.OID] = slices.Compact(slices.Sorted(slices.Values(append(slices.Clone(p.whole[r.OID]), origins...))))
	p.relations[r.OID] = true
	for _, n := range r.Live() {
		news = p.add(Attr{r.OID, n}, origins) || news
	}
	return news
}

// carry keeps what an earlier set had, as far as its origins are still
// configured and its relations still there.
func (p *Protected) carry(previous *Protected) {
	if previous == nil {
		return
	}
	for a, origins := range previous.columns {
		kept := slices.DeleteFunc(slices.Clone(origins), func(o string) bool {
			_, found := slices.BinarySearch(p.configured, o)
			return !found
		})
		if _, ok := p.snapshot.relations[a.Relation]; ok && len(kept) > 0 {
			p.add(a, kept)
		}
	}
}

// sections marks the columns of masking.md 6, and foreign tables.
func (p *Protected) sections() {
	for _, r := range p.snapshot.relations {
		if r.Kind == 'f' {
			p.cover(r, nil)
		}
		for _, name := range r.sensitive() {
			for _, n := range r.Live() {
				if name == "*" || r.Columns[n-1].Name == name {
					p.sensitive[Attr{r.OID, n}] = true
				}
			}
		}
	}
}

// close follows inheritance, foreign keys, generated columns and views until
// nothing changes.
func (p *Protected) close() (news bool) {
	for changed := true; changed; {
		changed = false
		for _, r := range p.snapshot.relations {
			changed = p.closeRelation(r) || changed
		}
		news = news || changed
	}
	return news
}

func (p *Protected) closeRelation(r *Relation) (changed bool) {
	for _, l := range [][]uint32{r.parents, r.children} {
		for _, oid := range l {
			other := p.snapshot.relations[oid]
			for _, n := range other.Live() {
				from := Attr{oid, n}
				if _, ok := p.columns[from]; !ok {
					continue
				}
				if to := r.Column(other.Columns[n-1].Name); to != 0 {
					changed = p.copies(Attr{r.OID, to}, from) || changed
				}
			}
		}
	}
	for _, k := range r.out {
		for i := range min(len(k.fromKey), len(k.toKey)) {
			from, to := Attr{k.from, k.fromKey[i]}, Attr{k.to, k.toKey[i]}
			if _, ok := p.columns[from]; ok {
				changed = p.copies(to, from) || changed
			}
			if _, ok := p.columns[to]; ok {
				changed = p.copies(from, to) || changed
			}
		}
	}
	for _, g := range r.generated {
		if p.judge != nil {
			changed = p.closeGenerated(r, g) || changed
			continue
		}
		for _, n := range g.tree.columns {
			if o, ok := p.columns[Attr{r.OID, n}]; ok || n == 0 && p.relations[r.OID] {
				changed = p.add(Attr{r.OID, g.number}, o) || changed
			}
		}
	}
	if (r.Kind == 'v' || r.Kind == 'm') && !r.System() {
		if p.judge != nil {
			return p.closeJudged(r) || changed
		}
		changed = p.closeView(r) || changed
	}
	return changed
}

// closeView covers a view over anything protected or of masking.md 6. The
// system's own views are judged column by column in sensitiveColumns.
func (p *Protected) closeView(r *Relation) (changed bool) {
	for _, oid := range r.body.relations {
		other := p.snapshot.relations[oid]
		switch {
		case oid == r.OID:
		case other == nil: // dropped meanwhile, or an index: nobody knows
			changed = p.cover(r, nil) || changed
		case p.relations[oid]:
			changed = p.cover(r, p.originsOf(other)) || changed
		case len(other.sensitive()) > 0:
			changed = p.cover(r, nil) || changed
		}
	}
	return changed
}

// originsOf joins the origins of all columns of a relation.
func (p *Protected) originsOf(r *Relation) []string {
	out := slices.Clone(p.whole[r.OID])
	for _, n := range r.Live() {
		out = append(out, p.columns[Attr{r.OID, n}]...)
	}
	return slices.Compact(slices.Sorted(slices.Values(out)))
}

// opaqueDefinitions covers views that run an opaque function: their columns
// report themselves as origin, whatever the function puts there. The same for
// generated columns.
func (p *Protected) opaqueDefinitions() {
	if p.judge != nil {
		return
	}
	for _, r := range p.snapshot.relations {
		if (r.Kind == 'v' || r.Kind == 'm') && !r.System() && p.treeOpaque(r.body) {
			p.cover(r, p.whole[r.OID])
		}
		for _, g := range r.generated {
			if p.treeOpaque(g.tree) {
				p.add(Attr{r.OID, g.number}, p.columns[Attr{r.OID, g.number}])
			}
		}
	}
}

func (p *Protected) treeOpaque(t tree) bool {
	return slices.ContainsFunc(t.functions, func(f uint32) bool { return p.Class(f) >= Opaque }) ||
		slices.ContainsFunc(t.types, p.TypeOpaque)
}

// Snapshot is what the set was closed over.
func (p *Protected) Snapshot() *Snapshot { return p.snapshot }

// Empty says that no column is configured: nothing of masking.md applies.
func (p *Protected) Empty() bool { return p == nil || len(p.configured) == 0 }

// Configured lists the columns as they were given, sorted.
func (p *Protected) Configured() []string { return p.configured }

// Missing lists the configured columns that the snapshot does not have.
func (p *Protected) Missing() []string { return p.missing }

// Column answers whether the value of a column is protected, and which
// configured columns it stands for: their masks apply, and where there are
// none (a foreign table, a column of masking.md 6, a view over an opaque
// function) it is redacted. Number 0 is the whole row.
func (p *Protected) Column(relation uint32, number int16) (origins []string, ok bool) {
	if p == nil {
		return nil, false
	}
	if number == 0 {
		r := p.snapshot.relations[relation]
		if r == nil {
			return nil, true
		}
		return p.originsOf(r), p.relations[relation] || len(r.sensitive()) > 0
	}
	a := Attr{relation, number}
	if o, found := p.columns[a]; found {
		return o, true
	}
	if o, found := p.whole[relation]; found && number > 0 {
		return o, true // a column added since
	}
	return nil, p.sensitive[a]
}

// Relation says whether any column of the relation is protected, those of
// masking.md 6 apart.
func (p *Protected) Relation(oid uint32) bool { return p != nil && p.relations[oid] }

// Sensitive says whether a column is one of masking.md 6.
func (p *Protected) Sensitive(relation uint32, number int16) bool {
	return p != nil && p.sensitive[Attr{relation, number}]
}

// Known says whether the snapshot has the column: a result's origin that it
// does not know is masked.
func (p *Protected) Known(relation uint32, number int16) bool {
	if p == nil {
		return false
	}
	r := p.snapshot.relations[relation]
	return r != nil && number > 0 && int(number) <= len(r.Columns) && r.Columns[number-1].Name != ""
}

// Passes is the run-time rule of masking.md 0: in a statement that touches
// anything protected, a result column passes when RowDescription gives it an
// origin that is known and not protected.
func (p *Protected) Passes(relation uint32, number int16) bool {
	_, protected := p.Column(relation, number)
	if number < 0 { // ctid and its like: where a row lies, not what is in it
		_, known := p.snapshot.relations[relation]
		return known && p.whole[relation] == nil
	}
	return !protected && p.Known(relation, number)
}

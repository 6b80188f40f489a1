package catalog

import (
	"slices"

	"sluice.dev/proxy/protocol/postgres/facts"
)

// Relation implements [facts.Resolver].
func (v *View) Relation(schema, name string) (facts.Relation, bool) {
	r, ok := v.Lookup(schema, name)
	if !ok {
		return facts.Relation{}, false
	}
	return v.s.facts(r), true
}

// Function implements [facts.Resolver].
func (v *View) Function(schema, name string, nargs int) (facts.Class, string) {
	fs := v.FunctionsNamed(schema, name, nargs)
	if len(fs) == 0 {
		return facts.Unknown, ""
	}
	worst := facts.Pure
	for _, f := range fs {
		worst = max(worst, v.s.effect(f.OID, 0))
	}
	return worst, fs[0].ID()
}

// Operator implements [facts.Resolver].
func (v *View) Operator(schema, name string) facts.Class {
	fs, ok := v.OperatorFunctions(schema, name)
	if !ok {
		return facts.Unknown
	}
	return v.s.worst(fs)
}

// Type implements [facts.Resolver].
func (v *View) Type(schema, name string) facts.Class {
	t, ok := v.LookupType(schema, name)
	if !ok {
		return facts.Unknown
	}
	return max(v.s.typeEffect(t.OID, 0), v.s.worst(v.Casts(t.OID)))
}

func (s *Snapshot) worst(functions []uint32) facts.Class {
	c := facts.Pure
	for _, f := range functions {
		c = max(c, s.effect(f, 0))
	}
	return c
}

// effect is a function's class for facts: any function of a user may read
// and write anything.
func (s *Snapshot) effect(oid uint32, depth int) facts.Class {
	f := s.functions[oid]
	if f == nil || depth > maxTypeDepth {
		return facts.Opaque
	}
	c, fixed := f.fixedClass()
	switch {
	case fixed && c >= Opaque:
		return facts.Opaque
	case fixed && f.Volatile:
		return facts.Volatile
	case fixed:
		return facts.Pure
	case len(f.support) > 0:
		worst := facts.Pure
		for _, o := range f.support {
			worst = max(worst, s.effect(o, depth+1))
		}
		return worst
	}
	return facts.Opaque
}

func (s *Snapshot) typeEffect(oid uint32, depth int) facts.Class {
	if oid < firstUserOID {
		return facts.Pure
	}
	t := s.types[oid]
	if t == nil || depth > maxTypeDepth {
		return facts.Opaque
	}
	c := max(s.worst(t.functions), s.treeEffect(t.checks))
	for _, o := range []uint32{t.Base, t.Element, t.subtype} {
		if o != 0 {
			c = max(c, s.typeEffect(o, depth+1))
		}
	}
	if r := s.relations[t.Relation]; r != nil {
		for _, col := range r.Columns {
			if col.Name != "" {
				c = max(c, s.typeEffect(col.Type, depth+1))
			}
		}
	}
	return c
}

func (s *Snapshot) treeEffect(t tree) facts.Class {
	c := s.worst(t.functions)
	for _, o := range t.types {
		c = max(c, s.typeEffect(o, 0))
	}
	return c
}

// facts describes a relation to the facts room; once for each snapshot.
func (s *Snapshot) facts(r *Relation) facts.Relation {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f, ok := s.known[r.OID]; ok {
		return f
	}
	f := facts.Relation{
		OID: r.OID, Schema: r.Schema, Name: r.Name, Kind: r.Kind, System: r.System(), Temp: r.Temp,
		Sensitive: len(r.sensitive()) > 0,
	}
	for _, n := range r.Live() {
		f.Columns = append(f.Columns, r.Columns[n-1].Name)
	}
	s.under(r, &f)
	f.Children = s.sorted(s.descendants(r))
	f.OnInsert = s.effects(r, Insert)
	f.OnUpdate = s.effects(r, Update)
	f.OnDelete = s.effects(r, Delete)
	f.OnTruncate = s.effects(r, Truncate)
	f.Cascade = s.sorted(s.truncated(r))
	s.known[r.OID] = f
	return f
}

// under fills what reading a view reads.
func (s *Snapshot) under(r *Relation, f *facts.Relation) {
	relations, columns := make(map[uint32]bool), make(map[Attr]bool)
	var visit func(*Relation)
	visit = func(r *Relation) {
		if r.Kind == 'f' || s.treeEffect(r.policies) > facts.Volatile {
			f.Opaque = true
		}
		for _, c := range r.Columns {
			if t := s.types[c.Type]; c.Name != "" && t != nil && s.worst(t.functions) > facts.Volatile {
				f.Opaque = true // its output function
			}
		}
		if r.Kind != 'v' {
			return
		}
		if s.treeEffect(r.body) > facts.Volatile && !r.System() {
			f.Opaque = true
		}
		for _, a := range r.bodyColumns {
			columns[a] = true
		}
		for _, oid := range r.body.relations {
			if oid == r.OID || relations[oid] {
				continue
			}
			relations[oid] = true
			if o := s.relations[oid]; o != nil {
				visit(o)
				for _, d := range s.descendants(o) {
					relations[d] = true
				}
			} else {
				f.Opaque = true
			}
		}
	}
	visit(r)
	for _, oid := range r.policies.relations {
		relations[oid] = true
	}
	delete(relations, r.OID)
	for oid := range relations {
		if o := s.relations[oid]; o != nil {
			f.Underlying = append(f.Underlying, o.ID())
		}
	}
	for a := range columns {
		if _, ok := s.relations[a.Relation]; ok {
			f.UnderlyingColumns = append(f.UnderlyingColumns, s.ColumnName(a))
		}
	}
	slices.Sort(f.Underlying)
	slices.Sort(f.UnderlyingColumns)
}

// descendants lists children and partitions at any depth.
func (s *Snapshot) descendants(r *Relation) []uint32 {
	var out []uint32
	seen := map[uint32]bool{r.OID: true}
	for todo := r.children; len(todo) > 0; {
		oid := todo[0]
		todo = todo[1:]
		if o := s.relations[oid]; o != nil && !seen[oid] {
			seen[oid] = true
			out = append(out, oid)
			todo = append(slices.Clone(todo), o.children...)
		}
	}
	return out
}

// truncated lists what TRUNCATE … CASCADE empties beside the relation.
func (s *Snapshot) truncated(r *Relation) []uint32 {
	var out []uint32
	seen := map[uint32]bool{r.OID: true}
	for todo := []*Relation{r}; len(todo) > 0; {
		r, rest := todo[0], todo[1:]
		todo = rest
		next := s.descendants(r)
		for _, k := range r.in {
			next = append(next, k.from)
		}
		for _, oid := range next {
			if o := s.relations[oid]; o != nil && !seen[oid] {
				seen[oid] = true
				out = append(out, oid)
				todo = append(todo, o)
			}
		}
	}
	return out
}

func (s *Snapshot) sorted(oids []uint32) []string {
	var out []string
	for _, oid := range oids {
		if r := s.relations[oid]; r != nil {
			out = append(out, r.ID())
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

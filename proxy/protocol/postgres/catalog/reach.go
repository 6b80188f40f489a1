package catalog

import "slices"

// Op is a kind of write.
type Op uint8

// The kinds of write that fire triggers and rules.
const (
	Insert Op = iota
	Update
	Delete
	Truncate
)

// tgtype bits (PostgreSQL catalog/pg_trigger.h) and ev_type of each Op.
var (
	triggerBit = [...]int{Insert: 4, Delete: 8, Update: 16, Truncate: 32}
	ruleEvent  = [...]byte{Update: '2', Insert: '3', Delete: '4', Truncate: 0}
)

// Reach is what an access to a relation can bring about beyond the relation.
type Reach struct {
	// Opaque: code that is neither pure nor bounded may run, and may raise or
	// return protected data.
	Opaque bool
	// Denied: a function of masking.md 6 that is refused.
	Denied bool
	// Protected: a protected relation is touched on the way, so that an error
	// can print its rows.
	Protected bool
	// Relations that are written or looked at, sorted.
	Relations []uint32
}

// Reads is the reach of looking at rows of a relation: views and their
// functions, row security, output functions of its types, children.
func (p *Protected) Reads(relation uint32) Reach {
	w := walk{p: p, seen: make(map[visit]bool)}
	w.read(relation)
	return w.result()
}

// Writes is the reach of a write, which looks at rows too: triggers, rules,
// defaults, checks, index expressions, domains, and foreign keys that cascade.
func (p *Protected) Writes(relation uint32, op Op) Reach {
	w := walk{p: p, seen: make(map[visit]bool)}
	w.write(relation, op)
	return w.result()
}

// EventTriggers says whether DDL fires code that is not pure or bounded.
func (p *Protected) EventTriggers() bool {
	return slices.ContainsFunc(p.snapshot.events, func(f uint32) bool { return p.Class(f) >= Opaque })
}

type visit struct {
	relation uint32
	op       int // -1 read
}

type walk struct {
	// triggersOnly leaves out what is not a trigger's function: see Fires.
	triggersOnly bool

	p    *Protected
	seen map[visit]bool
	out  Reach
}

func (w *walk) result() Reach {
	slices.Sort(w.out.Relations)
	w.out.Relations = slices.Compact(w.out.Relations)
	return w.out
}

// enter notes a visit; false if it was made before.
func (w *walk) enter(relation uint32, op int) (*Relation, bool) {
	v := visit{relation, op}
	if w.seen[v] {
		return nil, false
	}
	w.seen[v] = true
	w.out.Relations = append(w.out.Relations, relation)
	if w.p.relations[relation] {
		w.out.Protected = true
	}
	r := w.p.snapshot.relations[relation]
	if r == nil { // unknown: anything may happen
		w.out.Opaque, w.out.Protected = true, true
	}
	return r, r != nil
}

func (w *walk) function(oid uint32) {
	switch w.p.Class(oid) {
	case Denied:
		w.out.Denied, w.out.Opaque = true, true
	case Opaque:
		w.out.Opaque = true
	}
}

// tree visits what a stored expression refers to.
func (w *walk) tree(t tree) {
	if w.triggersOnly {
		return
	}
	for _, f := range t.functions {
		w.function(f)
	}
	if slices.ContainsFunc(t.types, w.p.TypeOpaque) {
		w.out.Opaque = true
	}
	for _, r := range t.relations {
		w.read(r)
	}
}

func (w *walk) read(relation uint32) {
	if w.triggersOnly {
		return
	}
	r, ok := w.enter(relation, -1)
	if !ok {
		return
	}
	if r.Kind == 'f' {
		w.out.Opaque = true
	}
	if r.Kind == 'v' && !r.System() {
		w.tree(r.body)
	}
	w.tree(r.policies)
	for _, c := range r.Columns {
		if t := w.p.snapshot.types[c.Type]; c.Name != "" && c.Type >= firstUserOID &&
			(w.p.castOpaque(c.Type) || t != nil && t.Kind != 'd' && w.p.TypeOpaque(c.Type)) {
			w.out.Opaque = true
		}
	}
	for _, c := range r.children {
		w.read(c)
	}
}

func (w *walk) write(relation uint32, op Op) {
	r, ok := w.enter(relation, int(op))
	if !ok {
		return
	}
	w.read(relation)
	for _, t := range r.triggers {
		if t.events&triggerBit[op] != 0 {
			w.function(t.function)
			w.tree(t.when)
		}
	}
	for _, ru := range r.rules {
		if ru.event == ruleEvent[op] {
			w.tree(ru.tree)
		}
	}
	if op == Insert || op == Update {
		w.tree(r.written)
		for _, c := range r.Columns {
			if c.Name != "" && !w.triggersOnly && w.p.TypeOpaque(c.Type) {
				w.out.Opaque = true
			}
		}
	}
	if r.Kind == 'v' { // written through to what it shows
		for _, b := range r.body.relations {
			w.write(b, op)
		}
	}
	for _, c := range r.children {
		w.write(c, op)
	}
	for _, oid := range r.parents { // an UPDATE may move a row to another partition
		if parent := w.p.snapshot.relations[oid]; parent != nil && parent.Kind == 'p' {
			w.write(oid, op)
			if op == Update {
				w.write(oid, Delete)
				w.write(oid, Insert)
			}
		}
	}
	for _, k := range r.in {
		w.cascade(k, op)
	}
}

// cascade follows a foreign key that leads to the relation written.
func (w *walk) cascade(k foreignKey, op Op) {
	action := k.onDelete
	switch op {
	case Insert:
		return
	case Truncate:
		w.write(k.from, Truncate)
		return
	case Update:
		action = k.onUpdate
	}
	switch action {
	case 'c':
		w.write(k.from, op)
	case 'n', 'd':
		w.write(k.from, Update)
	}
}

// Copiers lists "schema.table: schema.function" of the triggers of users on
// protected relations. Such a function gets whole rows, and where it puts them
// no statement shows: what it writes must be declared (masking.md 5).
func (p *Protected) Copiers() (out []string) {
	for _, r := range p.snapshot.relations {
		if !p.relations[r.OID] {
			continue
		}
		for _, t := range r.triggers {
			if f := p.snapshot.functions[t.function]; f != nil && !f.builtin {
				out = append(out, r.ID()+": "+f.ID())
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

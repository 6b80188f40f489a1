package catalog

import "sluice.dev/proxy/protocol/postgres/facts"

// effects works out what a write to a relation does to others.
func (s *Snapshot) effects(r *Relation, op Op) facts.Effects {
	e := effects{s: s, seen: make(map[visit]bool), reads: make(map[uint32]bool), writes: make(map[uint32]bool)}
	e.write(r, op)
	delete(e.writes, r.OID)
	return facts.Effects{Reads: s.sorted(keys(e.reads)), Writes: s.sorted(keys(e.writes)), Opaque: e.opaque}
}

func keys(m map[uint32]bool) []uint32 {
	out := make([]uint32, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	return out
}

type effects struct {
	s             *Snapshot
	seen          map[visit]bool
	reads, writes map[uint32]bool
	opaque        bool
}

// tree adds what a stored expression reads and runs.
func (e *effects) tree(t tree) {
	if e.s.treeEffect(t) > facts.Volatile {
		e.opaque = true
	}
	for _, oid := range t.relations {
		e.reads[oid] = true
	}
}

func (e *effects) write(r *Relation, op Op) {
	v := visit{r.OID, int(op)}
	if e.seen[v] {
		return
	}
	e.seen[v] = true
	e.writes[r.OID] = true
	if r.Kind == 'f' || r.Kind == 'v' { // a view is written through, or by a rule or trigger
		e.opaque = e.opaque || r.Kind == 'f'
	}
	for _, t := range r.triggers {
		if t.events&triggerBit[op] != 0 {
			if e.s.effect(t.function, 0) > facts.Volatile {
				e.opaque = true
			}
			e.tree(t.when)
		}
	}
	for _, ru := range r.rules {
		if ru.event == ruleEvent[op] { // its action may be any statement
			e.opaque = true
			e.tree(ru.tree)
		}
	}
	if op == Insert || op == Update {
		e.tree(r.written)
		for _, c := range r.Columns {
			if c.Name != "" && e.s.typeEffect(c.Type, 0) > facts.Volatile {
				e.opaque = true
			}
		}
	}
	if r.Kind == 'v' {
		for _, oid := range r.body.relations {
			if o := e.s.relations[oid]; o != nil && oid != r.OID {
				e.write(o, op)
			}
		}
	}
	e.family(r, op)
	for _, k := range r.in {
		e.cascade(k, op)
	}
}

// family writes children, and the other partitions that an UPDATE may move a
// row to.
func (e *effects) family(r *Relation, op Op) {
	for _, c := range r.children {
		if o := e.s.relations[c]; o != nil && (op != Insert || r.Kind == 'p') {
			e.write(o, op)
		}
	}
	if r.Kind == 'p' && op == Update {
		e.write(r, Delete)
		e.write(r, Insert)
	}
}

// cascade follows a foreign key that leads to the relation written. TRUNCATE
// does so only when it says CASCADE: see facts.Relation.Cascade.
func (e *effects) cascade(k foreignKey, op Op) {
	var action byte
	switch op {
	case Delete:
		action = k.onDelete
	case Update:
		action = k.onUpdate
	default:
		return
	}
	o := e.s.relations[k.from]
	if o == nil {
		return
	}
	switch action {
	case 'c':
		e.write(o, op)
	case 'n', 'd':
		e.write(o, Update)
	}
}

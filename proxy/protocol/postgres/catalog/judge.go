package catalog

import (
	"slices"
	"strings"
)

// Judge works out which columns of a stored definition depend on protected
// ones, as far as p has come. It is asked again until nothing changes, so what
// it says may only grow with p.
type Judge interface {
	// View judges the columns of a view or materialized view, by position; ok is
	// false where the definition is not understood, which covers all of them.
	View(p *Protected, r *Relation, definition string) (columns []Derivation, ok bool)
	// Generated judges a generated column's expression, likewise.
	Generated(p *Protected, r *Relation, definition string) (d Derivation, ok bool)
}

// Derivation is what a Judge says of one column.
type Derivation struct {
	Tainted bool
	// Exact: it is the value of its origins, not something computed from them.
	Exact   bool
	Origins []string
}

// copies protects a column that holds the same values as another.
func (p *Protected) copies(to, from Attr) bool {
	news := p.add(to, p.columns[from])
	if p.derived[from] && !p.derived[to] {
		p.derived[to], news = true, true
	}
	return news
}

// derive protects a column as a Judge says.
func (p *Protected) derive(a Attr, d Derivation) bool {
	if !d.Tainted {
		return false
	}
	news := p.add(a, d.Origins)
	if !d.Exact && !p.derived[a] {
		p.derived[a], news = true, true
	}
	return news
}

func (p *Protected) closeJudged(r *Relation) (changed bool) {
	columns, ok := p.judge.View(p, r, r.definition)
	if !ok {
		return p.cover(r, p.whole[r.OID])
	}
	for _, n := range r.Live() {
		d := Derivation{Tainted: true} // more columns than the definition has
		if int(n) <= len(columns) {
			d = columns[n-1]
		}
		changed = p.derive(Attr{r.OID, n}, d) || changed
	}
	return changed
}

func (p *Protected) closeGenerated(r *Relation, g generated) bool {
	d, ok := p.judge.Generated(p, r, g.definition)
	if !ok {
		d = Derivation{Tainted: true, Origins: p.originsOf(r)}
	}
	return p.derive(Attr{r.OID, g.number}, d)
}

// Exact says whether a protected column's values are those of its origins, so
// that their masks fit; otherwise something computed from them.
func (p *Protected) Exact(relation uint32, number int16) bool {
	a := Attr{relation, number}
	return p != nil && number > 0 && len(p.columns[a]) > 0 && !p.derived[a] && !p.sensitive[a]
}

// Operator answers the name of an operator and the function behind it.
func (s *Snapshot) Operator(oid uint32) (name string, function uint32, ok bool) {
	o := s.operator[oid]
	if o == nil {
		return "", 0, false
	}
	return o.name, o.function, true
}

// Builtin says whether initdb made the function.
func (f *Function) Builtin() bool { return f.builtin }

// CastOpaque says whether some cast from or to a type of users runs code that
// is neither pure nor bounded: to_json and its like look casts up by
// themselves.
func (p *Protected) CastOpaque(oid uint32) bool { return oid >= firstUserOID && p.castOpaque(oid) }

// Fires says whether a write to a relation fires a trigger whose function is
// opaque, on it or on what the write cascades to, and whether one is denied.
func (p *Protected) Fires(relation uint32, op Op) (opaque, denied bool) {
	w := walk{p: p, seen: make(map[visit]bool), triggersOnly: true}
	w.write(relation, op)
	return w.out.Opaque, w.out.Denied
}

// harmlessVolatile are built-in functions that are volatile by declaration, but
// leave nothing behind that anybody could read.
var harmlessVolatile = words(`random random_normal gen_random_uuid uuidv4 uuidv7 uuid_generate_v1 uuid_generate_v1mc uuid_generate_v4
 clock_timestamp timeofday gen_salt gen_random_bytes`)

// effectWords in the body of a function that is not declared volatile: it does
// something beside answering.
var effectWords = words(`notify listen raise set reset call lock insert update delete merge truncate`)

// Effectful says whether calling the function may do something that another
// statement or session can see. One that is unknown may.
func (s *Snapshot) Effectful(function uint32) bool {
	s.effectOnce.Do(s.findEffects)
	e, ok := s.effectful[function]
	return e || !ok
}

func (s *Snapshot) findEffects() {
	s.effectful = make(map[uint32]bool, len(s.functions))
	names := make(map[string]bool)
	note := func(f *Function) {
		s.effectful[f.OID] = true
		if w := word.FindString(strings.ToLower(f.Name)); w != "" {
			names[w] = true
		}
	}
	type body struct {
		f  *Function
		ws []string
	}
	var left []body
	for _, f := range s.functions {
		s.effectful[f.OID] = false
		switch {
		case f.Volatile && (!harmlessVolatile[f.Name] || !f.Trusted()):
			note(f)
		case len(f.support) > 0:
			left = append(left, body{f: f})
		case f.builtin || f.Trusted():
		default:
			ws, readable := f.bodyWords()
			if !readable || f.source == "" || slices.ContainsFunc(ws, func(w string) bool { return effectWords[w] }) {
				note(f)
				continue
			}
			left = append(left, body{f, ws})
		}
	}
	for changed := true; changed; {
		changed = false
		for i := 0; i < len(left); i++ {
			b := left[i]
			if !slices.ContainsFunc(b.ws, func(w string) bool { return names[w] }) &&
				!slices.ContainsFunc(b.f.support, func(o uint32) bool { return s.effectful[o] }) {
				continue
			}
			note(b.f)
			left[i] = left[len(left)-1]
			left = left[:len(left)-1]
			i--
			changed = true
		}
	}
}

// FromSystem says whether initdb or an extension made the function.
func (f *Function) FromSystem() bool { return f.builtin || f.extension != "" }

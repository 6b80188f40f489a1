package catalog

import (
	"regexp"
	"slices"
	"strings"
)

// Class is what a function can do to protected data (masking.md 5, 6).
type Class uint8

const (
	// Pure: the result depends on the arguments alone, as far as protected
	// data goes.
	Pure Class = iota
	// Bounded: SQL or PL/pgSQL whose text can reach no protected relation.
	Bounded
	// Opaque: may read protected data, or raise it as an error or notice.
	Opaque
	// Denied: runs SQL or reads files given as text.
	Denied
)

// String is the class in lower case.
func (c Class) String() string { return [...]string{"pure", "bounded", "opaque", "denied"}[c&3] }

// fixedClass is what the name and the origin of a function tell, whatever is
// protected; ok is false where its body decides.
func (f *Function) fixedClass() (c Class, ok bool) {
	switch {
	case deniedFunctions[f.Name] && (f.builtin || f.extension != ""):
		return Denied, true
	case revealingFunctions[f.Name] && (f.builtin || f.extension != ""):
		return Opaque, true
	case f.builtin:
		return Pure, true
	case pureExtensions[f.extension] && (f.Language == "c" || f.Language == "internal"):
		return Pure, true
	case len(f.support) > 0:
		return Pure, false // as its support functions are
	case f.Language == "sql" || f.Language == "plpgsql":
		return Bounded, false
	}
	return Opaque, true
}

// Trusted says whether the function is the system's or a known extension's:
// it does what its name says and nothing to the session.
func (f *Function) Trusted() bool {
	c, ok := f.fixedClass()
	return ok && c == Pure
}

var word = regexp.MustCompile(`[A-Za-z_\x80-\xff][A-Za-z0-9_$\x80-\xff]*`)

// Words that make SQL or PL/pgSQL dynamic, or that hide a text from this scan.
var dynamicWords = words(`execute prepare create alter copy load import`)

// bodyWords are the words of a function's text in lower case; nil and false
// where the text can hide a name from such a scan.
func (f *Function) bodyWords() ([]string, bool) {
	src := strings.ToLower(f.source)
	if strings.Contains(src, `u&"`) {
		return nil, false
	}
	ws := word.FindAllString(src, -1)
	for i, w := range ws {
		if dynamicWords[w] {
			return nil, false
		}
		// DO runs a block given as text; ON CONFLICT DO does not.
		if w == "do" && (i+1 == len(ws) || ws[i+1] != "update" && ws[i+1] != "nothing") {
			return nil, false
		}
	}
	slices.Sort(ws)
	return slices.Compact(ws), true
}

// classify works out every function's class, given which relations are
// protected: from the fixed ones to a fixed point over names. A function is
// Bounded when no word of its text is the name of a relation that is
// protected, nor of a function that is neither pure nor bounded.
func (p *Protected) classify() {
	s := p.snapshot
	bad := make(map[string]bool)
	hidden := false // a name without any word: no text is safe then
	ban := func(name string) {
		first := word.FindString(strings.ToLower(name))
		if first == "" {
			hidden = true
		}
		bad[first] = true
	}
	for oid := range p.relations {
		if r := s.relations[oid]; r != nil {
			ban(r.Name)
		}
	}
	for w := range deniedFunctions {
		bad[w] = true
	}
	for w := range revealingFunctions {
		bad[w] = true
	}
	type open struct {
		f  *Function
		ws []string
	}
	var left []open
	class := make(map[uint32]Class)
	for _, f := range s.functions {
		c, ok := f.fixedClass()
		switch {
		case ok:
		case len(f.support) > 0:
			left = append(left, open{f: f})
		default:
			ws, readable := f.bodyWords()
			if readable {
				left = append(left, open{f, ws})
			} else {
				c = Opaque
			}
		}
		class[f.OID] = c
		if c >= Opaque && !f.builtin {
			ban(f.Name)
		}
	}
	taint := func(o open) bool {
		if hidden {
			return true
		}
		for _, w := range o.ws {
			if bad[w] {
				return true
			}
		}
		for _, l := range [][]uint32{o.f.support, o.f.body.functions} {
			for _, oid := range l {
				if c, ok := class[oid]; !ok || c >= Opaque {
					return true
				}
			}
		}
		return slices.ContainsFunc(o.f.body.types, func(t uint32) bool { return p.typeOpaque(t, class, 0) })
	}
	for changed := true; changed; {
		changed = false
		for i := 0; i < len(left); i++ {
			if !taint(left[i]) {
				continue
			}
			class[left[i].f.OID] = Opaque
			ban(left[i].f.Name)
			left[i] = left[len(left)-1]
			left = left[:len(left)-1]
			i--
			changed = true
		}
	}
	p.class = class
}

// Class is a function's class under this protected set; one that the snapshot
// does not know is Opaque.
func (p *Protected) Class(function uint32) Class {
	if c, ok := p.class[function]; ok {
		return c
	}
	return Opaque
}

// TypeOpaque says whether converting a value to the type, or printing it, runs
// code that is neither pure nor bounded: a domain's checks, the input and
// output of a type that somebody made, or the same of what it is made of.
func (p *Protected) TypeOpaque(oid uint32) bool { return p.typeOpaque(oid, p.class, 0) }

// maxTypeDepth bounds nesting of composite types and domains.
const maxTypeDepth = 16

func (p *Protected) typeOpaque(oid uint32, class map[uint32]Class, depth int) bool {
	if oid < firstUserOID && oid != 0 {
		return false
	}
	t := p.snapshot.types[oid]
	if t == nil {
		return oid != 0
	}
	if depth > maxTypeDepth {
		return true
	}
	for _, l := range [][]uint32{t.functions, t.checks.functions} {
		for _, f := range l {
			if class[f] >= Opaque {
				return true
			}
		}
	}
	for _, o := range []uint32{t.Base, t.Element, t.subtype} {
		if o != 0 && p.typeOpaque(o, class, depth+1) {
			return true
		}
	}
	if r := p.snapshot.relations[t.Relation]; r != nil {
		for _, c := range r.Columns {
			if c.Name != "" && p.typeOpaque(c.Type, class, depth+1) {
				return true
			}
		}
	}
	return false
}

// castOpaque: a cast from or to the type runs code that is neither pure nor
// bounded, though no statement names it.
func (p *Protected) castOpaque(oid uint32) bool {
	for _, c := range p.snapshot.casts {
		if (c.source == oid || c.target == oid) && c.function != 0 && p.Class(c.function) >= Opaque {
			return true
		}
	}
	return false
}

// CastsOpaque says whether a cast between two types of the system runs code
// that is neither pure nor bounded: then any statement can reach it.
func (p *Protected) CastsOpaque() bool {
	for _, c := range p.snapshot.casts {
		if c.source < firstUserOID && c.target < firstUserOID && c.function != 0 && p.Class(c.function) >= Opaque {
			return true
		}
	}
	return false
}

package facts

import "slices"

// origin is what a value is made of: columns, literals (by index) and
// parameters. A large one is a tree that shares its parts, so that a list of a
// hundred thousand constants costs no more than its length.
type origin struct {
	columns  []string
	literals []int
	params   []int
	parts    []*origin
}

func (o origin) size() int { return len(o.columns) + len(o.literals) + len(o.params) }

func (o origin) empty() bool { return o.size() == 0 && len(o.parts) == 0 }

// with is the union of two origins.
func (o origin) with(p origin) origin {
	switch {
	case p.empty():
		return o
	case o.empty():
		return p
	case len(o.parts)+len(p.parts) > 0 || o.size()+p.size() > 16:
		return origin{parts: []*origin{&o, &p}}
	}
	return origin{columns: union(o.columns, p.columns), literals: union(o.literals, p.literals), params: union(o.params, p.params)}
}

// union appends without sharing, and without repeating what is there already.
func union[T comparable](a, b []T) []T {
	if len(b) == 0 {
		return a
	}
	if len(a) == 0 {
		return b
	}
	out := slices.Clone(a)
	for _, x := range b {
		if !slices.Contains(out, x) {
			out = append(out, x)
		}
	}
	return out
}

// each visits every leaf once; seen may be shared between calls.
func (o *origin) each(seen map[*origin]bool, visit func(*origin)) {
	visit(o)
	todo := o.parts
	for len(todo) > 0 {
		p := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if seen[p] {
			continue
		}
		seen[p] = true
		visit(p)
		todo = append(todo[:len(todo):len(todo)], p.parts...)
	}
}

// flat is the origin without parts.
func (o origin) flat() origin {
	if len(o.parts) == 0 {
		return o
	}
	var out origin
	columns, literals, params := map[string]bool{}, map[int]bool{}, map[int]bool{}
	o.each(map[*origin]bool{}, func(p *origin) {
		out.columns = fresh(out.columns, p.columns, columns)
		out.literals = fresh(out.literals, p.literals, literals)
		out.params = fresh(out.params, p.params, params)
	})
	return out
}

func fresh[T comparable](out, more []T, seen map[T]bool) []T {
	for _, x := range more {
		if !seen[x] {
			seen[x] = true
			out = append(out, x)
		}
	}
	return out
}

// group is columns that constants met in one comparison or assignment.
type group struct{ columns []string }

// meetings is the groups that each literal, or parameter, belongs to.
type meetings map[int][]*group

func (m meetings) add(items []int, g *group) {
	for _, i := range items {
		if list := m[i]; len(list) == 0 || !slices.Equal(list[len(list)-1].columns, g.columns) {
			m[i] = append(list, g)
		}
	}
}

// columns are those of all groups of an item, sorted.
func (m meetings) columns(i int) []string {
	list := m[i]
	if len(list) == 1 {
		return list[0].columns
	}
	all := set{}
	for _, g := range list {
		all.add(g.columns...)
	}
	return all.sorted()
}

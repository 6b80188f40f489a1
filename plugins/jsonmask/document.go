package main

import sluice "sluice.dev/sdk/go"

// finding is bytes of a value; scalar is a number, true, false or null.
type finding struct {
	from, to int
	scalar   bool
}

// document walks JSON once, with the states of all paths: for each path the
// steps that may come next. A state set is a bit for each step.
type document struct {
	paths  [][]step
	leaves bool

	v     []byte
	found []finding
	stack [mostDepth][64]uint64 // states by depth
}

// mostDepth is how deep a document may be; a deeper one is hidden whole.
const mostDepth = 200

// find collects what the paths select in v from a place on. It reports whether
// that is one valid JSON text (RFC 8259).
func (d *document) find(v []byte, from int) bool {
	d.v, d.found = v, d.found[:0]
	for k := range d.paths {
		d.stack[0][k] = 1
	}
	i, ok := d.value(space1(v, from), 0, d.selected(0))
	return ok && space1(v, i) == len(v)
}

// selected reports whether a path ends at the node of a depth's states.
func (d *document) selected(depth int) bool {
	for k, steps := range d.paths {
		if d.stack[depth][k]>>len(steps)&1 != 0 {
			return true
		}
	}
	return false
}

// child makes the states of a member or element one deeper, and reports whether
// it is selected.
func (d *document) child(depth int, match func(*step) bool) bool {
	hit := false
	for k, steps := range d.paths {
		var next uint64
		now := d.stack[depth][k]
		for n := range steps {
			if now>>n&1 == 0 {
				continue
			}
			s := &steps[n]
			if s.descend {
				next |= 1 << n
			}
			if match(s) {
				next |= 1 << (n + 1)
			}
		}
		d.stack[depth+1][k] = next
		hit = hit || next>>len(steps)&1 != 0
	}
	return hit
}

// value reads one value at i, whose states are those of a depth. hide says that
// it is selected, by itself or with what it is in.
func (d *document) value(i, depth int, hide bool) (end int, ok bool) {
	v := d.v
	if i >= len(v) {
		return i, false
	}
	whole := hide && (!d.leaves || v[i] != '{' && v[i] != '[')
	mark := len(d.found)
	switch v[i] {
	case '{', '[':
		if depth+1 >= mostDepth {
			return i, false
		}
		end, ok = d.container(i, depth, hide && !whole)
	case '"':
		end, ok = str(v, i)
	default:
		end, ok = scalar(v, i)
	}
	if !ok || !whole {
		return end, ok
	}
	d.found = d.found[:mark] // it hides what is in it
	switch {
	case v[i] == '"' && end-i > 2:
		d.found = append(d.found, finding{i + 1, end - 1, false})
	case v[i] != '"':
		d.found = append(d.found, finding{i, end, true})
	}
	return end, true
}

func (d *document) container(i, depth int, hide bool) (end int, ok bool) {
	v, object := d.v, d.v[i] == '{'
	shut := byte(']')
	if object {
		shut = '}'
	}
	i = space1(v, i+1)
	if i < len(v) && v[i] == shut {
		return i + 1, true
	}
	for n := 0; ; n++ {
		hit := false
		if object {
			stop, ok := str(v, i)
			if !ok {
				return i, false
			}
			key := sluice.Value(v[i:stop])
			if i = space1(v, stop); i >= len(v) || v[i] != ':' {
				return i, false
			}
			hit = d.child(depth, func(s *step) bool { return s.name(key) })
			i = space1(v, i+1)
		} else {
			hit = d.child(depth, func(s *step) bool { return s.index(n) })
		}
		stop, ok := d.value(i, depth+1, hit || hide)
		if !ok {
			return i, false
		}
		i = space1(v, stop)
		switch {
		case i >= len(v):
			return i, false
		case v[i] == shut:
			return i + 1, true
		case v[i] != ',':
			return i, false
		}
		i = space1(v, i+1)
	}
}

func space(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }

// space1 is the first place at or after i that is no white space.
func space1(v []byte, i int) int {
	for i < len(v) && space(v[i]) {
		i++
	}
	return i
}

// str is where a string ends that begins at i.
func str(v []byte, i int) (end int, ok bool) {
	if i >= len(v) || v[i] != '"' {
		return i, false
	}
	for i++; i < len(v); i++ {
		switch c := v[i]; {
		case c == '"':
			return i + 1, true
		case c < ' ':
			return i, false
		case c == '\\':
			if i++; i >= len(v) {
				return i, false
			}
			switch v[i] {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			case 'u':
				for range 4 {
					if i++; i >= len(v) || !hexDigit(v[i]) {
						return i, false
					}
				}
			default:
				return i, false
			}
		}
	}
	return i, false
}

func hexDigit(c byte) bool { return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f' }

// scalar is where a number, true, false or null ends.
func scalar(v []byte, i int) (end int, ok bool) {
	for _, word := range [...]string{"true", "false", "null"} {
		if len(v)-i >= len(word) && string(v[i:i+len(word)]) == word {
			return i + len(word), true
		}
	}
	if v[i] == '-' {
		i++
	}
	first := i
	i = run(v, i)
	if i == first || v[first] == '0' && i > first+1 {
		return i, false
	}
	if i < len(v) && v[i] == '.' {
		from := i + 1
		if i = run(v, from); i == from {
			return i, false
		}
	}
	if i < len(v) && v[i]|0x20 == 'e' {
		if i++; i < len(v) && (v[i] == '+' || v[i] == '-') {
			i++
		}
		from := i
		if i = run(v, from); i == from {
			return i, false
		}
	}
	return i, true
}

func run(v []byte, i int) int {
	for i < len(v) && v[i] >= '0' && v[i] <= '9' {
		i++
	}
	return i
}

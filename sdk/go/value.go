package sluice

import "bytes"

// Value is a piece of valid JSON, read where it lies: no reflection, and
// nothing is allocated but strings that have escapes. What is not there, or of
// another type, is nil, "", 0 or false.
type Value []byte

func space(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }

func (v Value) trim() Value {
	for len(v) > 0 && space(v[0]) {
		v = v[1:]
	}
	return v
}

// quoted is where a string ends that begins at the first byte, one behind its
// closing quote. The search for the quote is a loop of machine code, which
// matters: facts come with every command, and most of them are strings.
func (v Value) quoted() int {
	i := 1
	for i < len(v) {
		n := bytes.IndexByte(v[i:], '"')
		if n < 0 {
			return len(v)
		}
		i += n
		escapes := 0
		for v[i-1-escapes] == '\\' { // ends at the opening quote
			escapes++
		}
		i++
		if escapes&1 == 0 {
			return i
		}
	}
	return len(v)
}

// skip cuts the first value off.
func (v Value) skip() (first, rest Value) {
	v = v.trim()
	depth := 0
	for i := 0; i < len(v); {
		c := v[i]
		if c >= 'a' && c <= 'z' { // true, false, null: most of what is no string
			i++
			continue
		}
		switch c {
		case '"':
			i += v[i:].quoted()
			if depth == 0 {
				return v[:i], v[i:]
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return v[:i], v[i:]
			}
			if depth--; depth == 0 {
				return v[:i+1], v[i+1:]
			}
		case ',', ':', ' ', '\n', '\t', '\r':
			if depth == 0 {
				return v[:i], v[i:]
			}
		}
		i++
	}
	return v, nil
}

// Each calls f for each member of an object or element of an array (whose keys
// are nil), until f returns false.
func (v Value) Each(f func(key, value Value) bool) {
	v = v.trim()
	if len(v) == 0 || v[0] != '{' && v[0] != '[' {
		return
	}
	object := v[0] == '{'
	v = v[1:]
	for {
		v = v.trim()
		if len(v) == 0 || v[0] == '}' || v[0] == ']' {
			return
		}
		if v[0] == ',' {
			v = v[1:]
			continue
		}
		var key, value Value
		before := len(v)
		if object {
			key, v = v.skip()
			if v = v.trim(); len(v) > 0 && v[0] == ':' {
				v = v[1:]
			}
		}
		value, v = v.skip()
		if len(v) >= before || !f(key, value) { // malformed, or enough
			return
		}
	}
}

// Get walks down an object's members.
func (v Value) Get(path ...string) Value {
	for _, name := range path {
		var found Value
		if v = v.trim(); len(v) == 0 || v[0] != '{' {
			return nil
		}
		v.Each(func(key, value Value) bool {
			if key.is(name) {
				found = value
				return false
			}
			return true
		})
		v = found
	}
	return v
}

func (v Value) is(s string) bool {
	if len(v) == len(s)+2 && string(v[1:len(v)-1]) == s {
		return true
	}
	return len(v) > len(s)+2 && v.String() == s
}

// Bool reports whether the value is true.
func (v Value) Bool() bool { return string(v) == "true" }

// Int is a whole number, 0 for anything else.
func (v Value) Int() int {
	n, sign, i := 0, 1, 0
	if len(v) > 0 && v[0] == '-' {
		sign, i = -1, 1
	}
	for ; i < len(v); i++ {
		if v[i] < '0' || v[i] > '9' || n > 1<<40 {
			return 0
		}
		n = n*10 + int(v[i]-'0')
	}
	return sign * n
}

// Strings are the strings of an array.
func (v Value) Strings() []string {
	var out []string
	v.Each(func(_, value Value) bool {
		if len(value) > 0 && value[0] == '"' {
			out = append(out, value.String())
		}
		return true
	})
	return out
}

// Has reports whether an array has a string.
func (v Value) Has(s string) bool {
	found := false
	v.Each(func(_, value Value) bool {
		found = len(value) > 0 && value[0] == '"' && value.is(s)
		return !found
	})
	return found
}

// String is a string's text.
func (v Value) String() string {
	if len(v) < 2 || v[0] != '"' {
		return ""
	}
	v = v[1 : len(v)-1]
	for i := range v {
		if v[i] == '\\' {
			return v.unescape(i)
		}
	}
	return string(v)
}

func (v Value) unescape(from int) string {
	out := append(make([]byte, 0, len(v)), v[:from]...)
	for i := from; i < len(v); i++ {
		if v[i] != '\\' || i+1 == len(v) {
			out = append(out, v[i])
			continue
		}
		i++
		switch c := v[i]; c {
		case 'n':
			out = append(out, '\n')
		case 't':
			out = append(out, '\t')
		case 'r':
			out = append(out, '\r')
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'u':
			r := v.hex(i + 1)
			i += 4
			if r >= 0xd800 && r < 0xdc00 && i+2 < len(v) && v[i+1] == '\\' && v[i+2] == 'u' {
				if low := v.hex(i + 3); low >= 0xdc00 && low < 0xe000 {
					r = 0x10000 + (r-0xd800)<<10 + low - 0xdc00
					i += 6
				}
			}
			out = append(out, string(r)...)
		default:
			out = append(out, c)
		}
	}
	return string(out)
}

func (v Value) hex(at int) (r rune) {
	for i := at; i < at+4 && i < len(v); i++ {
		c := v[i]
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0xfffd
		}
		r = r<<4 | rune(c)
	}
	return r
}

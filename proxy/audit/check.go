package audit

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"unicode/utf8"
)

const maxDepth = 16 // of nested values in a record

// errNotCanonical is what every finding of checkCanonical wraps.
var errNotCanonical = errors.New("not canonical")

// visitor sees each member of the record's object and of the objects directly
// in it: outer is "" at the top. The slices point into the record and hold
// raw JSON without quotes for keys and with them for values.
type visitor func(outer, key, value []byte)

// checker reads JSON and accepts exactly the canonical form: what it accepts,
// RFC 8785 would write byte for byte the same.
type checker struct {
	b     []byte
	i     int
	visit visitor
}

// checkCanonical reports the first place where b is not a canonical object.
func checkCanonical(b []byte, visit visitor) error {
	c := checker{b: b, visit: visit}
	if len(b) == 0 || b[0] != '{' {
		return c.errorf("a record is an object")
	}
	if err := c.object(1, nil); err != nil {
		return err
	}
	if c.i != len(b) {
		return c.errorf("bytes after the object")
	}
	return nil
}

func (c *checker) errorf(format string, args ...any) error {
	return fmt.Errorf("audit: %w at byte %d: %s", errNotCanonical, c.i, fmt.Sprintf(format, args...))
}

func (c *checker) peek() byte {
	if c.i < len(c.b) {
		return c.b[c.i]
	}
	return 0
}

func (c *checker) value(depth int, outer []byte) error {
	if depth > maxDepth {
		return c.errorf("deeper than %d", maxDepth)
	}
	switch ch := c.peek(); {
	case ch == '{':
		return c.object(depth, outer)
	case ch == '[':
		return c.array(depth)
	case ch == '"':
		_, err := c.text()
		return err
	case ch == '-' || ch >= '0' && ch <= '9':
		return c.number()
	}
	for _, word := range [...]string{"true", "false", "null"} {
		if bytes.HasPrefix(c.b[c.i:], []byte(word)) {
			c.i += len(word)
			return nil
		}
	}
	return c.errorf("no value")
}

func (c *checker) object(depth int, outer []byte) error {
	c.i++
	if c.peek() == '}' {
		c.i++
		return nil
	}
	var last []byte
	for first := true; ; first = false {
		if c.peek() != '"' {
			return c.errorf("no key")
		}
		key, err := c.text()
		if err != nil {
			return err
		}
		if !first && compareKeys(last, key) >= 0 {
			return c.errorf("key %q after %q", key, last)
		}
		last = key
		if c.peek() != ':' {
			return c.errorf("no colon")
		}
		c.i++
		from := c.i
		inner := outer
		if depth == 1 {
			inner = key
		}
		if err := c.value(depth+1, inner); err != nil {
			return err
		}
		if c.visit != nil && depth <= 2 && (depth == 1 || outer != nil) {
			c.visit(outer, key, c.b[from:c.i])
		}
		switch c.peek() {
		case ',':
			c.i++
		case '}':
			c.i++
			return nil
		default:
			return c.errorf("no comma")
		}
	}
}

func (c *checker) array(depth int) error {
	c.i++
	if c.peek() == ']' {
		c.i++
		return nil
	}
	for {
		if err := c.value(depth+1, nil); err != nil {
			return err
		}
		switch c.peek() {
		case ',':
			c.i++
		case ']':
			c.i++
			return nil
		default:
			return c.errorf("no comma")
		}
	}
}

// number takes integers within ±2^53: no leading zero, no minus zero, no
// fraction, no exponent.
func (c *checker) number() error {
	neg := c.peek() == '-'
	if neg {
		c.i++
	}
	from, n := c.i, int64(0)
	for ; c.peek() >= '0' && c.peek() <= '9'; c.i++ {
		if n = n*10 + int64(c.b[c.i]-'0'); n > maxInteger {
			return c.errorf("an integer beyond 2^53")
		}
	}
	if c.i == from || c.b[from] == '0' && (neg || c.i > from+1) {
		return c.errorf("an integer's form")
	}
	return nil
}

// text takes a string and returns what is between its quotes, escapes and all.
func (c *checker) text() ([]byte, error) {
	c.i++
	from := c.i
	for c.i < len(c.b) {
		switch ch := c.b[c.i]; {
		case ch == '"':
			c.i++
			return c.b[from : c.i-1], nil
		case ch == '\\':
			if err := c.escape(); err != nil {
				return nil, err
			}
		case ch < 0x20:
			return nil, c.errorf("a control character")
		case ch < utf8.RuneSelf:
			c.i++
		default:
			r, n := utf8.DecodeRune(c.b[c.i:])
			if r == utf8.RuneError && n <= 1 {
				return nil, c.errorf("not UTF-8")
			}
			c.i += n
		}
	}
	return nil, c.errorf("an open string")
}

func (c *checker) escape() error {
	rest := c.b[c.i:]
	if len(rest) < 2 {
		return c.errorf("an open escape")
	}
	switch rest[1] {
	case '"', '\\', 'b', 't', 'n', 'f', 'r':
		c.i += 2
		return nil
	case 'u':
		if len(rest) < 6 || rest[2] != '0' || rest[3] != '0' || rest[4] != '0' && rest[4] != '1' {
			return c.errorf("an escape that is not needed")
		}
		low := bytes.IndexByte([]byte(hexDigits), rest[5])
		if low < 0 || shortEscape((rest[4]-'0')<<4|byte(low)) != 0 {
			return c.errorf("an escape's form")
		}
		c.i += 6
		return nil
	}
	return c.errorf("an unknown escape")
}

// compareKeys orders raw keys; plain ASCII needs no decoding.
func compareKeys(a, b []byte) int {
	plain := func(c byte) bool { return c < utf8.RuneSelf && c != '\\' }
	for i := 0; i < len(a) && i < len(b); i++ {
		if !plain(a[i]) || !plain(b[i]) {
			return compareUTF16(unescape(a), unescape(b))
		}
		if a[i] != b[i] {
			return cmp.Compare(a[i], b[i])
		}
	}
	return cmp.Compare(len(a), len(b))
}

// unescape returns the string that canonical text stands for.
func unescape(raw []byte) string {
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw)
	}
	out := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' {
			out = append(out, raw[i])
			continue
		}
		i++
		switch raw[i] {
		case 'b':
			out = append(out, '\b')
		case 't':
			out = append(out, '\t')
		case 'n':
			out = append(out, '\n')
		case 'f':
			out = append(out, '\f')
		case 'r':
			out = append(out, '\r')
		case 'u':
			out = append(out, (raw[i+3]-'0')<<4|byte(bytes.IndexByte([]byte(hexDigits), raw[i+4])))
			i += 4
		default:
			out = append(out, raw[i])
		}
	}
	return string(out)
}

// textOf returns the string of a raw value, or "" if it is none.
func textOf(value []byte) string {
	if len(value) < 2 || value[0] != '"' {
		return ""
	}
	return unescape(value[1 : len(value)-1])
}

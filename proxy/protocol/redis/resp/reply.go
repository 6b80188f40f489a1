package resp

import (
	"bytes"
	"fmt"
)

// maxDepth bounds how deep a reply nests. Scripts nest deepest, and Redis cuts
// them off at about a hundred.
const maxDepth = 128

// Scanner finds the end of a reply whose bytes come in pieces, in constant
// memory: it keeps a stack of counts. The zero value is ready.
type Scanner struct {
	stack []int64 // elements still to come, per open aggregate
	bulk  int64   // bytes of a bulk string still to come, its line end included
	line  bool    // inside a line whose content does not matter
}

// Reset makes it ready for another reply.
func (s *Scanner) Reset() { s.stack, s.bulk, s.line = s.stack[:0], 0, false }

// Scan goes through b, which continues what was scanned before, up to the end
// of the reply. It returns how many bytes are part of it and need not be shown
// again, and whether the reply is complete.
func (s *Scanner) Scan(b []byte) (n int, done bool, err error) {
	for {
		switch {
		case s.bulk > 0:
			take := min(s.bulk, int64(len(b)-n))
			n += int(take)
			if s.bulk -= take; s.bulk > 0 {
				return n, false, nil
			}
		case s.line:
			i := bytes.IndexByte(b[n:], '\n')
			if i < 0 {
				return len(b), false, nil
			}
			n += i + 1
			s.line = false
		default:
			if n == len(b) {
				return n, false, nil
			}
			more, took, err := s.begin(b[n:])
			if err != nil || took == 0 {
				return n, false, err
			}
			n += took
			if more {
				continue
			}
		}
		if s.ended() {
			return n, true, nil
		}
	}
}

// begin reads the head of one element. more: the element goes on, or is an
// aggregate whose elements follow.
func (s *Scanner) begin(b []byte) (more bool, n int, err error) {
	switch b[0] {
	case '+', '-', ':', '_', '#', ',', '(':
		s.line = true
		return true, 1, nil
	case '$', '!', '=':
		size, at, err := header(b, 1)
		if err != nil || at == 0 {
			return false, 0, err
		}
		if size < 0 {
			return false, at, nil
		}
		s.bulk = size + 2
		return true, at, nil
	case '*', '~', '>', '%', '|':
		count, at, err := header(b, 1)
		if err != nil || at == 0 {
			return false, 0, err
		}
		switch b[0] {
		case '%':
			count *= 2
		case '|': // attributes, and then what they belong to
			count = count*2 + 1
		}
		if count <= 0 {
			return false, at, nil
		}
		if len(s.stack) == maxDepth {
			return false, 0, malformed("a reply nests deeper than %d", maxDepth)
		}
		s.stack = append(s.stack, count)
		return true, at, nil
	}
	return false, 0, malformed("a reply of the unknown type %q", b[0])
}

// ended counts one element as complete, and the aggregates that end with it.
func (s *Scanner) ended() bool {
	for len(s.stack) > 0 {
		top := len(s.stack) - 1
		if s.stack[top]--; s.stack[top] > 0 {
			return false
		}
		s.stack = s.stack[:top]
	}
	return true
}

// Value is one element of a complete reply.
type Value struct {
	Type byte
	Raw  []byte // the whole element as it came
	Text []byte // of a line or a bulk string
	Null bool
	// Elems are those of an aggregate, of a map keys and values by turns.
	Elems []Value
}

// Parse reads the one complete reply in b, as Scanner found it.
func Parse(b []byte) (Value, error) {
	v, n, err := parse(b, 0)
	if err == nil && n != len(b) {
		err = malformed("%d bytes behind a reply", len(b)-n)
	}
	return v, err
}

func parse(b []byte, depth int) (v Value, n int, err error) {
	if len(b) == 0 || depth > maxDepth {
		return v, 0, malformed("a reply that is cut off, or nests too deep")
	}
	v.Type = b[0]
	switch b[0] {
	case '+', '-', ':', '_', '#', ',', '(':
		i := bytes.IndexByte(b, '\n')
		if i < 1 || b[i-1] != '\r' {
			return v, 0, malformed("a line without an end")
		}
		v.Text, v.Null, n = b[1:i-1], b[0] == '_', i+1
	case '$', '!', '=':
		size, at, err := header(b, 1)
		if err != nil || at == 0 || size >= 0 && size > int64(len(b)-at-2) {
			return v, 0, malformed("a string that is cut off")
		}
		if v.Null = size < 0; v.Null {
			n = at
			break
		}
		v.Text, n = b[at:at+int(size)], at+int(size)+2
	case '*', '~', '>', '%', '|':
		count, at, err := header(b, 1)
		if err != nil || at == 0 || count > int64(len(b)) {
			return v, 0, malformed("an aggregate that is cut off")
		}
		v.Null, n = count < 0, at
		switch b[0] {
		case '%':
			count *= 2
		case '|':
			count = count*2 + 1
		}
		for range count {
			e, took, err := parse(b[n:], depth+1)
			if err != nil {
				return v, 0, err
			}
			v.Elems, n = append(v.Elems, e), n+took
		}
	default:
		return v, 0, malformed("a reply of the unknown type %q", b[0])
	}
	v.Raw = b[:n]
	return v, n, nil
}

// Head is how an aggregate of these elements begins.
func (v *Value) Head() []byte { return v.Raw[:bytes.IndexByte(v.Raw, '\n')+1] }

// AppendBulk adds a bulk string to b.
func AppendBulk(b, text []byte) []byte {
	b = fmt.Appendf(b, "$%d\r\n", len(text))
	return append(append(b, text...), "\r\n"...)
}

// AppendError adds an error to b: one line, whatever is in it.
func AppendError(b []byte, text string) []byte {
	b = append(b, '-')
	for i := range len(text) {
		if c := text[i]; c == '\r' || c == '\n' {
			b = append(b, ' ')
		} else {
			b = append(b, c)
		}
	}
	return append(b, "\r\n"...)
}

// Package resp reads the Redis serialization protocol, RESP2 and RESP3, as
// strictly as Redis itself does. It keeps nothing and starts nothing.
package resp

import "fmt"

// Limits bound one request. Zero is no request at all.
type Limits struct {
	Args  int // arguments of one command
	Bytes int // of one whole request
}

// Unauthenticated is what Redis takes before a client has logged in: 10
// arguments of 16 KiB.
var Unauthenticated = Limits{Args: 10, Bytes: 64 << 10}

// Error is what is wrong with a peer's bytes; nothing after it can be read.
type Error struct {
	Text string
	Size int64 // announced, in bytes, where that is what is wrong
}

func (e *Error) Error() string { return "resp: " + e.Text }

func malformed(format string, args ...any) error { return &Error{Text: fmt.Sprintf(format, args...)} }

// Request reads one request, an array of bulk strings, from the start of b.
// args point into b, n is its length in bytes. With n 0 more bytes are needed:
// at least need in all. A request of no arguments has args nil. Inline
// commands (RESP: “inline commands”) are refused: they are for people at a
// telnet, and what a browser is made to send.
func Request(b []byte, args [][]byte, l Limits) (_ [][]byte, n, need int, err error) {
	if len(b) == 0 {
		return nil, 0, 1, nil
	}
	if b[0] != '*' {
		return nil, 0, 0, malformed("expected '*', got %q: inline commands are not taken", b[0])
	}
	count, at, err := header(b, 1)
	if err != nil || at == 0 {
		return nil, 0, len(b) + 1, err
	}
	if count > int64(l.Args) {
		return nil, 0, 0, &Error{Text: fmt.Sprintf("a command of %d arguments, the limit is %d", count, l.Args), Size: count}
	}
	if count <= 0 {
		return nil, at, 0, nil
	}
	args = args[:0]
	for range count {
		if at == len(b) {
			return nil, 0, at + 1, nil
		}
		if b[at] != '$' {
			return nil, 0, 0, malformed("expected '$', got %q", b[at])
		}
		size, body, err := header(b, at+1)
		if err != nil {
			return nil, 0, 0, err
		}
		if body == 0 {
			return nil, 0, len(b) + 1, nil
		}
		if size < 0 || size > int64(l.Bytes-body) {
			return nil, 0, 0, &Error{Text: fmt.Sprintf("an argument of %d bytes, the limit of a command is %d", size, l.Bytes), Size: size}
		}
		end := body + int(size)
		if len(b) < end+2 {
			return nil, 0, end + 2, nil
		}
		if b[end] != '\r' || b[end+1] != '\n' {
			return nil, 0, 0, malformed("an argument does not end where it says")
		}
		args = append(args, b[body:end:end])
		at = end + 2
	}
	return args, at, 0, nil
}

// maxHeader is the longest length or count with its line end.
const maxHeader = 24

// header reads a number up to its line end: as Redis writes numbers, without
// plus sign or leading zero. at 0: more bytes are needed.
func header(b []byte, from int) (v int64, at int, err error) {
	i, negative := from, false
	if i < len(b) && b[i] == '-' {
		negative = true
		i++
	}
	digits := i
	for ; i < len(b) && b[i] >= '0' && b[i] <= '9'; i++ {
		if i-digits >= 18 || i > digits && b[digits] == '0' {
			return 0, 0, malformed("invalid length")
		}
		v = v*10 + int64(b[i]-'0')
	}
	switch {
	case i == len(b):
		return 0, 0, nil
	case i == digits || b[i] != '\r' || i-from > maxHeader:
		return 0, 0, malformed("invalid length")
	case i+1 == len(b):
		return 0, 0, nil
	case b[i+1] != '\n':
		return 0, 0, malformed("invalid length")
	}
	if negative {
		v = -v
	}
	return v, i + 2, nil
}

// Append adds a request to b.
func Append(b []byte, args ...string) []byte {
	b = fmt.Appendf(b, "*%d\r\n", len(args))
	for _, a := range args {
		b = fmt.Appendf(b, "$%d\r\n%s\r\n", len(a), a)
	}
	return b
}

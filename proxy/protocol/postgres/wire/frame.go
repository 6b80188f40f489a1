// Package wire frames and reads PostgreSQL protocol messages (PostgreSQL 55.7)
// with limits. pgproto3 encodes and decodes what comes from a server; what
// comes from a client is read here, strictly: a count that lies, a missing
// terminator or a byte too many is an error, never a guess.
package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// HeaderSize is a type byte and a length (PostgreSQL 55.1.1).
const HeaderSize = 5

// ErrShort says that a buffer does not hold a whole header or message yet.
var ErrShort = errors.New("postgres: message is not complete yet")

// ProtocolError is a message that is not what the protocol allows: SQLSTATE
// 08P01.
type ProtocolError struct{ Text string }

func (e *ProtocolError) Error() string { return "postgres: protocol violation: " + e.Text }

func violation(format string, args ...any) error {
	return &ProtocolError{Text: fmt.Sprintf(format, args...)}
}

// TooLong is a message over its limit: SQLSTATE 53000.
type TooLong struct {
	Type  byte
	Size  int64 // bytes, without the type byte
	Limit int64
}

func (e *TooLong) Error() string {
	return fmt.Sprintf("postgres: message %q has %d bytes, the limit is %d", e.Type, e.Size, e.Limit)
}

// Header reads the header at the start of b: the message's type and the length
// of its body in bytes. It fails with ErrShort when fewer than HeaderSize bytes
// are there, and with a ProtocolError when the length is below 4.
func Header(b []byte) (typ byte, body int, err error) {
	if len(b) < HeaderSize {
		return 0, 0, ErrShort
	}
	n := binary.BigEndian.Uint32(b[1:5])
	if n < 4 || n > 1<<31-1 {
		return 0, 0, violation("message %q has a length of %d", b[0], n)
	}
	return b[0], int(n) - 4, nil
}

// Begin starts a message of the type at the end of dst; End closes it.
func Begin(dst []byte, typ byte) ([]byte, int) {
	return append(dst, typ, 0, 0, 0, 0), len(dst)
}

// End writes the length of the message that began at start.
func End(dst []byte, start int) []byte {
	binary.BigEndian.PutUint32(dst[start+1:], uint32(len(dst)-start-1))
	return dst
}

// Empty appends a message without a body.
func Empty(dst []byte, typ byte) []byte { return append(dst, typ, 0, 0, 0, 4) }

// ReadyForQuery appends one with the transaction status 'I', 'T' or 'E'.
func ReadyForQuery(dst []byte, status byte) []byte { return append(dst, 'Z', 0, 0, 0, 5, status) }

// cursor reads the parts of one message body.
type cursor struct {
	b   []byte
	bad bool
}

func (c *cursor) str() string {
	for i, x := range c.b {
		if x == 0 {
			s := string(c.b[:i])
			c.b = c.b[i+1:]
			return s
		}
	}
	c.bad = true
	return ""
}

func (c *cursor) u8() byte {
	if len(c.b) < 1 {
		c.bad = true
		return 0
	}
	x := c.b[0]
	c.b = c.b[1:]
	return x
}

func (c *cursor) u16() int {
	if len(c.b) < 2 {
		c.bad = true
		return 0
	}
	x := binary.BigEndian.Uint16(c.b)
	c.b = c.b[2:]
	return int(x)
}

func (c *cursor) u32() uint32 {
	if len(c.b) < 4 {
		c.bad = true
		return 0
	}
	x := binary.BigEndian.Uint32(c.b)
	c.b = c.b[4:]
	return x
}

// value reads a length and that many bytes; null when the length is -1.
func (c *cursor) value() (v []byte, null bool) {
	n := int32(c.u32())
	if c.bad || n == -1 {
		return nil, true
	}
	if n < 0 || int(n) > len(c.b) {
		c.bad = true
		return nil, true
	}
	v, c.b = c.b[:n:n], c.b[n:]
	return v, false
}

func (c *cursor) end(what string) error {
	if c.bad {
		return violation("%s is cut short or its counts do not add up", what)
	}
	if len(c.b) != 0 {
		return violation("%s has %d bytes too many", what, len(c.b))
	}
	return nil
}

package wire

import (
	"encoding/binary"
	"io"
	"slices"
	"strings"
)

// Codes that stand where a start-up message has its protocol version
// (PostgreSQL 55.7).
const (
	CodeCancel = 80877102
	CodeSSL    = 80877103
	CodeGSSENC = 80877104
)

// MaxStartup is the longest start-up message, in bytes: what PostgreSQL itself
// takes (MAX_STARTUP_PACKET_LENGTH).
const MaxStartup = 10000

// Startup is the first message of a connection.
type Startup struct {
	Code   uint32 // one of the codes, or the protocol version: major<<16 | minor
	Params []Setting
	// PID and Secret are those of a cancel request; a secret has 4 bytes in
	// protocol 3.0 and up to 256 in 3.2.
	PID    uint32
	Secret []byte
}

// Setting is one name and value of a start-up message, in its order.
type Setting struct{ Name, Value string }

// Get is the last value of a name, as PostgreSQL takes it.
func (s *Startup) Get(name string) string {
	for _, p := range slices.Backward(s.Params) {
		if p.Name == name {
			return p.Value
		}
	}
	return ""
}

// Extensions lists the `_pq_.` options, which a server that does not know them
// must name in NegotiateProtocolVersion.
func (s *Startup) Extensions() []string {
	var out []string
	for _, p := range s.Params {
		if strings.HasPrefix(p.Name, "_pq_.") {
			out = append(out, p.Name)
		}
	}
	return out
}

// ReadStartup reads exactly one start-up message, at most MaxStartup bytes.
func ReadStartup(r io.Reader) (*Startup, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n < 8 || n > MaxStartup {
		return nil, violation("start-up message has a length of %d", n)
	}
	body := make([]byte, n-4)
	if _, err := io.ReadFull(r, body); err != nil {
		return nil, err
	}
	return ParseStartup(body)
}

// ParseStartup reads a start-up message's body, the part behind its length.
func ParseStartup(body []byte) (*Startup, error) {
	c := cursor{b: body}
	s := &Startup{Code: c.u32()}
	switch s.Code {
	case CodeSSL, CodeGSSENC:
		return s, c.end("start-up message")
	case CodeCancel:
		s.PID = c.u32()
		if c.bad || len(c.b) < 4 || len(c.b) > 256 {
			return nil, violation("cancel request has a key of %d bytes", len(c.b))
		}
		s.Secret = slices.Clone(c.b)
		return s, nil
	}
	if s.Code>>16 != 3 {
		return nil, violation("protocol version %d.%d is not supported", s.Code>>16, s.Code&0xffff)
	}
	for {
		name := c.str()
		if c.bad {
			return nil, violation("start-up message is cut short")
		}
		if name == "" {
			break
		}
		value := c.str()
		if c.bad {
			return nil, violation("start-up message is cut short")
		}
		s.Params = append(s.Params, Setting{name, value})
	}
	return s, c.end("start-up message")
}

// AppendStartup appends a start-up message of protocol 3.0.
func AppendStartup(dst []byte, params []Setting) []byte {
	at := len(dst)
	dst = append(dst, 0, 0, 0, 0, 0, 3, 0, 0)
	for _, p := range params {
		dst = append(append(dst, p.Name...), 0)
		dst = append(append(dst, p.Value...), 0)
	}
	dst = append(dst, 0)
	binary.BigEndian.PutUint32(dst[at:], uint32(len(dst)-at))
	return dst
}

// AppendCode appends an SSLRequest or GSSENCRequest.
func AppendCode(dst []byte, code uint32) []byte {
	return binary.BigEndian.AppendUint32(append(dst, 0, 0, 0, 8), code)
}

// ParseOptions splits the start-up parameter `options` as the server does:
// words divided by white space, a backslash quotes the next byte; `-c name=value`
// and `--name=value` set a value. Anything else is an error.
func ParseOptions(s string) ([]Setting, error) {
	var words []string
	var cur []byte
	in := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && i+1 < len(s):
			i++
			cur, in = append(cur, s[i]), true
		case c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f':
			if in {
				words = append(words, string(cur))
				cur, in = cur[:0], false
			}
		default:
			cur, in = append(cur, c), true
		}
	}
	if in {
		words = append(words, string(cur))
	}
	var out []Setting
	for i := 0; i < len(words); i++ {
		w := words[i]
		switch {
		case w == "-c" && i+1 < len(words):
			i++
			w = words[i]
		case strings.HasPrefix(w, "-c"):
			w = w[2:]
		case strings.HasPrefix(w, "--"):
			w = w[2:]
		default:
			return nil, violation("option %q is not understood: only -c name=value is", w)
		}
		name, value, ok := strings.Cut(w, "=")
		if !ok || name == "" {
			return nil, violation("option %q is not name=value", w)
		}
		out = append(out, Setting{strings.ReplaceAll(name, "-", "_"), value})
	}
	return out, nil
}

package wire

import "encoding/binary"

// Parse is the client's Parse message.
type Parse struct {
	Name  string
	Query string
	Types []uint32 // OIDs; 0 leaves the type to the server
}

// ReadParse reads the body of a Parse message.
func ReadParse(body []byte) (*Parse, error) {
	c := cursor{b: body}
	p := &Parse{Name: c.str(), Query: c.str()}
	n := c.u16()
	if !c.bad && n*4 > len(c.b) {
		return nil, violation("Parse announces %d parameter types in %d bytes", n, len(c.b))
	}
	for range n {
		p.Types = append(p.Types, c.u32())
	}
	return p, c.end("Parse")
}

// Bind is the client's Bind message. Values point into the body it was read
// from.
type Bind struct {
	Portal, Statement string
	Formats           []int // of the values: none, one for all, or one each
	Values            [][]byte
	Nulls             []bool
	Results           []int // formats of the result columns: likewise
}

// ReadBind reads the body of a Bind message. Values and Nulls are as long as
// the message says, at most 65,535.
func ReadBind(body []byte) (*Bind, error) {
	c := cursor{b: body}
	b := &Bind{Portal: c.str(), Statement: c.str()}
	var err error
	if b.Formats, err = formats(&c, "Bind"); err != nil {
		return nil, err
	}
	n := c.u16()
	if !c.bad && n*4 > len(c.b) {
		return nil, violation("Bind announces %d values in %d bytes", n, len(c.b))
	}
	b.Values = make([][]byte, 0, n)
	b.Nulls = make([]bool, 0, n)
	for range n {
		v, null := c.value()
		b.Values = append(b.Values, v)
		b.Nulls = append(b.Nulls, null)
	}
	if len(b.Formats) > 1 && len(b.Formats) != n {
		return nil, violation("Bind has %d formats for %d values", len(b.Formats), n)
	}
	if b.Results, err = formats(&c, "Bind"); err != nil {
		return nil, err
	}
	return b, c.end("Bind")
}

// Format is the wire format (0 text, 1 binary) of value or column i under a
// list that has none, one for all, or one each.
func Format(list []int, i int) int {
	switch {
	case len(list) == 0:
		return 0
	case len(list) == 1:
		return list[0]
	case i < len(list):
		return list[i]
	}
	return 0
}

func formats(c *cursor, what string) ([]int, error) {
	n := c.u16()
	if c.bad || n*2 > len(c.b) {
		return nil, violation("%s announces %d formats in %d bytes", what, n, len(c.b))
	}
	var out []int
	for range n {
		f := c.u16()
		if f > 1 {
			return nil, violation("%s asks for format %d", what, f)
		}
		out = append(out, f)
	}
	return out, nil
}

// Target is what Describe and Close name: a prepared statement ('S') or a
// portal ('P').
type Target struct {
	Kind byte
	Name string
}

// ReadTarget reads the body of Describe or Close.
func ReadTarget(what string, body []byte) (Target, error) {
	c := cursor{b: body}
	t := Target{Kind: c.u8(), Name: c.str()}
	if err := c.end(what); err != nil {
		return t, err
	}
	if t.Kind != 'S' && t.Kind != 'P' {
		return t, violation("%s names a %q", what, t.Kind)
	}
	return t, nil
}

// Names are the statement and the portal that a Bind, Describe, Execute or Close
// is about; ok is false when its body is cut short.
func Names(typ byte, body []byte) (statement, portal string, ok bool) {
	c := cursor{b: body}
	switch typ {
	case 'B':
		portal, statement = c.str(), c.str()
	case 'E':
		portal = c.str()
	case 'D', 'C':
		if c.u8() == 'S' {
			statement = c.str()
		} else {
			portal = c.str()
		}
	}
	return statement, portal, !c.bad
}

// Execute is the client's Execute message; MaxRows 0 is no limit.
type Execute struct {
	Portal  string
	MaxRows uint32
}

// ReadExecute reads the body of an Execute message.
func ReadExecute(body []byte) (Execute, error) {
	c := cursor{b: body}
	e := Execute{Portal: c.str(), MaxRows: c.u32()}
	return e, c.end("Execute")
}

// ReadQuery reads the body of a Query message.
func ReadQuery(body []byte) (string, error) {
	c := cursor{b: body}
	s := c.str()
	return s, c.end("Query")
}

// FunctionCall is the client's FunctionCall message.
type FunctionCall struct {
	OID     uint32
	Formats []int
	Args    [][]byte
	Nulls   []bool
	Result  int
}

// ReadFunctionCall reads the body of a FunctionCall message.
func ReadFunctionCall(body []byte) (*FunctionCall, error) {
	c := cursor{b: body}
	f := &FunctionCall{OID: c.u32()}
	var err error
	if f.Formats, err = formats(&c, "FunctionCall"); err != nil {
		return nil, err
	}
	n := c.u16()
	if !c.bad && n*4 > len(c.b) {
		return nil, violation("FunctionCall announces %d arguments in %d bytes", n, len(c.b))
	}
	for range n {
		v, null := c.value()
		f.Args = append(f.Args, v)
		f.Nulls = append(f.Nulls, null)
	}
	f.Result = c.u16()
	return f, c.end("FunctionCall")
}

// Query appends a Query message.
func Query(dst []byte, text string) []byte {
	dst, at := Begin(dst, 'Q')
	dst = append(append(dst, text...), 0)
	return End(dst, at)
}

// Describe appends a Describe message for a statement ('S') or portal ('P').
func Describe(dst []byte, kind byte, name string) []byte {
	dst, at := Begin(dst, 'D')
	dst = append(append(append(dst, kind), name...), 0)
	return End(dst, at)
}

// Poison appends a Bind of a statement that does not exist, so that the server
// fails and skips to the next Sync (PostgreSQL 55.2.3).
func Poison(dst []byte, statement string) []byte {
	dst, at := Begin(dst, 'B')
	dst = append(dst, 0)
	dst = append(append(dst, statement...), 0)
	dst = append(dst, 0, 0, 0, 0, 0, 0)
	return End(dst, at)
}

// CancelRequest is the whole message that asks a server to cancel
// (PostgreSQL 55.2.8).
func CancelRequest(pid uint32, key []byte) []byte {
	b := make([]byte, 12, 12+len(key))
	binary.BigEndian.PutUint32(b, uint32(12+len(key)))
	binary.BigEndian.PutUint32(b[4:], CodeCancel)
	binary.BigEndian.PutUint32(b[8:], pid)
	return append(b, key...)
}

// AppendParse appends a Parse message.
func AppendParse(dst []byte, name, query string, types []uint32) []byte {
	dst, at := Begin(dst, 'P')
	dst = append(append(dst, name...), 0)
	dst = append(append(dst, query...), 0)
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(types))) //nolint:gosec // ReadParse read them from such a field
	for _, t := range types {
		dst = binary.BigEndian.AppendUint32(dst, t)
	}
	return End(dst, at)
}

// AppendClose appends a Close message for a statement ('S') or portal ('P').
func AppendClose(dst []byte, kind byte, name string) []byte {
	dst, at := Begin(dst, 'C')
	dst = append(append(append(dst, kind), name...), 0)
	return End(dst, at)
}

// AppendBind appends a Bind of a statement without parameters to the unnamed
// portal, all results as text.
func AppendBind(dst []byte, statement string) []byte {
	dst, at := Begin(dst, 'B')
	dst = append(dst, 0)
	dst = append(append(dst, statement...), 0)
	return End(append(dst, 0, 0, 0, 0, 0, 0), at)
}

// AppendExecute appends an Execute of a portal to its end.
func AppendExecute(dst []byte, portal string) []byte {
	dst, at := Begin(dst, 'E')
	dst = append(append(dst, portal...), 0)
	return End(append(dst, 0, 0, 0, 0), at)
}

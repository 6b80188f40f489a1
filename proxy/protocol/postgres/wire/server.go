package wire

// Column is one column of a RowDescription (PostgreSQL 55.7).
type Column struct {
	Name      string
	Table     uint32 // OID of the relation it is read from plainly, or 0
	Attribute int16  // its column number there, or 0
	Type      uint32
	Format    int // 0 text, 1 binary
}

// ReadRowDescription reads the body of a RowDescription.
func ReadRowDescription(body []byte) ([]Column, error) {
	c := cursor{b: body}
	n := c.u16()
	out := make([]Column, 0, min(n, 1664))
	for range n {
		col := Column{Name: c.str(), Table: c.u32(), Attribute: int16(c.u16()), Type: c.u32()}
		c.u16() // type size
		c.u32() // type modifier
		col.Format = c.u16()
		if c.bad {
			break
		}
		out = append(out, col)
	}
	return out, c.end("RowDescription")
}

// Cells splits the body of a DataRow; a nil cell is NULL. It reuses dst.
func Cells(dst [][]byte, body []byte) ([][]byte, error) {
	c := cursor{b: body}
	n := c.u16()
	dst = dst[:0]
	for range n {
		v, null := c.value()
		if c.bad {
			break
		}
		if null {
			v = nil
		} else if v == nil {
			v = []byte{}
		}
		dst = append(dst, v)
	}
	return dst, c.end("DataRow")
}

// AppendRow appends a DataRow made of cells; a nil cell is NULL.
func AppendRow(dst []byte, cells [][]byte) []byte {
	dst, at := Begin(dst, 'D')
	dst = append(dst, byte(len(cells)>>8), byte(len(cells)))
	for _, v := range cells {
		dst = AppendCell(dst, v)
	}
	return End(dst, at)
}

// AppendCell appends one cell of a DataRow; nil is NULL.
func AppendCell(dst, v []byte) []byte {
	if v == nil {
		return append(dst, 0xff, 0xff, 0xff, 0xff)
	}
	n := len(v)
	return append(append(dst, byte(n>>24), byte(n>>16), byte(n>>8), byte(n)), v...)
}

// CopyFormat is what a CopyOutResponse or CopyInResponse announces.
type CopyFormat struct {
	Binary  bool
	Columns int
}

// ReadCopyResponse reads the body of CopyInResponse or CopyOutResponse.
func ReadCopyResponse(body []byte) (CopyFormat, error) {
	c := cursor{b: body}
	f := CopyFormat{Binary: c.u8() == 1, Columns: c.u16()}
	for range f.Columns {
		c.u16()
	}
	return f, c.end("CopyResponse")
}

// Notification is a NotificationResponse.
type Notification struct {
	PID              uint32
	Channel, Payload string
}

// ReadNotification reads the body of a NotificationResponse.
func ReadNotification(body []byte) (Notification, error) {
	c := cursor{b: body}
	n := Notification{PID: c.u32(), Channel: c.str(), Payload: c.str()}
	return n, c.end("NotificationResponse")
}

// AppendNotification appends a NotificationResponse.
func AppendNotification(dst []byte, n Notification) []byte {
	dst, at := Begin(dst, 'A')
	dst = append(dst, byte(n.PID>>24), byte(n.PID>>16), byte(n.PID>>8), byte(n.PID))
	dst = append(append(dst, n.Channel...), 0)
	dst = append(append(dst, n.Payload...), 0)
	return End(dst, at)
}

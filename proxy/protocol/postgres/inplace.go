package postgres

import (
	"bytes"
	"encoding/binary"

	"sluice.dev/proxy/mask"
	"sluice.dev/proxy/protocol/postgres/wire"
)

// Rows that need no look, or no more than other values in some of their
// columns, are not taken apart: what stays is copied as it stands, in one piece
// from one changed value to the next, and nothing is allocated for a row.

// stream takes the whole rows that b begins with, all of the same message type,
// and says how many bytes they are; 0 when the first is not whole. The caller
// has asked whether rows stream.
func (m *machine) stream(typ byte, b []byte) (used int) {
	rows, most := int64(0), int64(1)<<62
	e := m.head()
	if e != nil && e.run != nil && !m.discard {
		if limit := e.run.verdict.Limits.Rows; limit > 0 {
			most = limit - e.run.rows // the next is for the one that ends the answer
		}
	}
	for rows < most {
		t, size, err := wire.Header(b[used:])
		if err != nil || t != typ || len(b)-used < wire.HeaderSize+size {
			break
		}
		used += wire.HeaderSize + size
		rows++
	}
	if e != nil && e.run != nil {
		e.run.rows += rows
		e.run.out += int64(used)
	}
	if !m.discard {
		m.toClient = append(m.toClient, b[:used]...)
	}
	return used
}

// underLimit says whether one more row is within the limit of the policies.
func (run *running) underLimit() bool {
	limit := run.verdict.Limits.Rows
	return limit == 0 || run.rows < limit
}

// appendTreated appends what stands in place of one cell. null reports that it
// is NULL, and nothing was appended.
func appendTreated(dst []byte, k *mask.Key, p *cellPlan, scope string, v []byte, isNull bool) (out []byte, null bool) {
	switch {
	case p.derived:
		if v = derivedCell(*p); v == nil {
			return dst, true
		}
		return append(dst, v...), false
	case isNull:
		return dst, true
	case p.ty.family == familyText:
		switch p.treatment.Action {
		case mask.Null, mask.Deny:
			return dst, true
		}
		return k.AppendText(dst, p.treatment, scope, v)
	}
	if v = treat(k, p.treatment, scope, p.ty, p.format, v); v == nil {
		return dst, true
	}
	return append(dst, v...), false
}

// edit appends a DataRow with its body's masked cells replaced, and says how
// many were.
func (r *rowMasker) edit(dst, body []byte, k *mask.Key, scope func(string) string) (out []byte, masked int64, err error) {
	bad := &wire.ProtocolError{Text: "a row has another number of cells than its description"}
	if len(body) < 2 || int(binary.BigEndian.Uint16(body)) != len(r.plan) {
		return dst, 0, bad
	}
	out, begin := wire.Begin(dst, 'D')
	from, at := 0, 2 // body[from:at] has still to be copied
	for i := range r.plan {
		if len(body)-at < 4 {
			return dst, 0, bad
		}
		size := int(int32(binary.BigEndian.Uint32(body[at:])))
		next := at + 4 + max(size, 0)
		if size < -1 || next > len(body) {
			return dst, 0, bad
		}
		p := &r.plan[i]
		if p.treatment.Action == mask.None {
			at = next
			continue
		}
		masked++
		out = append(out, body[from:at]...)
		head := len(out)
		out = append(out, 0, 0, 0, 0)
		var null bool
		if out, null = appendTreated(out, k, p, scope(p.treatment.Scope), body[at+4:next], size < 0); null {
			out = append(out[:head], 0xff, 0xff, 0xff, 0xff)
		} else {
			binary.BigEndian.PutUint32(out[head:], uint32(len(out)-head-4))
		}
		from, at = next, next
	}
	if at != len(body) {
		return dst, 0, bad
	}
	out = append(out, body[from:at]...)
	return wire.End(out, begin), masked, nil
}

// inPlace says that the rows of a COPY can be edited as text: there is a plan
// for each column, and no detector looks into any.
func (c *copyMasker) inPlace() bool {
	if c.spec.format != "text" || len(c.plan) == 0 {
		return false
	}
	for i := range c.plan {
		if c.plan[i].detect {
			return false
		}
	}
	return true
}

// editText appends a CopyData of the text format with its masked fields
// replaced, and counts its rows. ok is false, and nothing is appended, where it
// does not hold whole rows of as many fields as are planned: the longer way
// finds out what that means.
func (c *copyMasker) editText(dst, body []byte, k *mask.Key, scope func(string) string) (out []byte, rows, masked int64, ok bool) {
	if len(body) == 0 || body[len(body)-1] != '\n' {
		return dst, 0, 0, false
	}
	out, begin := wire.Begin(dst, 'd')
	for len(body) > 0 {
		end := bytes.IndexByte(body, '\n')
		line := body[:end]
		body = body[end+1:]
		escapes := bytes.IndexByte(line, '\\') >= 0
		for i := range c.plan {
			var at int
			if escapes {
				at = nextDelimiter(line, c.spec.delimiter)
			} else if at = bytes.IndexByte(line, c.spec.delimiter); at < 0 {
				at = len(line)
			}
			if last := i == len(c.plan)-1; last != (at == len(line)) {
				return dst, 0, 0, false
			}
			f, p := line[:at], &c.plan[i]
			if p.treatment.Action == mask.None {
				out = append(out, f...)
			} else {
				masked++
				out = c.editField(out, f, k, p, scope(p.treatment.Scope))
			}
			if at < len(line) {
				out = append(out, c.spec.delimiter)
				line = line[at+1:]
			}
		}
		out = append(out, '\n')
		rows++
	}
	return wire.End(out, begin), rows, masked, true
}

func (c *copyMasker) editField(dst, f []byte, k *mask.Key, p *cellPlan, scope string) []byte {
	isNull := string(f) == c.spec.null
	if bytes.IndexByte(f, '\\') >= 0 {
		f = unescapeCopy(f)
	}
	v, null := appendTreated(c.value[:0], k, p, scope, f, isNull)
	c.value = v
	if null {
		return append(dst, c.spec.null...)
	}
	return c.spec.appendText(dst, v)
}

package postgres

import (
	"bytes"
	"encoding/binary"

	"sluice.dev/proxy/gate"
	"sluice.dev/proxy/mask"
	"sluice.dev/proxy/protocol/postgres/catalog"
	"sluice.dev/proxy/protocol/postgres/lineage"
	"sluice.dev/proxy/protocol/postgres/wire"
)

// copySpec is what a COPY … TO STDOUT statement says of its output. columns is
// empty when they are not known by name.
type copySpec struct {
	format    string // text, csv or binary
	delimiter byte
	quote     byte
	escape    byte
	null      string
	header    bool
	columns   []copyColumn
}

// copyColumn is one column of a COPY: whether it may pass as it is, and else
// the configured columns that it stands for; none when that cannot be told.
type copyColumn struct {
	name    string
	table   string
	pass    bool
	origins []string
	oid     uint32 // of its type; 0 when it is not known
}

// newCopySpec takes what the text of a COPY says of its rows.
func newCopySpec(p *lineage.CopyPlan, s *catalog.Snapshot) *copySpec {
	out := &copySpec{format: p.Format, delimiter: p.Delimiter, quote: p.Quote, escape: p.Escape, null: p.Null, header: p.Header}
	for _, c := range p.Columns {
		col := copyColumn{name: c.Name, pass: c.Pass, origins: c.Origins}
		if r, ok := s.Relation(c.Attr.Relation); ok {
			col.table = r.ID()
			if i := int(c.Attr.Number) - 1; i >= 0 && i < len(r.Columns) {
				col.oid = r.Columns[i].Type
			}
		}
		out.columns = append(out.columns, col)
	}
	return out
}

// copyMasker changes COPY data on its way to the client. A CopyData message
// may end anywhere in a row, so what is not a whole row yet is kept, within
// limits.message.
type copyMasker struct {
	spec    *copySpec
	plan    []cellPlan // one each; empty: every column is looked into by detectors
	rest    []byte
	started bool // binary: the signature has passed; text: the header line has
	any     cellPlan
	forced  []bool // csv: columns that are quoted without need (FORCE_QUOTE)
	simple  bool   // inPlace, and there is no header line
	value   []byte // room for one
}

func (m *machine) copyStarts(e *entry, typ byte, msg, body []byte) error {
	run := e.run
	f, err := wire.ReadCopyResponse(body)
	if err != nil {
		return err
	}
	switch typ {
	case 'G':
		if !run.a.copyIn {
			return &wire.ProtocolError{Text: "the database asks for COPY data that the statement does not announce"}
		}
		m.copyInStarts(run)
	case 'H':
		if err := m.prepareCopy(e, f); err != nil {
			return err
		}
		if m.discard {
			return nil
		}
	default:
		return &wire.ProtocolError{Text: "replication is not passed on"}
	}
	m.toClient = append(m.toClient, msg...)
	return nil
}

// prepareCopy works out what happens to each column of a COPY.
func (m *machine) prepareCopy(e *entry, f wire.CopyFormat) error {
	run := e.run
	plan := run.verdict.Masks
	if plan.Empty() {
		return nil
	}
	hides := run.a.touches() && plan.Derived.Action != mask.None
	spec := run.a.copy
	if spec == nil || (f.Binary != (spec.format == "binary")) {
		m.cutOff(e, gate.CannotMask("the options of this COPY are not understood"))
		return nil
	}
	if hides && len(spec.columns) != f.Columns {
		m.cutOff(e, gate.CannotMask("the columns of this COPY are not known"))
		return nil
	}
	if f.Binary && len(plan.Detectors) > 0 && len(spec.columns) != f.Columns {
		m.cutOff(e, gate.CannotMask("a plugin looks into these values, and what they are in this binary COPY is not known; use the text format"))
		return nil
	}
	c := &copyMasker{spec: spec}
	format := 0
	if f.Binary {
		format = 1
	}
	detects := len(plan.Detectors) > 0
	c.any = cellPlan{ty: typeInfo{family: familyText}, format: format, detect: detects && format == 0}
	active := c.any.detect
	for _, col := range spec.columns {
		p := cellPlan{name: col.name, table: col.table, ty: typeOf(col.oid, m.lens.typeInfo), format: format}
		if hides && !col.pass {
			p.treatment, p.derived = m.lens.treatment(plan, col.origins, len(col.origins) == 0)
		}
		p.detect = detects && p.treatment.Action == mask.None && (p.ty.family == familyText || p.ty.family == familyJSON ||
			p.ty.family == familyJSONB || (format == 0 && p.ty.family != familyInt && p.ty.family != familyUUID && p.ty.family != familyBytea))
		active = active || p.detect || p.treatment.Action != mask.None
		c.plan = append(c.plan, p)
	}
	if active {
		c.simple = !spec.header && len(c.plan) == f.Columns && c.inPlace()
		run.copyOut = c
	}
	return nil
}

// copyRow handles one CopyData from the server that has to be looked at.
func (m *machine) copyRow(e *entry, msg, body []byte) error {
	run := e.run
	if run == nil {
		return unexpected('d', e)
	}
	run.out += int64(len(msg))
	c := run.copyOut
	if c == nil {
		run.rows++
		if limit := run.verdict.Limits.Rows; limit > 0 && run.rows > limit {
			m.cutOff(e, gate.RowLimit(limit))
			return nil
		}
		m.toClient = append(m.toClient, msg...)
		return nil
	}
	if c.simple && len(c.rest) == 0 && run.verdict.Limits.Rows == 0 {
		if out, rows, masked, ok := c.editText(m.toClient, body, m.gs.Key(), m.gs.Scope); ok {
			m.toClient = out
			run.rows += rows
			run.masked += masked
			return nil
		}
	}
	c.rest = append(c.rest, body...)
	if len(c.rest) > m.opts.limits().Message {
		m.cutOff(e, gate.CannotMask("one row of the COPY is over limits.message"))
		return nil
	}
	m.copyWhole(e, false)
	return nil
}

// copyWhole masks the whole rows that have come; an answer that cannot be
// masked is cut off.
func (m *machine) copyWhole(e *entry, last bool) {
	run, c := e.run, e.run.copyOut
	var rows [][][]byte
	var raw [][]byte // what goes out before row i as it came
	used := 0
	for {
		cells, n, verbatim, ok := c.next(c.rest[used:], last)
		if n < 0 {
			m.cutOff(e, gate.CannotMask("the COPY data is not in the format that it announces"))
			return
		}
		if !ok {
			break
		}
		used += n
		if verbatim != nil {
			rows, raw = append(rows, nil), append(raw, bytes.Clone(verbatim))
			continue
		}
		run.rows++
		if limit := run.verdict.Limits.Rows; limit > 0 && run.rows > limit {
			m.cutOff(e, gate.RowLimit(limit))
			return
		}
		if len(c.plan) > 0 && len(cells) != len(c.plan) {
			m.cutOff(e, gate.CannotMask("a row of the COPY has another number of columns than announced"))
			return
		}
		rows, raw = append(rows, cells), append(raw, nil)
	}
	key := m.gs.Key()
	for _, cells := range rows {
		for i := range cells {
			p := c.cell(i)
			if p.treatment.Action == mask.None {
				continue
			}
			run.masked++
			if p.derived {
				cells[i] = derivedCell(p)
			} else {
				cells[i] = treat(key, p.treatment, m.gs.Scope(p.treatment.Scope), p.ty, p.format, cells[i])
			}
		}
	}
	for _, d := range run.verdict.Masks.Detectors {
		if r := m.detectCopy(run, c, rows, d); r != nil {
			m.cutOff(e, r)
			return
		}
	}
	if len(rows) > 0 {
		// Messages end where the server's did: drivers count on the signature
		// and the first row being one.
		dst, at := wire.Begin(m.toClient, 'd')
		for i, cells := range rows {
			if raw[i] != nil {
				dst = append(dst, raw[i]...)
			} else {
				dst = c.spec.appendRow(dst, cells, c.forced)
			}
		}
		m.toClient = wire.End(dst, at)
	}
	c.rest = append(c.rest[:0], c.rest[used:]...)
}

func (c *copyMasker) cell(i int) cellPlan {
	if len(c.plan) == 0 {
		return c.any
	}
	return c.plan[i]
}

func (m *machine) detectCopy(run *running, c *copyMasker, rows [][][]byte, d mask.Detector) *gate.Refusal {
	width := 0
	for _, cells := range rows {
		width = max(width, len(cells))
	}
	if width == 0 {
		return nil
	}
	masker := &rowMasker{plan: make([]cellPlan, width)}
	for i := range masker.plan {
		masker.plan[i] = c.cell(i)
	}
	var whole [][][]byte
	for _, cells := range rows {
		if len(cells) == width {
			whole = append(whole, cells)
		} else if cells != nil {
			return gate.CannotMask("the rows of the COPY differ in their number of columns")
		}
	}
	return m.detect(run, masker, whole, d)
}

// next takes one row from b. ok is false when it is not whole yet; n is below
// zero when it is no row at all. verbatim is what passes as it is: a header
// line, the binary signature and trailer.
func (c *copyMasker) next(b []byte, last bool) (cells [][]byte, n int, verbatim []byte, ok bool) {
	if len(b) == 0 {
		return nil, 0, nil, false
	}
	switch c.spec.format {
	case "binary":
		return c.nextBinary(b)
	case "csv":
		var quoted []bool
		cells, quoted, n, ok = c.spec.nextCSV(b, last)
		c.learn(cells, quoted)
	default:
		cells, n, ok = c.spec.nextText(b, last)
	}
	if ok && !c.started {
		c.started = true
		if c.spec.header {
			return nil, n, b[:n], true
		}
	}
	return cells, n, nil, ok
}

// learn notes which columns of a CSV are quoted without need, so that a masked
// value is too.
func (c *copyMasker) learn(cells [][]byte, quoted []bool) {
	if len(c.forced) < len(cells) {
		c.forced = append(c.forced, make([]bool, len(cells)-len(c.forced))...)
	}
	for i, q := range quoted {
		c.forced[i] = c.forced[i] || q && !c.spec.needsQuotes(cells[i], len(cells) == 1)
	}
}

// binarySignature opens binary COPY data (COPY, Binary Format).
const binarySignature = "PGCOPY\n\xff\r\n\x00"

func (c *copyMasker) nextBinary(b []byte) (cells [][]byte, n int, verbatim []byte, ok bool) {
	if !c.started {
		if len(b) < 19 {
			return nil, 0, nil, false
		}
		ext := int(binary.BigEndian.Uint32(b[15:]))
		if string(b[:11]) != binarySignature || ext < 0 || ext > 1<<20 {
			return nil, -1, nil, false
		}
		if len(b) < 19+ext {
			return nil, 0, nil, false
		}
		c.started = true
		return nil, 19 + ext, b[:19+ext], true
	}
	if len(b) < 2 {
		return nil, 0, nil, false
	}
	count := int(int16(binary.BigEndian.Uint16(b)))
	if count == -1 {
		return nil, 2, b[:2], true
	}
	if count < 0 {
		return nil, -1, nil, false
	}
	at := 2
	for range count {
		if len(b) < at+4 {
			return nil, 0, nil, false
		}
		size := int(int32(binary.BigEndian.Uint32(b[at:])))
		at += 4
		if size == -1 {
			cells = append(cells, nil)
			continue
		}
		if size < 0 {
			return nil, -1, nil, false
		}
		if len(b) < at+size {
			return nil, 0, nil, false
		}
		cells = append(cells, append(make([]byte, 0, size), b[at:at+size]...))
		at += size
	}
	return cells, at, nil, true
}

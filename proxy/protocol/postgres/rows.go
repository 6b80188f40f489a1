package postgres

import (
	"sluice.dev/proxy/gate"
	"sluice.dev/proxy/mask"
	"sluice.dev/proxy/protocol/postgres/lineage"
	"sluice.dev/proxy/protocol/postgres/wire"
)

// cellPlan is what happens to the cells of one result column.
type cellPlan struct {
	treatment mask.Treatment
	derived   bool // its origin cannot be told: replaced even when NULL
	detect    bool // detectors look into it
	ty        typeInfo
	format    int
	name      string
	table     string
}

// rowMasker changes the rows of one result. Rows with cells for a detector
// gather to a batch, which goes out when it is full, when the server pauses, or
// when anything but a row comes.
type rowMasker struct {
	plan    []cellPlan
	detects bool
	cells   [][]byte
	batch   gate.Batch
	rows    [][][]byte
	size    int
}

// batchBytes is how many bytes of cells make a batch; a plugin call has to
// stay under about a millisecond.
const batchBytes = 32 << 10

func (r *rowMasker) reset() { r.rows, r.size = r.rows[:0], 0 }

// prepareMasker works out, once a result, what happens to its columns.
func (m *machine) prepareMasker(run *running) {
	if run.looked || run.a == nil {
		return
	}
	run.looked = true
	plan := run.verdict.Masks
	if plan.Empty() {
		return
	}
	cols := m.columnsOf(run)
	if cols == nil {
		run.unmaskable = run.a.touches() && plan.Derived.Action != mask.None
		if !run.unmaskable && len(plan.Detectors) > 0 {
			run.unmaskable = true
		}
		return
	}
	masker := &rowMasker{plan: make([]cellPlan, len(cols))}
	active := false
	for i, c := range cols {
		p := &masker.plan[i]
		p.name, p.format = c.Name, c.Format
		p.ty = typeOf(c.Type, m.lens.typeInfo)
		p.treatment, p.derived, p.table = m.lens.column(run, plan, i, c)
		if p.treatment.Action == mask.None && len(plan.Detectors) > 0 {
			switch p.ty.family {
			case familyText, familyJSON, familyJSONB:
				p.detect = true
			case familyArray, familyOther:
				p.detect = p.format == 0 && (c.Type >= 16384 || p.ty.family == familyArray)
			}
			masker.detects = masker.detects || p.detect
		}
		active = active || p.detect || p.treatment.Action != mask.None
	}
	if active {
		run.masker = masker
	}
}

// columnsOf is what is known of a result's columns, with the formats in which
// they come; nil when it is not known.
func (m *machine) columnsOf(run *running) []wire.Column {
	if run.columns != nil {
		return run.columns
	}
	if run.po == nil {
		return nil
	}
	if run.po.columns != nil {
		return run.po.columns
	}
	if run.originsMatter() || run.po.st.columns == nil {
		return nil
	}
	cols := make([]wire.Column, len(run.po.st.columns))
	copy(cols, run.po.st.columns)
	for i := range cols {
		cols[i].Format = wire.Format(run.formats, i)
		if run.a.server && run.po.st.describedBy != run.a.sum {
			cols[i].Table, cols[i].Attribute = 0, 0 // what it was before its names moved
		}
	}
	run.columns = cols
	return cols
}

// needsColumns says whether an Execute's rows cannot be judged without asking
// the server to describe the portal.
func (m *machine) needsColumns(run *running) bool {
	if run.verdict.Masks.Empty() || run.po.columns != nil {
		return false
	}
	return run.originsMatter() || run.po.st.columns == nil
}

// originsMatter says whether the origins that a description gives have to be
// those of this very execution: where the server's analysis has told what each
// column is, they only confirm it.
func (run *running) originsMatter() bool {
	return run.a.touches() && (run.a.verdict.Outputs == nil || run.a.sum == (treeSum{}))
}

// judged is the verdict on the statement whose result is coming: of several in
// one Query, each has its own.
func (run *running) judged() *lineage.Verdict {
	if run.part < len(run.a.parts) {
		return &run.a.parts[run.part]
	}
	return &run.a.verdict
}

// row handles one DataRow that has to be looked at.
func (m *machine) row(e *entry, msg, body []byte) error {
	run := e.run
	if run == nil || (e.kind != 'Q' && e.kind != 'E') {
		return unexpected('D', e)
	}
	run.rows++
	run.out += int64(len(msg))
	if limit := run.verdict.Limits.Rows; limit > 0 && run.rows > limit {
		m.flushMasked()
		m.cutOff(e, gate.RowLimit(limit))
		return nil
	}
	if !run.looked && !m.judgeAnew(e, run) {
		return nil
	}
	m.prepareMasker(run)
	if run.unmaskable {
		m.cutOff(e, gate.CannotMask("the database did not say what its rows are made of"))
		return nil
	}
	masker := run.masker
	if masker == nil {
		m.toClient = append(m.toClient, msg...)
		if m.records(run) {
			cells, err := wire.Cells(nil, body)
			if err != nil {
				return err
			}
			m.recordRow(run, cells)
		}
		return nil
	}
	if !masker.detects && !m.records(run) {
		out, masked, err := masker.edit(m.toClient, body, m.gs.Key(), m.gs.Scope)
		m.toClient = out
		run.masked += masked
		return err
	}
	cells, err := wire.Cells(masker.cells, body)
	if err != nil {
		return err
	}
	masker.cells = cells
	if len(cells) != len(masker.plan) {
		return &wire.ProtocolError{Text: "a row has another number of cells than its description"}
	}
	key, scope := m.gs.Key(), m.gs.Scope
	for i, p := range masker.plan {
		if p.treatment.Action == mask.None {
			continue
		}
		run.masked++
		if p.derived {
			cells[i] = derivedCell(p)
		} else {
			cells[i] = treat(key, p.treatment, scope(p.treatment.Scope), p.ty, p.format, cells[i])
		}
	}
	if !masker.detects {
		m.recordRow(run, cells)
		m.toClient = wire.AppendRow(m.toClient, cells)
		return nil
	}
	masker.rows = append(masker.rows, append([][]byte(nil), cells...))
	masker.size += len(msg)
	if masker.size >= batchBytes {
		m.flushMasked()
	}
	return nil
}

func derivedCell(p cellPlan) []byte {
	if p.treatment.Action == mask.Null {
		return nil
	}
	return placeholder(p.ty, p.format)
}

// flushMasked sends the rows that have gathered through the detectors and on
// to the client. Their bytes point into fromServer, so it runs before that
// buffer moves.
func (m *machine) flushMasked() {
	e := m.head()
	if e == nil || e.run == nil || e.run.masker == nil || len(e.run.masker.rows) == 0 {
		return
	}
	run, masker := e.run, e.run.masker
	rows := masker.rows
	masker.reset()
	defer m.holdBack(e, len(m.toClient))
	for _, d := range run.verdict.Masks.Detectors {
		if r := m.detect(run, masker, rows, d); r != nil {
			m.cutOff(e, r)
			return
		}
	}
	for _, cells := range rows {
		m.recordRow(run, cells)
		m.toClient = wire.AppendRow(m.toClient, cells)
	}
}

// detect runs one detector over a batch of rows and changes what it found.
func (m *machine) detect(run *running, masker *rowMasker, rows [][][]byte, d mask.Detector) *gate.Refusal {
	b := &masker.batch
	b.Columns, b.Cells, b.Scope = b.Columns[:0], b.Cells[:0], m.gs.Scope(d.Treatment.Scope)
	for _, p := range masker.plan {
		b.Columns = append(b.Columns, gate.BatchColumn{Name: p.name, Table: p.table, Type: p.ty.name(), Binary: p.format == 1})
	}
	type place struct{ row, col int }
	var places []place
	for ri, cells := range rows {
		for ci, p := range masker.plan {
			if !p.detect || cells[ci] == nil {
				continue
			}
			b.Cells = append(b.Cells, gate.BatchCell{Column: uint32(ci), Value: cells[ci]})
			places = append(places, place{ri, ci})
		}
	}
	if len(places) == 0 {
		return nil
	}
	edits, r := m.gs.Detect(&run.verdict, d.Plugin, b)
	if r != nil {
		return r
	}
	for i := 0; i < len(edits); {
		cell := edits[i].Cell
		from := i
		for i < len(edits) && edits[i].Cell == cell {
			i++
		}
		if d.Treatment.Action == mask.Deny {
			return gate.Deny("a value that plugin "+d.Plugin+" recognises may not leave", "")
		}
		at := places[cell]
		p := masker.plan[at.col]
		rows[at.row][at.col] = replaceSpans(m.gs.Key(), d.Treatment, m.gs.Scope(d.Treatment.Scope), p.ty, p.format, rows[at.row][at.col], edits[from:i])
		run.masked++
	}
	return nil
}

func (t typeInfo) name() string {
	switch t.family {
	case familyJSON, familyJSONB:
		return "json"
	case familyBytea:
		return "bytea"
	case familyArray:
		return "array"
	case familyInt:
		return "integer"
	case familyUUID:
		return "uuid"
	}
	return "text"
}

package sluice

const (
	absent = 1<<32 - 1

	batchHeader = 32
	columnSize  = 28
	cellSize    = 12
	editHeader  = 8
	editSize    = 24
)

// Batch is cells to look at. It reads the gateway's bytes where they lie.
type Batch struct {
	b       []byte
	columns int
	cells   int
	at      int // of the first cell
}

// ReadBatch reads an encoded batch (sdk/ABI.md 5). ok is false for a kind of
// batch that this SDK does not know, and for one that ends early.
func ReadBatch(b []byte) (batch Batch, ok bool) {
	if len(b) < batchHeader || u32(b, 0) != 0 || u32(b, 12) != batchHeader {
		return Batch{}, false
	}
	columns, cells, at := uint64(u32(b, 4)), uint64(u32(b, 8)), uint64(u32(b, 16))
	if batchHeader+columnSize*columns > uint64(len(b)) || at+cellSize*cells > uint64(len(b)) {
		return Batch{}, false
	}
	// A slice's bounds are its capacity: what is behind the batch is not its.
	return Batch{b: b[:len(b):len(b)], columns: int(columns), cells: int(cells), at: int(at)}, true
}

// Columns is the number of columns.
func (b *Batch) Columns() int { return b.columns }

// Cells is the number of cells.
func (b *Batch) Cells() int { return b.cells }

// Window reports that the one cell is a part of a longer value.
func (b *Batch) Window() bool { return u32(b.b, 20)&1 != 0 }

// Column describes column i. It panics if there is none.
func (b *Batch) Column(i int) Column {
	if uint(i) >= uint(b.columns) {
		panic("sluice: no such column")
	}
	return Column{b.b, batchHeader + columnSize*i}
}

// Cell returns the value of cell i and its column; a NULL is a nil value. It
// panics if there is none.
func (b *Batch) Cell(i int) (value []byte, column int) {
	if uint(i) >= uint(b.cells) {
		panic("sluice: no such cell")
	}
	at := b.at + cellSize*i
	n := u32(b.b, at+8)
	column = int(u32(b.b, at))
	if n == absent {
		return nil, column
	}
	from := u32(b.b, at+4)
	return b.b[from : from+n : from+n], column
}

// Column is one column of a batch.
type Column struct {
	b  []byte
	at int
}

func (c Column) text(at int) string {
	from := u32(c.b, c.at+at)
	return string(c.b[from : from+u32(c.b, c.at+at+4)])
}

// Binary reports whether values are in the protocol's binary format.
func (c Column) Binary() bool { return u32(c.b, c.at)&1 != 0 }

// Name, Table and Type are as the protocol names them; each may be empty.
func (c Column) Name() string  { return c.text(4) }
func (c Column) Table() string { return c.text(12) } //nolint:revive // see Name
func (c Column) Type() string  { return c.text(20) } //nolint:revive // see Name

// Edits collects what is found. Findings are added in order: by cell, then by
// place, and they do not overlap.
type Edits struct {
	b     []byte // header and edits
	texts []byte // replacements
	n     uint32
	run   bool // of a run, whose header is longer
	open  uint32
	state []byte
}

func (e *Edits) header() int {
	if e.run {
		return runResult
	}
	return editHeader
}

// Reset forgets all findings and keeps the memory.
func (e *Edits) Reset() {
	if cap(e.b) < runResult {
		e.b = make([]byte, editHeader, runResult+64*editSize)
	}
	e.b, e.texts, e.n, e.run = e.b[:editHeader], e.texts[:0], 0, false
}

func (e *Edits) add(cell, from, to, kind int, at, size uint32) {
	n := len(e.b)
	if n+editSize > cap(e.b) {
		grown := make([]byte, n, 2*cap(e.b)+editSize)
		copy(grown, e.b)
		e.b = grown
	}
	e.b = e.b[:n+editSize]
	putU32(e.b, n, uint32(cell))
	putU32(e.b, n+4, uint32(from))
	putU32(e.b, n+8, uint32(to))
	putU32(e.b, n+12, uint32(kind))
	putU32(e.b, n+16, at)
	putU32(e.b, n+20, size)
	e.n++
}

// Add says that bytes from to to of a cell are of a kind, an index into the
// manifest's Kinds. What happens to them is the operator's choice.
func (e *Edits) Add(cell, from, to, kind int) { e.add(cell, from, to, kind, 0, absent) }

// Replace is Add with a replacement of the plugin's own.
func (e *Edits) Replace(cell, from, to, kind int, with []byte) {
	e.add(cell, from, to, kind, uint32(len(e.texts)), uint32(len(with)))
	e.texts = append(e.texts, with...)
}

// Len is the number of findings.
func (e *Edits) Len() int { return int(e.n) }

// At returns finding i, for tests.
func (e *Edits) At(i int) (cell, from, to, kind int) {
	n := e.header() + editSize*i
	return int(u32(e.b, n)), int(u32(e.b, n+4)), int(u32(e.b, n+8)), int(u32(e.b, n+12))
}

// Bytes encodes the findings (sdk/ABI.md 6); nil if there are none.
func (e *Edits) Bytes() []byte {
	if e.n == 0 && (!e.run || e.open == absent && len(e.state) == 0) {
		return nil
	}
	putU32(e.b, 0, e.n)
	putU32(e.b, 4, 0)
	if len(e.texts) > 0 {
		// Replacements stand behind the edits, so their places move by that.
		base := uint32(len(e.b))
		for i := range int(e.n) {
			n := e.header() + editSize*i
			if u32(e.b, n+20) != absent {
				putU32(e.b, n+16, u32(e.b, n+16)+base)
			}
		}
		e.b = append(e.b, e.texts...)
	}
	if e.run {
		putU32(e.b, 4, e.open)
		putU32(e.b, 8, uint32(len(e.b)))
		putU32(e.b, 12, uint32(len(e.state)))
		e.b = append(e.b, e.state...)
	}
	return e.b
}

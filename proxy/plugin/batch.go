package plugin

import "fmt"

// Column describes the cells of one column.
type Column struct {
	Name, Table string
	Type        string // text, json, bytea, … as the protocol names it
	Binary      bool   // values are in the protocol's binary format
}

// Cell is one value.
type Cell struct {
	Column uint32
	Null   bool
	Value  []byte
}

// Batch is what a module looks for sensitive values in.
type Batch struct {
	Columns []Column
	Cells   []Cell
	// Scope of pseudonyms; the module does not see it.
	Scope string
}

// Edit is a finding: bytes From to To of a cell are of a kind. What happens to
// them is the caller's decision, unless the module gives a replacement.
type Edit struct {
	Cell, From, To uint32
	Kind           string
	// Replacement is the module's own, a copy; nil if it gives none, empty if
	// the bytes are to go.
	Replacement []byte
}

// piece is a run of cells, or a window of one long cell, that one call looks at.
type piece struct {
	first, count int
	// Of a window: which bytes of the cell are shown, and from which the
	// findings that begin there count.
	window         bool
	from, to       int
	accept, before int
}

// cut is how much one piece may have.
type cut struct{ bytes, cells int }

// smallestCells and smallestBytes are how far Mask cuts what runs out of fuel;
// a window of those bytes still has half of them for itself.
const smallestCells = 64

func smallestBytes(reach int) int { return max(4<<10, 4*reach) }

// halve makes pieces half as large as p, if that is still a piece.
func (c *cut) halve(b *Batch, p piece, reach int) bool {
	_, bytes := b.pieceSize(p, 0)
	if bytes <= smallestBytes(reach) && p.count <= smallestCells {
		return false
	}
	c.bytes = max(min(c.bytes, bytes)/2, smallestBytes(reach))
	c.cells = max(p.count/2, smallestCells)
	return true
}

// next cuts the piece that begins at cell i, byte off, from the batch. reach
// is how long a finding may be.
func (b *Batch) next(i, off, reach int, most cut) piece {
	if long := len(b.Cells[i].Value); off > 0 || long > most.bytes {
		// A window begins reach bytes early, so that what is before a finding
		// is seen, and ends reach bytes late, so that it is seen whole.
		step := most.bytes - 2*reach
		return piece{
			first: i, count: 1, window: true,
			from: max(off-reach, 0), to: min(off+step+reach, long),
			accept: off, before: min(off+step, long),
		}
	}
	p := piece{first: i}
	size := 0
	for i < len(b.Cells) && p.count < most.cells {
		n := len(b.Cells[i].Value)
		if size+n > most.bytes {
			break
		}
		size += n
		p.count++
		i++
	}
	return p
}

// columnsSize is how much the columns take in each input.
func (b *Batch) columnsSize() int {
	n := columnSize * len(b.Columns)
	for i := range b.Columns {
		c := &b.Columns[i]
		n += len(c.Name) + len(c.Table) + len(c.Type)
	}
	return n
}

func (b *Batch) pieceSize(p piece, columns int) (n, data int) {
	if p.window {
		data = p.to - p.from
	} else {
		for i := p.first; i < p.first+p.count; i++ {
			if !b.Cells[i].Null {
				data += len(b.Cells[i].Value)
			}
		}
	}
	return batchHeader + columns + cellSize*p.count + data, data
}

// put writes a piece over out, which has its size (sdk/ABI.md 5).
func (b *Batch) put(out []byte, p piece) {
	cells := batchHeader + columnSize*len(b.Columns)
	text := cells + cellSize*p.count
	le.PutUint32(out, 0) // kind: cells
	le.PutUint32(out[4:], uint32(len(b.Columns)))
	le.PutUint32(out[8:], uint32(p.count))
	le.PutUint32(out[12:], batchHeader)
	le.PutUint32(out[16:], uint32(cells))
	flags := uint32(0)
	if p.window {
		flags = 1
	}
	le.PutUint32(out[20:], flags)
	clear(out[24:batchHeader])
	at := text
	ref := func(to int, s string) {
		le.PutUint32(out[to:], uint32(at))
		le.PutUint32(out[to+4:], uint32(len(s)))
		at += copy(out[at:], s)
	}
	for i := range b.Columns {
		c := &b.Columns[i]
		base := batchHeader + columnSize*i
		flags := uint32(0)
		if c.Binary {
			flags = 1
		}
		le.PutUint32(out[base:], flags)
		ref(base+4, c.Name)
		ref(base+12, c.Table)
		ref(base+20, c.Type)
	}
	for i := range p.count {
		c := &b.Cells[p.first+i]
		base := cells + cellSize*i
		le.PutUint32(out[base:], c.Column)
		le.PutUint32(out[base+4:], uint32(at))
		switch {
		case c.Null:
			le.PutUint32(out[base+8:], absent)
		case p.window:
			le.PutUint32(out[base+8:], uint32(p.to-p.from))
			at += copy(out[at:], c.Value[p.from:p.to])
		default:
			le.PutUint32(out[base+8:], uint32(len(c.Value)))
			at += copy(out[at:], c.Value)
		}
	}
}

// check refuses what no call can look at.
func (b *Batch) check() string {
	if len(b.Columns) > MaxColumns {
		return fmt.Sprintf("cannot look at %d columns, the limit is %d", len(b.Columns), MaxColumns)
	}
	for i := range b.Cells {
		if int(b.Cells[i].Column) >= len(b.Columns) {
			return fmt.Sprintf("was given a cell of column %d of %d", b.Cells[i].Column, len(b.Columns))
		}
	}
	return ""
}

// decode reads the edits of one piece and appends those that count. It checks
// all of them: in range, in order, not overlapping, of a declared kind.
func (b *Batch) decode(res []byte, p piece, kinds []string, dst []Edit) ([]Edit, string) {
	if len(res) == 0 {
		return dst, ""
	}
	if len(res) < editHeader {
		return dst, "returned edits that end early"
	}
	return b.decodeAt(editHeader, res, p, kinds, dst)
}

// decodeAt is decode of a result whose header is so long.
func (b *Batch) decodeAt(header int, res []byte, p piece, kinds []string, dst []Edit) ([]Edit, string) {
	n := int64(le.Uint32(res))
	if n > MaxEdits {
		return dst, fmt.Sprintf("returned %d edits, the limit is %d", n, MaxEdits)
	}
	if int64(header)+n*editSize > int64(len(res)) {
		return dst, fmt.Sprintf("returned %d edits in %d bytes", n, len(res))
	}
	var arena []byte
	lastCell, lastTo := uint32(0), uint32(0)
	for i := range int(n) {
		e := res[header+i*editSize:]
		cell, from, to, kind := le.Uint32(e), le.Uint32(e[4:]), le.Uint32(e[8:]), le.Uint32(e[12:])
		if uint64(cell) >= uint64(p.count) {
			return dst, fmt.Sprintf("returned a bad edit: edit %d is in cell %d of %d", i, cell, p.count)
		}
		c := &b.Cells[p.first+int(cell)]
		size := len(c.Value)
		if p.window {
			size = p.to - p.from
		}
		switch {
		case c.Null:
			return dst, fmt.Sprintf("returned a bad edit: edit %d is in cell %d, which is NULL", i, cell)
		case from >= to || uint64(to) > uint64(size):
			return dst, fmt.Sprintf("returned a bad edit: edit %d is of bytes %d to %d, and cell %d has %d", i, from, to, cell, size)
		case i > 0 && (cell < lastCell || cell == lastCell && from < lastTo):
			return dst, fmt.Sprintf("returned a bad edit: edit %d is out of order or overlaps the one before", i)
		case int64(kind) >= int64(len(kinds)):
			return dst, fmt.Sprintf("returned a bad edit: edit %d is of kind %d, and the manifest has %d", i, kind, len(kinds))
		}
		lastCell, lastTo = cell, to
		out := Edit{Cell: uint32(p.first) + cell, From: from, To: to, Kind: kinds[kind]}
		if at, size := le.Uint32(e[16:]), le.Uint32(e[20:]); size != absent {
			if uint64(at)+uint64(size) > uint64(len(res)) {
				return dst, fmt.Sprintf("returned a bad edit: the replacement of edit %d is outside the result", i)
			}
			if arena == nil {
				// No replacement may be taken twice over: all of them fit in
				// what the result had room for.
				arena = make([]byte, 0, len(res)-header-int(n)*editSize)
			}
			if int(size) > cap(arena)-len(arena) {
				return dst, "returned replacements that overlap each other"
			}
			start := len(arena)
			arena = append(arena, res[at:at+size]...)
			out.Replacement = arena[start:len(arena):len(arena)]
		}
		if p.window {
			out.From += uint32(p.from)
			out.To += uint32(p.from)
			dst = appendWindow(dst, out, p)
			continue
		}
		dst = append(dst, out)
	}
	return dst, ""
}

// appendWindow takes a finding of a window: those that begin in the part of
// the cell that is this window's own, and what is left of one that began
// before it and that the window before did not see to its end.
func appendWindow(dst []Edit, e Edit, p piece) []Edit {
	if int(e.To) <= p.accept || int(e.From) >= p.before {
		return dst
	}
	start := max(e.From, uint32(p.accept))
	if n := len(dst); n > 0 && dst[n-1].Cell == e.Cell {
		start = max(start, dst[n-1].To)
	}
	if start >= e.To {
		return dst
	}
	if start > e.From && e.Replacement != nil {
		e.Replacement = []byte{}
	}
	e.From = start
	return append(dst, e)
}

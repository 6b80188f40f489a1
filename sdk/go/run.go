package sluice

const (
	runHeader = 40
	runResult = 16
)

// Run is a stretch of a byte stream: what a terminal prints, the body of a
// request, server-sent events. It reads the gateway's bytes where they lie.
type Run struct {
	value, state []byte
	from         int
	flags        uint32
	column       Column
}

// ReadRun reads an encoded run (sdk/ABI.md 5.3). ok is false for any other kind
// of batch, and for one that ends early.
func ReadRun(b []byte) (r Run, ok bool) {
	if len(b) < runHeader+columnSize+cellSize || u32(b, 0) != 1 || u32(b, 12) != runHeader || u32(b, 16) != runHeader+columnSize {
		return Run{}, false
	}
	b = b[:len(b):len(b)]
	r.flags, r.from, r.column = u32(b, 20), int(u32(b, 32)), Column{b, runHeader}
	if r.state, ok = part(b, 24); !ok {
		return Run{}, false
	}
	if r.value, ok = part(b, runHeader+columnSize+4); !ok || r.from < 0 || r.from > len(r.value) {
		return Run{}, false
	}
	return r, true
}

// part is the bytes that an offset and a length at a place name.
func part(b []byte, at int) ([]byte, bool) {
	from, n := uint64(u32(b, at)), uint64(u32(b, at+4))
	if from+n > uint64(len(b)) {
		return nil, false
	}
	return b[from : from+n : from+n], true
}

// Value is what is shown: bytes that have gone by, for context, and from From
// on those that are new, or were held back. Findings are places in it, of cell
// 0.
func (r *Run) Value() []byte { return r.value }

// From is where the run's own bytes begin in Value.
func (r *Run) From() int { return r.from }

// State is what the run before had carried; nothing at first.
func (r *Run) State() []byte { return r.state }

// First and Last report that the stream begins with the run's own bytes, and
// that it ends with them.
func (r *Run) First() bool { return r.flags&2 != 0 }
func (r *Run) Last() bool  { return r.flags&4 != 0 } //nolint:revive // see First

// Name and Type say what the stream is: stdout, of a terminal.
func (r *Run) Name() string { return r.column.Name() }
func (r *Run) Type() string { return r.column.Type() } //nolint:revive // see Name

// ResetRun is Reset for the findings of a run.
func (e *Edits) ResetRun() {
	e.Reset()
	e.b = e.b[:runResult]
	e.run, e.open, e.state = true, absent, e.state[:0]
}

// Open says of a run that its last n bytes may be the beginning of a finding:
// they are held back and shown again. Without it the manifest's Reach is; more
// is refused. It means nothing for cells.
func (e *Edits) Open(n int) { e.open = uint32(n) }

// Carry hands at most 4 KiB to the next run of the stream, as of this run's
// bytes less those that are open. What is not carried again is forgotten.
func (e *Edits) Carry(state []byte) { e.state = append(e.state[:0], state...) }

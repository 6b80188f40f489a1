package meter

import "bytes"

// The weights of fuel. One unit is about a tenth of a nanosecond of compiled
// code; what is much dearer than an addition says so. They are part of the ABI:
// changing one changes what a module costs.
const (
	costPlain      = 1
	costDivide     = 16
	costFloatSlow  = 10 // divisions and square roots of floats
	costCall       = 4
	costIndirect   = 8
	costImport     = 256   // a call of the host
	costGrow       = 2048  // memory.grow or table.grow, granted or not
	costPage       = 16384 // each page that memory.grow really added
	costTableEntry = 8     // each entry of a table that is filled, copied or added
)

// depthSlots is how many local slots weigh as much as one call.
const depthSlots = 32

const (
	maxFunctionBytes = 4 << 20
	maxLocals        = 50_000
	maxNesting       = 10_000
)

// frame is an open block, loop, if or the function itself.
type frame struct {
	op     byte
	saved  int  // the segment that was current when the frame was opened
	target bool // some br_table jumps to its end
}

// segment is a run of instructions that is paid for at its start. Each
// instruction belongs to the last start that every way to it has passed since
// the innermost loop's header:
//
//   - the function's entry,
//   - a loop's header,
//   - the end of a block that a br_table jumps to.
//
// The last is what makes the price of a large dispatch (a switch, or a Go
// function, which is one loop around a br_table) that of the way taken.
type segment struct {
	cost  int64
	patch int // where the constant stands in the output; -1: paid elsewhere
}

type coder struct {
	p        *parser
	out      []byte
	frames   []frame
	segments []segment
	current  int
	fuel     uint32 // index of the globals
	depth    uint32
	refused  uint32
	scratch  uint32 // first of our locals: i64, i32, i32
	locals   uint32 // the guest's, with parameters
}

func (p *parser) codeSection(s *reader) int {
	n := s.count("functions")
	if n != len(p.funcs)-len(p.imports) {
		s.fail("%d functions are declared and %d have code", len(p.funcs)-len(p.imports), n)
	}
	out := make([]byte, 0, (s.end-s.off)*2)
	out = appendU32(out, uint32(n))
	c := &coder{p: p, fuel: uint32(p.globals), depth: uint32(p.globals + 1), refused: uint32(p.globals + 2)}
	for i := range n {
		size := s.u32()
		if size > maxFunctionBytes {
			s.fail("function %d has %d bytes, the limit is %d", len(p.imports)+i, size, maxFunctionBytes)
		}
		c.function(s.sub(size, "function"), p.types[p.funcs[len(p.imports)+i]])
		out = appendU32(out, uint32(len(c.out)))
		out = append(out, c.out...)
	}
	p.out[secCode] = out
	return n
}

func (c *coder) function(r *reader, t funcType) {
	c.out, c.frames, c.segments = c.out[:0], c.frames[:0], c.segments[:0]
	groups := r.count("local groups")
	at := r.off
	locals, slots := int64(len(t.params)), int64(len(t.params))
	for range groups {
		k := int64(r.u32())
		kind := valueType(r)
		locals += k
		slots += k
		if kind == tV128 {
			slots += k
		}
		if locals > maxLocals {
			r.fail("%d locals, the limit is %d", locals, maxLocals)
		}
	}
	c.locals = uint32(locals)
	c.scratch = c.locals
	c.out = appendU32(c.out, uint32(groups+2))
	c.out = append(c.out, r.b[at:r.off]...)
	c.out = append(c.out, 1, tI64, 2, tI32)

	body := *r
	calls := c.scan(&body)
	wrapped := calls
	weight := 1 + slots/depthSlots
	if wrapped {
		c.descend(weight)
		c.out = append(c.out, 0x02) // a block to leave by: every return becomes a branch to its end
		c.blockType(t.results)
	}
	c.frames = append(c.frames, frame{op: 0x02, saved: -1})
	c.current = c.start()
	for len(c.frames) > 0 {
		c.instruction(r, wrapped)
	}
	r.done()
	if wrapped {
		// The last end closed our block; the weight goes back, under whatever
		// results are on the stack.
		c.out = c.globalGet(c.depth)
		c.out = appendSigned(append(c.out, 0x41), weight)
		c.out = append(c.out, 0x6a)
		c.out = appendU32(append(c.out, 0x24), c.depth)
		c.out = append(c.out, 0x0b)
	}
	for _, s := range c.segments {
		if s.patch >= 0 {
			patch(c.out[s.patch:], max(s.cost, 1))
		}
	}
}

// scan reports whether a function calls anything that could call it back.
func (c *coder) scan(r *reader) bool {
	for depth := 1; depth > 0; {
		switch op := r.byte(); op {
		case 0x02, 0x03, 0x04:
			c.p.skipBlockType(r)
			if depth++; depth > maxNesting {
				r.fail("more than %d blocks inside each other", maxNesting)
			}
		case 0x0b:
			depth--
		case 0x10:
			if int64(r.u32()) >= int64(len(c.p.imports)) {
				return true
			}
		case 0x11:
			return true
		case 0x0e:
			for k := r.count("branches"); k >= 0; k-- {
				r.u32()
			}
		default:
			c.p.immediates(r, op, c.locals)
		}
	}
	return false
}

// start begins a segment here and writes its payment.
func (c *coder) start() int {
	c.segments = append(c.segments, segment{})
	c.out = append(c.globalGet(c.fuel), 0x42)
	c.segments[len(c.segments)-1].patch = len(c.out)
	c.out = append(c.out, 0x80, 0x80, 0x80, 0x80, 0x00) // filled in by patch
	c.pay()
	return len(c.segments) - 1
}

// pay subtracts what is on the stack from the fuel below it, and traps below
// zero.
func (c *coder) pay() {
	c.out = appendU32(append(c.out, 0x7d, 0x22), c.scratch) // i64.sub, local.tee
	c.out = appendU32(append(c.out, 0x24), c.fuel)          // global.set
	c.out = appendU32(append(c.out, 0x20), c.scratch)       // local.get
	c.out = append(c.out, 0x42, 0, 0x53, 0x04, 0x40, 0x00, 0x0b)
}

func (c *coder) descend(weight int64) {
	c.out = c.globalGet(c.depth)
	c.out = appendSigned(append(c.out, 0x41), weight)
	c.out = appendU32(append(c.out, 0x6b, 0x22), c.scratch+1) // i32.sub, local.tee
	c.out = appendU32(append(c.out, 0x24), c.depth)
	c.out = appendU32(append(c.out, 0x20), c.scratch+1)
	c.out = append(c.out, 0x41, 0, 0x48, 0x04, 0x40, 0x00, 0x0b)
}

func (c *coder) globalGet(g uint32) []byte { return appendU32(append(c.out, 0x23), g) }

// blockType writes the type of a block without parameters.
func (c *coder) blockType(results []byte) {
	switch len(results) {
	case 0:
		c.out = append(c.out, 0x40)
	case 1:
		c.out = append(c.out, results[0])
	default:
		c.out = appendSigned(c.out, int64(c.p.blockIndex(results)))
	}
}

// blockIndex finds or adds the type [] -> results.
func (p *parser) blockIndex(results []byte) int {
	for i, t := range p.types {
		if len(t.params) == 0 && bytes.Equal(t.results, results) {
			return i
		}
	}
	for i, t := range p.extra {
		if bytes.Equal(t.results, results) {
			return len(p.types) + i
		}
	}
	p.extra = append(p.extra, funcType{results: results})
	return len(p.types) + len(p.extra) - 1
}

func patch(b []byte, v int64) {
	// Five bytes of signed LEB128 hold 34 bits and a sign, and no function is
	// that long.
	for i := range 4 {
		b[i] = byte(v&0x7f) | 0x80
		v >>= 7
	}
	b[4] = byte(v & 0x7f)
}

func (c *coder) spend(n int64) { c.segments[c.current].cost += n }

// instruction copies one instruction and what metering adds to it.
func (c *coder) instruction(r *reader, wrapped bool) {
	at := r.off
	op := r.byte()
	switch op {
	case 0x02, 0x03, 0x04: // block, loop, if
		c.p.skipBlockType(r)
		c.out = append(c.out, r.b[at:r.off]...)
		if op == 0x04 {
			c.spend(costPlain)
		}
		c.frames = append(c.frames, frame{op: op, saved: c.current})
		if op == 0x03 {
			if c.dispatches(*r) {
				c.segments = append(c.segments, segment{patch: -1})
				c.current = len(c.segments) - 1
			} else {
				c.current = c.start()
			}
		}
	case 0x05: // else
		f := c.frames[len(c.frames)-1]
		if f.op != 0x04 {
			r.fail("else without if")
		}
		c.frames[len(c.frames)-1].op = 0x05
		c.current = f.saved
		c.out = append(c.out, op)
	case 0x0b: // end
		f := c.frames[len(c.frames)-1]
		c.frames = c.frames[:len(c.frames)-1]
		c.out = append(c.out, op)
		if len(c.frames) == 0 {
			return
		}
		c.current = f.saved
		if f.op != 0x03 && (f.target || c.segments[f.saved].patch < 0) {
			c.current = c.start()
			c.spend(3) // the br_table itself
		}
	case 0x0c, 0x0d: // br, br_if
		c.label(r.u32(), r)
		c.spend(costPlain)
		c.out = append(c.out, r.b[at:r.off]...)
	case 0x0e: // br_table
		for k := r.count("branches"); k >= 0; k-- {
			l := c.label(r.u32(), r)
			if l > 0 { // the function's own end needs no segment
				c.frames[l].target = true
			}
		}
		c.spend(2 * costPlain)
		c.out = append(c.out, r.b[at:r.off]...)
	case 0x0f: // return
		c.spend(costPlain)
		if wrapped {
			c.out = appendU32(append(c.out, 0x0c), uint32(len(c.frames)-1))
		} else {
			c.out = append(c.out, op)
		}
	case 0x10: // call
		f := c.p.index(r, len(c.p.funcs), "function")
		if int64(f) < int64(len(c.p.imports)) {
			c.spend(costImport)
		} else {
			c.spend(costCall)
		}
		c.out = append(c.out, r.b[at:r.off]...)
	case 0x40: // memory.grow
		c.p.immediates(r, op, c.locals)
		c.spend(costGrow)
		c.grow(r.b[at:r.off], costPage)
	case 0xfc:
		sub := c.p.immediates(r, op, c.locals)
		c.spend(costPlain)
		switch sub {
		case 8, 10, 11: // memory.init, memory.copy, memory.fill: one unit a byte
			c.bulk(1)
			c.out = append(c.out, r.b[at:r.off]...)
		case 12, 14, 17: // table.init, table.copy, table.fill
			c.bulk(costTableEntry)
			c.out = append(c.out, r.b[at:r.off]...)
		case 15: // table.grow
			c.spend(costGrow)
			c.grow(r.b[at:r.off], costTableEntry)
		default:
			c.out = append(c.out, r.b[at:r.off]...)
		}
	default:
		c.p.immediates(r, op, c.locals)
		c.spend(weightOf(op))
		c.out = append(c.out, r.b[at:r.off]...)
	}
}

// label checks a branch and returns the frame that it goes to.
func (c *coder) label(l uint32, r *reader) int {
	if int64(l) >= int64(len(c.frames)) {
		r.fail("a branch out of %d blocks, of which there are %d", l, len(c.frames))
	}
	return len(c.frames) - 1 - int(l)
}

// dispatches reports whether a loop begins with nothing but blocks, a
// local.get and a br_table all of whose targets are ends of those blocks: each
// of them pays at its own start, so the header need not. This is how every Go
// function with branches looks.
func (c *coder) dispatches(r reader) bool {
	blocks := 0
	for r.more() && r.b[r.off] == 0x02 {
		r.off++
		c.p.skipBlockType(&r)
		blocks++
	}
	if blocks == 0 || !r.more() || r.byte() != 0x20 {
		return false
	}
	r.u32()
	if !r.more() || r.byte() != 0x0e {
		return false
	}
	for k := r.count("branches"); k >= 0; k-- {
		if int64(r.u32()) >= int64(blocks) {
			return false
		}
	}
	return true
}

// bulk pays for the length on top of the stack.
func (c *coder) bulk(unit int64) {
	n := c.scratch + 1
	c.out = appendU32(append(c.out, 0x22), n) // local.tee
	c.payLength(n, unit)
	// The length is still on the stack: pay leaves it as it was.
}

func (c *coder) payLength(local uint32, unit int64) {
	c.out = c.globalGet(c.fuel)
	c.out = appendU32(append(c.out, 0x20), local)
	c.out = append(c.out, 0xad) // i64.extend_i32_u
	if unit != 1 {
		c.out = append(appendSigned(append(c.out, 0x42), unit), 0x7e) // i64.mul
	}
	c.pay()
}

// grow copies memory.grow or table.grow, then pays for what it added or counts
// that it was refused. Paying after is safe: the maximum bounds the work.
func (c *coder) grow(instruction []byte, unit int64) {
	n, was := c.scratch+1, c.scratch+2
	c.out = appendU32(append(c.out, 0x22), n)
	c.out = append(c.out, instruction...)
	c.out = appendU32(append(c.out, 0x22), was)
	c.out = append(c.out, 0x41, 0x7f, 0x46, 0x04, 0x40) // i32.const -1, i32.eq, if
	c.out = append(c.globalGet(c.refused), 0x41, 1, 0x6a)
	c.out = appendU32(append(c.out, 0x24), c.refused)
	c.out = append(c.out, 0x05) // else
	c.payLength(n, unit)
	c.out = append(c.out, 0x0b)
	c.out = appendU32(append(c.out, 0x20), was)
}

package meter

// skipBlockType skips a block's type: empty, one value, or an index.
func (p *parser) skipBlockType(r *reader) {
	if r.off < r.end {
		switch r.b[r.off] {
		case 0x40, tI32, tI64, tF32, tF64, tV128, tFunc, tExt:
			r.off++
			return
		}
	}
	if i := r.signed(33); i < 0 || i >= int64(len(p.types)) {
		r.fail("block type %d", i)
	}
}

func (p *parser) memarg(r *reader) {
	if p.memories == 0 {
		r.fail("a memory instruction without a memory")
	}
	if align := r.u32(); align > 4 {
		r.fail("alignment 2^%d cannot be metered", align)
	}
	r.u32()
}

func (p *parser) memoryZero(r *reader) {
	if p.memories == 0 {
		r.fail("a memory instruction without a memory")
	}
	if r.byte() != 0 {
		r.fail("a memory instruction for another memory than 0")
	}
}

// immediates skips what follows an opcode (core 5.4) and refuses everything
// that is not in WebAssembly 2.0 less what instruction and scan handle
// themselves. It returns the second opcode of a prefixed instruction.
func (p *parser) immediates(r *reader, op byte, locals uint32) (sub uint32) {
	switch {
	case op <= 0x01, op == 0x05, op == 0x0f, op == 0x1a, op == 0x1b, op >= 0x45 && op <= 0xc4, op == 0xd1:
	case op == 0x0c, op == 0x0d:
		r.u32()
	case op == 0x10, op == 0xd2:
		p.index(r, len(p.funcs), "function")
	case op == 0x11:
		p.typeIndex(r)
		p.index(r, p.tables, "table")
	case op == 0x1c:
		if n := r.count("types"); n != 1 {
			r.fail("select of %d values", n)
		}
		valueType(r)
	case op >= 0x20 && op <= 0x22:
		p.index(r, int(locals), "local")
	case op == 0x23 || op == 0x24:
		p.index(r, p.globals, "global")
	case op == 0x25 || op == 0x26:
		p.index(r, p.tables, "table")
	case op >= 0x28 && op <= 0x3e:
		p.memarg(r)
	case op == 0x3f || op == 0x40:
		p.memoryZero(r)
	case op == 0x41:
		r.signed(32)
	case op == 0x42:
		r.signed(64)
	case op == 0x43:
		r.take(4)
	case op == 0x44:
		r.take(8)
	case op == 0xd0:
		refType(r)
	case op == 0xfc:
		return p.miscellaneous(r)
	case op == 0xfd:
		return p.vector(r)
	default:
		r.off--
		r.fail("%s cannot be metered", unmetered(op))
	}
	return 0
}

func (p *parser) miscellaneous(r *reader) uint32 {
	sub := r.u32()
	switch sub {
	case 0, 1, 2, 3, 4, 5, 6, 7: // saturating conversions
	case 8:
		p.index(r, p.datas, "data segment")
		p.memoryZero(r)
	case 9:
		p.index(r, p.datas, "data segment")
	case 10:
		p.memoryZero(r)
		p.memoryZero(r)
	case 11:
		p.memoryZero(r)
	case 12:
		p.index(r, p.elements, "element segment")
		p.index(r, p.tables, "table")
	case 13:
		p.index(r, p.elements, "element segment")
	case 14:
		p.index(r, p.tables, "table")
		p.index(r, p.tables, "table")
	case 15, 16, 17:
		p.index(r, p.tables, "table")
	default:
		r.fail("instruction 0xfc %d cannot be metered", sub)
	}
	return sub
}

func (p *parser) vector(r *reader) uint32 {
	sub := r.u32()
	switch {
	case sub <= 11, sub == 92, sub == 93:
		p.memarg(r)
	case sub == 12, sub == 13:
		r.take(16)
	case sub >= 21 && sub <= 34:
		r.byte()
	case sub >= 84 && sub <= 91:
		p.memarg(r)
		r.byte()
	case sub <= 255:
	default:
		r.fail("vector instruction %d cannot be metered", sub)
	}
	return sub
}

// unmetered names what people may meet.
func unmetered(op byte) string {
	switch op {
	case 0x06, 0x07, 0x08, 0x09, 0x0a, 0x18, 0x19, 0x1f:
		return "an exception instruction"
	case 0x12, 0x13:
		return "a tail call"
	case 0x14, 0x15:
		return "a call by reference"
	case 0xfb:
		return "a garbage-collected type"
	case 0xfe:
		return "an atomic instruction"
	}
	const hex = "0123456789abcdef"
	return "instruction 0x" + string([]byte{hex[op>>4], hex[op&15]})
}

// weightOf is the price of an instruction without a rule of its own.
func weightOf(op byte) int64 {
	switch op {
	case 0x01:
		return 0
	case 0x11:
		return costIndirect
	case 0x6d, 0x6e, 0x6f, 0x70, 0x7f, 0x80, 0x81, 0x82:
		return costDivide
	case 0x91, 0x95, 0x9f, 0xa3:
		return costFloatSlow
	}
	return costPlain
}

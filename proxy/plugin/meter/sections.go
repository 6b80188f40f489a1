package meter

import "strings"

// Section ids (WebAssembly core 5.5.2).
const (
	secCustom = iota
	secType
	secImport
	secFunction
	secTable
	secMemory
	secGlobal
	secExport
	secStart
	secElement
	secCode
	secData
	secDataCount
)

var sectionNames = [...]string{"custom", "type", "import", "function", "table", "memory", "global", "export", "start", "element", "code", "data", "data count"}

// order is where each section must stand; data count comes before code.
var order = [...]int{secType: 1, secImport: 2, secFunction: 3, secTable: 4, secMemory: 5, secGlobal: 6, secExport: 7, secStart: 8, secElement: 9, secDataCount: 10, secCode: 11, secData: 12}

type funcType struct {
	params, results []byte
}

type parser struct {
	opts      Options
	types     []funcType
	imports   []Import
	funcs     []uint32 // type of each function, imports first
	exports   []Export
	tables    int
	memories  int
	globals   int
	elements  int
	datas     int
	hasCount  bool
	memoryMin uint32
	custom    map[string][]byte

	// What goes out, by section id, without id and length. An absent section
	// is nil.
	out   [13][]byte
	names []byte // the custom section "name", kept so that traps can be read
	extra []funcType
}

var magic = []byte{0, 'a', 's', 'm', 1, 0, 0, 0}

func (p *parser) parse(wasm []byte) {
	r := &reader{b: wasm, end: len(wasm)}
	if len(wasm) < 8 || string(wasm[:8]) != string(magic) {
		r.fail("not a WebAssembly core module")
	}
	r.off = 8
	last, codes := 0, 0
	for r.more() {
		id := r.byte()
		if int(id) >= len(sectionNames) {
			r.fail("section %d cannot be metered", id)
		}
		s := r.sub(r.u32(), sectionNames[id]+" section")
		if id == secCustom {
			p.customSection(s)
			continue
		}
		if order[id] <= last {
			s.fail("out of order or twice")
		}
		last = order[id]
		switch id {
		case secType:
			p.typeSection(s)
		case secImport:
			p.importSection(s)
		case secFunction:
			for n := s.count("functions"); n > 0; n-- {
				p.funcs = append(p.funcs, p.typeIndex(s))
			}
		case secTable:
			p.tableSection(s)
		case secMemory:
			p.memorySection(s)
		case secGlobal:
			p.globalSection(s)
		case secExport:
			p.exportSection(s)
		case secStart:
			start := s.off
			p.index(s, len(p.funcs), "function")
			p.out[id] = s.b[start:s.off]
		case secElement:
			p.elementSection(s)
		case secDataCount:
			start := s.off
			p.datas, p.hasCount = int(s.u32()), true
			p.out[id] = s.b[start:s.off]
		case secCode:
			codes = p.codeSection(s)
		case secData:
			p.dataSection(s)
		}
		s.done()
	}
	if codes != len(p.funcs)-len(p.imports) {
		r.fail("%d functions are declared and %d have code", len(p.funcs)-len(p.imports), codes)
	}
	if p.hasCount && p.datas > 0 && p.out[secData] == nil {
		r.fail("data count without data")
	}
}

func (p *parser) index(r *reader, n int, what string) uint32 {
	i := r.u32()
	if int64(i) >= int64(n) {
		r.fail("%s %d of %d", what, i, n)
	}
	return i
}

func (p *parser) typeIndex(r *reader) uint32 { return p.index(r, len(p.types), "type") }

func (p *parser) customSection(s *reader) {
	whole := s.b[s.off:s.end]
	name := s.name()
	body := s.take(s.end - s.off)
	if _, twice := p.custom[name]; !twice {
		p.custom[name] = body
		if name == "name" {
			p.names = whole
		}
	}
}

const (
	tI32  = 0x7f
	tI64  = 0x7e
	tF32  = 0x7d
	tF64  = 0x7c
	tV128 = 0x7b
	tFunc = 0x70
	tExt  = 0x6f
)

func valueType(r *reader) byte {
	switch t := r.byte(); t {
	case tI32, tI64, tF32, tF64, tV128, tFunc, tExt:
		return t
	default:
		r.off--
		r.fail("value type %#x cannot be metered", t)
		return 0
	}
}

func refType(r *reader) byte {
	t := valueType(r)
	if t != tFunc && t != tExt {
		r.off--
		r.fail("%#x is not a reference type", t)
	}
	return t
}

func (p *parser) typeSection(s *reader) {
	n := s.count("types")
	body := s.off
	for range n {
		if c := s.byte(); c != 0x60 {
			s.off--
			s.fail("type form %#x cannot be metered", c)
		}
		var t funcType
		for _, list := range []*[]byte{&t.params, &t.results} {
			k := s.count("value types")
			if k > 1000 {
				s.fail("a type with %d values, the limit is 1000", k)
			}
			at := s.off
			for range k {
				valueType(s)
			}
			*list = s.b[at:s.off:s.off]
		}
		p.types = append(p.types, t)
	}
	p.out[secType] = s.b[body:s.off] // emit puts the count, which may grow
}

func (p *parser) importSection(s *reader) {
	start := s.off
	for n := s.count("imports"); n > 0; n-- {
		im := Import{Module: s.name(), Name: s.name()}
		if k := s.byte(); k != 0 {
			s.fail("import %s.%s is not a function: only functions may be imported", im.Module, im.Name)
		}
		t := p.typeIndex(s)
		im.Params, im.Results = p.types[t].params, p.types[t].results
		p.imports = append(p.imports, im)
		p.funcs = append(p.funcs, t)
	}
	p.out[secImport] = s.b[start:s.off]
}

// limits reads a memory's or table's limits and writes them with a maximum of
// at most most.
func (p *parser) limits(s *reader, out []byte, most uint32, what string) (least uint32, written []byte) {
	flags := s.byte()
	if flags > 1 {
		s.off--
		s.fail("a shared or 64-bit %s (limits %#x) cannot be metered", what, flags)
	}
	least = s.u32()
	greatest := most
	if flags == 1 {
		greatest = s.u32()
		if greatest < least {
			s.fail("%s has a maximum of %d below its minimum of %d", what, greatest, least)
		}
	}
	if what == "memory" && (greatest > 65536 || least > 65536) {
		s.fail("a memory of more than 65536 pages")
	}
	if least > most {
		s.fail("asks for a %s of %d, the limit is %d", what, least, most)
	}
	out = append(out, 1)
	out = appendU32(out, least)
	return least, appendU32(out, min(greatest, most))
}

func (p *parser) tableSection(s *reader) {
	n := s.count("tables")
	if n > 16 {
		s.fail("%d tables, the limit is 16", n)
	}
	out := appendU32(nil, uint32(n))
	for range n {
		out = append(out, refType(s))
		_, out = p.limits(s, out, p.opts.TableSize, "table")
	}
	p.tables = n
	p.out[secTable] = out
}

func (p *parser) memorySection(s *reader) {
	n := s.count("memories")
	if n > 1 {
		s.fail("%d memories, the limit is 1", n)
	}
	out := appendU32(nil, uint32(n))
	for range n {
		p.memoryMin, out = p.limits(s, out, p.opts.MemoryPages, "memory")
	}
	p.memories = n
	p.out[secMemory] = out
}

func (p *parser) globalSection(s *reader) {
	p.globals = s.count("globals")
	body := s.off
	for range p.globals {
		valueType(s)
		if m := s.byte(); m > 1 {
			s.off--
			s.fail("global mutability %#x", m)
		}
		p.constExpr(s)
	}
	p.out[secGlobal] = s.b[body:s.off]
}

// constExpr skips a constant expression. Reading a global is allowed only of
// imported ones (core 3.3.10), which do not exist here.
func (p *parser) constExpr(s *reader) {
	switch op := s.byte(); op {
	case 0x41:
		s.signed(32)
	case 0x42:
		s.signed(64)
	case 0x43:
		s.take(4)
	case 0x44:
		s.take(8)
	case 0xd0:
		refType(s)
	case 0xd2:
		p.index(s, len(p.funcs), "function")
	case 0xfd:
		if sub := s.u32(); sub != 12 {
			s.fail("vector instruction %d is not constant", sub)
		}
		s.take(16)
	default:
		s.off--
		s.fail("instruction %#x in a constant expression", op)
	}
	if c := s.byte(); c != 0x0b {
		s.off--
		s.fail("a constant expression of more than one instruction")
	}
}

func (p *parser) exportSection(s *reader) {
	n := s.count("exports")
	body := s.off
	seen := make(map[string]bool, n)
	for range n {
		e := Export{Name: s.name(), Kind: s.byte()}
		if strings.HasPrefix(e.Name, prefix) {
			s.fail("export %q: names that begin with %q belong to the host", e.Name, prefix)
		}
		if seen[e.Name] {
			s.fail("export %q twice", e.Name)
		}
		seen[e.Name] = true
		switch e.Kind {
		case 0:
			e.Index = p.index(s, len(p.funcs), "function")
			t := p.types[p.funcs[e.Index]]
			e.Params, e.Results = t.params, t.results
		case 1:
			e.Index = p.index(s, p.tables, "table")
		case 2:
			e.Index = p.index(s, p.memories, "memory")
		case 3:
			e.Index = p.index(s, p.globals, "global")
		default:
			s.fail("export %q is of kind %#x, which cannot be metered", e.Name, e.Kind)
		}
		p.exports = append(p.exports, e)
	}
	p.out[secExport] = s.b[body:s.off]
}

func (p *parser) elementSection(s *reader) {
	start := s.off
	p.elements = s.count("elements")
	for range p.elements {
		flags := s.u32()
		if flags > 7 {
			s.fail("element segment of kind %d", flags)
		}
		active, explicit, exprs := flags&1 == 0, flags&2 != 0, flags&4 != 0
		if active {
			table := uint32(0)
			if explicit {
				table = s.u32()
			}
			if int64(table) >= int64(p.tables) {
				s.fail("element segment for table %d of %d", table, p.tables)
			}
			p.constExpr(s)
		}
		if !active || explicit {
			if exprs {
				refType(s)
			} else if k := s.byte(); k != 0 {
				s.off--
				s.fail("element kind %#x", k)
			}
		}
		for k := s.count("functions"); k > 0; k-- {
			if exprs {
				p.constExpr(s)
			} else {
				p.index(s, len(p.funcs), "function")
			}
		}
	}
	p.out[secElement] = s.b[start:s.off]
}

func (p *parser) dataSection(s *reader) {
	start := s.off
	n := s.count("data segments")
	if p.hasCount && n != p.datas {
		s.fail("%d data segments where the data count says %d", n, p.datas)
	}
	for range n {
		switch flags := s.u32(); flags {
		case 0, 2:
			if flags == 2 {
				p.index(s, p.memories, "memory")
			}
			if p.memories == 0 {
				s.fail("data without a memory")
			}
			p.constExpr(s)
		case 1:
		default:
			s.fail("data segment of kind %d", flags)
		}
		k := s.u32()
		if int64(k) > int64(s.end-s.off) {
			s.fail("data segment of %d bytes does not fit", k)
		}
		s.take(int(k))
	}
	p.out[secData] = s.b[start:s.off]
}

// emit writes the module. Our globals come last, so no index of the guest's
// changes.
func (p *parser) emit() []byte {
	types := appendU32(nil, uint32(len(p.types)+len(p.extra)))
	types = append(types, p.out[secType]...)
	for _, t := range p.extra {
		types = append(types, 0x60)
		types = appendU32(types, uint32(len(t.params)))
		types = append(types, t.params...)
		types = appendU32(types, uint32(len(t.results)))
		types = append(types, t.results...)
	}
	globals := appendU32(nil, uint32(p.globals+3))
	globals = append(globals, p.out[secGlobal]...)
	globals = append(globals, tI64, 1, 0x42)
	globals = append(appendSigned(globals, p.opts.StartFuel), 0x0b)
	globals = append(globals, tI32, 1, 0x41)
	globals = append(appendSigned(globals, int64(p.opts.Depth)), 0x0b)
	globals = append(globals, tI32, 1, 0x41, 0, 0x0b)
	exports := appendU32(nil, uint32(len(p.exports)+3))
	exports = append(exports, p.out[secExport]...)
	for i, name := range []string{FuelGlobal, DepthGlobal, RefusedGlobal} {
		exports = append(appendName(exports, name), 3)
		exports = appendU32(exports, uint32(p.globals+i))
	}
	functions := appendU32(nil, uint32(len(p.funcs)-len(p.imports)))
	for _, t := range p.funcs[len(p.imports):] {
		functions = appendU32(functions, t)
	}
	p.out[secType], p.out[secGlobal], p.out[secExport], p.out[secFunction] = types, globals, exports, functions

	size := len(magic)
	for _, s := range p.out {
		size += len(s) + 6
	}
	out := append(make([]byte, 0, size+len(p.names)+6), magic...)
	for _, id := range []byte{secType, secImport, secFunction, secTable, secMemory, secGlobal, secExport, secStart, secElement, secDataCount, secCode, secData} {
		if p.out[id] != nil {
			out = append(appendU32(append(out, id), uint32(len(p.out[id]))), p.out[id]...)
		}
	}
	if p.names != nil {
		out = append(appendU32(append(out, secCustom), uint32(len(p.names))), p.names...)
	}
	return out
}

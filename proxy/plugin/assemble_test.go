package plugin

import (
	"fmt"
	"strings"
)

// module is a small assembler: enough to write guests that no SDK would.
type module struct {
	types   [][]byte
	imports []string // encoded
	funcs   []function
	exports []string
	memory  []byte // limits
	table   []byte
	start   int // function index, -1: none
	globals []string
	data    string // at address 1024
	customs []string
	raw     map[byte][]byte // sections put as they are
}

type function struct {
	kind   int
	locals string
	code   string
}

const (
	i32 = "\x7f"
	i64 = "\x7e"

	opUnreachable = "\x00"
	opEnd         = "\x0b"
	opDrop        = "\x1a"
	opReturn      = "\x0f"
)

func newModule() *module {
	return &module{start: -1, memory: []byte{0, 2}, raw: map[byte][]byte{}}
}

func leb(n int) string {
	var b []byte
	for v := uint64(n); ; {
		c := byte(v & 0x7f)
		if v >>= 7; v == 0 {
			return string(append(b, c))
		}
		b = append(b, c|0x80)
	}
}

func sleb(n int64) string {
	var b []byte
	for {
		c := byte(n & 0x7f)
		n >>= 7
		if n == 0 && c&0x40 == 0 || n == -1 && c&0x40 != 0 {
			return string(append(b, c))
		}
		b = append(b, c|0x80)
	}
}

func vec(s string) string { return leb(len(s)) + s }

func constI32(n int) string   { return "\x41" + sleb(int64(int32(uint32(n)))) }
func constI64(n int64) string { return "\x42" + sleb(n) }
func call(f int) string       { return "\x10" + leb(f) }
func loop(code string) string { return "\x03\x40" + code + opEnd }
func br(n int) string         { return "\x0c" + leb(n) }
func getLocal(n int) string   { return "\x20" + leb(n) }
func setLocal(n int) string   { return "\x21" + leb(n) }

func (m *module) kind(params, results string) int {
	t := []byte("\x60" + vec(params) + vec(results))
	for i, have := range m.types {
		if string(have) == string(t) {
			return i
		}
	}
	m.types = append(m.types, t)
	return len(m.types) - 1
}

func (m *module) imported(mod, name, params, results string) int {
	m.imports = append(m.imports, vec(mod)+vec(name)+"\x00"+leb(m.kind(params, results)))
	return len(m.imports) - 1
}

// function adds a function; its code ends without end.
func (m *module) function(export, params, results, locals, code string) int {
	m.funcs = append(m.funcs, function{m.kind(params, results), locals, code + opEnd})
	i := len(m.imports) + len(m.funcs) - 1
	if export != "" {
		m.exports = append(m.exports, vec(export)+"\x00"+leb(i))
	}
	return i
}

// plugin adds what every plugin has: an ABI of 1, an input buffer at 65536 of
// one page, and a manifest.
func (m *module) plugin(manifest string) *module {
	m.function("sluice_abi", "", i32, "", constI32(1))
	m.function("sluice_alloc", i32, i32, "", constI32(65536))
	m.exports = append(m.exports, vec("memory")+"\x02\x00")
	m.customs = append(m.customs, vec("sluice.manifest")+manifest)
	return m
}

const (
	maskManifest     = `{"abi":"sluice/1","name":"hostile","version":"1","provides":["mask"],"kinds":["thing"]}`
	classifyManifest = `{"abi":"sluice/1","name":"hostile","version":"1","provides":["classify"]}`
)

// masker is a plugin whose sluice_mask has this code.
func masker(locals, code string) *module {
	m := newModule().plugin(maskManifest)
	m.function("sluice_mask", i32+i32, i64, locals, code)
	return m
}

// returning is a plugin whose sluice_mask returns these bytes as its result.
func returning(result string) *module {
	m := masker("", constI64(1024<<32|int64(len(result))))
	m.data = result
	return m
}

func (m *module) bytes() []byte {
	var b strings.Builder
	b.WriteString("\x00asm\x01\x00\x00\x00")
	section := func(id byte, body string) {
		if raw, ok := m.raw[id]; ok {
			body = string(raw)
		}
		if body != "" {
			b.WriteString(string([]byte{id}) + vec(body))
		}
	}
	list := func(n int, body string) string {
		if n == 0 {
			return ""
		}
		return leb(n) + body
	}
	var types, funcs, codes string
	for _, t := range m.types {
		types += string(t)
	}
	for _, f := range m.funcs {
		funcs += leb(f.kind)
		codes += vec(locals(f.locals) + f.code)
	}
	section(1, list(len(m.types), types))
	section(2, list(len(m.imports), strings.Join(m.imports, "")))
	section(3, list(len(m.funcs), funcs))
	if m.table != nil {
		section(4, "\x01\x70"+string(m.table))
	}
	if m.memory != nil {
		section(5, "\x01"+string(m.memory))
	}
	section(6, list(len(m.globals), strings.Join(m.globals, "")))
	section(7, list(len(m.exports), strings.Join(m.exports, "")))
	if m.start >= 0 {
		section(8, leb(m.start))
	}
	section(9, "")
	section(12, "")
	section(10, list(len(m.funcs), codes))
	if m.data != "" {
		section(11, "\x01\x00"+constI32(1024)+opEnd+vec(m.data))
	}
	for _, c := range m.customs {
		b.WriteString("\x00" + vec(c))
	}
	return []byte(b.String())
}

func locals(s string) string {
	out := leb(len(s))
	for _, c := range []byte(s) {
		out += "\x01" + string([]byte{c})
	}
	return out
}

// editsOf encodes edits as a guest would: cell, from, to, kind each.
func editsOf(count int, edits ...[4]uint32) string {
	b := make([]byte, editHeader)
	le.PutUint32(b, uint32(count))
	for _, e := range edits {
		for _, v := range e {
			b = le.AppendUint32(b, v)
		}
		b = le.AppendUint32(b, 0)
		b = le.AppendUint32(b, absent)
	}
	return string(b)
}

func (m *module) String() string { return fmt.Sprintf("%x", m.bytes()) }

// Package plugintest makes modules that misbehave, for tests of whoever calls
// plugins. They are assembled by hand: no SDK would make them.
package plugintest

import "encoding/binary"

// Hostile are modules by what is wrong with them, each with the one export,
// sluice_mask or sluice_classify. They load, and fail when they are called.
func Hostile(export string) map[string][]byte {
	const (
		unreachable = "\x00"
		loop        = "\x03\x40\x0c\x00\x0b" // loop, br 0, end
		// memory.grow by 65,535 pages, and a trap when it is refused.
		grow = "\x41\xff\xff\x03\x40\x00\x41\x7f\x46\x04\x40\x00\x0b"
	)
	edit := binary.LittleEndian.AppendUint32(nil, 1) // one edit
	for _, v := range []uint32{0, 0, 1 << 20, 0, 0, 1<<32 - 1} {
		edit = binary.LittleEndian.AppendUint32(edit, v)
	}
	return map[string][]byte{
		"loops":               module(export, loop+result(0, 0), ""),
		"traps":               module(export, unreachable, ""),
		"asks for 4 GB":       module(export, grow+result(0, 0), ""),
		"answers nonsense":    module(export, result(1024, 7), "\xff\xff\xff\xff\xff\xff\xff"),
		"edits out of range":  module(export, result(1024, len(edit)), string(edit)),
		"result out of reach": module(export, result(0x7fffffff, 64), ""),
	}
}

// Honest is a module that finds nothing.
func Honest(export string) []byte { return module(export, result(0, 0), "") }

// result is i64.const of an address and a length.
func result(address, length int) string {
	return "\x42" + signed(int64(address)<<32|int64(length))
}

// module has what every plugin has: an ABI of 1, an input buffer of one page at
// 65536, two pages of memory, a manifest; and data at 1024.
func module(export, code, data string) []byte {
	provides := map[string]string{"sluice_mask": "mask", "sluice_classify": "classify"}[export]
	manifest := `{"abi":"sluice/1","name":"hostile","version":"1","provides":["` + provides + `"],"kinds":["thing"]}`
	if provides == "classify" {
		manifest = `{"abi":"sluice/1","name":"hostile","version":"1","provides":["classify"]}`
	}
	const i32, i64 = "\x7f", "\x7e"
	function := func(body string) string { return vec("\x00" + body + "\x0b") }
	exported := func(name string, kind, index byte) string { return vec(name) + string([]byte{kind, index}) }
	out := "\x00asm\x01\x00\x00\x00"
	section := func(id byte, body string) { out += string([]byte{id}) + vec(body) }
	section(1, "\x03\x60"+vec("")+vec(i32)+"\x60"+vec(i32)+vec(i32)+"\x60"+vec(i32+i32)+vec(i64))
	section(3, "\x03\x00\x01\x02")
	section(5, "\x01\x00\x02")
	section(7, "\x04"+exported("sluice_abi", 0, 0)+exported("sluice_alloc", 0, 1)+exported(export, 0, 2)+exported("memory", 2, 0))
	section(10, "\x03"+function("\x41\x01")+function("\x41"+signed(65536))+function(code))
	if data != "" {
		section(11, "\x01\x00\x41"+signed(1024)+"\x0b"+vec(data))
	}
	section(0, vec("sluice.manifest")+manifest)
	return []byte(out)
}

// vec is a length (LEB128) and that many bytes.
func vec(s string) string {
	return string(binary.AppendUvarint(nil, uint64(len(s)))) + s
}

// signed is a signed LEB128.
func signed(n int64) string {
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

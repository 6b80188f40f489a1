package sluice

import "unsafe"

// WebAssembly is little-endian and loads from any address, and Go's compiler
// does not put four byte loads together for it.

func u32(b []byte, at int) uint32 {
	_ = b[at : at+4]
	return *(*uint32)(unsafe.Add(unsafe.Pointer(unsafe.SliceData(b)), at))
}

func putU32(b []byte, at int, v uint32) {
	_ = b[at : at+4]
	*(*uint32)(unsafe.Add(unsafe.Pointer(unsafe.SliceData(b)), at)) = v
}

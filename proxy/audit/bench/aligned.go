package main

import "unsafe"

// aligned returns n bytes that begin on a block boundary, as O_DIRECT wants.
func aligned(n int) []byte {
	b := make([]byte, n+block)
	skip := (block - int(uintptr(unsafe.Pointer(&b[0]))%block)) % block
	return b[skip : skip+n : skip+n]
}

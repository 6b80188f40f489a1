//go:build !wasip1

package sluice

import "encoding/binary"

func u32(b []byte, at int) uint32 { return binary.LittleEndian.Uint32(b[at:]) }

func putU32(b []byte, at int, v uint32) { binary.LittleEndian.PutUint32(b[at:], v) }

package main

import (
	"encoding/binary"
	"math/bits"
)

// The hashes that wallets' checksums need, of one block each. The standard
// library's would bring its self-tests into each instance's start.

var sha256K = [64]uint32{
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
	0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
	0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
}

// sha256 of at most 55 bytes (FIPS 180-4).
func sha256(b []byte) (out [32]byte) {
	var block [64]byte
	copy(block[:], b)
	block[len(b)] = 0x80
	binary.BigEndian.PutUint16(block[62:], uint16(8*len(b)))
	var w [64]uint32
	for i := range 16 {
		w[i] = binary.BigEndian.Uint32(block[4*i:])
	}
	for i := 16; i < 64; i++ {
		a, b := w[i-15], w[i-2]
		w[i] = w[i-16] + w[i-7] + (bits.RotateLeft32(a, -7) ^ bits.RotateLeft32(a, -18) ^ a>>3) + (bits.RotateLeft32(b, -17) ^ bits.RotateLeft32(b, -19) ^ b>>10)
	}
	h := [8]uint32{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19}
	s := h
	for i := range 64 {
		a, e := s[0], s[4]
		t := s[7] + (bits.RotateLeft32(e, -6) ^ bits.RotateLeft32(e, -11) ^ bits.RotateLeft32(e, -25)) + (e&s[5] ^ ^e&s[6]) + sha256K[i] + w[i]
		u := (bits.RotateLeft32(a, -2) ^ bits.RotateLeft32(a, -13) ^ bits.RotateLeft32(a, -22)) + (a&s[1] ^ a&s[2] ^ s[1]&s[2])
		s[7], s[6], s[5], s[4], s[3], s[2], s[1], s[0] = s[6], s[5], e, s[3]+t, s[2], s[1], a, t+u
	}
	for i := range h {
		binary.BigEndian.PutUint32(out[4*i:], h[i]+s[i])
	}
	return out
}

// keccakRounds has the round constants, and the steps' rotations and places.
var (
	keccakRounds = [24]uint64{
		0x0000000000000001, 0x0000000000008082, 0x800000000000808a, 0x8000000080008000, 0x000000000000808b, 0x0000000080000001, 0x8000000080008081, 0x8000000000008009,
		0x000000000000008a, 0x0000000000000088, 0x0000000080008009, 0x000000008000000a, 0x000000008000808b, 0x800000000000008b, 0x8000000000008089, 0x8000000000008003,
		0x8000000000008002, 0x8000000000000080, 0x000000000000800a, 0x800000008000000a, 0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008,
	}
	keccakTurns  = [24]uint8{1, 3, 6, 10, 15, 21, 28, 36, 45, 55, 2, 14, 27, 41, 56, 8, 25, 43, 62, 18, 39, 61, 20, 44}
	keccakPlaces = [24]uint8{10, 7, 11, 17, 18, 3, 5, 16, 8, 21, 24, 4, 15, 23, 19, 13, 12, 2, 20, 14, 22, 9, 6, 1}
)

// keccak256 of at most 135 bytes, with Ethereum's padding, which is not that
// of SHA-3.
func keccak256(b []byte) (out [32]byte) {
	var block [200]byte
	copy(block[:], b)
	block[len(b)] ^= 1
	block[135] ^= 0x80
	var s [25]uint64
	for i := range s {
		s[i] = binary.LittleEndian.Uint64(block[8*i:])
	}
	for _, constant := range keccakRounds {
		var c [5]uint64
		for i := range 5 {
			c[i] = s[i] ^ s[i+5] ^ s[i+10] ^ s[i+15] ^ s[i+20]
		}
		for i := range 5 {
			d := c[(i+4)%5] ^ bits.RotateLeft64(c[(i+1)%5], 1)
			for k := i; k < 25; k += 5 {
				s[k] ^= d
			}
		}
		t := s[1]
		for i, place := range keccakPlaces {
			s[place], t = bits.RotateLeft64(t, int(keccakTurns[i])), s[place]
		}
		for k := 0; k < 25; k += 5 {
			r := [5]uint64(s[k : k+5])
			for i := range 5 {
				s[k+i] = r[i] ^ ^r[(i+1)%5]&r[(i+2)%5]
			}
		}
		s[0] ^= constant
	}
	for i := range 4 {
		binary.LittleEndian.PutUint64(out[8*i:], s[i])
	}
	return out
}

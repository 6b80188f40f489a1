package main

import (
	"math/bits"
	"unsafe"
)

// finding is bytes from to to of a value.
type finding struct{ from, to, kind int }

// detectors says what to look for.
type detectors struct {
	first  int // kind of what is hidden unseen
	email  bool
	shapes shapes
}

func only(kinds ...int) (d detectors) {
	d.first = kinds[0]
	for _, k := range kinds {
		d.email = d.email || k == email
		d.shapes |= shapesOf[k]
	}
	return d
}

func usual() detectors { return only(email, phone, card, iban) }

func everything() detectors {
	d := usual()
	for _, s := range shapesOf {
		d.shapes |= s
	}
	return d
}

// shortest is the length of the shortest finding: a@b.cc, 1.1.1.1
const shortest = 6

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// anchors has the high bit of each byte of w from '0' to '@': digits, '@', and
// six signs between them which are cheaper to look at than to tell apart here.
func anchors(w uint64) uint64 {
	b := w &^ highs
	return (b + 0x50*ones) &^ (b + 0x3f*ones | w)
}

func load(p unsafe.Pointer, i int) uint64 {
	return *(*uint64)(unsafe.Add(p, i)) // all our machines are little-endian
}

func byteAt(p unsafe.Pointer, i int) byte { return *(*byte)(unsafe.Add(p, i)) }

// find appends what is in v to out, in order. Every finding has an '@' or a
// digit near its beginning.
func (d *detectors) find(v []byte, out []finding) []finding {
	p, n := unsafe.Pointer(unsafe.SliceData(v)), len(v)
	work -= 400 + 5*n
	for i := 0; ; {
		at, end, s := d.next(p, i, n)
		switch {
		case at >= n:
			return out
		case work < 0:
			if len(out) > 0 {
				at = max(at, out[len(out)-1].to)
			}
			return append(out, finding{at, n, d.first})
		case s != 0:
			out, i = number(s, v, at, end, out)
		case d.email:
			out, i = address(v, at, out)
		default:
			i = at + 1
		}
	}
}

// next is where the next '@' is, or the next digits that may begin something,
// and what; at is n if there are none. Nothing that is in most values leaves
// this function: 32 bytes at a time are skipped, and digits by a few tables.
//
//go:noinline
func (d *detectors) next(p unsafe.Pointer, i, n int) (at, end int, s shapes) {
	for i < n {
		if i+8 <= n {
			hits := anchors(load(p, i)) & highs
			if hits == 0 {
				for i += 8; i+32 <= n && (anchors(load(p, i))|anchors(load(p, i+8))|anchors(load(p, i+16))|anchors(load(p, i+24)))&highs == 0; {
					i += 32
				}
				continue
			}
			i += bits.TrailingZeros64(hits) >> 3
		} else if n >= 8 {
			// The last bytes, out of a word that begins before them.
			hits := (anchors(load(p, n-8)) & highs) >> (8 * uint(i+8-n))
			if hits == 0 {
				break
			}
			i += bits.TrailingZeros64(hits) >> 3
		}
		if c := byteAt(p, i); c-'0' > 9 {
			if c == '@' {
				return i, i, 0
			}
			i++
			continue
		}
		work -= anchorWork
		if work < 0 {
			return i, i, 0
		}
		if i+8 <= n {
			x := load(p, i) ^ '0'*ones
			if others := (x&^highs + 0x76*ones | x) & highs; others != 0 { // 10 and more
				end = i + bits.TrailingZeros64(others)>>3
			} else {
				end = run(p, i+8, n)
			}
		} else {
			end = run(p, i+1, n)
		}
		if s = d.shapes & bySize[min(end-i, 31)&31] & byFirst[byteAt(p, i)&15]; s != 0 {
			if s = beside(s, p, i, end, n); s != 0 {
				return i, end, s
			}
		}
		i = end
	}
	return n, n, 0
}

// run is where digits end that go on at i.
//
//go:noinline
func run(p unsafe.Pointer, i, n int) int {
	for i < n && byteAt(p, i)-'0' <= 9 {
		i++
	}
	return i
}

// beside leaves of s what is possible by the bytes beside the digits from i to
// end.
//
//go:noinline
func beside(s shapes, p unsafe.Pointer, i, end, n int) shapes {
	work -= 300
	var before byte
	if i > 0 {
		before = byteAt(p, i-1)
	}
	var behind uint32
	if end+4 <= n {
		behind = *(*uint32)(unsafe.Add(p, end))
	} else {
		for k := n - 1; k >= end; k-- {
			behind = behind<<8 | uint32(byteAt(p, k))
		}
	}
	s &= byBefore[before] & byAfter[behind&255] & bySecond[behind>>8&255]
	if s == 0 {
		return 0
	}
	s &= byThird[behind>>16&255] & byFourth[behind>>24]
	if s&loose[before] != 0 && i > 1 && byteAt(p, i-2)-'0' <= 9 {
		s &^= loose[before]
	}
	if s&costly != 0 {
		return narrow(s, p, i, end, n)
	}
	return s
}

// address takes the e-mail address around the '@' at i, and returns where to
// go on.
//
//go:noinline
func address(v []byte, i int, out []finding) ([]finding, int) {
	work -= 2800
	from, to := findEmail(v, i)
	if to == 0 {
		return out, i + 1
	}
	return place(out, finding{from, to, email}), to
}

// place appends a finding that may reach back over others, whose place it
// takes.
func place(out []finding, f finding) []finding {
	for len(out) > 0 && out[len(out)-1].to > f.from {
		if out[len(out)-1].from < f.from {
			f.from = out[len(out)-1].to
			break
		}
		out = out[:len(out)-1]
	}
	return append(out, f)
}

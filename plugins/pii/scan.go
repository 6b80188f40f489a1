package main

import (
	"math/bits"
	"unsafe"
)

// finding is bytes from to to of a value.
type finding struct{ from, to, kind int }

// detectors says which are on.
type detectors struct{ email, phone, card, iban bool }

func everything() detectors { return detectors{true, true, true, true} }

// shortest is the length of the shortest finding: a@b.cc
const shortest = 6

// Classes of bytes.
const (
	isDigit = 1 << iota
	isUpper
	isLower
	isLocal // may stand in the local part of an e-mail address
	isHost  // may stand in a domain
	isSep   // may stand between groups of digits
)

var class = func() (t [256]uint8) {
	for c := range t {
		switch {
		case c >= '0' && c <= '9':
			t[c] = isDigit | isLocal | isHost
		case c >= 'A' && c <= 'Z':
			t[c] = isUpper | isLocal | isHost
		case c >= 'a' && c <= 'z':
			t[c] = isLower | isLocal | isHost
		case c >= 0x80: // addresses and domains in other scripts
			t[c] = isLocal | isHost
		}
	}
	for _, c := range []byte("!#$%&'*+-./=?^_`{|}~") {
		t[c] |= isLocal
	}
	t['-'] |= isHost
	t['.'] |= isHost
	for _, c := range []byte(" -./()") {
		t[c] |= isSep
	}
	return t
}()

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// candidates sets the high bit of each byte of w that is '@' or a digit. A
// byte after such a one may be set too, so only the first counts.
func candidates(w uint64) uint64 {
	at := w ^ ('@' * ones)
	digit := w ^ ('0' * ones) // 0 to 9 for digits
	return ((at-ones)&^at | (digit-10*ones)&^digit) & highs
}

// find appends what is in v to out, in order. Every finding has an '@' or
// begins with digits, perhaps after a few letters or a sign; all else is
// skipped eight bytes at a time.
func (d detectors) find(v []byte, out []finding) []finding {
	n := len(v)
	for i := 0; i < n; {
		if i+8 <= n {
			hits := candidates(*(*uint64)(unsafe.Pointer(&v[i]))) // all our machines are little-endian
			if hits == 0 {
				i += 8
				continue
			}
			i += bits.TrailingZeros64(hits) >> 3
		}
		switch c := v[i]; {
		case c == '@':
			if d.email {
				if f, ok := findEmail(v, i); ok {
					out = place(out, f)
					i = f.to
					continue
				}
			}
			i++
		case class[c]&isDigit != 0:
			end := i + 1
			for end < n && class[v[end]]&isDigit != 0 {
				end++
			}
			if f, ok := d.number(v, i, end); ok && (len(out) == 0 || out[len(out)-1].to <= f.from) {
				out = append(out, f)
				i = f.to
				continue
			}
			i = end
		default:
			i++
		}
	}
	return out
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

// number looks at the digits from i to end, which no digit precedes.
func (d detectors) number(v []byte, i, end int) (finding, bool) {
	if d.iban && end-i >= 2 && i >= 2 {
		if f, ok := findIBAN(v, i); ok {
			return f, true
		}
	}
	if d.card && (end-i == 4 || end-i >= 13 && end-i <= 19) {
		if f, ok := findCard(v, i, end); ok {
			return f, true
		}
	}
	if d.phone {
		return findPhone(v, i, end)
	}
	return finding{}, false
}

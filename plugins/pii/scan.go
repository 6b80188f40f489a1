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
	mayOpen // before digits: they may be part of something
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
	for c := range t {
		if t[c]&(isUpper|isLower) != 0 || c == '+' || c == '(' {
			t[c] |= mayOpen
		}
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
func (d *detectors) find(v []byte, out []finding) []finding {
	n := len(v)
	for i := 0; i < n; {
		if i+8 <= n {
			hits := candidates(*(*uint64)(unsafe.Pointer(&v[i]))) // all our machines are little-endian
			if hits == 0 {
				i += 8
				continue
			}
			i += bits.TrailingZeros64(hits) >> 3
		} else if n >= 8 {
			// The last bytes, out of a word that begins before them.
			hits := candidates(*(*uint64)(unsafe.Pointer(&v[n-8]))) >> (8 * uint(i+8-n))
			if hits == 0 {
				return out
			}
			i += bits.TrailingZeros64(hits) >> 3
		}
		if v[i] == '@' {
			if d.email {
				if from, to := findEmail(v, i); to > 0 {
					out = place(out, finding{from, to, email})
					i = to
					continue
				}
			}
			i++
			continue
		}
		if v[i]-'0' > 9 {
			i++
			continue
		}
		end := i + 1
		if i+8 <= n {
			x := *(*uint64)(unsafe.Pointer(&v[i])) ^ ('0' * ones)
			end = i + bits.TrailingZeros64(((x&^uint64(highs))+(0x80-10)*ones|x)&highs)>>3 // others than digits
		}
		for end < n && v[end]-'0' <= 9 {
			end++
		}
		if size := end - i; size != 3 && size < 8 && v[i] != '0' && (size > 1 || v[i] != '1') && (end+3 >= n || v[end+2]-'0' > 9 || v[end+3]-'0' > 9) && (i == 0 || class[v[i-1]]&mayOpen == 0) {
			i = end // most digits: no trunk, no group behind them, nothing in front
			continue
		}
		if v[i] == '0' && end-i < 8 && i > 1 && (v[i-1] == '-' || v[i-1] == '.' || v[i-1] == ':') && v[i-2]-'0' <= 9 {
			i = end // within a date, a time, a fraction
			continue
		}
		if from, to, kind := d.number(v, i, end); to > 0 && (len(out) == 0 || out[len(out)-1].to <= from) {
			out = append(out, finding{from, to, kind})
			i = to
			continue
		}
		i = end
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

// number looks at the digits from i to end, which no digit precedes; to is 0
// if they begin nothing. Most digits are no one's number, so what they would
// need is looked at before any function is called.
func (d *detectors) number(v []byte, i, end int) (from, to, kind int) {
	size := end - i
	if d.iban && size >= 2 && i >= 2 && class[v[i-1]]&(isUpper|isLower) != 0 {
		if to := findIBAN(v, i); to > 0 {
			return i - 2, to, iban
		}
	}
	if d.card && (size >= 13 && size <= 19 || size == 4 && grouped(v, end)) {
		if to := findCard(v, i, end); to > 0 {
			return i, to, card
		}
	}
	if !d.phone {
		return 0, 0, 0
	}
	before := byte(0)
	if i > 0 {
		before = v[i-1]
	}
	switch {
	case before == '+' || before == '(':
	case v[i] != '0' && size != 3 && (size != 1 || v[i] != '1'):
		return 0, 0, 0
	case size < 8 && (end == len(v) || class[v[end]]&isSep == 0):
		return 0, 0, 0
	case class[before]&(isUpper|isLower) != 0, i > 1 && class[before]&isSep != 0 && before != ' ' && class[v[i-2]]&isDigit != 0:
		return 0, 0, 0 // within a word, a date, an address
	}
	from, to = findPhone(v, i, end)
	return from, to, phone
}

// grouped reports whether a separator and three digits follow.
func grouped(v []byte, at int) bool {
	return at+3 < len(v) && (v[at] == ' ' || v[at] == '-' || v[at] == 0xc2) && class[v[at+2]]&class[v[at+3]]&isDigit != 0
}

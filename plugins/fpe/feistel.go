package main

import (
	"math/bits"

	sluice "sluice.dev/sdk/go"
)

// rounds of the Feistel network, as many as FF1 has (NIST SP 800-38G).
const rounds = 10

// leastDomain is how many values of a form there have to be: with fewer a
// client that sees tokens could try them all (SP 800-38G Rev. 1 asks for a
// million too).
const leastDomain = 1_000_000

// mostHalf bounds each half, so that two calls of the host, of 48 bits each,
// are even to 2^-34 over it; of one call over less than 2^32, to 2^-16.
const mostHalf = 1 << 62

// prf is the host's keyed function; tests put their own key here.
var prf = sluice.Pseudonym

// tokens makes tokens by the settings.
type tokens struct {
	letters     bool
	first, last int
	luhn        bool
	tweak       string
}

// number is a value whose changing characters are two numbers, left and right,
// in mixed radix: 10 for a digit, 26 for a letter.
type number struct {
	value       []byte // a copy
	places      []int
	half        int // places of the left number
	size        [2]uint64
	digits      [2]uint64
	check, last int // luhn: the place of the check digit, and how far it is from right
	luhn        bool
	tweak       string
}

// prepare reads a value. calls is how many of the host its token needs; fit is
// false where the form has too few values, or too many.
func (t *tokens) prepare(value []byte) (n number, calls int, fit bool) {
	n = number{value: append([]byte(nil), value...), tweak: t.tweak}
	for i, c := range value {
		if radix(c) == 10 || t.letters && radix(c) == 26 {
			n.places = append(n.places, i)
		}
	}
	if len(n.places) <= t.first+t.last {
		return n, 0, false
	}
	if t.luhn {
		n.luhn, n.check = true, n.places[len(n.places)-1]
		n.last = (int(value[n.check]-'0') - n.checkDigit() + 10) % 10
		n.places = n.places[:len(n.places)-1]
	}
	n.places = n.places[min(t.first, len(n.places)) : len(n.places)-t.last]
	n.half = len(n.places) / 2
	for h, places := range [2][]int{n.places[:n.half], n.places[n.half:]} {
		n.size[h] = 1
		for _, p := range places {
			hi, lo := bits.Mul64(n.size[h], radix(value[p]))
			if hi != 0 || lo >= mostHalf {
				return n, 0, false
			}
			n.size[h] = lo
			n.digits[h] = n.digits[h]*radix(value[p]) + digit(value[p])
		}
	}
	hi, lo := bits.Mul64(n.size[0], n.size[1])
	if hi == 0 && lo < leastDomain {
		return n, 0, false
	}
	for r := range rounds {
		calls += pieces(n.size[r&1])
	}
	return n, calls, true
}

func pieces(size uint64) int {
	if size < 1<<32 {
		return 1
	}
	return 2
}

func radix(c byte) uint64 {
	switch {
	case c >= '0' && c <= '9':
		return 10
	case c|0x20 >= 'a' && c|0x20 <= 'z':
		return 26
	}
	return 0
}

func digit(c byte) uint64 {
	if c <= '9' {
		return uint64(c - '0')
	}
	return uint64(c | 0x20 - 'a')
}

// encrypt makes the token. Each round adds to one half, modulo its size, what
// the host makes of the other: that can be undone, so equal tokens are of equal
// values.
func (n *number) encrypt() (out []byte, ok bool) {
	for r := range rounds {
		h := r & 1
		f, ok := n.round(r, h)
		if !ok {
			return nil, false
		}
		sum, carry := bits.Add64(n.digits[h], f, 0)
		if carry != 0 || sum >= n.size[h] {
			sum -= n.size[h]
		}
		n.digits[h] = sum
	}
	n.write()
	return n.value, true
}

// write puts the halves back, each character of the class and case it was.
func (n *number) write() {
	for h, places := range [2][]int{n.places[:n.half], n.places[n.half:]} {
		rest := n.digits[h]
		for k := len(places) - 1; k >= 0; k-- {
			c := &n.value[places[k]]
			base := radix(*c)
			d := byte(rest % base)
			rest /= base
			if base == 10 {
				*c = '0' + d
			} else {
				*c = *c&0x20 | 'A' + d
			}
		}
	}
	if n.luhn {
		n.value[n.check] = '0' + byte((n.checkDigit()+n.last)%10)
	}
}

// round is a number below the size of half h, made of the other half, the
// round, the form and the tweak. What the host gets has letters alone: it makes
// other pseudonyms of text that looks like numbers or addresses.
func (n *number) round(r, h int) (f uint64, ok bool) {
	b := &text
	b[5] = 'a' + byte(r)
	spell(b, 7, n.digits[1-h])
	if r == 0 || r == rounds-1 { // the rest is the same in all rounds
		spell(b, 23, n.size[0])
		spell(b, 39, n.size[1])
		for i := range len(n.tweak) {
			b[55+2*i], b[56+2*i] = 'a'+n.tweak[i]>>4, 'a'+n.tweak[i]&15
		}
	}
	for k := range pieces(n.size[h]) {
		b[6] = 'a' + byte(k)
		made, ok := prf(answer[:0], "fpe", b[:55+2*len(n.tweak)])
		word, ok2 := bits48(made)
		if !ok || !ok2 {
			return 0, false
		}
		hi, lo := bits.Mul64(f, 1<<48)
		lo, carry := bits.Add64(lo, word, 0)
		f = bits.Rem64(hi+carry, lo, n.size[h])
	}
	return f, true
}

// text is what the host gets, and answer what it says; both are used again.
var (
	text   = [256]byte{'f', 'p', 'e', '-', 'a'}
	answer = make([]byte, 0, 512)
)

// spell writes a number in 16 letters at a place.
func spell(b *[256]byte, at int, n uint64) {
	for i := at + 15; i >= at; i-- {
		b[i&255] = 'a' + byte(n&15)
		n >>= 4
	}
}

// bits48 reads the host's word for a text: p- and 12 hex digits.
func bits48(b []byte) (n uint64, ok bool) {
	if len(b) != 14 || b[0] != 'p' || b[1] != '-' {
		return 0, false
	}
	for _, c := range b[2:] {
		switch {
		case c >= '0' && c <= '9':
			n = n<<4 | uint64(c-'0')
		case c >= 'a' && c <= 'f':
			n = n<<4 | uint64(c-'a'+10)
		default:
			return 0, false
		}
	}
	return n, true
}

// checkDigit is what Luhn's (ISO/IEC 7812-1 annex B) would be of the digits
// before the check digit's place.
func (n *number) checkDigit() int {
	sum, double := 0, true
	for i := n.check - 1; i >= 0; i-- {
		if radix(n.value[i]) != 10 {
			continue
		}
		d := int(n.value[i] - '0')
		if double {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
		double = !double
	}
	return (10 - sum%10) % 10
}

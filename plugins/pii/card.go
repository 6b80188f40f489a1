package main

import "unsafe"

// findCard looks for a payment card number (ISO/IEC 7812) that begins at i,
// whose first digits end at end: 13 to 19 digits in one piece, or four and
// then groups of three to six (the last may be shorter), set apart by one
// space, hyphen or no-break space. It returns where the number ends, or 0.
func findCard(v []byte, i, end int) (to int) {
	if !issued(int(v[i]-'0')*1000 + int(v[i+1]-'0')*100 + int(v[i+2]-'0')*10 + int(v[i+3]-'0')) {
		return 0
	}
	work -= 5000
	p, n := unsafe.Pointer(unsafe.SliceData(v)), len(v)
	sums := luhn(p, i, end, 0)
	if end-i > 4 {
		return check(end, sums&mask32%10 == 0)
	}
	for seen, at := 4, end; ; {
		start := at + separator(p, at, n)
		stop := run(p, start, n)
		size := stop - start
		if start == at || size == 0 || size > 6 || seen+size > 19 {
			return to
		}
		seen, at = seen+size, stop
		sums = luhn(p, start, stop, sums)
		if seen >= 13 && sums&mask32%10 == 0 {
			to = at
		}
		if size < 3 {
			return to
		}
	}
}

// issued says whether card numbers begin with four digits: 3 travel, 4 to 6
// banking, and 2221 to 2720.
func issued(first int) bool {
	return first >= 3000 && first < 7000 || first >= 2221 && first <= 2720
}

const mask32 = 1<<32 - 1

// luhn takes digits into two sums (ISO/IEC 7812-1 annex B): in the lower half
// the one in which the last digit counts once, in the upper the one in which it
// counts double.
//
//go:noinline
func luhn(p unsafe.Pointer, i, end int, sums uint64) uint64 {
	for ; i < end; i++ {
		sums = (sums>>32 | sums<<32) + luhnStep[byteAt(p, i)&15]
	}
	return sums
}

var luhnStep = func() (t [16]uint64) {
	for n := range uint64(10) {
		double := 2 * n
		if double > 9 {
			double -= 9
		}
		t[n] = double<<32 | n
	}
	return t
}()

// separator is the length of one separator of a card's groups.
//
//go:noinline
func separator(p unsafe.Pointer, at, n int) int {
	if at < n && (byteAt(p, at) == ' ' || byteAt(p, at) == '-') {
		return 1
	}
	if at+1 < n && byteAt(p, at) == 0xc2 && byteAt(p, at+1) == 0xa0 {
		return 2
	}
	return 0
}

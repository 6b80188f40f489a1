package main

import "unsafe"

// costly shapes are those that much has the look of: words with digits, hex
// digests, fractions, times.
const costly = sIBAN | sCodiceFiscale | sIPv6 | sIPv6Tail | sIPv4 | sPhone

// narrow drops costly shapes that a second look at a few bytes rules out.
//
//go:noinline
func narrow(s shapes, p unsafe.Pointer, i, end, n int) shapes {
	work -= 400
	if s&sIBAN != 0 && (i < 2 || letter(byteAt(p, i-2)) < 0 || lengthOf[letter(byteAt(p, i-2))][letter(byteAt(p, i-1))] == 0) {
		s &^= sIBAN
	}
	if s&sCodiceFiscale != 0 && (i < 6 || end >= n || class[byteAt(p, i-6)]&class[byteAt(p, i-4)]&(isUpper|isLower) == 0) {
		s &^= sCodiceFiscale
	}
	if s&sPhone != 0 && end-i < 8 && (end == n || class[byteAt(p, end)]&isSep == 0) {
		s &^= sPhone
	}
	if s&sIPv4 != 0 && !dotted(p, end+1, n) {
		s &^= sIPv4
	}
	if s&sIPv6 != 0 && !colonNear(p, i+1, min(i+5, n)) {
		s &^= sIPv6
	}
	if s&sIPv6Tail != 0 && (!colonNear(p, max(i-4, 0), i) || byteAt(p, i-1) == ':' && (i < 2 || byteAt(p, i-2) != ':' && class[byteAt(p, i-2)]&isHex == 0)) {
		s &^= sIPv6Tail
	}
	return s
}

// dotted reports whether a dot follows one to three digits at i.
//
//go:noinline
func dotted(p unsafe.Pointer, i, n int) bool {
	for k := i; k < n && k < i+4; k++ {
		if c := byteAt(p, k); c-'0' > 9 {
			return c == '.'
		}
	}
	return false
}

//go:noinline
func colonNear(p unsafe.Pointer, i, end int) bool {
	for ; i < end; i++ {
		if byteAt(p, i) == ':' {
			return true
		}
	}
	return false
}

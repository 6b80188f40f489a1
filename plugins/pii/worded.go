package main

// findNINO looks for a United Kingdom National Insurance number whose digits
// begin at i: two letters, six digits in one piece or in pairs, a letter A to
// D. There is no checksum; some prefixes are never issued (HMRC NIM39110).
func findNINO(v []byte, i, end int) (from, to int) {
	work -= 2000
	spaced := at(v, i-1) == ' '
	from = i - 2
	if spaced {
		from--
	}
	if from < 0 || class[v[from]]&class[v[from+1]]&(isUpper|isLower) == 0 || inWord(v, from-1) {
		return 0, 0
	}
	to = end
	if end-i == 2 {
		spaced = true
		if to = read(v, i, "2 2 2"); to == 0 {
			return 0, 0
		}
	}
	if at(v, to) == ' ' {
		to, spaced = to+1, true
	}
	c := at(v, to)
	if c|0x20 < 'a' || c|0x20 > 'd' || inWord(v, to+1) || spaced && class[v[from]]&class[v[from+1]]&class[c]&isUpper == 0 {
		return 0, 0
	}
	a, b := v[from]&^0x20, v[from+1]&^0x20
	switch {
	case oneOf(a, "DFIQUV"), oneOf(b, "DFIOQUV"):
		return 0, 0
	case a == 'B' && b == 'G', a == 'G' && b == 'B', a == 'N' && (b == 'K' || b == 'T'), a == 'K' && b == 'N', a == 'T' && b == 'N', a == 'Z' && b == 'Z':
		return 0, 0
	}
	return from, to + 1
}

// oneOf reports whether c is one of the letters.
func oneOf(c byte, letters string) bool {
	for i := range len(letters) {
		if letters[i] == c {
			return true
		}
	}
	return false
}

// findDNI looks for a Spanish DNI (8 digits) or NIE (X, Y or Z and 7 digits)
// with its check letter, perhaps behind a hyphen.
func findDNI(v []byte, i, end int) (from, to int) {
	work -= 1500
	n, from := 0, i
	if end-i == 7 {
		from--
		if at(v, from) == '-' {
			from--
		}
		c := at(v, from) &^ 0x20
		if c < 'X' || c > 'Z' {
			return 0, 0
		}
		n = int(c - 'X')
	}
	if inWord(v, from-1) {
		return 0, 0
	}
	for _, c := range v[i:end] {
		n = n*10 + int(c-'0')
	}
	to = end
	if at(v, to) == '-' {
		to++
	}
	if at(v, to)&^0x20 != "TRWAGMYFPDXBNJZSQVHLCKE"[n%23] || inWord(v, to+1) {
		return 0, 0
	}
	return from, to + 1
}

// oddValue has what characters of a codice fiscale in odd places count: digits
// and then letters (D.M. 23/12/1976). In even places they count as they are.
var oddValue = [26]uint8{1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23}

// findCodiceFiscale looks for the Italian tax code whose first digit is at i:
// 16 letters and digits of a fixed form with a check letter. Digits may be
// written as letters (omocodia), but for one.
func findCodiceFiscale(v []byte, i int) (from, to int) {
	from = i
	for from > 0 && i-from <= 15 && class[v[from-1]]&isLetter != 0 {
		from--
	}
	to = from + 16
	if i-from < 6 || i-from > 14 || to > len(v) || inWord(v, from-1) || inWord(v, to) {
		return 0, 0
	}
	work -= 5000
	sum := 0
	for k, c := range v[from:to] {
		n := 0
		switch {
		case class[c]&isDigit != 0:
			n = int(c - '0')
		case class[c]&isLetter != 0:
			n = int(c&^0x20 - 'A')
		default:
			return 0, 0
		}
		digit := class[c]&isDigit != 0
		switch k {
		case 6, 7, 9, 10, 12, 13, 14:
			if !digit && oneOf(c&^0x20, "ABCDEFGHIJKOWXYZ") {
				return 0, 0
			}
		case 8:
			if !oneOf(c&^0x20, "ABCDEHLMPRST") {
				return 0, 0
			}
		case 15:
			return from, check(to, !digit && sum%26 == n)
		default:
			if digit {
				return 0, 0
			}
		}
		if k&1 == 0 {
			n = int(oddValue[n])
		}
		sum += n
	}
	return 0, 0
}

func check(to int, ok bool) int {
	if ok {
		return to
	}
	return 0
}

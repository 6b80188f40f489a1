package main

// findCard looks for a payment card number (ISO/IEC 7812) that begins at i,
// whose first digits end at end: 13 to 19 digits in one piece, or four and
// then groups of three to six (the last may be shorter), set apart by one
// space, hyphen or no-break space. It returns where the number ends, or 0.
func findCard(v []byte, i, end int) (to int) {
	if v[i] < '2' || v[i] > '6' {
		return 0 // 3 to 6, and 2 of 2221-2720
	}
	if end-i > 4 {
		if validCard(v[i:end]) {
			return end
		}
		return 0
	}
	var digits [19]byte
	n := copy(digits[:], v[i:end])
	best := 0
	for at := end; ; {
		skip := separator(v, at)
		if skip == 0 {
			break
		}
		at += skip
		start := at
		for at < len(v) && class[v[at]]&isDigit != 0 {
			at++
		}
		size := at - start
		if size == 0 || size > 6 || n+size > len(digits) {
			break
		}
		n += copy(digits[n:], v[start:at])
		if n >= 13 && validCard(digits[:n]) {
			best = at
		}
		if size < 3 {
			break
		}
	}
	return best
}

// separator is the length of one separator of a card's groups.
func separator(v []byte, at int) int {
	if at < len(v) && (v[at] == ' ' || v[at] == '-') {
		return 1
	}
	if at+1 < len(v) && v[at] == 0xc2 && v[at+1] == 0xa0 {
		return 2
	}
	return 0
}

// validCard checks the prefix and the check digit (ISO/IEC 7812-1 annex B,
// Luhn).
func validCard(d []byte) bool {
	if len(d) < 13 || len(d) > 19 {
		return false
	}
	switch first := int(d[0]-'0')*1000 + int(d[1]-'0')*100 + int(d[2]-'0')*10 + int(d[3]-'0'); {
	case first >= 3000: // 3 travel, 4 to 6 banking
		if first >= 7000 {
			return false
		}
	case first < 2221 || first > 2720:
		return false
	}
	sum, double := 0, false
	for i := len(d) - 1; i >= 0; i-- {
		n := int(d[i] - '0')
		if double {
			if n *= 2; n > 9 {
				n -= 9
			}
		}
		sum += n
		double = !double
	}
	return sum%10 == 0
}

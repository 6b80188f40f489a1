package main

// lengths of IBANs by country (ISO 13616, SWIFT registry).
var ibanLengths = map[[2]byte]int{
	{'A', 'D'}: 24, {'A', 'E'}: 23, {'A', 'L'}: 28, {'A', 'T'}: 20, {'A', 'Z'}: 28,
	{'B', 'A'}: 20, {'B', 'E'}: 16, {'B', 'G'}: 22, {'B', 'H'}: 22, {'B', 'I'}: 27, {'B', 'R'}: 29, {'B', 'Y'}: 28,
	{'C', 'H'}: 21, {'C', 'R'}: 22, {'C', 'Y'}: 28, {'C', 'Z'}: 24,
	{'D', 'E'}: 22, {'D', 'J'}: 27, {'D', 'K'}: 18, {'D', 'O'}: 28,
	{'E', 'E'}: 20, {'E', 'G'}: 29, {'E', 'S'}: 24,
	{'F', 'I'}: 18, {'F', 'K'}: 18, {'F', 'O'}: 18, {'F', 'R'}: 27,
	{'G', 'B'}: 22, {'G', 'E'}: 22, {'G', 'I'}: 23, {'G', 'L'}: 18, {'G', 'R'}: 27, {'G', 'T'}: 28,
	{'H', 'N'}: 28, {'H', 'R'}: 21, {'H', 'U'}: 28,
	{'I', 'E'}: 22, {'I', 'L'}: 23, {'I', 'Q'}: 23, {'I', 'S'}: 26, {'I', 'T'}: 27,
	{'J', 'O'}: 30, {'K', 'W'}: 30, {'K', 'Z'}: 20,
	{'L', 'B'}: 28, {'L', 'C'}: 32, {'L', 'I'}: 21, {'L', 'T'}: 20, {'L', 'U'}: 20, {'L', 'V'}: 21, {'L', 'Y'}: 25,
	{'M', 'C'}: 27, {'M', 'D'}: 24, {'M', 'E'}: 22, {'M', 'K'}: 19, {'M', 'N'}: 20, {'M', 'R'}: 27, {'M', 'T'}: 31, {'M', 'U'}: 30,
	{'N', 'I'}: 28, {'N', 'L'}: 18, {'N', 'O'}: 15, {'O', 'M'}: 23,
	{'P', 'K'}: 24, {'P', 'L'}: 28, {'P', 'S'}: 29, {'P', 'T'}: 25,
	{'Q', 'A'}: 29, {'R', 'O'}: 24, {'R', 'S'}: 22, {'R', 'U'}: 33,
	{'S', 'A'}: 24, {'S', 'C'}: 31, {'S', 'D'}: 18, {'S', 'E'}: 24, {'S', 'I'}: 19, {'S', 'K'}: 24, {'S', 'M'}: 27, {'S', 'O'}: 23, {'S', 'T'}: 25, {'S', 'V'}: 28,
	{'T', 'L'}: 23, {'T', 'N'}: 24, {'T', 'R'}: 26, {'U', 'A'}: 29,
	{'V', 'A'}: 22, {'V', 'G'}: 24, {'X', 'K'}: 20, {'Y', 'E'}: 30,
}

// lengthOf has the lengths by letters, 0 where there is no such country.
var lengthOf = func() (t [26][26]uint8) {
	for c, n := range ibanLengths {
		t[c[0]-'A'][c[1]-'A'] = uint8(n)
	}
	return t
}()

// letter gives 0 to 25 for A to Z in either case, else -1.
func letter(c byte) int {
	if c |= 0x20; c >= 'a' && c <= 'z' {
		return int(c - 'a')
	}
	return -1
}

// findIBAN looks for an account number (ISO 13616) whose check digits are at
// i: in one piece, or in groups set apart by one space or hyphen. Letters may
// be small. It returns where the number ends, or 0.
func findIBAN(v []byte, i int) (to int) {
	a, b := letter(v[i-2]), letter(v[i-1])
	if a < 0 || b < 0 {
		return 0
	}
	n := int(lengthOf[a][b])
	if n == 0 || i > 2 && class[v[i-3]]&(isUpper|isLower|isDigit) != 0 {
		return 0
	}
	// The remainder modulo 97 of what follows, then of the first four
	// (ISO 7064 MOD 97-10); letters count as 10 to 35.
	work -= 9000
	rest, at, seen := 0, i, 2
	check := 0
	for seen < n {
		if at >= len(v) {
			return 0
		}
		c := v[at]
		switch {
		case c-'0' <= 9:
			if seen < 4 {
				check = check*10 + int(c-'0')
			} else {
				rest = (rest*10 + int(c-'0')) % 97
			}
			seen++
		case letter(c) >= 0:
			if seen < 4 {
				return 0
			}
			rest = (rest*100 + letter(c) + 10) % 97
			seen++
		case (c == ' ' || c == '-') && class[v[at-1]]&(isDigit|isUpper|isLower) != 0:
		default:
			return 0
		}
		at++
	}
	rest = (rest*10000 + (a+10)*100 + b + 10) % 97
	rest = (rest*100 + check) % 97
	if rest != 1 || at < len(v) && class[v[at]]&(isUpper|isLower|isDigit) != 0 {
		return 0
	}
	return at
}

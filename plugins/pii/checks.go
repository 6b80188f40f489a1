package main

// The rules of ids of digits alone; each looks at digits.

// validSSN: a United States social security number has no check digit; some
// ranges are never issued (SSA POMS RM 10201.035).
func validSSN() bool {
	d := &digits
	area := int(d[0])*100 + int(d[1])*10 + int(d[2])
	return area != 0 && area != 666 && area < 900 && d[3]|d[4] != 0 && d[5]|d[6]|d[7]|d[8] != 0
}

// doubled is a step of ISO 7064 MOD 11,10: the sum modulo 10, with 10 for 0,
// twice, modulo 11.
var doubled = func() (t [32]uint32) {
	for sum := range uint32(20) {
		n := sum % 10
		if n == 0 {
			n = 10
		}
		t[sum] = n * 2 % 11
	}
	return t
}()

// validSteuerID: the German tax number (§ 139b AO): one digit is twice or three
// times among the first ten, no other more than once; then ISO 7064 MOD 11,10.
func validSteuerID() bool {
	d := &digits
	if d[0] == 0 {
		return false
	}
	var once, twice, thrice, more uint32 // a bit for each digit that was there so often
	product := uint32(10)
	for _, n := range d[:10] {
		bit := uint32(1) << n
		more |= thrice & bit
		thrice |= twice & bit
		twice |= once & bit
		once |= bit
		sum := uint32(n) + product // 1 to 19
		product = doubled[sum&31]
	}
	c := 11 - product
	if c == 10 {
		c = 0
	}
	return twice != 0 && twice&(twice-1) == 0 && more == 0 && uint32(d[10]) == c
}

// validBSN: the Dutch citizen service number, the “11 test”.
func validBSN() bool {
	d := &digits
	sum := 9*int(d[0]) + 8*int(d[1]) + 7*int(d[2]) + 6*int(d[3]) + 5*int(d[4]) + 4*int(d[5]) + 3*int(d[6]) + 2*int(d[7]) - int(d[8])
	return sum%11 == 0 && d[0]|d[1]|d[2]|d[3]|d[4] != 0
}

// validPESEL: the Polish number, with the date of birth that it begins with;
// the century is in the month.
func validPESEL() bool {
	d := &digits
	sum := int(d[0]) + 3*int(d[1]) + 7*int(d[2]) + 9*int(d[3]) + int(d[4]) + 3*int(d[5]) + 7*int(d[6]) + 9*int(d[7]) + int(d[8]) + 3*int(d[9]) + int(d[10])
	if sum%10 != 0 {
		return false
	}
	month, day := int(d[2])*10+int(d[3]), int(d[4])*10+int(d[5])
	for month > 20 {
		month -= 20
	}
	return month >= 1 && month <= 12 && day >= 1 && day <= 31
}

// validPersonnummer: the Swedish number of 10 digits, or 12 with the century:
// a date, whose day is 60 more in coordination numbers, and Luhn's check digit.
func validPersonnummer(d []byte) bool {
	if len(d) == 12 {
		if century := d[0]*10 + d[1]; century < 18 || century > 20 {
			return false
		}
		d = d[2:]
	}
	month, date := d[2]*10+d[3], d[4]*10+d[5]
	if date > 60 {
		date -= 60
	}
	sum := 0
	for i, n := range d {
		if i&1 == 0 {
			if n *= 2; n > 9 {
				n -= 9
			}
		}
		sum += int(n)
	}
	return month >= 1 && month <= 12 && date >= 1 && date <= 31 && sum%10 == 0
}

// validCPF: the Brazilian number with its two check digits; all digits equal
// would pass them and are not issued.
func validCPF() bool {
	d := &digits
	all := int(d[0]) + int(d[1]) + int(d[2]) + int(d[3]) + int(d[4]) + int(d[5]) + int(d[6]) + int(d[7]) + int(d[8])
	sum := 10*int(d[0]) + 9*int(d[1]) + 8*int(d[2]) + 7*int(d[3]) + 6*int(d[4]) + 5*int(d[5]) + 4*int(d[6]) + 3*int(d[7]) + 2*int(d[8])
	one := sum * 10 % 11 % 10
	if one != int(d[9]) || (sum+all+2*one)*10%11%10 != int(d[10]) {
		return false
	}
	for _, n := range d[1:9] {
		if n != d[0] {
			return true
		}
	}
	return false
}

// Tables of Verhoeff's scheme (Error Detecting Decimal Codes, 1969).
var (
	verhoeffD = [10][10]uint8{
		{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, {1, 2, 3, 4, 0, 6, 7, 8, 9, 5}, {2, 3, 4, 0, 1, 7, 8, 9, 5, 6}, {3, 4, 0, 1, 2, 8, 9, 5, 6, 7}, {4, 0, 1, 2, 3, 9, 5, 6, 7, 8},
		{5, 9, 8, 7, 6, 0, 4, 3, 2, 1}, {6, 5, 9, 8, 7, 1, 0, 4, 3, 2}, {7, 6, 5, 9, 8, 2, 1, 0, 4, 3}, {8, 7, 6, 5, 9, 3, 2, 1, 0, 4}, {9, 8, 7, 6, 5, 4, 3, 2, 1, 0},
	}
	verhoeffP = [8][10]uint8{
		{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, {1, 5, 7, 6, 2, 8, 3, 0, 9, 4}, {5, 8, 0, 3, 7, 9, 6, 1, 4, 2}, {8, 9, 1, 6, 0, 4, 3, 5, 2, 7},
		{9, 4, 5, 3, 1, 2, 6, 8, 7, 0}, {4, 2, 8, 6, 5, 7, 3, 9, 0, 1}, {2, 7, 9, 3, 8, 0, 6, 4, 1, 5}, {7, 0, 4, 6, 9, 1, 3, 2, 5, 8},
	}
)

// validAadhaar: the Indian number of 12 digits, the first from 2 to 9.
func validAadhaar() bool {
	if digits[0] < 2 {
		return false
	}
	c := uint8(0)
	for i := range 12 {
		c = verhoeffD[c][verhoeffP[i&7][digits[11-i]]]
	}
	return c == 0
}

// findNIR looks for a French registration number (NIR, “numéro de sécurité
// sociale”): 13 digits, of which the seventh is A or B in Corsica, and a key of
// two: 97 less the remainder modulo 97. It may be in its groups.
func findNIR(v []byte, i, end int) (to int) {
	if !oneOf(v[i], "123478") || end-i == 1 && at(v, end) != ' ' {
		return 0
	}
	const gaps = 1<<1 | 1<<3 | 1<<5 | 1<<7 | 1<<10 | 1<<13 // places of the groups
	n, corsica := int64(0), byte(0)
	spaces, key := 0, 0
	for k := range 15 {
		if gaps>>k&1 != 0 && at(v, i) == ' ' {
			spaces++
			i++
		}
		c := at(v, i)
		switch {
		case k == 6 && (c == 'A' || c == 'B'):
			corsica, c = c, '0'
		case c-'0' > 9:
			return 0
		}
		digits[k] = c - '0'
		if k < 13 {
			n = n*10 + int64(c-'0')
		} else {
			key = key*10 + int(c-'0')
		}
		i++
	}
	if spaces != 0 && spaces != 1 && spaces != 6 || class[at(v, i)]&isDigit != 0 {
		return 0
	}
	switch corsica { // 2A counts as 19, 2B as 18
	case 'A':
		n -= 1e6
	case 'B':
		n -= 2e6
	}
	month := digits[3]*10 + digits[4]
	if month == 0 || month > 12 && month < 20 || key == 0 || 97-int(n%97) != key {
		return 0
	}
	return i
}

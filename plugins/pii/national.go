package main

import "unsafe"

// digits are those of the number that is looked at.
var digits [16]byte

// read reads groups of digits into digits: "3-2-4" is three digits, a hyphen,
// and so on. It returns where they end, or 0 if they are not there or more
// follow.
func read(v []byte, i int, form string) int {
	n := 0
	for k := range len(form) {
		size := form[k] - '0'
		if size > 9 {
			if at(v, i) != form[k] {
				return 0
			}
			i++
			continue
		}
		for range size {
			c := at(v, i) - '0'
			if c > 9 {
				return 0
			}
			digits[n] = c
			n++
			i++
		}
	}
	if class[at(v, i)]&isDigit != 0 {
		return 0
	}
	return i
}

// one takes n digits, at least eight, in one piece: two loads, which overlap.
func one(v []byte, i, n int) {
	p := unsafe.Pointer(unsafe.SliceData(v))
	d := unsafe.Pointer(&digits)
	*(*uint64)(d) = load(p, i) ^ '0'*ones
	*(*uint64)(unsafe.Add(d, n-8)) = load(p, i+n-8) ^ '0'*ones
}

// national looks at digits from i to end for ids of digits alone, in one piece
// or in the groups that they are written in. Digits that belong to something
// longer are none.
func national(s shapes, v []byte, i, end int) (to, kind int) {
	work -= 4000
	if s&(sSSN|sCPFGroups|sBSNGroups|sAadhaarGroups|sSteuerIDGroups|sPersonnummerSign|sNIRGroups|sNIRCorsica) != 0 {
		to, kind = groupedID(s, v, i, end)
	} else {
		to, kind = solidID(s, v, i, end)
	}
	if to == 0 || inWord(v, to) || loose[at(v, to)]&sBSN != 0 && class[at(v, to+1)]&isDigit != 0 {
		return 0, 0
	}
	return to, kind
}

// solidID: in one piece. Some ids have as many digits as others.
func solidID(s shapes, v []byte, i, end int) (to, kind int) {
	if s&sNIR != 0 {
		return findNIR(v, i, end), nir
	}
	one(v, i, end-i)
	switch {
	case s&sSteuerID != 0 && validSteuerID():
		return end, steuerID
	case s&sPESEL != 0 && validPESEL():
		return end, pesel
	case s&sCPF != 0 && validCPF():
		return end, cpf
	case s&sBSN != 0 && validBSN():
		return end, bsn
	case s&sPersonnummer != 0 && validPersonnummer(digits[:end-i]):
		return end, personnummer
	case s&sAadhaar != 0 && validAadhaar():
		return end, aadhaar
	}
	return 0, 0
}

func groupedID(s shapes, v []byte, i, end int) (to, kind int) {
	after := v[end]
	switch {
	case s&sSSN != 0:
		form := "3-2-4"
		if after == ' ' {
			form = "3 2 4"
		}
		if to = read(v, i, form); to > 0 {
			return check(to, validSSN()), ssn
		}
	case s&sCPFGroups != 0:
		if to = read(v, i, "3.3.3-2"); to > 0 {
			return check(to, validCPF()), cpf
		}
	case s&sBSNGroups != 0:
		if to = read(v, i, "4.2.3"); to > 0 {
			return check(to, validBSN()), bsn
		}
	case s&sAadhaarGroups != 0:
		form := "4-4-4"
		if after == ' ' {
			form = "4 4 4"
		}
		if to = read(v, i, form); to > 0 {
			return check(to, validAadhaar() && read(v, to, " 4") == 0), aadhaar
		}
	case s&sSteuerIDGroups != 0:
		if to = read(v, i, "2 3 3 3"); to > 0 {
			return check(to, validSteuerID()), steuerID
		}
	case s&(sNIRGroups|sNIRCorsica) != 0 && after != '-' && after != '+':
		return findNIR(v, i, end), nir
	case s&sPersonnummerSign != 0:
		form := "6-4"
		switch size := end - i; {
		case size == 6 && after == '+':
			form = "6+4"
		case size == 8 && after == '-':
			form = "8-4"
		case size == 8:
			form = "8+4"
		}
		if to = read(v, i, form); to > 0 {
			return check(to, validPersonnummer(digits[:end-i+4])), personnummer
		}
	}
	return 0, 0
}

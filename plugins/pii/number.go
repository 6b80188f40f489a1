package main

// number takes what begins with the digits from i to end, of the shapes s, and
// returns where to go on.
func number(s shapes, v []byte, i, end int, out []finding) ([]finding, int) {
	work -= 1200
	from, to, kind := identify(s, v, i, end)
	if to == 0 || len(out) > 0 && out[len(out)-1].to > from {
		return out, end
	}
	return append(out, finding{from, to, kind}), to
}

// identify tries the shapes, those with letters first and phone numbers last:
// they have no checksum. to is 0 if it is none of them.
func identify(s shapes, v []byte, i, end int) (from, to, kind int) {
	if s&(sIBAN|sBech32|sCodiceFiscale|sEthereum|sBase58|sNINO|sNINOPairs|sDNI|sNIE|sIPv6|sIPv6Tail|sIPv4) != 0 {
		if from, to, kind = worded(s, v, i, end); to > 0 {
			return from, to, kind
		}
	}
	if s&(sCard|sCardGroups) != 0 {
		if to = findCard(v, i, end); to > 0 {
			return i, to, card
		}
	}
	if s&sNationals != 0 {
		if to, kind = national(s, v, i, end); to > 0 {
			return i, to, kind
		}
	}
	if s&sPhone != 0 {
		if from, to = findPhone(s, v, i, end); to > 0 {
			return from, to, phone
		}
	}
	return 0, 0, 0
}

// worded looks for what has letters or signs beside its digits.
func worded(s shapes, v []byte, i, end int) (from, to, kind int) {
	switch {
	case s&sIBAN != 0 && i >= 2:
		if to = findIBAN(v, i); to > 0 {
			return i - 2, to, iban
		}
	case s&sEthereum != 0:
		if to = findEthereum(v, i); to > 0 {
			return i, to, ethereum
		}
	}
	if s&sBase58 != 0 && len(v)-i >= 26 {
		if to = findBase58(v, i); to > 0 {
			return i, to, bitcoin
		}
	}
	if s&sBech32 != 0 {
		if from, to = findBech32(v, i); to > 0 {
			return from, to, bitcoin
		}
	}
	if s&sCodiceFiscale != 0 {
		if from, to = findCodiceFiscale(v, i); to > 0 {
			return from, to, codiceFiscale
		}
	}
	if s&(sNINO|sNINOPairs) != 0 {
		if from, to = findNINO(v, i, end); to > 0 {
			return from, to, nino
		}
	}
	if s&(sDNI|sNIE) != 0 {
		if from, to = findDNI(v, i, end); to > 0 {
			return from, to, dni
		}
	}
	if s&(sIPv6|sIPv6Tail) != 0 && (s&sIPv6Tail != 0 || manyColons(v, i)) {
		if from, to = findIPv6(v, i); to > 0 {
			return from, to, ipv6
		}
	}
	if s&sIPv4 != 0 {
		if to = findIPv4(v, i); to > 0 {
			return i, to, ipv4
		}
	}
	return 0, 0, 0
}

package main

// shapes are what digits may be the beginning of, by how many they are, the
// first of them, and the bytes beside them: a bit each. Most digits have none.
type shapes uint64

const (
	sIBAN shapes = 1 << iota
	sBech32
	sCodiceFiscale
	sNINO      // in one piece
	sNINOPairs // in pairs
	sDNI
	sNIE
	sEthereum
	sBase58
	sIPv6 // digits with a colon or hex letters behind them
	sIPv6Tail
	sIPv4
	sCard
	sCardGroups
	sNIR
	sNIRGroups
	sNIRCorsica
	sSteuerID
	sSteuerIDGroups
	sSSN
	sCPF
	sCPFGroups
	sPESEL
	sBSN
	sBSNGroups
	sAadhaar
	sAadhaarGroups
	sPersonnummer
	sPersonnummerSign
	sPhonePlus
	sPhoneTrunk
	sPhoneArea        // 3-3-4
	sPhoneOne         // 1, 3-3-4
	allShapes  shapes = 1<<iota - 1

	sPhone     = sPhonePlus | sPhoneTrunk | sPhoneArea | sPhoneOne
	sNationals = sNIR | sNIRGroups | sNIRCorsica | sSteuerID | sSteuerIDGroups | sSSN | sCPF | sCPFGroups | sPESEL |
		sBSN | sBSNGroups | sAadhaar | sAadhaarGroups | sPersonnummer | sPersonnummerSign
)

// shapesOf has each detector's.
var shapesOf = [ethereum + 1]shapes{
	phone: sPhone, card: sCard | sCardGroups, iban: sIBAN, ssn: sSSN, nino: sNINO | sNINOPairs, steuerID: sSteuerID | sSteuerIDGroups,
	nir: sNIR | sNIRGroups | sNIRCorsica, dni: sDNI | sNIE, codiceFiscale: sCodiceFiscale, bsn: sBSN | sBSNGroups, pesel: sPESEL,
	personnummer: sPersonnummer | sPersonnummerSign, cpf: sCPF | sCPFGroups, aadhaar: sAadhaar | sAadhaarGroups,
	ipv4: sIPv4, ipv6: sIPv6 | sIPv6Tail, bitcoin: sBech32 | sBase58, ethereum: sEthereum,
}

// A shape is possible where all tables have it.
var (
	bySize   [32]shapes  // by the number of digits, 31 for more
	byFirst  [16]shapes  // by the first digit
	byBefore [256]shapes // by the byte in front, 0 at the beginning
	byAfter  [256]shapes // by the byte behind, 0 at the end
	bySecond [256]shapes // by the byte behind that one
	byThird  [256]shapes // and so on
	byFourth [256]shapes
	// loose has what the byte in front makes impossible where a digit is in
	// front of that one: within a date, a time, a fraction, an address.
	loose [256]shapes
)

func init() {
	sizes(sIBAN|sPhonePlus, 2, 31)
	sizes(sPhonePlus|sIPv6|sIPv6Tail|sIPv4|sNIRGroups|sPhoneOne|sEthereum|sCodiceFiscale, 1, 1)
	sizes(sBech32|sBase58|sPhoneTrunk, 1, 31)
	sizes(sCodiceFiscale|sIPv4|sIPv6|sIPv6Tail, 2, 3)
	sizes(sNINOPairs|sSteuerIDGroups, 2, 2)
	sizes(sSSN|sCPFGroups|sPhoneArea, 3, 3)
	sizes(sIPv6|sIPv6Tail|sCardGroups|sBSNGroups|sAadhaarGroups, 4, 4)
	sizes(sNINO|sNIRCorsica|sPersonnummerSign, 6, 6)
	sizes(sNIE, 7, 7)
	sizes(sDNI|sPersonnummerSign, 8, 8)
	sizes(sBSN, 9, 9)
	sizes(sPersonnummer, 10, 10)
	sizes(sSteuerID|sCPF|sPESEL, 11, 11)
	sizes(sPersonnummer|sAadhaar, 12, 12)
	sizes(sNIR, 13, 13)
	sizes(sNIR, 15, 15)
	sizes(sCard, 13, 19)

	for c := range byFirst {
		byFirst[c] = allShapes &^ (sCard | sCardGroups | sBech32 | sBase58 | sEthereum | sAadhaar | sAadhaarGroups | sNIR | sNIRGroups | sNIRCorsica |
			sPhoneTrunk | sPhoneOne | sSteuerID | sSteuerIDGroups)
	}
	first(sCard|sCardGroups, "23456")
	first(sBech32|sPhoneOne, "1")
	first(sBase58, "13")
	first(sEthereum|sPhoneTrunk, "0")
	first(sAadhaar|sAadhaarGroups, "23456789")
	first(sNIR|sNIRGroups|sNIRCorsica, "123478")
	first(sSteuerID|sSteuerIDGroups, "123456789")

	const lettered = sIBAN | sBech32 | sCodiceFiscale // letters have to be in front
	for c := range byBefore {
		before, after, second := allShapes&^(lettered|sNINO|sNINOPairs|sNIE|sIPv6Tail|sPhonePlus), sIBAN|sBech32|sCard|sNIR|sSteuerID|sCPF|sPESEL|sBSN|sAadhaar|sPersonnummer|sIPv6Tail|sPhonePlus|sPhoneTrunk, allShapes
		k := class[c]
		if k&isLetter != 0 {
			before = lettered | sNINO | sNINOPairs | sNIE | sCard
			if k&isHex != 0 {
				before |= sIPv6 | sIPv6Tail
			}
			after |= sCodiceFiscale | sNINO | sDNI | sNIE | sEthereum | sBase58
			if k&isHex != 0 {
				after |= sIPv6
			}
		}
		if k&isSep != 0 {
			after |= sPhoneArea | sPhoneOne
		}
		if k&isDigit == 0 {
			second &^= sIPv4 | sCardGroups | sNINOPairs | sNIRGroups | sSteuerIDGroups | sSSN | sCPFGroups | sBSNGroups | sAadhaarGroups | sPersonnummerSign
			if c == 0xa0 { // no-break space is c2 a0
				second |= sCardGroups
			}
			if k&isSep == 0 {
				second &^= sPhoneArea | sPhoneOne
			}
		}
		third, fourth := allShapes, allShapes
		if k&isDigit == 0 {
			third &^= sCardGroups | sNINOPairs | sNIRGroups | sSteuerIDGroups | sSSN | sCPFGroups | sBSNGroups | sAadhaarGroups | sPersonnummerSign
			fourth &^= sCardGroups | sSteuerIDGroups | sCPFGroups | sAadhaarGroups | sPersonnummerSign
		}
		if k&isWord != 0 && (c|0x20 < 'a' || c|0x20 > 'd') {
			second &^= sNINO // behind a space the suffix, or nothing behind the suffix
		}
		byBefore[c], byAfter[c], bySecond[c], byThird[c], byFourth[c] = before, after, second, third, fourth
	}
	for c := byte('0'); c <= 'z'; c++ {
		if c|0x20 != 'c' {
			byBefore[c] &^= sBech32
		}
	}
	for _, c := range []byte("-./)") {
		loose[c] = sPhone | sNationals
	}
	loose[','] = sNationals
	loose[':'] = sPhoneTrunk | sIPv6 | sIPv6Tail
	byBefore['.'] &^= sIPv4 | sIPv6
	byBefore[' '] |= sNINO | sNINOPairs
	byBefore['-'] |= sNIE
	byBefore['+'] = sPhonePlus | sCard
	byBefore['('] |= sPhonePlus
	byBefore[':'] |= sIPv6Tail
	byAfter[' '] |= sNINO | sNINOPairs | sCardGroups | sNIRGroups | sSteuerIDGroups | sSSN | sAadhaarGroups
	byAfter['-'] |= sDNI | sNIE | sCardGroups | sSSN | sAadhaarGroups | sPersonnummerSign
	byAfter['+'] |= sPersonnummerSign
	byAfter['.'] |= sIPv4 | sCPFGroups | sBSNGroups
	byAfter[':'] |= sIPv6
	byAfter[0xc2] |= sCardGroups
	byAfter['A'] |= sNIRCorsica
	byAfter['B'] |= sNIRCorsica
}

func sizes(s shapes, least, most int) {
	for n := least; n <= most; n++ {
		bySize[n] |= s
	}
}

func first(s shapes, digits string) {
	for _, c := range digits {
		byFirst[c&15] |= s
	}
}

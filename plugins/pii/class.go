package main

// Classes of bytes.
const (
	isDigit = 1 << iota
	isUpper
	isLower
	isLocal // may stand in the local part of an e-mail address
	isHost  // may stand in a domain
	isSep   // may stand between groups of digits
	mayOpen // before digits: they may be part of something
	isHex

	isLetter = isUpper | isLower
	isWord   = isDigit | isLetter
)

var class = func() (t [256]uint8) {
	for c := range t {
		switch {
		case c >= '0' && c <= '9':
			t[c] = isDigit | isLocal | isHost | isHex
		case c >= 'A' && c <= 'Z':
			t[c] = isUpper | isLocal | isHost
		case c >= 'a' && c <= 'z':
			t[c] = isLower | isLocal | isHost
		case c >= 0x80: // addresses and domains in other scripts
			t[c] = isLocal | isHost
		}
	}
	for _, c := range []byte("!#$%&'*+-./=?^_`{|}~") {
		t[c] |= isLocal
	}
	for c := range t {
		if t[c]&isLetter != 0 || c == '+' || c == '(' {
			t[c] |= mayOpen
		}
	}
	for _, c := range []byte("abcdefABCDEF") {
		t[c] |= isHex
	}
	t['-'] |= isHost
	t['.'] |= isHost
	for _, c := range []byte(" -./()") {
		t[c] |= isSep
	}
	return t
}()

// at is the byte at i, 0 outside the value.
func at(v []byte, i int) byte {
	if uint(i) < uint(len(v)) {
		return v[i]
	}
	return 0
}

// inWord reports whether a letter or digit is at i.
func inWord(v []byte, i int) bool { return class[at(v, i)]&isWord != 0 }

package main

// findIPv4 looks for four numbers of 0 to 255, set apart by dots, without
// leading zeros. Five numbers, or digits in front, are something else.
func findIPv4(v []byte, i int) (to int) {
	work -= 2500
	if i > 0 && (v[i-1] == '.' || inWord(v, i-1)) {
		return 0
	}
	if i = quad(v, i); i == 0 || inWord(v, i) || at(v, i) == '.' && class[at(v, i+1)]&isDigit != 0 {
		return 0
	}
	return i
}

// quad reads the four numbers and returns where they end, or 0.
func quad(v []byte, i int) int {
	for part := 0; ; part++ {
		from, n := i, 0
		for i < len(v) && v[i]-'0' <= 9 && i-from < 4 {
			n = n*10 + int(v[i]-'0')
			i++
		}
		if i == from || n > 255 || i-from > 3 || i-from > 1 && v[from] == '0' {
			return 0
		}
		if part == 3 {
			return i
		}
		if at(v, i) != '.' {
			return 0
		}
		i++
	}
}

const longestIPv6 = 45 // with an IPv4 tail

// findIPv6 looks for an address (RFC 4291 §2.2) whose first digit is at i:
// eight groups, or fewer around “::”, of which two and five hex digits have to
// be there.
func findIPv6(v []byte, i int) (from, to int) {
	work -= 15_000
	from = i
	for from > 0 && i-from < longestIPv6 && (v[from-1] == ':' || class[v[from-1]]&(isHex|isDigit) == isHex) {
		from--
	}
	if v[from] == ':' && v[from+1] != ':' && class[at(v, from-1)]&isDigit == 0 {
		from++ // “address:” in front of it
	} else if inWord(v, from-1) || at(v, from-1) == '.' {
		return 0, 0 // within a word, or looked at already
	}
	pos, groups, hexes, double := from, 0, 0, false
	if v[pos] == ':' {
		pos, double = pos+2, true
	}
	to = pos
	for {
		start := pos
		for pos < len(v) && pos-start < 5 && class[v[pos]]&isHex != 0 {
			pos++
		}
		if at(v, pos) == '.' && groups >= 1 {
			if tail := quad(v, start); tail > 0 {
				groups, hexes, to = groups+2, hexes+8, tail
				break
			}
		}
		if pos == start {
			break
		}
		if pos-start > 4 || inWord(v, pos) {
			return 0, 0
		}
		if groups, hexes, to = groups+1, hexes+pos-start, pos; groups > 8 {
			return 0, 0 // “1:1:1:…” would be read to its end from each of its digits
		}
		if at(v, pos) != ':' {
			break
		}
		pos++
		if at(v, pos) == ':' {
			if double {
				return 0, 0
			}
			pos, double = pos+1, true
			to = pos
		}
	}
	if inWord(v, to) || groups > 8 || !double && groups < 8 || double && (groups < 2 || groups > 7 || hexes < 5) {
		return 0, 0
	}
	return from, to
}

// manyColons reports whether “::” or seven colons are among the hex digits and
// colons from i on: most that is not is a time of day.
//
//go:noinline
func manyColons(v []byte, i int) bool {
	work -= 2000
	colons, last := 0, byte(0)
	for _, c := range v[i:min(i+longestIPv6, len(v))] {
		if c == ':' {
			if colons++; last == ':' {
				return true
			}
		} else if class[c]&isHex == 0 {
			break
		}
		last = c
	}
	return colons >= 7
}

package main

const (
	longestLocal  = 128 // RFC 5321 says 64; more is hidden too
	longestDomain = 255
)

// findEmail looks around the '@' at p; to is 0 if there is no address.
func findEmail(v []byte, p int) (from, to int) {
	from = p
	for from > 0 && p-from < longestLocal && class[v[from-1]]&isLocal != 0 {
		from--
	}
	for from < p && (v[from] == '.' || v[from] == '\'' || v[from] == '/' || v[from] == '=') {
		from++ // quotes and paths around an address
	}
	dot := -1
	to = p + 1
	for to < len(v) && to-p <= longestDomain && class[v[to]]&isHost != 0 {
		if v[to] == '.' {
			if v[to-1] == '.' || v[to-1] == '@' {
				break
			}
			dot = to
		}
		to++
	}
	for to > p+1 && (v[to-1] == '.' || v[to-1] == '-') {
		to-- // the end of a sentence
		if to == dot {
			dot = lastDot(v, p, to)
		}
	}
	if from == p || dot < 0 || to-dot < 3 {
		return 0, 0
	}
	// The last label is letters, or punycode; a@1.23 is something else.
	if c := class[v[dot+1]]; c&isDigit != 0 {
		return 0, 0
	}
	return from, to
}

func lastDot(v []byte, p, to int) int {
	for i := to - 1; i > p; i-- {
		if v[i] == '.' {
			return i
		}
	}
	return -1
}

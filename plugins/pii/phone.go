package main

// groups of digits as people write phone numbers.
type groups struct {
	n      int
	size   [12]int
	end    [12]int
	digits int
	slash  bool // one of the separators is not a hyphen or a dot
}

// read collects the groups that follow the one from i to end: one to three
// separators apart, at most 15 digits (E.164) in all.
func (g *groups) read(v []byte, i, end int) {
	g.size[0], g.end[0], g.n, g.digits = end-i, end, 1, end-i
	for at := end; g.n < len(g.size); g.n++ {
		start := at
		for start < len(v) && start-at < 3 && class[v[start]]&isSep != 0 {
			start++
		}
		stop := start
		for stop < len(v) && class[v[stop]]&isDigit != 0 {
			stop++
		}
		if start == at || stop == start || g.digits+stop-start > 15 {
			return
		}
		for _, c := range v[at:start] {
			g.slash = g.slash || c != '-' && c != '.'
		}
		g.size[g.n], g.end[g.n] = stop-start, stop
		g.digits += stop - start
		at = stop
	}
}

// findPhone looks for a phone number whose first digits are from i to end:
//
//   - after a plus sign, 8 to 15 digits (E.164),
//   - after 00, the same,
//   - North American: 3-3-4, perhaps after a 1, set apart or in parentheses,
//   - national with a trunk 0: 9 to 12 digits in groups that are no date.
//
// to is 0 if there is none.
func findPhone(v []byte, i, end int) (from, to int) {
	size := end - i
	from = i
	plus := i > 0 && v[i-1] == '+'
	if plus {
		from--
	} else if i > 0 && v[i-1] == '(' {
		from--
		if from > 0 && v[from-1] == '+' {
			from--
			plus = true
		}
	}
	var g groups
	g.read(v, i, end)
	last := g.n - 1
	trunk := v[i] == '0'
	switch {
	case plus || trunk && size > 2 && v[i+1] == '0' && v[i+2] != '0', trunk && size == 2 && v[i+1] == '0' && g.n > 1:
		if g.digits >= 8 {
			return from, g.end[last]
		}
	case trunk:
		if g.n > 1 && g.digits >= 9 && g.digits <= 12 && size <= 6 && !g.date() && (g.slash || size > 2) {
			return from, g.end[last]
		}
	default:
		k := 0
		if g.size[0] == 1 {
			k = 1
		}
		if g.n >= k+3 && g.size[k] == 3 && g.size[k+1] == 3 && g.size[k+2] == 4 && areaCode(v, g.end[k]-3) && areaCode(v, g.end[k+1]-3) {
			return from, g.end[k+2]
		}
	}
	return 0, 0
}

// areaCode: area codes and exchanges begin with 2 to 9.
func areaCode(v []byte, at int) bool { return v[at] >= '2' }

// date reports groups like 01-02-2024, 01.02.24 or the beginning of a time.
func (g *groups) date() bool {
	return g.n >= 3 && g.size[0] <= 2 && g.size[1] <= 2 && (g.size[2] == 4 || g.n == 3 && g.size[2] == 2)
}

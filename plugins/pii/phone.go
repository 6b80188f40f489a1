package main

// findPhone looks for a phone number whose first digits are from i to end:
//
//   - after a plus sign, 8 to 15 digits (E.164),
//   - after 00, the same,
//   - North American: 3-3-4, perhaps after a 1, set apart or in parentheses,
//   - national with a trunk 0: 9 to 12 digits in groups that are no date.
//
// to is 0 if there is none.
func findPhone(s shapes, v []byte, i, end int) (from, to int) {
	work -= 2500
	before, size := at(v, i-1), end-i
	from = i
	switch before {
	case '+':
		from--
	case '(':
		from--
		if at(v, from-1) == '+' {
			before = '+'
			from--
		}
	}
	zeros := v[i] == '0' && at(v, i+1) == '0' && (size > 2 && v[i+2] != '0' || size == 2)
	switch {
	case before == '+' || zeros:
		return from, international(v, i, end)
	case s&sPhoneTrunk != 0:
		return from, national0(v, i, end)
	case s&sPhoneArea != 0:
		return from, northAmerican(v, i)
	case s&sPhoneOne != 0:
		start, stop := group(v, end)
		if stop-start != 3 {
			return 0, 0
		}
		return from, northAmerican(v, start)
	}
	return 0, 0
}

// group is where the next digits are behind one to three separators at i. Both
// are i where there are none.
func group(v []byte, i int) (start, stop int) {
	start = i
	for start < len(v) && start-i < 3 && class[v[start]]&isSep != 0 {
		start++
	}
	if start == i {
		return i, i
	}
	stop = start
	for stop < len(v) && v[stop]-'0' <= 9 && stop-start < 16 {
		stop++
	}
	return start, stop
}

// international: 8 to 15 digits in all, in any groups.
func international(v []byte, i, end int) (to int) {
	n := end - i
	for range 11 {
		start, stop := group(v, end)
		if stop == start || n+stop-start > 15 {
			break
		}
		n += stop - start
		end = stop
	}
	return check(end, n >= 8)
}

// national0: a trunk 0 and 9 to 12 digits in groups. A date or a time begins
// like 01-02-2024, 01.02.24 or 08.30.
func national0(v []byte, i, end int) (to int) {
	size := end - i
	if size > 6 {
		return 0
	}
	var sizes [3]int
	sizes[0] = size
	n, groups, slash := size, 1, false // slash: a separator is not a hyphen or a dot
	for ; groups < 12; groups++ {
		start, stop := group(v, end)
		if stop == start || n+stop-start > 15 {
			break
		}
		for _, c := range v[end:start] {
			slash = slash || c != '-' && c != '.'
		}
		if groups < 3 {
			sizes[groups] = stop - start
		}
		n += stop - start
		end = stop
	}
	if n < 9 || n > 12 || groups < 2 || !slash && size <= 2 {
		return 0
	}
	date := groups >= 3 && size <= 2 && sizes[1] <= 2 && (sizes[2] == 4 || groups == 3 && sizes[2] == 2)
	return check(end, !date)
}

// northAmerican: 3-3-4 from i, where the first three are. Area codes and
// exchanges begin with 2 to 9.
func northAmerican(v []byte, i int) (to int) {
	if v[i] < '2' {
		return 0
	}
	start, stop := group(v, i+3)
	if stop-start != 3 || v[start] < '2' {
		return 0
	}
	start, stop = group(v, stop)
	return check(stop, stop-start == 4)
}

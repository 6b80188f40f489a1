package main

// token is one word, string, number or sign of SQL. Comments are none.
type token struct {
	from, to int
	kind     byte // w word, q quoted name, s string, n number, p parameter, or the sign itself
}

func wordStart(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c >= 0x80
}

func wordPart(c byte) bool { return wordStart(c) || c >= '0' && c <= '9' || c == '$' }

func digit(c byte) bool { return c >= '0' && c <= '9' }

// lex cuts SQL as PostgreSQL does with standard_conforming_strings on: nested
// comments, dollar quotes, escape strings. Text that ends inside something
// ends that with it.
func lex(b []byte, out []token) []token {
	for i := 0; i < len(b); {
		from := i
		c := b[i]
		switch {
		case c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '\f' || c == '\v':
			i++
			continue
		case c == '-' && i+1 < len(b) && b[i+1] == '-':
			for i < len(b) && b[i] != '\n' {
				i++
			}
			continue
		case c == '/' && i+1 < len(b) && b[i+1] == '*':
			i = comment(b, i)
			continue
		case c == '\'':
			i = quoted(b, i, '\'', false)
			out = append(out, token{from, i, 's'})
		case c == '"':
			i = quoted(b, i, '"', false)
			out = append(out, token{from, i, 'q'})
		case (c == 'e' || c == 'E' || c == 'b' || c == 'B' || c == 'x' || c == 'X' || c == 'n' || c == 'N') && i+1 < len(b) && b[i+1] == '\'':
			i = quoted(b, i+1, '\'', c == 'e' || c == 'E')
			out = append(out, token{from, i, 's'})
		case c == '$' && i+1 < len(b) && digit(b[i+1]):
			for i++; i < len(b) && digit(b[i]); i++ {
			}
			out = append(out, token{from, i, 'p'})
		case c == '$':
			if end := dollar(b, i); end > i {
				i = end
				out = append(out, token{from, i, 's'})
				continue
			}
			i++
			out = append(out, token{from, i, c})
		case wordStart(c):
			for i < len(b) && wordPart(b[i]) {
				i++
			}
			out = append(out, token{from, i, 'w'})
		case digit(c) || c == '.' && i+1 < len(b) && digit(b[i+1]):
			for i++; i < len(b) && (wordPart(b[i]) || b[i] == '.'); i++ {
			}
			out = append(out, token{from, i, 'n'})
		default:
			i++
			out = append(out, token{from, i, c})
		}
	}
	return out
}

func comment(b []byte, i int) int {
	for depth := 0; i < len(b); {
		switch {
		case b[i] == '/' && i+1 < len(b) && b[i+1] == '*':
			depth++
			i += 2
		case b[i] == '*' && i+1 < len(b) && b[i+1] == '/':
			i += 2
			if depth--; depth == 0 {
				return i
			}
		default:
			i++
		}
	}
	return i
}

// quoted finds the end of what begins with a quote at i.
func quoted(b []byte, i int, quote byte, escapes bool) int {
	for i++; i < len(b); i++ {
		switch {
		case escapes && b[i] == '\\':
			i++
		case b[i] == quote:
			if i+1 < len(b) && b[i+1] == quote {
				i++
				continue
			}
			return i + 1
		}
	}
	return len(b)
}

// dollar finds the end of $tag$…$tag$ that begins at i, or i if none does.
func dollar(b []byte, i int) int {
	end := i + 1
	for end < len(b) && wordPart(b[end]) && b[end] != '$' {
		end++
	}
	if end == len(b) || b[end] != '$' {
		return i
	}
	tag := b[i : end+1]
	for at := end + 1; at+len(tag) <= len(b); at++ {
		if b[at] == '$' && string(b[at:at+len(tag)]) == string(tag) {
			return at + len(tag)
		}
	}
	return len(b)
}

// same compares a token with a word in capitals, whatever its case is.
func same(b []byte, upper string) bool {
	if len(b) != len(upper) {
		return false
	}
	for i := range len(b) {
		c := b[i]
		if c >= 'a' && c <= 'z' {
			c -= 'a' - 'A'
		}
		if c != upper[i] {
			return false
		}
	}
	return true
}

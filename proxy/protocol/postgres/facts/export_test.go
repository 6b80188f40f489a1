package facts

import "strings"

// Split cuts a script at its semicolons, outside of parentheses and of the
// body of an SQL-standard function.
func Split(text string) []string {
	var out []string
	depth, start, atomic := 0, 0, 0
	l := lex(text)
	for i, t := range l.tokens {
		switch word := fold(t.text(text)); word {
		case "(":
			depth++
		case ")":
			depth--
		case "atomic":
			if i > 0 && fold(l.tokens[i-1].text(text)) == "begin" {
				atomic++
			}
		case "case":
			if atomic > 0 {
				atomic++
			}
		case "end":
			if atomic > 0 {
				atomic--
			}
		case ";":
			if depth <= 0 && atomic == 0 {
				if s := strings.TrimSpace(text[start:t.start]); s != "" {
					out = append(out, s)
				}
				start, depth = t.end, 0
			}
		}
	}
	return out
}

package main

// token is a word with its quotes taken away, or an operator.
type token struct {
	word   string // as the shell would see it, expansions left as they are written
	op     byte   // 0 for a word; ';' ends a command (; & && || newline), '|', '>', '<', '(' and ')'
	quoted bool
	inner  string // the text of a substitution in the word, $(…) or `…`
}

// lex cuts a command line into words and operators: quotes, escapes, comments
// and substitutions understood, here-documents, arithmetic and globs not.
func lex(b []byte, out []token) []token {
	var word []byte
	in, quoted, inner := false, false, ""
	flush := func() {
		if in {
			out = append(out, token{word: string(word), quoted: quoted, inner: inner})
		}
		word, in, quoted, inner = word[:0], false, false, ""
	}
	for i := 0; i < len(b); i++ {
		c := b[i]
		switch c {
		case ' ', '\t', '\r':
			flush()
		case '\n', ';', '&':
			if c == '&' && i > 0 && (b[i-1] == '>' || b[i-1] == '<') {
				continue // 2>&1
			}
			flush()
			if c == '&' && i+1 < len(b) && b[i+1] == '>' {
				continue // &>file
			}
			out = append(out, token{op: ';'})
		case '|':
			flush()
			if i+1 < len(b) && b[i+1] == '|' {
				i++
				out = append(out, token{op: ';'})
			} else {
				out = append(out, token{op: '|'})
			}
		case '>', '<':
			if len(word) == 1 && word[0] >= '0' && word[0] <= '9' {
				word, in = word[:0], false // a file descriptor
			}
			flush()
			out = append(out, token{op: c})
			for i+1 < len(b) && (b[i+1] == c || b[i+1] == '|') {
				i++
			}
		case '(', ')', '{', '}':
			if c == '{' && in || c == '}' && in {
				word = append(word, c)
				continue
			}
			flush()
			out = append(out, token{op: ';'})
		case '#':
			if in {
				word = append(word, c)
				continue
			}
			for i+1 < len(b) && b[i+1] != '\n' {
				i++
			}
		case '\\':
			if i++; i < len(b) && b[i] != '\n' {
				word, in = append(word, b[i]), true
			}
		case '\'':
			in, quoted = true, true
			for i++; i < len(b) && b[i] != '\''; i++ {
				word = append(word, b[i])
			}
		case '"':
			in, quoted = true, true
			for i++; i < len(b) && b[i] != '"'; i++ {
				if b[i] == '\\' && i+1 < len(b) {
					i++
				} else if end := substitution(b, i); end > i {
					inner += string(b[i:end]) + "\n"
					word = append(word, b[i:end]...)
					i = end - 1
					continue
				}
				word = append(word, b[i])
			}
		case '$', '`':
			in = true
			if end := substitution(b, i); end > i {
				inner += string(b[i:end]) + "\n"
				word = append(word, b[i:end]...)
				i = end - 1
				continue
			}
			word = append(word, c)
		default:
			word, in = append(word, c), true
		}
	}
	flush()
	return out
}

// substitution is where $(…) or `…` ends that begins at i, or i.
func substitution(b []byte, i int) int {
	if b[i] == '`' {
		for k := i + 1; k < len(b); k++ {
			if b[k] == '`' {
				return k + 1
			}
		}
		return i
	}
	if b[i] != '$' || i+1 >= len(b) || b[i+1] != '(' {
		return i
	}
	depth := 0
	for k := i + 1; k < len(b); k++ {
		switch b[k] {
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return k + 1
			}
		}
	}
	return i
}

// body is the text within a substitution.
func body(s string) string {
	if len(s) > 3 && s[0] == '$' {
		return s[2 : len(s)-1]
	}
	if len(s) > 2 && s[0] == '`' {
		return s[1 : len(s)-1]
	}
	return ""
}

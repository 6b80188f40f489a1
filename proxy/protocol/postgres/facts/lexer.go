package facts

import "strings"

// The lexer splits SQL as PostgreSQL's scanner does with
// standard_conforming_strings on (PostgreSQL 4.1), in one pass and without
// allocation beyond its token list. It exists beside the parser because every
// statement needs it, cached or not: for the canonical form, the fingerprint,
// the place of literals, and the depth that the parser can bear. A differential
// fuzz target holds it to the parser's own scanner.

type tokenKind uint8

const (
	tokIdent  tokenKind = iota // unquoted word: identifier or keyword
	tokQuoted                  // "…" or U&"…"
	tokString                  // '…', E'…', U&'…', $$…$$
	tokBits                    // B'…', X'…'
	tokNumber
	tokParam // $1
	tokOp    // operator characters, and := => :: .. etc.
	tokPunct // one of ( ) [ ] , ; . :
	tokBad   // not lexical: the parser will say so
)

type token struct {
	kind       tokenKind
	start, end int // byte offsets in the text
}

func (t token) text(s string) string { return s[t.start:t.end] }

func isSpace(c byte) bool {
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v'
}

func isIdentStart(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c >= 0x80
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isIdentPart(c byte) bool { return isIdentStart(c) || isDigit(c) || c == '$' }

func isOpChar(c byte) bool { return strings.IndexByte("~!@#^&|`?+-*/%<>=", c) >= 0 }

type lexer struct {
	s      string
	pos    int
	tokens []token
	bad    bool // an unterminated or impossible token was met
}

// lex never fails: what is not lexical becomes a tokBad to the end.
func lex(s string) lexer {
	l := lexer{s: s, tokens: make([]token, 0, len(s)/5+8)}
	for l.skipSpace() {
		start := l.pos
		kind := l.next()
		if kind == tokBad {
			l.bad, l.pos = true, len(s)
		}
		l.tokens = append(l.tokens, token{kind, start, l.pos})
	}
	return l
}

func (l *lexer) at(i int) byte {
	if i < len(l.s) {
		return l.s[i]
	}
	return 0
}

// skipSpace moves past white space and comments, and says whether text is left.
// An unterminated comment is left for next to refuse.
func (l *lexer) skipSpace() bool {
	for l.pos < len(l.s) {
		switch c := l.s[l.pos]; {
		case isSpace(c):
			l.pos++
		case c == '-' && l.at(l.pos+1) == '-':
			for l.pos < len(l.s) && l.s[l.pos] != '\n' && l.s[l.pos] != '\r' {
				l.pos++
			}
		case c == '/' && l.at(l.pos+1) == '*':
			end := commentEnd(l.s, l.pos)
			if end < 0 {
				return true
			}
			l.pos = end
		default:
			return true
		}
	}
	return false
}

// commentEnd is the offset behind the comment that begins at i, or -1. Comments nest.
func commentEnd(s string, i int) int {
	depth := 0
	for i < len(s)-1 {
		switch {
		case s[i] == '/' && s[i+1] == '*':
			depth++
			i += 2
		case s[i] == '*' && s[i+1] == '/':
			depth--
			i += 2
			if depth == 0 {
				return i
			}
		default:
			i++
		}
	}
	return -1
}

func (l *lexer) next() tokenKind {
	c, n := l.s[l.pos], l.at(l.pos+1)
	switch {
	case c == '\'':
		return l.quoted(l.pos, '\'', false, tokString)
	case c == '"':
		return l.quoted(l.pos, '"', false, tokQuoted)
	case (c == 'e' || c == 'E') && n == '\'':
		return l.quoted(l.pos+1, '\'', true, tokString)
	case (c == 'b' || c == 'B' || c == 'x' || c == 'X') && n == '\'':
		return l.quoted(l.pos+1, '\'', false, tokBits)
	case (c == 'u' || c == 'U') && n == '&' && l.at(l.pos+2) == '\'':
		return l.quoted(l.pos+2, '\'', false, tokString)
	case (c == 'u' || c == 'U') && n == '&' && l.at(l.pos+2) == '"':
		return l.quoted(l.pos+2, '"', false, tokQuoted)
	case isIdentStart(c):
		for l.pos < len(l.s) && isIdentPart(l.s[l.pos]) {
			l.pos++
		}
		return tokIdent
	case isDigit(c) || c == '.' && isDigit(n):
		return l.number()
	case c == '$':
		return l.dollar()
	case c == ':' && (n == ':' || n == '='), c == '.' && n == '.':
		l.pos += 2
		return tokOp
	case strings.IndexByte("()[],;.:", c) >= 0:
		l.pos++
		return tokPunct
	case isOpChar(c):
		return l.operator()
	}
	return tokBad
}

// quoted reads a literal whose opening quote is at i, with the continuation
// that SQL allows: white space with a line break, then the next quote.
func (l *lexer) quoted(i int, quote byte, escapes bool, kind tokenKind) tokenKind {
	for {
		i++
		if i >= len(l.s) {
			return tokBad
		}
		switch c := l.s[i]; {
		case c == '\\' && escapes:
			i++
		case c == quote:
			if l.at(i+1) == quote && kind != tokBits {
				i++
				continue
			}
			l.pos = i + 1
			if quote == '"' {
				return kind
			}
			next := continuation(l.s, l.pos)
			if next < 0 {
				return kind
			}
			i = next
		}
	}
}

// continuation is the offset of the quote that continues a string ending at i,
// or -1. PostgreSQL allows comments between the parts; libpg_query does not,
// and refuses such a text.
func continuation(s string, i int) int {
	line := false
	for ; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\n' || c == '\r':
			line = true
		case isSpace(c):
		case c == '\'' && line:
			return i
		default:
			return -1
		}
	}
	return -1
}

func (l *lexer) digits(ok func(byte) bool) bool {
	start := l.pos
	for l.pos < len(l.s) {
		c := l.s[l.pos]
		if !ok(c) && (c != '_' || !ok(l.at(l.pos+1))) {
			break
		}
		l.pos++
	}
	return l.pos > start
}

func (l *lexer) number() tokenKind {
	if l.s[l.pos] == '0' {
		if ok := radix(l.at(l.pos + 1)); ok != nil {
			l.pos += 2
			if !l.digits(ok) || isIdentStart(l.at(l.pos)) {
				return tokBad
			}
			return tokNumber
		}
	}
	l.digits(isDigit)
	if l.at(l.pos) == '.' && l.at(l.pos+1) != '.' {
		l.pos++
		if isDigit(l.at(l.pos)) {
			l.digits(isDigit)
		}
	}
	if c := l.at(l.pos); c == 'e' || c == 'E' {
		mark := l.pos
		l.pos++
		if c := l.at(l.pos); c == '+' || c == '-' {
			l.pos++
		}
		if !isDigit(l.at(l.pos)) {
			l.pos = mark
			return tokBad
		}
		l.digits(isDigit)
	}
	if isIdentStart(l.at(l.pos)) {
		return tokBad
	}
	return tokNumber
}

func radix(c byte) func(byte) bool {
	switch c {
	case 'x', 'X':
		return func(c byte) bool {
			return isDigit(c) || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
		}
	case 'o', 'O':
		return func(c byte) bool { return c >= '0' && c <= '7' }
	case 'b', 'B':
		return func(c byte) bool { return c == '0' || c == '1' }
	}
	return nil
}

// dollar reads $1 or $tag$…$tag$.
func (l *lexer) dollar() tokenKind {
	if isDigit(l.at(l.pos + 1)) {
		l.pos++
		for isDigit(l.at(l.pos)) {
			l.pos++
		}
		if isIdentStart(l.at(l.pos)) {
			return tokBad
		}
		return tokParam
	}
	end := l.pos + 1
	if isIdentStart(l.at(end)) {
		for end < len(l.s) && (isIdentStart(l.s[end]) || isDigit(l.s[end])) {
			end++
		}
	}
	if l.at(end) != '$' {
		return tokBad
	}
	tag := l.s[l.pos : end+1]
	stop := strings.Index(l.s[end+1:], tag)
	if stop < 0 {
		return tokBad
	}
	l.pos = end + 1 + stop + len(tag)
	return tokString
}

// operator reads the longest operator, which a comment cuts short and which
// does not end in + or - unless it has one of ~ ! @ # % ^ & | ` ? (4.1.3).
func (l *lexer) operator() tokenKind {
	start, end := l.pos, l.pos
	for end < len(l.s) && isOpChar(l.s[end]) {
		if n := l.at(end + 1); l.s[end] == '-' && n == '-' || l.s[end] == '/' && n == '*' {
			break
		}
		end++
	}
	if end == start { // an unterminated comment
		return tokBad
	}
	for end > start+1 && (l.s[end-1] == '+' || l.s[end-1] == '-') &&
		!strings.ContainsAny(l.s[start:end-1], "~!@#^&|`?%") {
		end--
	}
	l.pos = end
	return tokOp
}

// fold is how PostgreSQL folds an unquoted identifier in UTF-8: ASCII only.
func fold(s string) string {
	for i := 0; i < len(s); i++ {
		if s[i] >= 'A' && s[i] <= 'Z' {
			b := []byte(s)
			for j := i; j < len(b); j++ {
				if b[j] >= 'A' && b[j] <= 'Z' {
					b[j] += 'a' - 'A'
				}
			}
			return string(b)
		}
	}
	return s
}

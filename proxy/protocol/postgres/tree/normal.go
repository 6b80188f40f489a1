package tree

import (
	"crypto/sha256"
	"strings"
)

// Normal names the text of a tree but for the bytes of its constants and the
// places in the statement: two statements with the same normal form can get no
// different verdicts. It reads the text only as far as its tokens, which is a
// few times faster than [Parse] and [Tree.Hash]; where it takes an identifier
// for a field, the token behind is no number, and nothing is left out.
func Normal(detail string) [sha256.Size]byte {
	for line := range strings.SplitSeq(detail, "\n") {
		if len(line) >= lineLength-1 && !strings.Contains(line, " ") || strings.HasSuffix(line, `\`) {
			return sha256.Sum256([]byte("?" + detail)) // where a token ends is for Parse to say
		}
	}
	buf := make([]byte, 0, len(detail))
	for i := 0; i < len(detail); {
		var tok string
		if tok, i = token(detail, i); tok == "" {
			break
		}
		buf = append(append(buf, tok...), ' ')
		if tok[0] != ':' {
			continue
		}
		switch tok {
		case ":constvalue":
			length, at := token(detail, i)
			open, at := token(detail, at)
			if _, ok := place(length); !ok || open != "[" {
				continue
			}
			for {
				var b string
				if b, at = token(detail, at); b == "" || b[0] == ']' {
					buf, i = append(buf, b...), at
					break
				}
			}
		case ":location", ":stmt_location", ":stmt_len", ":list_start", ":list_end":
			n, at := token(detail, i)
			if closing, ok := place(n); ok {
				buf, i = append(buf, closing...), at
			}
		}
	}
	return sha256.Sum256(buf)
}

// token is the next one from i, and where the one behind it may begin. Brackets
// are part of tokens here.
func token(s string, i int) (string, int) {
	for i < len(s) && (s[i] == ' ' || s[i] == '\n') {
		i++
	}
	from := i
	for i < len(s) && s[i] != ' ' && s[i] != '\n' {
		if s[i] == '\\' {
			i++
		}
		i++
	}
	return s[from:min(i, len(s))], i
}

// place splits a number, which brackets of the nodes that end with it may
// follow.
func place(s string) (closing string, ok bool) {
	i := 0
	for i < len(s) && (s[i] >= '0' && s[i] <= '9' || i == 0 && s[i] == '-') {
		i++
	}
	for _, c := range s[i:] {
		if c != '}' && c != ')' {
			return "", false
		}
	}
	return s[i:], i > 0
}

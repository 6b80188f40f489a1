package facts

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// canonical is the statement with comments, white space, trailing semicolons,
// the case of keywords and unquoted identifiers, and the quotes that an
// identifier does not need taken away. Two texts with one canonical form are
// one statement; literals stay as they are spelled.
func canonical(s string, tokens []token) []byte {
	out := make([]byte, 0, len(s))
	for _, t := range trimSemicolons(s, tokens) {
		if len(out) > 0 {
			out = append(out, ' ')
		}
		out = appendToken(out, s, t)
	}
	return out
}

func trimSemicolons(s string, tokens []token) []token {
	for len(tokens) > 0 && tokens[len(tokens)-1].text(s) == ";" {
		tokens = tokens[:len(tokens)-1]
	}
	return tokens
}

func appendToken(out []byte, s string, t token) []byte {
	text := t.text(s)
	switch t.kind {
	case tokIdent:
		return append(out, fold(text)...)
	case tokQuoted:
		if text[0] == '"' && plainIdent(text[1:len(text)-1]) {
			return append(out, text[1:len(text)-1]...)
		}
	}
	return append(out, text...)
}

// plainIdent says whether a quoted identifier means the same without its
// quotes: folded already, and no word that any PostgreSQL treats as a keyword.
func plainIdent(s string) bool {
	if s == "" || !isIdentStart(s[0]) || len(s) > 63 {
		return false
	}
	for i := 0; i < len(s); i++ {
		if !isIdentPart(s[i]) || s[i] >= 'A' && s[i] <= 'Z' {
			return false
		}
	}
	return !keyword(s)
}

// shape is the canonical form with each literal replaced by its kind. Texts
// of one shape have the same tree but for the values of constants. Booleans
// stay, being keywords.
func shape(s string, tokens []token) string {
	var b strings.Builder
	b.Grow(len(s))
	var scratch [128]byte
	for i, t := range trimSemicolons(s, tokens) {
		if i > 0 {
			b.WriteByte(' ')
		}
		switch t.kind {
		case tokString:
			b.WriteString(stringKind(t.text(s)))
		case tokBits:
			b.WriteString("b''")
		case tokNumber:
			b.WriteString(numberKind(t.text(s)))
		default:
			b.Write(appendToken(scratch[:0], s, t))
		}
	}
	return b.String()
}

// stringKind keeps apart the spellings whose value the grammar may read
// differently: U&'…' may be followed by UESCAPE.
func stringKind(text string) string {
	if text[0] == 'u' || text[0] == 'U' {
		return "u&''"
	}
	return "''"
}

// numberKind keeps apart what the grammar keeps apart: integers that fit an
// int4, and the rest.
func numberKind(text string) string {
	if len(text) <= 9 && strings.Trim(text, "0123456789") == "" {
		return "0"
	}
	if strings.Trim(text, ".0123456789") == "" && strings.Contains(text, ".") {
		return "0.0"
	}
	return text
}

// fingerprint is the hex digest of a shape, cut to 128 bits.
func fingerprint(shape string) string {
	sum := sha256.Sum256([]byte(shape))
	return hex.EncodeToString(sum[:16])
}

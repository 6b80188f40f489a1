package main

import (
	"unicode"
	"unicode/utf8"
)

type finding struct{ from, to, kind int }

// matcher looks for phrases. Unless it is exact, what is compared is the text
// without white space and invisible characters, in small letters.
type matcher struct {
	exact   bool
	phrases []phrase
	by      [256][]int // phrases by their first byte
}

type phrase struct {
	text []byte
	kind int
}

func (m *matcher) add(s string, kind int) bool {
	p := phrase{kind: kind}
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if m.exact {
			p.text = append(p.text, s[i:i+size]...)
		} else if !silent(r) {
			p.text = utf8.AppendRune(p.text, fold(r))
		}
		i += size
	}
	if len(p.text) < shortest {
		return false
	}
	m.by[p.text[0]] = append(m.by[p.text[0]], len(m.phrases))
	m.phrases = append(m.phrases, p)
	return true
}

// silent reports characters that do not count: white space, and what is not
// seen (zero-width characters, soft hyphens, marks of direction, variation
// selectors, tags).
func silent(r rune) bool {
	if r < 0x80 {
		return r == ' ' || r >= '\t' && r <= '\r'
	}
	return unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) || r == 0x034f || r == 0x115f || r == 0x1160 || r == 0x3164 || r >= 0xfe00 && r <= 0xfe0f || r >= 0xe0100 && r <= 0xe01ef
}

// fold makes a letter small; full-width forms become ordinary.
func fold(r rune) rune {
	switch {
	case r >= 'A' && r <= 'Z':
		return r | 0x20
	case r < 0x80:
		return r
	case r >= 0xff01 && r <= 0xff5e:
		return fold(r - 0xff01 + '!')
	}
	return unicode.ToLower(r)
}

// find appends what is found, in order and apart: of several phrases at one
// place the longest.
func (m *matcher) find(v []byte, out []finding) []finding {
	if len(m.phrases) == 0 {
		return out
	}
	for i := 0; i < len(v); {
		c, size := v[i], 1
		if !m.exact {
			if c >= 'A' && c <= 'Z' {
				c |= 0x20
			} else if c >= 0x80 {
				var r rune
				if r, size = utf8.DecodeRune(v[i:]); silent(r) {
					i += size
					continue
				}
				var b [utf8.UTFMax]byte
				utf8.EncodeRune(b[:], fold(r))
				c = b[0]
			}
		}
		best := finding{}
		for _, k := range m.by[c] {
			if to := m.match(v, i, m.phrases[k].text); to > best.to {
				best = finding{i, to, m.phrases[k].kind}
			}
		}
		if best.to > 0 {
			out = append(out, best)
			i = best.to
			continue
		}
		i += size
	}
	return out
}

// mostSilent is how many silent characters are looked across before each that
// counts.
const mostSilent = 16

// match is where a phrase ends that begins at i, or 0.
func (m *matcher) match(v []byte, i int, p []byte) int {
	if m.exact {
		if len(v)-i >= len(p) && string(v[i:i+len(p)]) == string(p) {
			return i + len(p)
		}
		return 0
	}
	skipped, from := 0, i
	for len(p) > 0 {
		if i >= len(v) || i-from > reach-8 {
			return 0
		}
		r, size := rune(v[i]), 1
		if r >= 0x80 {
			r, size = utf8.DecodeRune(v[i:])
		}
		if silent(r) {
			if skipped++; skipped > mostSilent {
				return 0
			}
			i += size
			continue
		}
		r = fold(r)
		want, n := rune(p[0]), 1
		if want >= 0x80 {
			want, n = utf8.DecodeRune(p)
		}
		if r != want {
			return 0
		}
		i, p, skipped = i+size, p[n:], 0
	}
	return i
}

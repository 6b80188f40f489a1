package audit

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
)

// The canonical form is the subset of RFC 8785 without floats: UTF-8 as it
// came (no normalisation), keys sorted by UTF-16 code unit, the shortest
// escapes, no white space.

const (
	maxInteger = 1 << 53 // beyond it JSON numbers stop being exact
	timeLayout = "2006-01-02T15:04:05.000000Z"
	hexDigits  = "0123456789abcdef"
	base64Key  = "base64"
)

// writer appends canonical JSON. It keeps the first error, so that callers
// look once at the end.
type writer struct {
	b   []byte
	err error
}

func (w *writer) fail(format string, args ...any) {
	if w.err == nil {
		w.err = fmt.Errorf("audit: "+format, args...)
	}
}

// key begins a member. lit is a literal such as `"event":`.
func (w *writer) key(lit string) {
	if c := w.b[len(w.b)-1]; c != '{' {
		w.b = append(w.b, ',')
	}
	w.b = append(w.b, lit...)
}

func (w *writer) open()  { w.b = append(w.b, '{') }
func (w *writer) close() { w.b = append(w.b, '}') }

func (w *writer) str(lit, s string) {
	if s == "" {
		return
	}
	w.key(lit)
	w.value(s)
}

func (w *writer) integer(lit string, n int64) {
	if n == 0 {
		return
	}
	if n > maxInteger || n < -maxInteger {
		w.fail("the number of %s is beyond 2^53", lit)
		return
	}
	w.key(lit)
	w.b = strconv.AppendInt(w.b, n, 10)
}

func (w *writer) list(lit string, l []string) {
	if len(l) == 0 {
		return
	}
	w.key(lit)
	w.b = append(w.b, '[')
	for i, s := range l {
		if i > 0 {
			w.b = append(w.b, ',')
		}
		w.value(s)
	}
	w.b = append(w.b, ']')
}

func (w *writer) stringMap(lit string, m map[string]string) {
	if len(m) == 0 {
		return
	}
	var few [16]string
	keys := few[:0]
	for k := range m {
		if !utf8.ValidString(k) || k == base64Key {
			w.fail("a key of %s is not UTF-8, or is %q, which marks bytes", lit, base64Key)
			return
		}
		keys = append(keys, k)
	}
	slices.SortFunc(keys, compareUTF16)
	w.key(lit)
	w.open()
	for _, k := range keys {
		w.key("")
		w.b = appendString(w.b, k)
		w.b = append(w.b, ':')
		w.value(m[k])
	}
	w.close()
}

// time writes UTC with exactly six decimals.
func (w *writer) time(lit string, t time.Time) {
	if t.IsZero() {
		return
	}
	t = t.UTC()
	year, month, day := t.Date()
	if year < 1 || year > 9999 {
		w.fail("the year of %s is not within 1 and 9999", lit)
		return
	}
	hour, minute, sec := t.Clock()
	w.key(lit)
	w.b = append(w.b, '"')
	w.digits(year, 4)
	w.b = append(w.b, '-')
	w.digits(int(month), 2)
	w.b = append(w.b, '-')
	w.digits(day, 2)
	w.b = append(w.b, 'T')
	w.digits(hour, 2)
	w.b = append(w.b, ':')
	w.digits(minute, 2)
	w.b = append(w.b, ':')
	w.digits(sec, 2)
	w.b = append(w.b, '.')
	w.digits(t.Nanosecond()/1000, 6)
	w.b = append(w.b, 'Z', '"')
}

func (w *writer) digits(n, width int) {
	at := len(w.b)
	w.b = append(w.b, "000000"[:width]...)
	for i := at + width - 1; i >= at; i-- {
		w.b[i] = byte('0' + n%10)
		n /= 10
	}
}

// value writes a string, or its base64 form when it is not UTF-8.
func (w *writer) value(s string) {
	if plain(s) {
		w.b = append(w.b, '"')
		w.b = append(w.b, s...)
		w.b = append(w.b, '"')
		return
	}
	if utf8.ValidString(s) {
		w.b = appendString(w.b, s)
		return
	}
	w.b = append(w.b, `{"`+base64Key+`":"`...)
	w.b = base64.StdEncoding.AppendEncode(w.b, []byte(s))
	w.b = append(w.b, `"}`...)
}

// plain reports that s is ASCII with nothing to escape, eight bytes at a time.
// It looks for the high bit, and for bytes below 0x20, quotes and backslashes
// by what subtracting borrows into it (Hacker's Delight 6-1); a borrow that
// runs over from the byte before only sends a plain string the slow way.
func plain(s string) bool {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	for ; len(s) >= 8; s = s[8:] {
		x := uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
			uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
		special := x | (x - ones*0x20) | ((x ^ ones*'"') - ones) | ((x ^ ones*'\\') - ones)
		if special&high != 0 {
			return false
		}
	}
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c >= 0x80 || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// appendString writes s, which is UTF-8, with the escapes of RFC 8785 §3.2.2.2
// and no others.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	from := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' {
			continue
		}
		b = append(b, s[from:i]...)
		from = i + 1
		if e := shortEscape(c); e != 0 {
			b = append(b, '\\', e)
		} else {
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	b = append(b, s[from:]...)
	return append(b, '"')
}

// shortEscape returns the letter after the backslash, or 0 if there is none.
func shortEscape(c byte) byte {
	switch c {
	case '"', '\\':
		return c
	case '\b':
		return 'b'
	case '\t':
		return 't'
	case '\n':
		return 'n'
	case '\f':
		return 'f'
	case '\r':
		return 'r'
	}
	return 0
}

// compareUTF16 orders as RFC 8785 §3.2.3 wants: by UTF-16 code units. It
// differs from the order of bytes only between surrogates and U+E000…U+FFFF.
func compareUTF16(a, b string) int {
	for a != "" && b != "" {
		r, n := utf8.DecodeRuneInString(a)
		s, m := utf8.DecodeRuneInString(b)
		if r != s {
			return cmp.Compare(utf16Key(r), utf16Key(s))
		}
		a, b = a[n:], b[m:]
	}
	return cmp.Compare(len(a), len(b))
}

func utf16Key(r rune) uint64 {
	if r < 0x10000 {
		return uint64(r) << 32
	}
	r -= 0x10000
	return uint64(0xd800+r>>10)<<32 | uint64(0xdc00+r&0x3ff)
}

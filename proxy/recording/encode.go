package recording

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"
)

// appendLine appends [dt_us, kind, data] and a newline, byte for byte what
// encoding/json makes of an Event, without its reflection: a busy session
// writes several for each command. TestEncodeAgainstJSON holds it to that.
func appendLine(b []byte, dt time.Duration, e *Event) ([]byte, error) {
	b = append(b, '[')
	b = strconv.AppendInt(b, max(dt.Microseconds(), 0), 10)
	b = append(b, ',')
	b = appendString(b, e.Kind)
	b = append(b, ',', '{')
	b = member(b, `"command":`, e.Command)
	b = member(b, `"text":`, e.Text)
	b = member(b, `"code":`, e.Code)
	b = member(b, `"ticket":`, e.Ticket)
	if len(e.Columns) > 0 {
		b = append(key(b, `"columns":`), '[')
		for i, c := range e.Columns {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendString(b, c)
		}
		b = append(b, ']')
	}
	if len(e.Row) > 0 {
		b = append(key(b, `"row":`), '[')
		for i, v := range e.Row {
			if i > 0 {
				b = append(b, ',')
			}
			b = v.append(b)
		}
		b = append(b, ']')
	}
	b = number(b, `"rows":`, e.Rows)
	b = number(b, `"bytes":`, e.Bytes)
	b = number(b, `"events":`, e.Events)
	if e.Cut {
		b = append(key(b, `"cut":`), "true"...)
	}
	if e.Meta != nil { // once a session
		meta, err := json.Marshal(e.Meta)
		if err != nil {
			return b, fmt.Errorf("recording: encoding the head of a recording: %w", err)
		}
		b = append(key(b, `"meta":`), meta...)
	}
	return append(b, '}', ']', '\n'), nil
}

func key(b []byte, lit string) []byte {
	if b[len(b)-1] != '{' {
		b = append(b, ',')
	}
	return append(b, lit...)
}

func member(b []byte, lit, s string) []byte {
	if s == "" {
		return b
	}
	return appendString(key(b, lit), s)
}

func number(b []byte, lit string, n int64) []byte {
	if n == 0 {
		return b
	}
	return strconv.AppendInt(key(b, lit), n, 10)
}

// append writes null, a string or the base64 form.
func (v Value) append(b []byte) []byte {
	switch {
	case v == nil:
		return append(b, "null"...)
	case utf8.Valid(v):
		return appendString(b, v)
	}
	b = append(b, `{"base64":"`...)
	b = base64.StdEncoding.AppendEncode(b, v)
	return append(b, `"}`...)
}

const hexDigits = "0123456789abcdef"

// escaped are the bytes that encoding/json does not write as they are.
var escaped = func() (t [256]bool) {
	for c := range t {
		t[c] = c < 0x20 || c >= utf8.RuneSelf || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&'
	}
	return t
}()

// appendString writes a JSON string. What is not UTF-8 becomes U+FFFD.
func appendString[T ~string | ~[]byte](b []byte, s T) []byte {
	b = append(b, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if !escaped[c] {
			i++
			continue
		}
		if c < utf8.RuneSelf {
			b = append(b, s[from:i]...)
			b = appendEscape(b, c)
			i++
			from = i
			continue
		}
		r, size := utf8.DecodeRuneInString(string(s[i:min(i+utf8.UTFMax, len(s))]))
		if r == utf8.RuneError && size == 1 {
			b = append(append(b, s[from:i]...), `\ufffd`...)
			from = i + size
		} else if r == '\u2028' || r == '\u2029' {
			b = append(append(b, s[from:i]...), `\u202`...)
			b = append(b, hexDigits[r&0xf])
			from = i + size
		}
		i += size
	}
	b = append(b, s[from:]...)
	return append(b, '"')
}

func appendEscape(b []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(b, '\\', c)
	case '\b':
		return append(b, '\\', 'b')
	case '\f':
		return append(b, '\\', 'f')
	case '\n':
		return append(b, '\\', 'n')
	case '\r':
		return append(b, '\\', 'r')
	case '\t':
		return append(b, '\\', 't')
	}
	return append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&0xf])
}

package conformance

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"regexp"
	"strings"
)

// Message is one message that a client received.
type Message struct {
	Type byte
	Body []byte
}

// field is one of an error's or a notice's.
func (m Message) field(code byte) string {
	for b := m.Body; len(b) > 1; {
		text, rest, _ := bytes.Cut(b[1:], []byte{0})
		if b[0] == code {
			return string(text)
		}
		b = rest
	}
	return ""
}

// column is one of a RowDescription's.
type column struct {
	name   string
	table  uint32
	number int
	typ    uint32
	format int
}

func (m Message) columns() []column {
	b := m.Body
	if m.Type != 'T' || len(b) < 2 {
		return nil
	}
	var out []column
	n := int(binary.BigEndian.Uint16(b))
	for b = b[2:]; n > 0; n-- {
		i := bytes.IndexByte(b, 0)
		if i < 0 || len(b) < i+19 {
			return out
		}
		name, f := string(b[:i]), b[i+1:]
		out = append(out, column{name, binary.BigEndian.Uint32(f), int(binary.BigEndian.Uint16(f[4:])),
			binary.BigEndian.Uint32(f[6:]), int(binary.BigEndian.Uint16(f[16:]))})
		b = f[18:]
	}
	return out
}

// cells are a DataRow's; nil is NULL.
func (m Message) cells() [][]byte {
	b := m.Body
	if m.Type != 'D' || len(b) < 2 {
		return nil
	}
	n := int(binary.BigEndian.Uint16(b))
	out := make([][]byte, 0, min(n, len(b)))
	for b = b[2:]; n > 0; n-- {
		if len(b) < 4 {
			return out
		}
		size := int32(binary.BigEndian.Uint32(b))
		b = b[4:]
		if size < 0 {
			out = append(out, nil)
			continue
		}
		if int(size) > len(b) {
			return out
		}
		out = append(out, b[:size:size])
		b = b[size:]
	}
	return out
}

func (m Message) String() string {
	switch m.Type {
	case 'E', 'N':
		var b strings.Builder
		word := map[byte]string{'E': "error", 'N': "notice"}[m.Type]
		fmt.Fprintf(&b, "%s %s: %s", word, m.field('C'), m.field('M'))
		for _, c := range "DHWqcstdn" {
			if f := m.field(byte(c)); f != "" {
				fmt.Fprintf(&b, " | %c %s", c, f)
			}
		}
		return b.String()
	case 'D':
		var cells []string
		for _, c := range m.cells() {
			if c == nil {
				cells = append(cells, "NULL")
			} else {
				cells = append(cells, fmt.Sprintf("%q", c))
			}
		}
		return "row " + strings.Join(cells, ", ")
	case 'T':
		var names []string
		for _, c := range m.columns() {
			names = append(names, fmt.Sprintf("%s(%d.%d type %d)", c.name, c.table, c.number, c.typ))
		}
		return "columns " + strings.Join(names, ", ")
	case 'C':
		return "tag " + strings.TrimRight(string(m.Body), "\x00")
	}
	return fmt.Sprintf("%c %q", m.Type, m.Body)
}

// Transcript is what a client received for each step of a case.
type Transcript struct {
	Steps [][]Message
	Lost  bool // the connection ended, or no answer came in time
}

// failures are the SQLSTATE and message of the first error of each step; "":
// none.
func (t *Transcript) failures() []string {
	out := make([]string, len(t.Steps))
	for i, s := range t.Steps {
		for _, m := range s {
			if m.Type == 'E' && out[i] == "" {
				out[i] = m.field('C') + " " + m.field('M')
			}
		}
	}
	if t.Lost {
		if len(out) == 0 {
			out = append(out, "")
		}
		out[len(out)-1] = "lost: the connection ended"
	}
	return out
}

// numbered is what differs in every answer of a gateway on purpose: numbers of
// commands and tickets.
var numbered = regexp.MustCompile(`\[cmd [0-9A-Z]+\]|\b[0-9A-HJKMNP-TV-Z]{26}\b|[Tt]icket [0-9A-Z]{4}-[0-9A-Z]{2}|/t/[0-9A-Z]{4}-[0-9A-Z]{2}`)

// namer says what an OID of this run is called: tables that were made again
// have other OIDs, but the same names.
type namer func(oid uint32) string

const firstOwnOID = 16384 // FirstNormalObjectId

// plain is a message as it is compared.
func plain(m Message, names namer, ignore *regexp.Regexp) []byte {
	out := []byte{m.Type}
	switch m.Type {
	case 'T':
		for _, c := range m.columns() {
			table, typ := fmt.Sprint(c.table), fmt.Sprint(c.typ)
			if c.table >= firstOwnOID {
				table = names(c.table)
			}
			if c.typ >= firstOwnOID {
				typ = names(c.typ)
			}
			out = fmt.Appendf(out, "%q %s.%d %s %d;", c.name, table, c.number, typ, c.format)
		}
		return out
	case 't': // ParameterDescription
		return fmt.Appendf(out, "%d", len(m.Body))
	case 'A': // the process that notifies differs
		return append(out, m.Body[min(4, len(m.Body)):]...)
	case 'E', 'N':
		out = append(out, numbered.ReplaceAll(m.Body, []byte("#"))...)
	default:
		out = append(out, m.Body...)
	}
	if ignore != nil {
		out = ignore.ReplaceAll(out, []byte("#"))
	}
	return out
}

// plain are all messages as they are compared.
func (t *Transcript) plain(names namer, ignore *regexp.Regexp) [][]byte {
	var out [][]byte
	for i, s := range t.Steps {
		out = append(out, fmt.Appendf(nil, "step %d", i+1))
		for _, m := range s {
			out = append(out, plain(m, names, ignore))
		}
	}
	if t.Lost {
		out = append(out, []byte("lost"))
	}
	return out
}

// differ tells the first difference between two transcripts for a reader; "":
// they are the same. again is a second transcript of what a is one of: what
// differs between those two, cell by cell, counts for nothing.
func differ(a, b *Transcript, an, bn namer, ignore *regexp.Regexp, again *Transcript) string {
	for i := range max(len(a.Steps), len(b.Steps)) {
		var noise []Message
		if again != nil && i < len(again.Steps) {
			noise = again.Steps[i]
		}
		x, y := step(a, i), step(b, i)
		if again != nil && len(noise) != len(x) {
			continue // not even their number is certain
		}
		for j := range max(len(x), len(y)) {
			switch {
			case j >= len(x):
				return fmt.Sprintf("step %d: A ends, B goes on with %.300s", i+1, y[j])
			case j >= len(y):
				return fmt.Sprintf("step %d: A goes on with %.300s, B ends", i+1, x[j])
			}
			if bytes.Equal(plain(x[j], an, ignore), plain(y[j], bn, ignore)) {
				continue
			}
			if again != nil && stable(x[j], noise[j], y[j], an, ignore) {
				continue
			}
			return fmt.Sprintf("step %d: A: %.300s\n           B: %.300s", i+1, x[j], y[j])
		}
	}
	if a.Lost != b.Lost {
		return "the connection ends on one of them"
	}
	return ""
}

func step(t *Transcript, i int) []Message {
	if i < len(t.Steps) {
		return t.Steps[i]
	}
	return nil
}

// stable says whether b differs from a only where again does too.
func stable(a, again, b Message, names namer, ignore *regexp.Regexp) bool {
	if a.Type != b.Type {
		return false
	}
	if a.Type != 'D' {
		return !bytes.Equal(plain(a, names, ignore), plain(again, names, ignore))
	}
	x, n, y := a.cells(), again.cells(), b.cells()
	if len(x) != len(y) || len(x) != len(n) {
		return false
	}
	for i := range x {
		if same(x[i], n[i]) && !same(x[i], y[i]) {
			return false
		}
	}
	return true
}

func same(a, b []byte) bool { return (a == nil) == (b == nil) && bytes.Equal(a, b) }

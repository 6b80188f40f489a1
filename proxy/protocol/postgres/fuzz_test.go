package postgres

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"sluice.dev/proxy/gate"
	"sluice.dev/proxy/mask"
)

// decode reads COPY data that comes in pieces, as copyWhole does.
func decode(c *copyMasker, pieces ...[]byte) (rows [][][]byte, raw []byte, bad bool) {
	var rest []byte
	for i, p := range pieces {
		rest = append(rest, p...)
		for {
			cells, n, verbatim, ok := c.next(rest, i == len(pieces)-1)
			if n < 0 {
				return rows, raw, true
			}
			if !ok {
				break
			}
			if verbatim != nil {
				raw = append(raw, verbatim...)
			} else {
				rows = append(rows, cloneRow(cells))
			}
			rest = rest[n:]
		}
	}
	return rows, raw, false
}

func cloneRow(cells [][]byte) [][]byte {
	out := make([][]byte, len(cells))
	for i, c := range cells {
		out[i] = bytes.Clone(c)
	}
	return out
}

var copySpecs = []copySpec{
	{format: "text", delimiter: '\t', null: `\N`}, {format: "text", delimiter: '|', null: "NULL"}, {format: "text", delimiter: ',', null: `\N`, header: true},
	{format: "csv", delimiter: ',', quote: '"', escape: '"'}, {format: "csv", delimiter: ';', quote: '\'', escape: '\\', null: `\N`, header: true},
	{format: "binary"},
}

// FuzzCopy splits COPY data anywhere: the rows are the same, and rows written
// again are read as what they were.
func FuzzCopy(f *testing.F) {
	f.Add([]byte("1\tx\\ty\t\\N\n2\t\t\\\\.\n"), 3, byte(0))
	f.Add([]byte("id,email\n1,\\N\n"), 9, byte(2))
	f.Add([]byte("1,\"a \"\"b\"\"\n,c\",\"\"\n2,,x\n"), 7, byte(3))
	f.Add([]byte("a;b\n'\\'';'\\\\'\n"), 5, byte(4))
	f.Add([]byte(binarySignature+"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x01x\xff\xff"), 20, byte(5))
	f.Fuzz(func(t *testing.T, data []byte, at int, which byte) {
		spec := copySpecs[int(which)%len(copySpecs)]
		if at < 0 || at > len(data) {
			at = len(data) / 2
		}
		whole, raw, bad := decode(&copyMasker{spec: &spec}, data)
		split, raw2, bad2 := decode(&copyMasker{spec: &spec}, data[:at:at], data[at:])
		if bad != bad2 || !bytes.Equal(raw, raw2) || !equalRows(whole, split) {
			t.Fatalf("split at %d: %q, whole %q", at, split, whole)
		}
		if bad {
			return
		}
		again := slices.Clone(raw)
		for _, cells := range whole {
			again = spec.appendRow(again, cells, nil)
		}
		if spec.format == "text" && spec.header && len(raw) == 0 {
			return
		}
		back, _, _ := decode(&copyMasker{spec: &spec}, again)
		if !equalRows(whole, back) && !ambiguous(&spec, whole) {
			t.Fatalf("written again %q: read %q, was %q", again, back, whole)
		}
	})
}

// ambiguous says whether a cell of the text format reads like the NULL string,
// which only a server that was told a NULL string without a backslash writes.
func ambiguous(s *copySpec, rows [][][]byte) bool {
	for _, r := range rows {
		for _, c := range r {
			if c != nil && s.format == "text" && string(s.appendText(nil, c)) == s.null {
				return true
			}
		}
	}
	return false
}

func equalRows(a, b [][][]byte) bool {
	return slices.EqualFunc(a, b, func(x, y [][]byte) bool {
		return slices.EqualFunc(x, y, func(p, q []byte) bool { return bytes.Equal(p, q) && (p == nil) == (q == nil) })
	})
}

// FuzzTreat masks arbitrary cells of each type: no action but none leaves the
// value, formats stay what they are, NULL stays NULL.
func FuzzTreat(f *testing.F) {
	f.Add([]byte("ada@example.com"), uint32(oidText), byte(0), 0)
	f.Add([]byte("\x00\x00\x00\x05"), uint32(oidInt4), byte(5), 1)
	f.Add([]byte("550e8400-e29b-41d4-a716-446655440000"), uint32(oidUUID), byte(5), 0)
	f.Add([]byte("\x01{\"a\": 1}"), uint32(oidJSONB), byte(1), 1)
	f.Add([]byte("{a,b}"), uint32(1009), byte(2), 0)
	key := mask.NewKey(bytes.Repeat([]byte("k"), 32))
	f.Fuzz(func(t *testing.T, v []byte, oid uint32, action byte, format int) {
		format &= 1
		ty := typeOf(oid, nil)
		treatment := mask.Treatment{Action: mask.Action(action % 8)}
		if v == nil {
			v = []byte{}
		}
		got := treat(key, treatment, "s", ty, format, v)
		if treat(key, treatment, "s", ty, format, nil) != nil {
			t.Fatal("NULL is not NULL any more")
		}
		if treatment.Action == mask.None {
			if !bytes.Equal(got, v) {
				t.Fatal("changed without a mask")
			}
			return
		}
		if !bytes.Equal(got, treat(key, treatment, "s", ty, format, v)) {
			t.Fatal("not the same twice")
		}
		if len(v) > 16 && bytes.Contains(got, v) {
			t.Fatalf("%v of %q is %q", treatment.Action, v, got)
		}
		if format == 1 && ty.family == familyInt && got != nil && len(got) != ty.width {
			t.Fatalf("an integer of %d bytes", len(got))
		}
	})
}

// FuzzSpans replaces what a detector found: nothing of it stays, and JSON stays
// JSON.
func FuzzSpans(f *testing.F) {
	f.Add([]byte(`{"mail": "ada@example.com"}`), 10, 25, byte(0))
	f.Add([]byte("call 5550 1234 now"), 5, 14, byte(1))
	key := mask.NewKey(bytes.Repeat([]byte("k"), 32))
	f.Fuzz(func(t *testing.T, v []byte, from, to int, kind byte) {
		if from < 0 || to > len(v) || from >= to {
			return
		}
		ty := typeInfo{family: []family{familyText, familyJSON}[kind%2]}
		got := replaceSpans(key, mask.Treatment{Action: mask.Redact}, "s", ty, 0, v, []gate.Edit{{From: uint32(from), To: uint32(to)}})
		if ty.family == familyJSON && !json.Valid(got) {
			t.Fatalf("%q is no JSON any more: %q", v, got)
		}
		if want := len(v) - (to - from) + len(mask.Placeholder); ty.family == familyText && len(got) != want {
			t.Fatalf("%d bytes, want %d", len(got), want)
		}
	})
}

// FuzzReplacements puts what a plugin gives in place of what it found: whatever
// that is, the cell is one of its type.
func FuzzReplacements(f *testing.F) {
	f.Add([]byte(`{"card": 4111}`), []byte("null"), 9, 13, byte(1), byte(0))
	f.Add([]byte("\x01{}"), []byte("\x07 1"), 0, 3, byte(2), byte(1))
	f.Add([]byte("a note"), []byte("\x00"), 0, 1, byte(0), byte(0))
	f.Add([]byte("ä"), []byte{}, 0, 1, byte(0), byte(0))
	f.Add([]byte("{1,2}"), []byte("}"), 1, 2, byte(3), byte(0))
	key := mask.NewKey(bytes.Repeat([]byte("k"), 32))
	f.Fuzz(func(t *testing.T, v, given []byte, from, to int, kind, format byte) {
		if from < 0 || to > len(v) || from >= to || given == nil {
			return
		}
		ty := typeInfo{family: []family{familyText, familyJSON, familyJSONB, familyArray, familyOther}[kind%5]}
		got := replaceSpans(key, mask.Treatment{Action: mask.Replace}, "s", ty, int(format%2), v, []gate.Edit{{From: uint32(from), To: uint32(to), Replacement: given}})
		switch {
		case ty.family == familyJSON || ty.family == familyJSONB:
			if ty.family == familyJSONB && format%2 == 1 {
				if got[0] != 1 {
					t.Fatalf("jsonb of version %d", got[0])
				}
				got = got[1:]
			}
			if !json.Valid(got) || !utf8.Valid(got) {
				t.Fatalf("%q is no JSON any more: %q", v, got)
			}
		case ty.family == familyText:
			if !utf8.Valid(got) || bytes.IndexByte(got, 0) >= 0 {
				t.Fatalf("no text of a database's: %q", got)
			}
		case !bytes.Equal(got, placeholder(ty, int(format%2))):
			t.Fatalf("of a type with a syntax of its own: %q", got)
		}
		if want := string(v[:from]) + string(given) + string(v[to:]); ty.family == familyText && utf8.ValidString(want) && !strings.Contains(want, "\x00") && string(got) != want {
			t.Fatalf("%q, want %q", got, want)
		}
	})
}

// FuzzFields reads arbitrary bytes as an error of the database's: what is
// scrubbed keeps only what masking.md 8 lets stay.
func FuzzFields(f *testing.F) {
	f.Add([]byte("SERROR\x00C23505\x00Mduplicate\x00DKey (mail)=(canary)\x00\x00"))
	f.Fuzz(func(t *testing.T, body []byte) {
		fields, err := readFields(body)
		if err != nil {
			return
		}
		if again, err := readFields(appendFields(nil, 'E', fields)[5:]); err != nil || !slices.Equal(again, fields) {
			t.Fatalf("%v is not what it was: %v, %v", fields, again, err)
		}
		for _, x := range scrub(fields) {
			if bytes.IndexByte([]byte("DHWqp"), x.typ) >= 0 {
				t.Fatalf("field %c stays", x.typ)
			}
		}
	})
}

// FuzzPath splits what SHOW search_path may print.
func FuzzPath(f *testing.F) {
	f.Add(`"$user", public, "Odd ""name"", with, commas"`)
	f.Fuzz(func(t *testing.T, s string) {
		names, ok := splitPath(s)
		if ok && len(names) > len(s) {
			t.Fatalf("%d names in %d bytes", len(names), len(s))
		}
	})
}

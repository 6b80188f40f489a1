package plugin

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	sluice "sluice.dev/sdk/go"
)

// A batch as the host writes it is what the SDK reads.
func TestBatchRoundTrip(t *testing.T) {
	b := &Batch{
		Columns: []Column{{Name: "id", Table: "public.t", Type: "int4", Binary: true}, {}, {Name: "ünï", Type: "text"}},
		Cells:   []Cell{{Column: 0, Value: []byte{0, 1, 2}}, {Column: 2, Null: true}, {Column: 2, Value: []byte{}}, {Column: 1, Value: []byte("x")}},
	}
	columns := b.columnsSize()
	p := b.next(0, 0, 64, cut{MaxBatch, MaxCells})
	n, data := b.pieceSize(p, columns)
	out := bytes.Repeat([]byte{0xee}, n)
	b.put(out, p)
	got, ok := sluice.ReadBatch(out)
	if !ok || got.Columns() != 3 || got.Cells() != 4 || data != 4 || got.Window() {
		t.Fatal(got, ok, data)
	}
	for i, c := range b.Columns {
		if g := got.Column(i); g.Name() != c.Name || g.Table() != c.Table || g.Type() != c.Type || g.Binary() != c.Binary {
			t.Errorf("column %d", i)
		}
	}
	for i, c := range b.Cells {
		v, col := got.Cell(i)
		if !bytes.Equal(v, c.Value) || (v == nil) != c.Null || col != int(c.Column) {
			t.Errorf("cell %d: %q in %d", i, v, col)
		}
	}
	if _, ok := sluice.ReadBatch([]byte{1, 0, 0, 0}); ok {
		t.Error("half a header")
	}
	out[0] = 1
	if _, ok := sluice.ReadBatch(out); ok {
		t.Error("a kind of batch that the SDK cannot know")
	}
}

// Edits as the SDK writes them are what the host reads.
func TestEditsRoundTrip(t *testing.T) {
	b := cells("0123456789", "0123456789")
	var e sluice.Edits
	for range 2 {
		e.Reset()
		if e.Bytes() != nil {
			t.Fatal("something of nothing")
		}
		e.Add(0, 1, 2, 1)
		e.Replace(0, 2, 4, 0, []byte("long text"))
		e.Replace(1, 0, 10, 0, nil)
		got, bad := b.decode(e.Bytes(), b.next(0, 0, 64, cut{MaxBatch, MaxCells}), []string{"a", "b"}, nil)
		want := []Edit{{0, 1, 2, "b", nil}, {0, 2, 4, "a", []byte("long text")}, {1, 0, 10, "a", []byte{}}}
		if bad != "" || !reflect.DeepEqual(got, want) {
			t.Fatalf("%+v %s", got, bad)
		}
	}
}

func TestManifestRoundTrip(t *testing.T) {
	p := sluice.Plugin{
		Manifest: sluice.Manifest{Name: "x", Version: "1", Description: "a \"quoted\"\n\\ \x01\x7f text ‹é›", Capabilities: []string{"log", "pseudonym"}, Kinds: []string{"k"}, Reach: 77, Settings: `{"type":"object"}`, Vectors: "mask\ntext: ‹k a›\n"},
		Mask:     func(*sluice.Batch, *sluice.Edits) error { return nil },
		Trigger:  func(*sluice.Command) (*sluice.Hold, error) { return nil, nil },
	}
	m, err := readManifest(p.JSON())
	if err != nil {
		t.Fatal(err)
	}
	want := Manifest{ABI: ABI, Name: "x", Version: "1", Description: p.Manifest.Description, Provides: []string{"mask", "trigger"}, Capabilities: []string{"log", "pseudonym"}, Kinds: []string{"k"}, Reach: 77, Settings: []byte(`{"type":"object"}`), Vectors: "mask\ntext: ‹k a›\n"}
	if !reflect.DeepEqual(m, want) {
		t.Fatalf("%+v", m)
	}
}

func TestBadClassifications(t *testing.T) {
	field := func(tag byte, v string) string {
		return string([]byte{tag, 0, 0, 0, byte(len(v)), 0, 0, 0}) + v
	}
	num := func(v ...byte) string {
		var s string
		for _, n := range v {
			s += string([]byte{n, 0, 0, 0})
		}
		return s
	}
	c := &Command{Text: "0123456789", Params: []Param{{Value: []byte("abc")}, {Null: true}}}
	for in, want := range map[string]string{
		"\x01\x00\x00":                             "ends inside a field",
		"\x01\x00\x00\x00\x09\x00\x00\x00abc":      "longer than it",
		field(1, "UPPER"):                          "a label that is not",
		field(1, ""):                               "a label that is not",
		field(1, strings.Repeat("x", 65)):          "a label that is not",
		strings.Repeat(field(1, "a"), MaxLabels+1): "more than 32 labels",
		field(2, num(101)):                         "between 0 and 100",
		field(2, "x"):                              "between 0 and 100",
		field(3, "\xff"):                           "not UTF-8",
		field(4, num(0, 5, 5)):                     "bytes 5 to 5 of 10",
		field(4, num(0, 5, 11)):                    "bytes 5 to 11 of 10",
		field(4, num(1, 0, 4)):                     "bytes 0 to 4 of 3",
		field(4, num(2, 0, 1)):                     "bytes 0 to 1 of 0",
		field(4, num(3, 0, 1)):                     "parameter 2 of 2",
		field(4, num(0, 0, 1)+"Not A Kind"):        "whose kind",
		field(4, num(0, 0)):                        "too short",
	} {
		if _, err := DecodeClassification([]byte(in), c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", in, err, want)
		}
	}
	if got, err := DecodeClassification([]byte(field(99, "new")+field(1, "b")+field(1, "a")+field(1, "b")+field(2, num(5))+field(2, num(3))), c); err != nil || !reflect.DeepEqual(got, Classification{Labels: []string{"a", "b"}, Risk: 5}) {
		t.Error(got, err)
	}
	if _, bad := decodeHold([]byte(field(2, "why"))); !strings.Contains(bad, "without an approval") {
		t.Error(bad)
	}
}

func TestBadVectors(t *testing.T) {
	for in, want := range map[string]string{
		"\n\nfoo\n":             "line 3: \"foo\"",
		"mask\nnonsense":        "line 2",
		"mask\ntext: a ‹kind":   "a mark is",
		"mask\ntext: ‹kind›":    "a mark is",
		"mask\ntext: \"\\q\"":   "not a Go string",
		"classify x\nrisk: 101": "between 0 and 100",
		"classify x\nfacts: {":  "not JSON",
		"classify x\nfoo: 1":    "has text, param",
		"mask\nlabels: a":       "has text, null",
	} {
		if _, err := ParseVectors(in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", in, err, want)
		}
	}
	list, err := ParseVectors("settings: {\"a\":1}\r\n\r\nmask\r\ncolumn: public.t.c json\ntext: \"x\\x00‹k y → z›\"\nnull:\n\n# c\nclassify p\nsettings: {}\ntext: t\n")
	if err != nil || len(list) != 2 || list[0].Settings != `{"a":1}` || list[1].Settings != "{}" || string(list[0].Batch.Cells[0].Value) != "x\x00y" ||
		list[0].Batch.Columns[1] != (Column{Name: "c", Table: "public.t", Type: "json"}) || string(list[0].Edits[0].Replacement) != "z" || !list[0].Batch.Cells[1].Null {
		t.Fatalf("%+v %v", list, err)
	}
}

// What a module returns is decoded without harm, and what is accepted keeps
// the promises of Mask: in range, in order, apart.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(editsOf(2, [4]uint32{0, 0, 3, 0}, [4]uint32{1, 2, 4, 0})), false)
	f.Add([]byte(editsOf(1, [4]uint32{0, 0, 9, 0})), true)
	f.Fuzz(func(t *testing.T, res []byte, window bool) {
		b := cells("0123456789", "abcdef")
		p := piece{count: 2}
		if window {
			p = piece{count: 1, window: true, from: 2, to: 9, accept: 3, before: 7}
		}
		got, bad := b.decode(res, p, []string{"k"}, []Edit{{Cell: 0, From: 0, To: 1}})
		if bad == "" {
			for i, e := range got[1:] {
				last := got[i]
				if int(e.Cell) >= p.count || e.From >= e.To || int(e.To) > len(b.Cells[e.Cell].Value) || i > 0 && (e.Cell < last.Cell || e.Cell == last.Cell && e.From < last.To) {
					t.Fatalf("%+v", got)
				}
			}
		}
		c := &Command{Text: "0123456789", Params: []Param{{Value: []byte("abc")}}}
		if is, err := DecodeClassification(res, c); err == nil {
			for _, s := range is.Spans {
				if v := []byte(c.Text); s.Param >= 0 {
					_ = c.Params[s.Param].Value[s.From:s.To]
				} else {
					_ = v[s.From:s.To]
				}
			}
		}
		if h, bad := decodeHold(res); bad == "" && h != nil && h.Approval == "" {
			t.Fatal("a hold of nobody")
		}
		if _, err := readManifest(res); err == nil && !bytes.Contains(res, []byte("sluice/1")) {
			t.Fatal("a manifest of no ABI")
		}
	})
}

func FuzzVectors(f *testing.F) {
	f.Add("settings: {}\n\nmask\ntext: a ‹k b› c\nnull:\n\nclassify p\nlabels: a b\nrisk: 5")
	f.Fuzz(func(t *testing.T, file string) {
		list, err := ParseVectors(file)
		if err != nil {
			return
		}
		for _, v := range list {
			for i, c := range v.Batch.Cells {
				Marked(c.Value, uint32(i), v.Edits)
			}
		}
	})
}

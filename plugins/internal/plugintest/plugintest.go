// Package plugintest runs a shipped plugin natively, as the gateway runs its
// module: on the vectors that it carries, and on single values and commands.
package plugintest

import (
	"encoding/binary"
	"slices"
	"strconv"
	"strings"
	"testing"

	"sluice.dev/proxy/plugin"
	sluice "sluice.dev/sdk/go"
)

// Finding is an edit of one value; With is nil where there is no replacement.
type Finding struct {
	From, To int
	Kind     string
	With     []byte
}

// Vectors runs a file of vectors (sdk/ABI.md 9), of which there are at least
// least, on the registered plugin.
func Vectors(t *testing.T, file string, least int) {
	t.Helper()
	list, err := plugin.ParseVectors(file)
	if err != nil {
		t.Fatal(err)
	}
	if len(list) < least {
		t.Fatalf("%d vectors, want %d", len(list), least)
	}
	for _, v := range list {
		Configure(t, v.Settings)
		switch v.Does {
		case "mask":
			cells(t, &v)
		case "classify":
			got := Classify(t, &v.Command)
			if !slices.Equal(got.Labels, v.Want.Labels) || v.WantRisk && got.Risk != v.Want.Risk || !slices.Equal(got.Spans, v.Want.Spans) {
				t.Errorf("vector at line %d: %s\n got %v %d %v\nwant %v %d %v", v.Line, v.Command.Text, got.Labels, got.Risk, got.Spans, v.Want.Labels, v.Want.Risk, v.Want.Spans)
			}
		default:
			t.Fatalf("line %d: %s", v.Line, v.Does)
		}
	}
}

func cells(t *testing.T, v *plugin.Vector) {
	for i, c := range v.Batch.Cells {
		var want []Finding
		for _, e := range v.Edits {
			if int(e.Cell) == i {
				want = append(want, Finding{int(e.From), int(e.To), e.Kind, e.Replacement})
			}
		}
		if c.Null {
			continue
		}
		got := Mask(t, v.Batch.Columns[c.Column], c.Value)
		if g, w := Show(c.Value, got), Show(c.Value, want); g != w {
			t.Errorf("vector at line %d:\n got %s\nwant %s", v.Line, g, w)
		}
	}
}

// Show writes findings into a value, as vectors have them.
func Show(v []byte, f []Finding) string {
	var b strings.Builder
	at := 0
	for _, f := range f {
		b.Write(v[at:f.From])
		b.WriteString("‹" + f.Kind + " ")
		b.Write(v[f.From:f.To])
		if f.With != nil {
			b.WriteString(" → " + string(f.With))
		}
		b.WriteString("›")
		at = f.To
	}
	b.Write(v[at:])
	return strconv.QuoteToGraphic(b.String())
}

// Configure gives the plugin its settings; "" is none.
func Configure(t testing.TB, settings string) {
	t.Helper()
	if settings == "" {
		settings = "{}"
	}
	if p := sluice.Registered(); p.Configure != nil {
		if err := p.Configure(sluice.Value(settings)); err != nil {
			t.Fatalf("%s: %v", settings, err)
		}
	}
}

// Mask runs the plugin on one value, and fails where its edits are not in
// order, in range and apart, or of no kind.
func Mask(t testing.TB, column plugin.Column, value []byte) []Finding {
	t.Helper()
	return mask(t, encode(column, value, false), value)
}

// MaskWindow is Mask for a piece of a longer value.
func MaskWindow(t testing.TB, column plugin.Column, value []byte) []Finding {
	t.Helper()
	return mask(t, encode(column, value, true), value)
}

func mask(t testing.TB, input, value []byte) (out []Finding) {
	t.Helper()
	b, ok := sluice.ReadBatch(input)
	if !ok {
		t.Fatal("the batch is not one")
	}
	p := sluice.Registered()
	var edits sluice.Edits
	edits.Reset()
	if err := p.Mask(&b, &edits); err != nil {
		t.Fatal(err)
	}
	res := edits.Bytes()
	last := 0
	for i := range edits.Len() {
		e := res[8+24*i:]
		n := func(at int) int { return int(binary.LittleEndian.Uint32(e[at:])) }
		f := Finding{From: n(4), To: n(8)}
		if n(0) != 0 || f.From < last || f.From >= f.To || f.To > len(value) || n(12) >= len(p.Manifest.Kinds) {
			t.Fatalf("edit %d of %q: cell %d, %d to %d of kind %d, after %d", i, value, n(0), f.From, f.To, n(12), last)
		}
		if n(20) != 1<<32-1 {
			f.With = append([]byte{}, res[n(16):n(16)+n(20)]...)
		}
		last, f.Kind = f.To, p.Manifest.Kinds[n(12)]
		out = append(out, f)
	}
	return out
}

// encode writes a batch of one cell (sdk/ABI.md 5).
func encode(column plugin.Column, value []byte, window bool) []byte {
	const at = 32 + 28 + 12
	head := make([]byte, at)
	put := func(at, n int) { binary.LittleEndian.PutUint32(head[at:], uint32(n)) }
	put(4, 1)
	put(8, 1)
	put(12, 32)
	put(16, 32+28)
	if window {
		put(20, 1)
	}
	if column.Binary {
		put(32, 1)
	}
	texts := column.Name + column.Table + column.Type
	place := at
	for i, s := range []string{column.Name, column.Table, column.Type} {
		put(36+8*i, place)
		put(40+8*i, len(s))
		place += len(s)
	}
	put(64, at+len(texts))
	put(68, len(value))
	return append(append(head, texts...), value...)
}

// Classify runs the plugin on one command, and fails where the gateway would
// refuse what it says.
func Classify(t testing.TB, c *plugin.Command) plugin.Classification {
	t.Helper()
	in := sluice.Command{Protocol: c.Protocol, Text: []byte(c.Text), Facts: c.Facts}
	for _, p := range c.Params {
		in.Params = append(in.Params, sluice.Param{Null: p.Null, Binary: p.Binary, Value: p.Value})
	}
	var is sluice.Classification
	if err := sluice.Registered().Classify(&in, &is); err != nil {
		t.Fatal(err)
	}
	got, err := plugin.DecodeClassification(is.Bytes(), c)
	if err != nil {
		t.Fatalf("%q: %v", c.Text, err)
	}
	return got
}

package main

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"sluice.dev/proxy/plugin"
)

// The vectors, natively; proxy/plugin's tests run them as Wasm.
func TestVectors(t *testing.T) {
	b, err := os.ReadFile("vectors.txt")
	if err != nil {
		t.Fatal(err)
	}
	list, err := plugin.ParseVectors(string(b))
	if err != nil {
		t.Fatal(err)
	}
	if len(list) < 5 {
		t.Fatalf("only %d vectors", len(list))
	}
	for _, v := range list {
		if err := configure([]byte(v.Settings)); err != nil {
			t.Fatalf("line %d: %v", v.Line, err)
		}
		for i, c := range v.Batch.Cells {
			var want []finding
			for _, e := range v.Edits {
				if int(e.Cell) == i {
					want = append(want, finding{int(e.From), int(e.To), indexOf(e.Kind)})
				}
			}
			work = mostWork
			got := scanner.find(c.Value, nil)
			if show(c.Value, got) != show(c.Value, want) {
				t.Errorf("vector at line %d:\n got %s\nwant %s", v.Line, show(c.Value, got), show(c.Value, want))
			}
		}
	}
}

func indexOf(kind string) int {
	for i, k := range kinds {
		if k == kind {
			return i
		}
	}
	return -1
}

func show(v []byte, f []finding) string {
	var b strings.Builder
	at := 0
	for _, f := range f {
		b.Write(v[at:f.from])
		b.WriteString("‹" + kinds[f.kind] + " ")
		b.Write(v[f.from:f.to])
		b.WriteString("›")
		at = f.to
	}
	b.Write(v[at:])
	return b.String()
}

// Findings are in order, in range and apart, whatever the value is; and what
// is found in a value is found in it between spaces.
func FuzzFind(f *testing.F) {
	for _, s := range []string{"ann@example.com", "a@@b.cc 4111 1111 1111 1111", "+49 30 901820", "(555) 234-5678", "de89370400440532013000", "0049 30 901820 1@2.cc", "pppppp ppdppppppppppp6p"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, v []byte) {
		all := everything()
		work = mostWork
		got := all.find(v, nil)
		last := 0
		for _, x := range got {
			if x.from < last || x.from >= x.to || x.to > len(v) || x.kind < 0 || x.kind >= len(kinds) {
				t.Fatalf("%v in %q", got, v)
			}
			last = x.to
		}
		if bytes.ContainsFunc(v, func(r rune) bool { return r == ' ' }) {
			return
		}
		work = mostWork
		padded := all.find(append(append([]byte("  "), v...), "  "...), nil)
		if len(padded) != len(got) {
			t.Fatalf("%q: %v alone, %v between spaces", v, got, padded)
		}
	})
}

func BenchmarkFind(b *testing.B) {
	v := []byte(strings.Repeat("called on 2024-03-12 about order 100042, wrote from p7@example.com; said the parcel never came\n", 600))
	b.SetBytes(int64(len(v)))
	all := everything()
	var out []finding
	for b.Loop() {
		work = mostWork
		out = all.find(v, out[:0])
	}
}

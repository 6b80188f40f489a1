package main

import (
	"os"
	"slices"
	"strings"
	"testing"

	"sluice.dev/proxy/plugin"
	sluice "sluice.dev/sdk/go"
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
	if len(list) < 30 {
		t.Fatalf("only %d vectors", len(list))
	}
	for _, v := range list {
		if err := configure([]byte(v.Settings)); err != nil {
			t.Fatal(err)
		}
		c := sluice.Command{Protocol: v.Command.Protocol, Text: []byte(v.Command.Text), Facts: v.Command.Facts}
		for _, p := range v.Command.Params {
			c.Params = append(c.Params, sluice.Param{Null: p.Null, Value: p.Value})
		}
		var is sluice.Classification
		if err := classify(&c, &is); err != nil {
			t.Fatal(err)
		}
		got, err := plugin.DecodeClassification(is.Bytes(), &v.Command)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got.Labels, v.Want.Labels) || v.WantRisk && got.Risk != v.Want.Risk || !slices.Equal(got.Spans, v.Want.Spans) {
			t.Errorf("vector at line %d: %s\n got %v %d %v\nwant %v %d %v", v.Line, v.Command.Text, got.Labels, got.Risk, got.Spans, v.Want.Labels, v.Want.Risk, v.Want.Spans)
		}
	}
}

// Whatever the text is, what comes out is valid.
func FuzzClassify(f *testing.F) {
	for _, s := range []string{"DELETE FROM t", "select $a$x$a$ 'it''s' e'\\'' /* /* */ */ --", "COPY (select 1) TO PROGRAM 'x'", "alter role x password 'y'", "or 1=1", "with x as (update"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var is sluice.Classification
		c := sluice.Command{Protocol: "postgres", Text: []byte(text)}
		if err := classify(&c, &is); err != nil {
			t.Fatal(err)
		}
		if _, err := plugin.DecodeClassification(is.Bytes(), &plugin.Command{Text: text}); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		last := 0
		for _, k := range lex([]byte(text), nil) {
			if k.from < last || k.to <= k.from || k.to > len(text) {
				t.Fatalf("%q: token %v after %d", text, k, last)
			}
			last = k.to
		}
	})
}

func TestLongStatement(t *testing.T) {
	var is sluice.Classification
	c := sluice.Command{Protocol: "postgres", Text: []byte("INSERT INTO t VALUES " + strings.Repeat("('x', 1), ", 1000) + "('x', 1)")}
	if err := classify(&c, &is); err != nil {
		t.Fatal(err)
	}
	got, err := plugin.DecodeClassification(is.Bytes(), &plugin.Command{Text: string(c.Text)})
	if err != nil || !slices.Equal(got.Labels, []string{"literal-flood"}) {
		t.Fatal(got, err)
	}
}

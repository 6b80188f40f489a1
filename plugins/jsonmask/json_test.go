package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"sluice.dev/plugins/internal/plugintest"
	"sluice.dev/proxy/plugin"
	sluice "sluice.dev/sdk/go"
)

// The vectors, natively; proxy/plugin's tests run them as Wasm.
func TestVectors(t *testing.T) { plugintest.Vectors(t, vectors, 6) }

func TestPaths(t *testing.T) {
	for path, want := range map[string]string{
		"$.a-b":     `/paths/0: a name with "-" stands in brackets and quotes: ['a-b']`,
		"a":         "/paths/0: a path begins with $",
		"$.":        `/paths/0: a name is missing at ""`,
		"$[1:2]":    `/paths/0: only names in quotes, indices from 0 and * are known in brackets, at ":2]"`,
		"$[-1]":     `/paths/0: only names in quotes, indices from 0 and * are known in brackets, at "-1]"`,
		"$[?@.a]":   `/paths/0: only names in quotes, indices from 0 and * are known in brackets, at "?@.a]"`,
		"$['a":      "/paths/0: a quote is not closed",
		"$[0":       `/paths/0: only names in quotes, indices from 0 and * are known in brackets, at ""`,
		"$x":        `/paths/0: expected . or [ at "x"`,
		"$.a.*[0]":  "",
		"$..['a\"]": "/paths/0: a quote is not closed",
	} {
		b, _ := json.Marshal(map[string]any{"paths": []string{path}})
		err := configure(sluice.Value(b))
		if want == "" && err != nil || want != "" && (err == nil || err.Error() != want) {
			t.Errorf("%s: %v, want %s", path, err, want)
		}
	}
}

// Binary jsonb has a version byte in front; a window of a long value, and what
// nests too deep, are hidden whole.
func TestForms(t *testing.T) {
	plugintest.Configure(t, `{"paths":["$.ssn"]}`)
	jsonb := plugin.Column{Type: "jsonb", Binary: true}
	v := []byte("\x01{\"ssn\": \"123\"}")
	if got := plugintest.Mask(t, jsonb, v); len(got) != 1 || string(v[got[0].From:got[0].To]) != "123" {
		t.Error(got)
	}
	if got := plugintest.Mask(t, jsonb, []byte("\x01{")); len(got) != 1 || got[0].From != 1 || got[0].To != 2 || got[0].Kind != "json-document" {
		t.Error(got)
	}
	if got := plugintest.MaskWindow(t, plugin.Column{Type: "text"}, []byte(`"ssn": "123"}`)); len(got) != 1 || got[0].From != 0 || got[0].To != 13 {
		t.Error(got)
	}
	deep := []byte(strings.Repeat("[", mostDepth) + strings.Repeat("]", mostDepth))
	if got := plugintest.Mask(t, plugin.Column{Type: "json"}, deep); len(got) != 1 || got[0].Kind != "json-document" {
		t.Error(got)
	}
}

// What is valid is what encoding/json calls so, and it stays valid with each
// finding replaced: text by ***, the rest by the plugin's null.
func FuzzDocument(f *testing.F) {
	for _, s := range []string{`{"a":{"b":[1,"x",null]},"c":"\u00e9\n"}`, `[1e5,-0.1,{"a":""}]`, `{"a":01}`, `"a"`, `{"a" 1}`, ` [ ] `, `{"a":[{"b":1},{"b":"2"}]}`} {
		f.Add([]byte(s))
	}
	plugintest.Configure(f, `{"paths":["$.a","$..b","$[*].c[0]","$..[1,2]"],"containers":"leaves"}`)
	f.Fuzz(func(t *testing.T, v []byte) {
		if len(v) == 0 {
			return
		}
		got := plugintest.Mask(t, plugin.Column{Type: "json"}, v)
		whole := len(got) == 1 && got[0].Kind == "json-document"
		if !json.Valid(v) && !whole || whole && json.Valid(v) && bytes.Count(v, []byte("["))+bytes.Count(v, []byte("{")) < mostDepth {
			t.Fatalf("%q: %v, encoding/json says %v", v, got, json.Valid(v))
		}
		if whole || !utf8.Valid(v) {
			return
		}
		var out []byte
		at := 0
		for _, f := range got {
			out = append(out, v[at:f.From]...)
			if f.With != nil {
				out = append(out, f.With...)
			} else {
				out = append(out, "***"...)
			}
			at = f.To
		}
		if out = append(out, v[at:]...); !json.Valid(out) {
			t.Fatalf("%q becomes %q", v, out)
		}
	})
}

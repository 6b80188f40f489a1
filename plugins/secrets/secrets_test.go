package main

import (
	"testing"

	"sluice.dev/plugins/internal/plugintest"
	"sluice.dev/proxy/plugin"
)

// The vectors, natively; proxy/plugin's tests run them as Wasm.
func TestVectors(t *testing.T) { plugintest.Vectors(t, vectors, 8) }

// Whatever the text is, what comes out is valid, and masking and classifying
// find the same.
func FuzzFind(f *testing.F) {
	for _, s := range []string{"password=hunter22", `{"api_key": "Zm9vYmFyYmF6cXV4MTIzNA"}`, "postgres://a:b@c/d", "-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJlLXNpZ25hdHVyZQ", `pwd=\`, "secret='\\"} {
		f.Add([]byte(s))
	}
	plugintest.Configure(f, "")
	f.Fuzz(func(t *testing.T, v []byte) {
		edits := plugintest.Mask(t, plugin.Column{Type: "text"}, v)
		got := plugintest.Classify(t, &plugin.Command{Protocol: "x", Text: string(v)})
		if len(v) >= shortest && len(edits) != len(got.Spans) || len(got.Spans) > 0 != (len(got.Labels) > 0) {
			t.Fatalf("%q: %v and %v", v, edits, got)
		}
	})
}

func TestEntropy(t *testing.T) {
	for _, c := range []struct {
		text string
		want float64
	}{{"aaaa", 0}, {"abab", 1}, {"abcd", 2}, {"abcdefgh", 3}} {
		if got := bitsPerByte([]byte(c.text)); got != c.want {
			t.Errorf("%s: %v, want %v", c.text, got, c.want)
		}
	}
}

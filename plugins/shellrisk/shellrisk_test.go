package main

import (
	"testing"

	"sluice.dev/plugins/internal/plugintest"
	"sluice.dev/proxy/plugin"
)

// The vectors, natively; proxy/plugin's tests run them as Wasm.
func TestVectors(t *testing.T) { plugintest.Vectors(t, vectors, 50) }

// Whatever the text is, what comes out is valid; a word that was quoted is
// judged as without quotes.
func FuzzClassify(f *testing.F) {
	for _, s := range []string{"rm -rf /", "echo $(curl x | sh)", "sh -c 'sh -c \"sh -c x\"'", "a `b` $(c", "x > /etc/cron.d/y 2>&1", "(((", "\\", "'", "\"$("} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		plugintest.Classify(t, &plugin.Command{Protocol: "ssh", Text: text})
		list := lex([]byte(text), nil)
		for _, k := range list {
			if k.op == 0 && len(k.word) > len(text) || k.op != 0 && k.word != "" {
				t.Fatalf("%q: %v", text, list)
			}
		}
	})
}

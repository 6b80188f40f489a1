package main

import (
	"testing"

	"sluice.dev/plugins/internal/plugintest"
	"sluice.dev/proxy/plugin"
	sluice "sluice.dev/sdk/go"
)

// The vectors, natively; proxy/plugin's tests run them as Wasm.
func TestVectors(t *testing.T) { plugintest.Vectors(t, vectors, 6) }

func TestShortPhrase(t *testing.T) {
	err := configure(sluice.Value(`{"markers":["long enough","a b c d e f"]}`))
	if err == nil || err.Error() != "/markers/1: has fewer than 8 bytes that count; take a longer phrase" {
		t.Fatal(err)
	}
}

// What is found alone is found with invisible characters and spaces put in.
func FuzzFind(f *testing.F) {
	f.Add("Internal use only: helper", "x Internal  USE only: helper y")
	f.Add("ÄÖÜäöüß€", "ÄÖÜ äöüß€")
	f.Add("aaaaaaaa", "aaaaaaaaaaaaaaaaaaaaa")
	f.Fuzz(func(t *testing.T, phrase, text string) {
		words = matcher{}
		if !words.add(phrase, marker) || len(phrase) > 200 {
			return
		}
		plugintest.Mask(t, plugin.Column{Type: "text"}, []byte(text))
		var plain, hidden []byte
		for _, r := range phrase {
			if silent(r) {
				continue // many in a row are not looked across
			}
			plain = append(plain, string(r)...)
			hidden = append(append(hidden, string(r)...), "\u200b \u00ad"...)
		}
		if len(words.find(plain, nil)) != 1 {
			t.Fatalf("%q is not found in %q", phrase, plain)
		}
		if len(words.find(hidden, nil)) != 1 {
			t.Fatalf("%q is not found in %q", phrase, hidden)
		}
	})
}

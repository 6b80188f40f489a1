package main

import (
	"testing"

	sluice "sluice.dev/sdk/go"
)

func TestFind(t *testing.T) {
	if err := configure(sluice.Value(`{"word": "Robin"}`)); err != nil {
		t.Fatal(err)
	}
	for value, want := range map[string]int{"Robin": 0, "a Robin": 2, "robin": -1, "": -1} {
		if got := find([]byte(value), 0); got != want {
			t.Errorf("%q: %d, want %d", value, got, want)
		}
	}
}

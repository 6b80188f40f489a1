package main

import (
	"testing"

	sluice "sluice.dev/sdk/go"
)

func TestFind(t *testing.T) {
	if err := configure(sluice.Value(`{"prefix": "ID"}`)); err != nil {
		t.Fatal(err)
	}
	for value, want := range map[string]int{"ID-123455": 0, "ID-123456, ID-123455": 11, "ID-12345": -1, "xID-123455": -1} {
		if got := find([]byte(value), 0); got != want {
			t.Errorf("%q: %d, want %d", value, got, want)
		}
	}
}

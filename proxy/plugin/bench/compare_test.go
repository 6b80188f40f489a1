package main

import (
	"context"
	"testing"
	"time"

	"sluice.dev/sdk/sdktest"
)

// A module answers the same in plain wazero, with fuel, and with
// WithCloseOnContextDone: compare fails where one differs.
func TestVariantsAgree(t *testing.T) {
	for _, dir := range []string{"../../../plugins/pii", "../../../examples/plugins/go"} {
		r, err := compare(context.Background(), sdktest.Build(t, "go", dir), time.Millisecond, 1)
		if err != nil {
			t.Fatal(dir, err)
		}
		for i, speed := range r.speed {
			if speed <= 0 || r.ratio[i] <= 0 {
				t.Errorf("%s: variant %d: %+v", dir, i, r)
			}
		}
	}
}

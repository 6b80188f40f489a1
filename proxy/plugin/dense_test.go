package plugin

import (
	"context"
	"fmt"
	"strings"
	"testing"
)

// TestDense gives pii, with all its detectors, cells of 64 KiB that are nothing
// but what each must look at: that costs at most one call, which is made
// again with half, and never refuses the command.
func TestDense(t *testing.T) {
	ctx := context.Background()
	m := load(t, newRuntime(t, Options{}), Spec{Name: "pii", Wasm: guest(t, "sluice.dev/plugins/pii"), Settings: []byte(`{"detectors":["all"]}`), Limits: Limits{Instances: 1}})
	for _, part := range []string{"1:", "1:1:1:1:1:1:1:1:1 ", "::1:", "a:", "f:f:f:f:f:f:f ", "1.", "1.1.1.1 ", "::", "1::", "1:1::1.1.1.1:", "4111 ", "a@b.c "} {
		before := m.Stats().Cut
		value := []byte(strings.Repeat(part, 64<<10/len(part)))
		if _, err := m.Mask(ctx, &Batch{Columns: []Column{{Name: "note", Type: "text"}}, Cells: []Cell{{Value: value}}}, nil); err != nil {
			t.Errorf("%q: %v", part, err)
		}
		if cut := m.Stats().Cut; cut > before+1 {
			t.Errorf("%q: %d calls ran out of fuel and were made again with less", part, cut-before)
		}
	}
}

// TestManyColumns: 100,000 columns are more than one batch may have, and a
// refusal that says so, which is the caller's fault and no failure of the
// module's; 2,048 are looked at.
func TestManyColumns(t *testing.T) {
	ctx := context.Background()
	m := load(t, newRuntime(t, Options{}), Spec{Name: "pii", Wasm: guest(t, "sluice.dev/plugins/pii"), Limits: Limits{Instances: 1}})
	batch := func(n int) *Batch {
		b := &Batch{}
		for i := range n {
			b.Columns = append(b.Columns, Column{Name: fmt.Sprint("c", i), Type: "text"})
			b.Cells = append(b.Cells, Cell{Column: uint32(i), Value: []byte("to ann@example.com")})
		}
		return b
	}
	for range 5 { // more often than what would quarantine it
		_, err := m.Mask(ctx, batch(100_000), nil)
		if KindOf(err) != KindInput || !strings.Contains(err.Error(), "cannot look at 100000 columns, the limit is 2048") {
			t.Fatalf("100,000 columns: %v", err)
		}
	}
	if found, err := m.Mask(ctx, batch(MaxColumns), nil); err != nil || len(found) != MaxColumns {
		t.Errorf("%d columns: %d findings, %v", MaxColumns, len(found), err)
	}
}

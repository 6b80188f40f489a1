package plugin

import (
	"context"
	"fmt"
	"strings"
	"testing"
)

func TestClassifyRemembers(t *testing.T) {
	ctx := context.Background()
	m := load(t, newRuntime(t, Options{}), Spec{Name: "sqlrisk", Wasm: guest(t, "sluice.dev/plugins/sqlrisk"), Limits: Limits{Instances: 1}})
	ask := func(text, value, group string) Classification {
		t.Helper()
		out, err := m.Classify(ctx, &Command{Protocol: "postgres", Text: text, Groups: []string{group}, Params: []Param{{Value: []byte(value)}}})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	for i, step := range []struct {
		text, value, group string
		calls              uint64 // after it
		spans              int
	}{
		{"SELECT $1", "1", "a", 1, 0},
		{"SELECT $1", "2", "a", 1, 0}, // too short to be seen
		{"SELECT $1", "2", "b", 2, 0},
		{"SELECT $2", "2", "a", 3, 0},
		{"SELECT $1", "AKIA" + strings.Repeat("A", 16), "a", 4, 1},
		{"SELECT $1", "AKIB" + strings.Repeat("A", 16), "a", 5, 0},
		{"SELECT $1", "AKIA" + strings.Repeat("A", 16), "a", 5, 1},
		{"SELECT $1", "1", "a", 5, 0},
	} {
		got := ask(step.text, step.value, step.group)
		if calls := m.Stats().Calls; calls != step.calls || len(got.Spans) != step.spans {
			t.Errorf("step %d: %d calls and %v, want %d and %d spans", i, calls, got.Spans, step.calls, step.spans)
		}
	}
	if err := m.Close(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Classify(ctx, &Command{Protocol: "postgres", Text: "SELECT $1", Groups: []string{"a"}, Params: []Param{{Value: []byte("1")}}}); KindOf(err) != KindClosed {
		t.Errorf("a closed module said %v from memory", err)
	}
}

// TestMemoryIsBounded: both halves stay within their bytes, and what is asked
// for again stays.
func TestMemoryIsBounded(t *testing.T) {
	var m memory
	m.put([]byte("kept"), Classification{Risk: 7})
	for i := range 3 * maxMemory / (1000 + 256) {
		m.put(fmt.Appendf(nil, "%01000d", i), Classification{})
		if i%100 == 0 {
			if c, ok := m.get([]byte("kept")); !ok || c.Risk != 7 {
				t.Fatalf("forgotten after %d", i)
			}
		}
	}
	if n := (len(m.young) + len(m.old)) * (1000 + 256); n > 2*maxMemory+10*1256 {
		t.Errorf("%d bytes are kept", n)
	}
	m.put(make([]byte, maxMemory), Classification{})
	if _, ok := m.get(make([]byte, maxMemory)); ok {
		t.Error("an input as long as all of the memory was kept")
	}
}

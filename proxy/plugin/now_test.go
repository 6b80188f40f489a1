package plugin

import (
	"context"
	"strings"
	"testing"
)

// TestNow: a module that asks for the clock and is granted it reads the
// gateway's; then nothing is answered from memory, and it does not replay.
func TestNow(t *testing.T) {
	ctx := context.Background()
	guest := func(manifest string) []byte {
		m := newModule()
		now := m.imported("sluice", "now", "", i64)
		m.plugin(manifest)
		// After 2023 by the clock: a risk of 100, else one of 7.
		m.function("sluice_classify", i32+i32, i64, "", call(now)+constI64(1_700_000_000_000)+"\x55\x04\x7e"+constI64(1024<<32|12)+"\x05"+constI64(1036<<32|12)+opEnd)
		m.data = "\x02\x00\x00\x00\x04\x00\x00\x00\x64\x00\x00\x00" + "\x02\x00\x00\x00\x04\x00\x00\x00\x07\x00\x00\x00"
		return m.bytes()
	}
	asks := strings.Replace(classifyManifest, `"provides"`, `"capabilities":["now"],"provides"`, 1)
	r := newRuntime(t, Options{})
	m, err := r.Load(ctx, Spec{Name: "clock", Wasm: guest(asks), Unpinned: true, Grants: []string{"now"}})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if out, err := m.Classify(ctx, &Command{Protocol: "postgres", Text: "SELECT 1"}); err != nil || out.Risk != 100 {
			t.Fatalf("%+v, %v", out, err)
		}
	}
	if s := m.Stats(); s.Calls != 3 || s.Remembered != 0 || m.Replays() {
		t.Errorf("%+v, replays %v", s, m.Replays())
	}
	for name, c := range map[string]struct {
		manifest string
		grants   []string
		says     string
	}{
		"not granted":   {asks, nil, `asks for "now", which its grants do not list`},
		"not asked for": {classifyManifest, []string{"now"}, `does not list the capability "now"`},
	} {
		if _, err := r.Load(ctx, Spec{Name: "clock", Wasm: guest(c.manifest), Unpinned: true, Grants: c.grants}); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

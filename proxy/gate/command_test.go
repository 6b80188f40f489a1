package gate_test

import (
	"testing"

	"sluice.dev/proxy/gate"
)

// TestFactsForPlugins: what says nothing is left out, whatever its type.
func TestFactsForPlugins(t *testing.T) {
	f := gate.Facts{Complete: true, Resolved: "server", Operations: []string{"delete"}, Writes: []string{"public.orders"}, Reads: []string{},
		Flags: map[string]bool{"where": false, "drop": true},
		Extra: map[string]any{"opaque": true, "settings": []any{}, "probes": false, "depth": 0, "nested": map[string]any{"none": ""}, "name": "x", "nothing": nil}}
	f.Encode("postgres", 2)
	want := `{"complete":true,"flags":{"drop":true},"operations":["delete"],"parameters":2,"postgres":{"name":"x","opaque":true},"resolved":"server","writes":["public.orders"]}`
	if string(f.JSON) != want {
		t.Errorf("got  %s\nwant %s", f.JSON, want)
	}
	var none gate.Facts
	if none.Encode("redis", 0); string(none.JSON) != "{}" {
		t.Errorf("no facts are %s", none.JSON)
	}
}

package server

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"sluice.dev/proxy/config"
	"sluice.dev/proxy/generation"
	"sluice.dev/proxy/plugin"
	"sluice.dev/proxy/plugin/plugintest"
)

// A plugin that keeps failing is named in the status and counted as
// quarantined; one that works is not.
func TestPluginMetrics(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	hcl := "gateway { data_dir = \"data\" }\n"
	for name, wasm := range map[string][]byte{"good": plugintest.Honest("sluice_mask"), "bad": plugintest.Hostile("sluice_mask")["traps"]} {
		if err := os.WriteFile(filepath.Join(dir, name+".wasm"), wasm, 0o600); err != nil {
			t.Fatal(err)
		}
		hcl += fmt.Sprintf("plugin %q {\n  module = %q\n  sha256 = %q\n}\n", name, name+".wasm", plugin.DigestOf(wasm))
	}
	if err := os.WriteFile(filepath.Join(dir, "sluice.hcl"), []byte(hcl), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(filepath.Join(dir, "sluice.hcl"))
	if err != nil {
		t.Fatal(err)
	}
	plugins, err := plugin.NewRuntime(ctx, plugin.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer plugins.Close(ctx) //nolint:errcheck // nothing follows
	shared := generation.Share(plugins, slog.New(slog.DiscardHandler))
	defer shared.Close()
	g, err := generation.Compile(ctx, cfg, shared)
	if err != nil {
		t.Fatal(err)
	}
	defer g.Release()
	registry := prometheus.NewRegistry()
	registry.MustRegister(pluginMetrics{func() *generation.Generation { return g }})
	gauge := func() map[string]float64 {
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		out := map[string]float64{}
		for _, f := range families {
			for _, m := range f.GetMetric() {
				if f.GetName() == "sluice_plugin_quarantined" {
					out[m.GetLabel()[0].GetValue()] = m.GetGauge().GetValue()
				}
			}
		}
		return out
	}
	if q := gauge(); len(q) != 2 || q["bad"] != 0 || len(quarantined(g)) != 0 {
		t.Fatal(q)
	}
	b := &plugin.Batch{Columns: []plugin.Column{{}}, Cells: []plugin.Cell{{Value: []byte("x")}}}
	for _, m := range g.Modules() {
		for range 3 {
			_, err := m.Mask(ctx, b, nil)
			if (err != nil) != (m.Name() == "bad") {
				t.Fatalf("%s: %v", m.Name(), err)
			}
		}
	}
	if q := gauge(); q["bad"] != 1 || q["good"] != 0 || !slices.Equal(quarantined(g), []string{"bad"}) {
		t.Errorf("%v, %v", q, quarantined(g))
	}
}

// Command bench measures what fuel costs: the same masking work in plain wazero,
// with Sluice's fuel, and with wazero's own way to end a call
// (WithCloseOnContextDone), by turns in one run, for a plugin of each language;
// and what the host adds to a call. Run it from the repository's top.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"sluice.dev/proxy/plugin"
	"sluice.dev/proxy/plugin/kit"
	"sluice.dev/proxy/plugin/plugintest"
	"sluice.dev/sdk/sdktest"
)

func main() {
	each := flag.Duration("time", 300*time.Millisecond, "how long each variant runs in each round")
	rounds := flag.Int("rounds", 5, "how often all variants run by turns; the median of the ratios counts")
	flag.Parse()
	if err := run(context.Background(), *each, *rounds); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, each time.Duration, rounds int) error {
	w := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "the same masking work\tplain wazero MB/s\tfuel MB/s\tclose on done MB/s\tfuel ÷ plain\tclose ÷ plain")
	var pii []byte
	for _, g := range guests() {
		wasm, err := build(g.language, g.dir)
		if err != nil {
			fmt.Fprintf(w, "%s\tnot built: %v\n", g.name, err)
			continue
		}
		if g.name == "pii (Go)" {
			pii = wasm
		}
		r, err := compare(ctx, wasm, each, rounds)
		if err != nil {
			return fmt.Errorf("%s: %w", g.name, err)
		}
		fmt.Fprintf(w, "%s\t%.0f\t%.0f\t%.0f\t%.2f\t%.2f\n", g.name, r.speed[0], r.speed[1], r.speed[2], r.ratio[1], r.ratio[2])
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Println("\nA ratio is of times: 1.25 takes a quarter longer. Aim: fuel at most 1.25.")
	if pii == nil {
		return nil
	}
	return throughGateway(ctx, pii, each)
}

type guest struct{ name, language, dir string }

func guests() []guest {
	return []guest{
		{"pii (Go)", "go", "plugins/pii"},
		{"badge (Go)", "go", "examples/plugins/go"},
		{"badge (Rust)", "rust", "examples/plugins/rust"},
		{"badge (AssemblyScript)", "assemblyscript", "examples/plugins/assemblyscript"},
		{"badge (C)", "c", "examples/plugins/c"},
	}
}

// build makes a module as its README says. The builder is made for tests, so it
// runs as one.
func build(language, dir string) (wasm []byte, err error) {
	why := "its toolchain is not installed: make test installs it"
	done := testing.Benchmark(func(b *testing.B) {
		if wasm != nil {
			return
		}
		at := dir
		if language != "go" {
			root := sdktest.Copy(b, ".", "sdk", "examples/plugins")
			at = filepath.Join(root, dir)
			if language == "assemblyscript" {
				sdktest.LinkNodeModules(b, at, filepath.Join(root, "sdk/assemblyscript"))
			}
		}
		wasm = sdktest.Build(b, language, at)
	})
	if wasm == nil {
		return nil, fmt.Errorf("%s (%d)", why, done.N)
	}
	return wasm, nil
}

// throughGateway measures what a user of the room sees: the shipped detector,
// and a call of a module that does nothing.
func throughGateway(ctx context.Context, pii []byte, each time.Duration) error {
	cache, err := os.MkdirTemp("", "sluice-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(cache) //nolint:errcheck // scratch
	r, err := plugin.NewRuntime(ctx, plugin.Options{CacheDir: cache})
	if err != nil {
		return err
	}
	defer r.Close(ctx) //nolint:errcheck // the process ends
	m, err := kit.Open(ctx, r, pii, nil, plugin.Limits{Instances: 1})
	if err != nil {
		return err
	}
	people := kit.People()
	size := 0
	for _, c := range people.Cells {
		size += len(c.Value)
	}
	var edits []plugin.Edit
	d, err := perCall(3*each, func() (err error) { edits, err = m.Mask(ctx, people, edits[:0]); return err })
	if err != nil {
		return err
	}
	fmt.Printf("\npii, all detectors, through the gateway's own calls: %.0f MB/s (aim 150), %.0f µs for each of the 2 calls of a batch of %d KiB\n",
		float64(size)/d/1e6, d*1e6/2, size>>10)
	idle, err := kit.Open(ctx, r, plugintest.Honest("sluice_mask"), nil, plugin.Limits{Instances: 1})
	if err != nil {
		return err
	}
	batch := &plugin.Batch{Columns: []plugin.Column{{Name: "c", Type: "text"}}, Cells: []plugin.Cell{{Value: []byte("x")}}}
	var times []float64
	call := func() error { _, err := idle.Mask(ctx, batch, nil); return err }
	for range 5 {
		d, err := perCall(each/5, call)
		if err != nil {
			return err
		}
		times = append(times, d*1e9)
	}
	allocs := testing.AllocsPerRun(1000, func() { _ = call() })
	bare, err := bareCall(ctx, each)
	if err != nil {
		return err
	}
	slices.Sort(times)
	fmt.Printf("a call of a module that does nothing: %.0f ns, of which wazero's own call is %.0f; host side %.0f ns, %.0f allocations (aim 100 ns, 0)\n",
		times[len(times)/2], bare, times[len(times)/2]-bare, allocs)
	return nil
}

func median(list []float64) float64 {
	slices.Sort(list)
	return list[len(list)/2]
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

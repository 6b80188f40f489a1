package kit

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"sluice.dev/proxy/plugin"
)

// Measure is what one kind of call costs.
type Measure struct {
	What    string        `json:"what"`
	Calls   int           `json:"calls"`
	Bytes   int64         `json:"bytes_per_call"`
	Mean    time.Duration `json:"mean_ns"`
	P99     time.Duration `json:"p99_ns"`
	Longest time.Duration `json:"longest_ns"`
	MBps    float64       `json:"mb_per_second"`
	// FuelKiB is fuel for each KiB of input, Dearest the fuel of the dearest call.
	FuelKiB float64 `json:"fuel_per_kib"`
	Dearest int64   `json:"dearest_fuel"`
}

// Bench measures a module's calls for about a duration each: for mask, batches
// of rows (a sample of its own if rows is nil) and single short cells; for
// classify and trigger, a short and a long command, each new to the module.
func Bench(ctx context.Context, m *plugin.Module, rows *plugin.Batch, each time.Duration) ([]Measure, error) {
	var out []Measure
	add := func(what string, bytes int64, f func(i int) error) error {
		me, err := measure(m, what, bytes, each, f)
		out = append(out, me)
		return err
	}
	if m.Can("mask") {
		if rows == nil {
			rows = People()
		}
		size := int64(0)
		for _, c := range rows.Cells {
			size += int64(len(c.Value))
		}
		one := &plugin.Batch{Columns: []plugin.Column{{Name: "c", Type: "text"}}, Cells: []plugin.Cell{{Value: []byte("nothing of note")}}}
		var edits []plugin.Edit
		for _, b := range []struct {
			what  string
			size  int64
			batch *plugin.Batch
		}{{fmt.Sprintf("mask, %d cells", len(rows.Cells)), size, rows}, {"mask, 1 cell", 15, one}} {
			if err := add(b.what, b.size, func(int) (err error) {
				edits, err = m.Mask(ctx, b.batch, edits[:0])
				return err
			}); err != nil {
				return out, err
			}
		}
	}
	for _, c := range []struct{ what, text string }{
		{"short", "SELECT name, email FROM customers WHERE id = "},
		{"long", "SELECT '" + strings.Repeat("a word of text, ", 4000) + "' FROM t WHERE id = "},
	} {
		cmd := &plugin.Command{Protocol: "postgres", Facts: []byte(`{"operations":["select"],"reads":["public.customers"],"flags":{"where":true}}`)}
		if m.Can("classify") {
			if err := add("classify, "+c.what, int64(len(c.text)), func(i int) error {
				cmd.Text = c.text + fmt.Sprint(i)
				_, err := m.Classify(ctx, cmd)
				return err
			}); err != nil {
				return out, err
			}
		}
		if m.Can("trigger") {
			if err := add("trigger, "+c.what, int64(len(c.text)), func(i int) error {
				cmd.Text = c.text + fmt.Sprint(i)
				_, err := m.Trigger(ctx, cmd, []byte(`{"verdict":"allow"}`))
				return err
			}); err != nil {
				return out, err
			}
		}
	}
	return out, nil
}

func measure(m *plugin.Module, what string, bytes int64, each time.Duration, f func(i int) error) (Measure, error) {
	me := Measure{What: what, Bytes: bytes}
	var took []time.Duration
	for i := range 20 { // warm
		if err := f(-i); err != nil {
			return me, err
		}
	}
	before := m.Stats()
	began := time.Now()
	for total := time.Duration(0); total < each; total = time.Since(began) {
		at := time.Now()
		if err := f(len(took)); err != nil {
			return me, err
		}
		took = append(took, time.Since(at))
	}
	spent := time.Duration(0)
	for _, d := range took {
		spent += d
	}
	slices.Sort(took)
	after := m.Stats()
	me.Calls, me.Mean = len(took), spent/time.Duration(len(took))
	me.P99, me.Longest = took[len(took)*99/100], took[len(took)-1]
	me.MBps = float64(bytes) * float64(len(took)) / spent.Seconds() / 1e6
	if in := after.Bytes - before.Bytes; in > 0 {
		me.FuelKiB = float64(after.Fuel-before.Fuel) / float64(in) * 1024
	}
	me.Dearest = after.MostFuel
	return me, nil
}

// People is a batch of about 60 KiB of rows as a customer table has them.
func People() *plugin.Batch {
	b := &plugin.Batch{Columns: []plugin.Column{{Name: "name", Table: "public.people", Type: "text"}, {Name: "note", Table: "public.people", Type: "text"}, {Name: "city", Table: "public.people", Type: "text"}}}
	size := 0
	for i := 0; size < 60<<10; i++ {
		for c, v := range []string{
			fmt.Sprintf("Person Number %d", i),
			fmt.Sprintf("called on 2024-03-%02d about order %d, wrote from p%d@example.com; said the parcel never came, would like it sent again", i%28+1, 100000+i*7, i),
			"Springfield",
		} {
			b.Cells = append(b.Cells, plugin.Cell{Column: uint32(c), Value: []byte(v)})
			size += len(v)
		}
	}
	return b
}

// BatchOf reads rows into one batch of at most 64 KiB, for Bench.
func BatchOf(rows *Rows) (*plugin.Batch, error) {
	r := &run{}
	for {
		row, err := rows.Next()
		if err != nil || !r.fits(row) {
			if len(r.batch.Cells) == 0 {
				return nil, fmt.Errorf("no rows: %w", err)
			}
			return &r.batch, nil
		}
		r.add(row)
	}
}

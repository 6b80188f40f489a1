package plugin

import (
	"context"
	"fmt"
	"strings"
	"testing"
)

// people is a batch of about 64 KiB of rows as a customer table has them.
func people() *Batch {
	b := &Batch{Columns: []Column{{Name: "name", Table: "public.people", Type: "text"}, {Name: "note", Table: "public.people", Type: "text"}, {Name: "city", Table: "public.people", Type: "text"}}}
	size := 0
	for i := 0; size < 60<<10; i++ {
		for c, v := range []string{
			fmt.Sprintf("Person Number %d", i),
			fmt.Sprintf("called on 2024-03-%02d about order %d, wrote from p%d@example.com; said the parcel never came, would like it sent again", i%28+1, 100000+i*7, i),
			"Springfield",
		} {
			b.Cells = append(b.Cells, Cell{Column: uint32(c), Value: []byte(v)})
			size += len(v)
		}
	}
	return b
}

func (b *Batch) bytes() (n int64) {
	for _, c := range b.Cells {
		n += int64(len(c.Value))
	}
	return n
}

func BenchmarkMask(b *testing.B) {
	m := load(b, newRuntime(b, Options{}), Spec{Name: "pii", Wasm: guest(b, "sluice.dev/plugins/pii"), Limits: Limits{Instances: 1}})
	defer m.Close(context.Background())
	batch := people()
	b.SetBytes(batch.bytes())
	b.ReportAllocs()
	var edits []Edit
	for b.Loop() {
		var err error
		if edits, err = m.Mask(context.Background(), batch, edits[:0]); err != nil {
			b.Fatal(err)
		}
	}
	s := m.Stats()
	b.ReportMetric(float64(s.Fuel)/float64(s.Bytes)*1024, "fuel/KiB")
	b.ReportMetric(float64(s.MostFuel), "fuel/dearest")
}

func BenchmarkMaskOneCell(b *testing.B) {
	m := load(b, newRuntime(b, Options{}), Spec{Name: "pii", Wasm: guest(b, "sluice.dev/plugins/pii"), Limits: Limits{Instances: 1}})
	defer m.Close(context.Background())
	batch := &Batch{Columns: []Column{{Name: "c", Type: "text"}}, Cells: []Cell{{Value: []byte("x")}}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.Mask(context.Background(), batch, nil); err != nil {
			b.Fatal(err)
		}
	}
}

func TestFuelProbe(t *testing.T) {
	m := load(t, newRuntime(t, Options{}), Spec{Name: "pii", Wasm: guest(t, "sluice.dev/plugins/pii"), Limits: Limits{Instances: 1}})
	defer m.Close(context.Background())
	for name, v := range map[string]string{
		"x": "x", "x*1000": strings.Repeat("x", 1000), "x*61000": strings.Repeat("x", 61000),
		"num": strings.Repeat("abcdef 1234 ", 1000), "date": strings.Repeat("on 2024-03-12, ", 1000), "mail": strings.Repeat("me joe@example.com; ", 1000),
	} {
		before := m.Stats().Fuel
		b := &Batch{Columns: []Column{{Name: "c", Type: "text"}}, Cells: []Cell{{Value: []byte(v)}}}
		e, err := m.Mask(context.Background(), b, nil)
		f := m.Stats().Fuel
		m.Mask(context.Background(), b, nil)
		f2 := m.Stats().Fuel
		t.Log(name, len(v), "edits", len(e), err, "fuel", f-before, f2-f, float64(f2-f)/float64(len(v)))
	}
	b := &Batch{Columns: []Column{{Name: "c", Type: "text"}}}
	for range 1000 {
		b.Cells = append(b.Cells, Cell{Value: []byte("Springfield")})
	}
	before := m.Stats().Fuel
	m.Mask(context.Background(), b, nil)
	t.Log("1000 cells", m.Stats().Fuel-before)
}

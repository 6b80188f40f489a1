package plugin

import (
	"context"
	"fmt"
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

// BenchmarkClassify judges what pgbench -S sends.
func BenchmarkClassify(b *testing.B) {
	m := load(b, newRuntime(b, Options{}), Spec{Name: "sqlrisk", Wasm: guest(b, "sluice.dev/plugins/sqlrisk"), Limits: Limits{Instances: 1}})
	defer m.Close(context.Background())
	c := &Command{Protocol: "postgres", Text: "SELECT abalance FROM pgbench_accounts WHERE aid = $1;", Groups: []string{"crew-support"},
		Params: []Param{{Value: []byte("123456")}},
		Facts: []byte(`{"columns":["public.pgbench_accounts.abalance","public.pgbench_accounts.aid"],"complete":true,` +
			`"filters":["public.pgbench_accounts.aid"],"flags":{"where":true},"operations":["select"],"parameters":1,` +
			`"reads":["public.pgbench_accounts"],"resolved":"catalog"}`)}
	text := c.Text
	for _, kind := range []string{"known", "new"} {
		b.Run(kind, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if kind == "new" {
					c.Text = text + fmt.Sprint(i)
				}
				if _, err := m.Classify(context.Background(), c); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

package plugin

import (
	"context"
	"strings"
	"testing"
)

// BenchmarkPII runs every detector of pii over kinds of text.
func BenchmarkPII(b *testing.B) {
	m := load(b, newRuntime(b, Options{}), Spec{Name: "pii", Wasm: guest(b, "sluice.dev/plugins/pii"), Settings: []byte(`{"detectors":["all"]}`), Limits: Limits{Instances: 1}})
	defer m.Close(context.Background())
	for _, kind := range []struct{ name, text string }{
		{"prose", "Said the parcel never came, would like it sent again; asked for a call in the morning. "},
		{"dated", "Called on 2024-03-12 about an order that never came, would like it sent again by Friday. "},
		{"orders", "Called about order 104042 which never came and would like it sent again before Friday. "},
		{"addresses", "Called on Friday about an order, wrote from ann@example.com that it has not come yet. "},
		{"json", `{"id":12345,"at":"2024-03-12T10:00:00Z","name":"Ann Lee","price":12.50,"tags":["a","b"],"ok":true}`},
	} {
		b.Run(kind.name, func(b *testing.B) {
			batch := &Batch{Columns: []Column{{Name: "note", Type: "text"}}, Cells: []Cell{{Value: []byte(strings.Repeat(kind.text, 60_000/len(kind.text)))}}}
			b.SetBytes(batch.bytes())
			before := m.Stats()
			var edits []Edit
			for b.Loop() {
				var err error
				if edits, err = m.Mask(context.Background(), batch, edits[:0]); err != nil {
					b.Fatal(err)
				}
			}
			s := m.Stats()
			b.ReportMetric(float64(s.Fuel-before.Fuel)/float64(s.Bytes-before.Bytes), "fuel/B")
		})
	}
}

package sdk_test

import (
	"bytes"
	"testing"

	"sluice.dev/proxy/plugin"
)

// BenchmarkExamples looks for badges in 64 KiB of text, in one cell (“text”)
// and in cells of 20 bytes (“cells”), and says what a KiB costs in fuel.
func BenchmarkExamples(b *testing.B) {
	line := []byte("called on 2024-03-12 about order 100042, BDG-123455 or the like; said the parcel never came\n")
	text := bytes.Repeat(line, plugin.MaxBatch/len(line))
	batches := map[string]*plugin.Batch{
		"text":  {Columns: []plugin.Column{{Name: "note"}}, Cells: []plugin.Cell{{Value: text}}},
		"cells": {Columns: []plugin.Column{{Name: "note"}}},
	}
	for at := 0; at+20 <= len(text); at += 20 {
		c := batches["cells"]
		c.Cells = append(c.Cells, plugin.Cell{Value: text[at : at+20]})
	}
	for _, language := range builds {
		for name, batch := range batches {
			b.Run(language+"/"+name, func(b *testing.B) {
				m := load(b, newRuntime(b), example(b, "examples/plugins", language), "")
				b.SetBytes(int64(len(text)))
				before := m.Stats().Fuel
				var found []plugin.Edit
				for b.Loop() {
					var err error
					if found, err = m.Mask(b.Context(), batch, found[:0]); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(m.Stats().Fuel-before)/float64(b.N)/float64(len(text))*1024, "fuel/KiB")
			})
		}
	}
}

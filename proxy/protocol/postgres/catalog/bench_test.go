package catalog_test

import (
	"testing"

	"sluice.dev/proxy/protocol/postgres/catalog"
)

// Ratios for the closing note: go test -bench . -run -.
func BenchmarkLoad(b *testing.B) {
	q := database(b, pool.Get(b, "15"), "create table t(id int, v text)")
	for b.Loop() {
		load(b, q)
	}
}

func BenchmarkHash(b *testing.B) {
	q := database(b, pool.Get(b, "15"), "create table t(id int, v text)")
	for b.Loop() {
		if _, err := catalog.Hash(b.Context(), q); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkProtected(b *testing.B) {
	s := load(b, database(b, pool.Get(b, "15"), "create table t(id int, v text)"))
	for b.Loop() {
		if _, errs := s.Protected([]string{"public.t.v"}, nil); errs != nil {
			b.Fatal(errs)
		}
	}
}

package policy

import (
	"context"
	"testing"
)

func library3(b *testing.B, cache int) *Set {
	b.Helper()
	var sources []Source
	for _, name := range []string{"agents", "guardrails", "probing"} {
		src, err := ReadSource(name, "../../policies/"+name)
		if err != nil {
			b.Fatal(err)
		}
		sources = append(sources, src)
	}
	return compileAll(b, Options{EvalTimeout: roomy, CacheEntries: cache}, sources...)
}

func benchmark(b *testing.B, s *Set) {
	in := agent7()
	in.Command.Own = map[string]any{}
	for _, fact := range loadSchema().facts["postgres"] {
		in.Command.Own[fact] = false
	}
	ctx := context.Background()
	decide(b, s, in)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Decide(ctx, in); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecide(b *testing.B) {
	example := source("agents", contract)
	b.Run("contract/cached", func(b *testing.B) { benchmark(b, compileAll(b, Options{EvalTimeout: roomy}, example)) })
	b.Run("contract/uncached", func(b *testing.B) {
		benchmark(b, compileAll(b, Options{EvalTimeout: roomy, CacheEntries: -1}, example))
	})
	b.Run("library/cached", func(b *testing.B) { benchmark(b, library3(b, 0)) })
	b.Run("library/uncached", func(b *testing.B) { benchmark(b, library3(b, -1)) })
}

func BenchmarkSessionAllowed(b *testing.B) {
	s := library3(b, 0)
	ctx := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		if ok, err := s.SessionAllowed(ctx, agent7()); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}

func BenchmarkInputValue(b *testing.B) {
	in := agent7()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := in.Value(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCompileLibrary(b *testing.B) {
	for b.Loop() {
		library3(b, 0)
	}
}

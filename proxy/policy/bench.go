package policy

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"time"
)

// BenchResult is what one decision costs.
type BenchResult struct {
	Policies []string `json:"policies"`
	Rules    int      `json:"rules"` // of all kinds, helpers too
	Uncached Cost     `json:"uncached"`
	// Cached is zero where decisions are not cached; NotCached says why.
	Cached    Cost   `json:"cached"`
	NotCached string `json:"not_cached,omitempty"`
}

// Cost is a mean over many decisions.
type Cost struct {
	Nanoseconds float64 `json:"ns"`
	Allocations float64 `json:"allocs"`
	Decisions   int     `json:"decisions"`
}

// Bench decides about one input again and again, for about d each way.
func Bench(ctx context.Context, sources []Source, opts Options, in *Input, d time.Duration) (BenchResult, error) {
	opts.CacheEntries = -1
	plain, err := Compile(ctx, sources, opts)
	if err != nil {
		return BenchResult{}, err
	}
	opts.CacheEntries = 0
	kept, err := Compile(ctx, sources, opts)
	if err != nil {
		return BenchResult{}, err
	}
	out := BenchResult{Policies: kept.Names()}
	for _, m := range kept.lib.compiler.Modules {
		out.Rules += len(m.Rules)
	}
	if out.Uncached, err = plain.cost(ctx, in, d); err != nil {
		return out, err
	}
	if !kept.Cacheable() {
		i := slices.IndexFunc(kept.lib.policies, func(p *policyRules) bool { return p.reads.notCached() != "" })
		if i < 0 {
			return out, errors.New("policy: bench: decisions are not cached, and no policy is why")
		}
		out.NotCached = kept.lib.policies[i].reads.notCached()
		return out, nil
	}
	out.Cached, err = kept.cost(ctx, in, d)
	return out, err
}

func (s *Set) cost(ctx context.Context, in *Input, d time.Duration) (Cost, error) {
	if _, err := s.Decide(ctx, in); err != nil { // what is made once is made
		return Cost{}, err
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	began, n, spent := time.Now(), 0, time.Duration(0)
	for batch := 1; spent < d; batch = min(batch*2, 1<<16) {
		for range batch {
			if _, err := s.Decide(ctx, in); err != nil {
				return Cost{}, err
			}
		}
		n, spent = n+batch, time.Since(began)
	}
	runtime.ReadMemStats(&after)
	return Cost{Nanoseconds: float64(spent) / float64(n), Allocations: float64(after.Mallocs-before.Mallocs) / float64(n), Decisions: n}, nil
}

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

// Cost is the median over many batches of decisions, and the mean of their
// allocations.
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
	// The median of short batches: another program's turn on the processor
	// falls into few of them.
	const short = 50 * time.Microsecond
	var means []float64
	began, n, batch := time.Now(), 0, 1
	for len(means) == 0 || time.Since(began) < d {
		start := time.Now()
		for range batch {
			if _, err := s.Decide(ctx, in); err != nil {
				return Cost{}, err
			}
		}
		spent := time.Since(start)
		n += batch
		if spent < short/2 && batch < 1<<16 {
			batch *= 2
			means = means[:0]
			continue
		}
		means = append(means, float64(spent)/float64(batch))
	}
	runtime.ReadMemStats(&after)
	slices.Sort(means)
	return Cost{Nanoseconds: means[len(means)/2], Allocations: float64(after.Mallocs-before.Mallocs) / float64(n), Decisions: n}, nil
}

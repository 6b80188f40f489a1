package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sluice.dev/proxy/policy"
)

func (a *app) policyBench() *cobra.Command {
	input := ""
	d := time.Second
	c := &cobra.Command{
		Use: "bench [DIR…]", Short: "Measure what one decision costs, evaluated and from the cache",
		Long: "Each policy is measured by itself and, where there are several, all of them together, on one input document:\nwithout -i, a read by an agent about which the policies know nothing else.",
		RunE: func(c *cobra.Command, dirs []string) error {
			in := &policy.Input{Command: policy.Command{Protocol: "postgres", Complete: true, Resolved: "catalog", Operations: []string{"select"}},
				Connection: policy.Connection{Protocol: "postgres"}, Time: time.Now()}
			if input != "" {
				var err error
				if in, err = readInput(c, input); err != nil {
					return err
				}
			}
			sources, err := policy.FindSources(policyDirs(dirs))
			if err != nil {
				return &exit{exitNoReach, err}
			}
			var groups [][]policy.Source
			for _, s := range sources {
				groups = append(groups, []policy.Source{s})
			}
			if len(sources) > 1 {
				groups = append(groups, sources)
			}
			var results []policy.BenchResult
			var rows [][]string
			for _, g := range groups {
				r, err := policy.Bench(c.Context(), g, policy.Options{}, in, d)
				if err != nil {
					return a.policyError(err)
				}
				results = append(results, r)
				name, cached, ratio := strings.Join(r.Policies, ", "), "not cached: "+r.NotCached, "-"
				if len(g) > 1 {
					name = fmt.Sprintf("all %d", len(g))
				}
				if r.NotCached == "" {
					cached = cost(r.Cached)
					ratio = fmt.Sprintf("%.0f", r.Uncached.Nanoseconds/r.Cached.Nanoseconds)
				}
				rows = append(rows, []string{name, fmt.Sprint(r.Rules), cost(r.Uncached), cached, ratio})
			}
			if a.json() {
				return a.printJSON(results)
			}
			return a.table([]string{"POLICY", "RULES", "EVALUATED", "CACHED", "RATIO"}, rows)
		},
	}
	c.Flags().StringVarP(&input, "input", "i", "", "the input document; -: stdin")
	c.Flags().DurationVar(&d, "time", d, "how long each figure is measured")
	return c
}

func cost(c policy.Cost) string {
	if c.Nanoseconds >= 10000 {
		return fmt.Sprintf("%.1f µs", c.Nanoseconds/1000)
	}
	return fmt.Sprintf("%.0f ns", c.Nanoseconds)
}

package main

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"sluice.dev/proxy/gate/recorded"
)

func (a *app) policyShadow() *cobra.Command {
	var dir string
	var since time.Duration
	c := &cobra.Command{
		Use: "shadow [POLICY]", Short: "Show what policies in mode = \"shadow\" would have done, from the log: by rule, principal and connection", Args: cobra.MaximumNArgs(1),
		Long: "The log of --config or --dir is read whole; with --gateway URL the gateway reads its latest records, for the token of an auditor.",
		RunE: func(c *cobra.Command, args []string) error {
			name, from := "", time.Time{}
			if len(args) > 0 {
				name = args[0]
			}
			if since > 0 {
				from = time.Now().Add(-since)
			}
			r, err := a.shadows(c.Context(), dir, name, from)
			if err != nil {
				return err
			}
			if a.json() {
				return a.printJSON(r)
			}
			if len(r.Policies) == 0 {
				fmt.Fprintln(a.errs, "No command was judged in shadow.")
				return nil
			}
			for i, p := range r.Policies {
				if i > 0 {
					fmt.Fprintln(a.out)
				}
				if err := a.printShadow(&p); err != nil {
					return err
				}
			}
			return nil
		},
	}
	c.Flags().StringVar(&dir, "dir", "", "the log's folder; else data_dir/audit of --config")
	c.Flags().DurationVar(&since, "since", 0, "only commands of this last time, such as 24h")
	return c
}

// shadows reads a log, or asks a running gateway.
func (a *app) shadows(ctx context.Context, dir, name string, from time.Time) (recorded.ShadowReport, error) {
	if a.gateway != "" {
		cl, err := a.client()
		if err != nil {
			return recorded.ShadowReport{}, err
		}
		return cl.Shadows(ctx, name, from)
	}
	d, err := a.auditDir(dir)
	if err != nil {
		return recorded.ShadowReport{}, err
	}
	s := recorded.Shadows{Policy: name, Since: from}
	if err := s.Count(ctx, d, math.MaxInt64, math.MaxInt64); err != nil {
		return recorded.ShadowReport{}, &exit{exitNoReach, err}
	}
	return s.Report(), nil
}

func (a *app) printShadow(p *recorded.ShadowPolicy) error {
	other := 0
	for _, c := range p.Changes {
		other += c.Commands
	}
	fmt.Fprintf(a.out, "%s: asked about %d commands, would decide %d of them otherwise\n", cellText(p.Policy), p.Commands, other)
	if p.Failed > 0 {
		fmt.Fprintf(a.out, "It could not decide about %d: enforced, they are refused.\n", p.Failed)
	}
	if len(p.Changes) > 0 {
		rows := make([][]string, 0, len(p.Changes))
		for _, c := range p.Changes {
			rows = append(rows, []string{c.From, c.To, c.Who, c.Connection, strconv.Itoa(c.Commands), c.Example})
		}
		fmt.Fprintln(a.out)
		if err := a.table([]string{"WAS", "WOULD BE", "WHO", "CONNECTION", "COMMANDS", "LATEST"}, rows); err != nil {
			return err
		}
	}
	if len(p.Said) > 0 {
		rows := make([][]string, 0, len(p.Said))
		for _, s := range p.Said {
			rows = append(rows, []string{s.Says, strconv.Itoa(s.Commands), s.Example})
		}
		fmt.Fprintln(a.out)
		return a.table([]string{"ITS RULES SAID", "COMMANDS", "LATEST"}, rows)
	}
	return nil
}

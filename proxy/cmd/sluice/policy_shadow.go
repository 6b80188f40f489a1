package main

import (
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"sluice.dev/proxy/audit"
	"sluice.dev/proxy/gate/recorded"
)

func (a *app) policyShadow() *cobra.Command {
	var dir string
	var since time.Duration
	c := &cobra.Command{
		Use: "shadow [POLICY]", Short: "Show what policies in mode = \"shadow\" would have done, from the log: by rule, principal and connection", Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			d, err := a.auditDir(dir)
			if err != nil {
				return err
			}
			s := recorded.Shadows{}
			if len(args) > 0 {
				s.Policy = args[0]
			}
			if since > 0 {
				s.Since = time.Now().Add(-since)
			}
			err = audit.Scan(d, func(seq audit.Seq, raw []byte) error {
				e, err := audit.Decode(seq, raw)
				if err == nil {
					s.Add(e)
				}
				return err
			})
			if err != nil {
				return &exit{exitNoReach, err}
			}
			r := s.Report()
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

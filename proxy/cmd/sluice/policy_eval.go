package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"sluice.dev/proxy/config"
	"sluice.dev/proxy/policy"
)

// readInput reads an input document, from a file or, with "-", from stdin.
func readInput(c *cobra.Command, path string) (*policy.Input, error) {
	var data []byte
	var err error
	if path == "-" {
		data, err = io.ReadAll(io.LimitReader(c.InOrStdin(), 8<<20))
	} else {
		data, err = os.ReadFile(path)
	}
	if err != nil {
		return nil, &exit{exitNoReach, fmt.Errorf("input: %w", err)}
	}
	in, err := policy.ParseInput(data)
	if err != nil {
		return nil, &exit{exitUsage, err}
	}
	return in, nil
}

// deciders are the policies that decide about an input: those in the folders,
// or those that the configuration has for its connection, whose labels are
// taken over where the input has none.
func (a *app) deciders(ctx context.Context, dirs []string, in *policy.Input) (*policy.Set, func(), error) {
	if len(dirs) > 0 {
		sources, err := policy.FindSources(dirs)
		if err != nil {
			return nil, nil, &exit{exitNoReach, err}
		}
		set, err := policy.Compile(ctx, sources, policy.Options{})
		if err != nil {
			return nil, nil, a.policyError(err)
		}
		return set, func() {}, nil
	}
	if _, err := os.Stat(a.config); err != nil {
		return nil, nil, &exit{exitNoReach, fmt.Errorf("%w; give --config, or the folders of policies", err)}
	}
	cfg, gen, done, err := a.checked(ctx)
	if err != nil {
		return nil, nil, a.explained(err)
	}
	name := in.Connection.Name
	if conn := gen.Connection(name); conn != nil {
		if in.Connection.Labels == nil {
			in.Connection.Labels = conn.Labels
		}
		return conn.Policy, done, nil
	}
	if name != "" {
		done()
		return nil, nil, wrong("the input is about connection %q, which the configuration has not: it has %s", name, strings.Join(names(cfg), ", "))
	}
	var apply []string
	for _, p := range cfg.Policies {
		if config.AppliesTo(p.AppliesTo, in.Connection.Labels) {
			apply = append(apply, p.Name)
		}
	}
	set, err := gen.Policies.For(apply)
	if err != nil {
		done()
		return nil, nil, err
	}
	return set, done, nil
}

func names(cfg *config.Config) []string {
	var out []string
	for _, c := range cfg.Connections {
		out = append(out, c.Name)
	}
	return out
}

func (a *app) policyEval() *cobra.Command {
	input := ""
	c := &cobra.Command{
		Use: "eval [DIR…] -i FILE", Short: "Decide about an input document and print the decision; exit 1 unless it is allowed",
		Long: "Decides about an input document (policies/schema/input.json; keys may be left out) by the policies in the folders\ngiven or, without any, by those that --config has for the input's connection.",
		RunE: func(c *cobra.Command, dirs []string) error {
			if input == "" {
				return wrong("policy eval needs -i FILE, or -i - for stdin")
			}
			in, err := readInput(c, input)
			if err != nil {
				return err
			}
			set, done, err := a.deciders(c.Context(), dirs, in)
			if err != nil {
				return err
			}
			defer done()
			d, err := set.Decide(c.Context(), in)
			if err != nil {
				return a.policyError(err)
			}
			if a.json() {
				if err := a.printJSON(d); err != nil {
					return err
				}
			} else {
				a.printDecision(&d)
			}
			if d.Verdict != policy.Allow {
				return &exit{exitNotSo, errSilent}
			}
			return nil
		},
	}
	c.Flags().StringVarP(&input, "input", "i", "", "the input document; -: stdin")
	return c
}

func (a *app) printDecision(d *policy.Decision) {
	fmt.Fprintln(a.out, d.Verdict)
	if len(d.Policies) > 0 {
		fmt.Fprintf(a.out, "  allowed by %s\n", strings.Join(d.Policies, ", "))
	}
	for _, r := range d.Why() {
		by := ""
		if r.Policy != "" {
			by = "by " + r.Policy + ": "
		}
		fmt.Fprintf(a.out, "  denied %s%s\n", by, cellText(r.Reason))
		if r.Hint != "" {
			fmt.Fprintf(a.out, "         hint: %s\n", cellText(r.Hint))
		}
	}
	for _, h := range d.Holds {
		fmt.Fprintf(a.out, "  held by %s for approval %s: %s\n", h.Policy, h.Approval, cellText(h.Reason))
	}
	for _, m := range d.Masks {
		fmt.Fprintf(a.out, "  masked by %s: %s\n", m.Policy, maskText(&m))
	}
	if d.Limit.Rows > 0 {
		fmt.Fprintf(a.out, "  limited to %d rows\n", d.Limit.Rows)
	}
	for _, s := range d.Shadow {
		if s.Error != "" {
			fmt.Fprintf(a.out, "  in shadow, %s could not decide: %s\n", s.Policy, cellText(s.Error))
			continue
		}
		fmt.Fprintf(a.out, "  in shadow, %s would make it: %s\n", s.Policy, s.Verdict)
	}
}

func maskText(m *policy.Mask) string {
	return strings.Join(slices.DeleteFunc([]string{m.Column, m.Block, m.Action}, func(s string) bool { return s == "" }), " ")
}

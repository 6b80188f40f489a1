package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"sluice.dev/proxy/policy"
)

func (a *app) policy() *cobra.Command {
	return group("policy", "Write, check, test, try and explain policies", a.policyNew(), a.policyCheck(), a.policyFmt(), a.policyTest(), a.policyCoverage(),
		a.policyBench(), a.policyEval(), a.policyExplain(), a.policyShadow())
}

// policyDirs are the folders that a command was given, or the usual one.
func policyDirs(args []string) []string {
	if len(args) == 0 {
		return []string{"policies"}
	}
	return args
}

// tested runs the tests of policies and prints those that failed.
func (a *app) tested(ctx context.Context, dirs []string, o policy.TestOptions) (policy.Report, error) {
	r, err := policy.Test(ctx, policyDirs(dirs), o)
	if err != nil {
		return r, a.policyError(err)
	}
	if a.json() {
		return r, a.printJSON(r)
	}
	for _, t := range r.Tests {
		if t.Passed || t.Skipped {
			continue
		}
		fmt.Fprintf(a.out, "FAIL %s (%s:%d)\n", t.Name, t.File, t.Line)
		if t.Error != "" {
			fmt.Fprintf(a.out, "     %s\n", t.Error)
		}
		if t.Output != "" {
			fmt.Fprintf(a.out, "     %s\n", t.Output)
		}
	}
	return r, nil
}

// policyError has the exit code of what went wrong: a fault in a policy is an
// answer, a folder that cannot be read is not.
func (a *app) policyError(err error) error {
	var load *policy.LoadError
	var eval *policy.EvalError
	if errors.As(err, &load) || errors.As(err, &eval) {
		return a.explained(err)
	}
	return &exit{exitNoReach, err}
}

func (a *app) policyTest() *cobra.Command {
	o := policy.TestOptions{}
	least := 0.0
	c := &cobra.Command{
		Use: "test [DIR…]", Short: "Run the tests beside policies (rules test_… in *_test.rego)",
		RunE: func(c *cobra.Command, dirs []string) error {
			r, err := a.tested(c.Context(), dirs, o)
			if err != nil {
				return err
			}
			if !a.json() {
				fmt.Fprintf(a.out, "%d passed, %d failed, %d skipped in %d policies; %s of their lines were evaluated\n",
					r.Passed, r.Failed, r.Skipped, len(r.Policies), percent(r.Coverage.Percent))
			}
			if !r.OK() || r.Coverage.Percent < least {
				if r.OK() {
					fmt.Fprintf(a.errs, "sluice: coverage is below %s: sluice policy coverage shows what no test has evaluated\n", percent(least))
				}
				return &exit{exitNotSo, errSilent}
			}
			return nil
		},
	}
	c.Flags().StringVar(&o.Run, "run", "", "only tests whose full name matches this regular expression")
	c.Flags().Float64Var(&least, "coverage", 0, "exit 1 if less than this percentage of the lines was evaluated")
	return c
}

func (a *app) policyCoverage() *cobra.Command {
	return &cobra.Command{
		Use: "coverage [DIR…]", Short: "Run the tests and show which lines of the policies they have not evaluated",
		RunE: func(c *cobra.Command, dirs []string) error {
			r, err := a.tested(c.Context(), dirs, policy.TestOptions{})
			if err != nil {
				return err
			}
			if !a.json() {
				var rows [][]string
				for _, f := range r.Coverage.Files {
					gaps := ""
					for _, g := range f.Gaps {
						gaps += " " + lines(g)
					}
					rows = append(rows, []string{f.File, percent(f.Percent), gaps})
				}
				if err := a.table([]string{"FILE", "EVALUATED", "NOT EVALUATED"}, rows); err != nil {
					return err
				}
				fmt.Fprintf(a.out, "%s of all lines\n", percent(r.Coverage.Percent))
			}
			if !r.OK() {
				return &exit{exitNotSo, errSilent}
			}
			return nil
		},
	}
}

func lines(g policy.Lines) string {
	if g.From == g.To {
		return strconv.Itoa(g.From)
	}
	return fmt.Sprintf("%d-%d", g.From, g.To)
}

func percent(p float64) string { return strconv.FormatFloat(p, 'f', -1, 64) + " %" }

package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"sluice.dev/proxy/policy"
)

func (a *app) policy() *cobra.Command {
	return group("policy", "Test policies", a.policyTest())
}

func (a *app) policyTest() *cobra.Command {
	o := policy.TestOptions{}
	c := &cobra.Command{
		Use: "test [DIR…]", Short: "Run the tests beside policies (rules test_… in *_test.rego)",
		RunE: func(c *cobra.Command, dirs []string) error {
			if len(dirs) == 0 {
				dirs = []string{"policies"}
			}
			r, err := policy.Test(c.Context(), dirs, o)
			if err != nil {
				return a.explained(err)
			}
			if a.json() {
				if err := a.printJSON(r); err != nil {
					return err
				}
			} else {
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
				fmt.Fprintf(a.out, "%d passed, %d failed, %d skipped in %d policies\n", r.Passed, r.Failed, r.Skipped, len(r.Policies))
			}
			if !r.OK() {
				return &exit{exitNotSo, errSilent}
			}
			return nil
		},
	}
	c.Flags().StringVar(&o.Run, "run", "", "only tests whose full name matches this regular expression")
	return c
}

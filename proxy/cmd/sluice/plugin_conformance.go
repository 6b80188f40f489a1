package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"sluice.dev/proxy/console"
	"sluice.dev/proxy/plugin"
	"sluice.dev/proxy/plugin/kit"
)

func (a *app) pluginConformance() *cobra.Command {
	var t tried
	c := &cobra.Command{
		Use: "conformance MODULE", Short: "Hold a module to the ABI, whatever language it was written in", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			settings, err := kit.Settings(t.settings)
			if err != nil {
				return wrong("--settings: %v", err)
			}
			wasm, err := readModule(args[0])
			if err != nil {
				return err
			}
			r, done, err := a.pluginRuntime(c.Context(), plugin.Limits{})
			if err != nil {
				return err
			}
			defer done()
			checks := kit.Conformance(c.Context(), r, wasm, settings)
			failed := 0
			for i := range checks {
				if !checks[i].OK {
					failed++
				}
			}
			if a.json() {
				err = a.printJSON(struct {
					Conforms bool        `json:"conforms"`
					Checks   []kit.Check `json:"checks"`
				}{failed == 0, checks})
			} else {
				for _, k := range checks {
					word := "ok  "
					if !k.OK {
						word = "FAIL"
					}
					fmt.Fprintf(a.out, "%s %s (ABI %s)\n", word, k.Name, k.Section)
					if k.Detail != "" {
						fmt.Fprintf(a.out, "       %s\n", strings.ReplaceAll(console.Visible(k.Detail), "\n", "\n       "))
					}
				}
				fmt.Fprintf(a.out, "%d held, %d failed\n", len(checks)-failed, failed)
			}
			if err == nil && failed > 0 {
				return &exit{exitNotSo, errSilent}
			}
			return err
		},
	}
	t.flags(c)
	return c
}

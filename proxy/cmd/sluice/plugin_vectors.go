package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"sluice.dev/proxy/console"
	"sluice.dev/proxy/plugin"
	"sluice.dev/proxy/plugin/kit"
)

// tried is a module that a tool opened; the flags are shared by the tools.
type tried struct {
	settings, module string
}

func (t *tried) flags(c *cobra.Command) {
	c.Flags().StringVar(&t.settings, "settings", "", "the plugin's settings: JSON, or @FILE")
}

// open loads a module, granting what it asks for.
func (a *app) open(c *cobra.Command, path string, t *tried, limits plugin.Limits) (*plugin.Module, func(), error) {
	settings, err := kit.Settings(t.settings)
	if err != nil {
		return nil, nil, wrong("--settings: %v", err)
	}
	wasm, err := readModule(path)
	if err != nil {
		return nil, nil, err
	}
	r, done, err := a.pluginRuntime(c.Context(), limits)
	if err != nil {
		return nil, nil, err
	}
	m, err := kit.Open(c.Context(), r, wasm, settings, limits)
	if err != nil {
		done()
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	return m, done, nil
}

func (a *app) pluginTest() *cobra.Command {
	var t tried
	c := &cobra.Command{
		Use: "test DIR|MODULE [VECTORS…]", Short: "Run vectors: inputs, and what must be found in them", Args: cobra.MinimumNArgs(1),
		Long: "Runs the vectors that the module carries and those in files (sdk/ABI.md 9). In a folder it takes the one *.wasm,\n*vectors*.txt and vectors/*.txt.",
		RunE: func(c *cobra.Command, args []string) error {
			found, err := kit.Find(args[0])
			if t.module != "" {
				found.Module, err = t.module, nil
			}
			if err != nil {
				return &exit{exitNoReach, err}
			}
			m, done, err := a.open(c, found.Module, &t, plugin.Limits{})
			if err != nil {
				return err
			}
			defer done()
			outcomes, err := kit.Test(c.Context(), m, append(found.Vectors, args[1:]...))
			if err != nil {
				return err
			}
			return a.printOutcomes(found.Module, outcomes)
		},
	}
	c.Flags().StringVar(&t.module, "module", "", "the module, where DIR has none or several")
	return c
}

func (a *app) printOutcomes(module string, outcomes []kit.Outcome) error {
	failed := 0
	for i := range outcomes {
		if !outcomes[i].OK() {
			failed++
		}
	}
	if a.json() {
		if err := a.printJSON(struct {
			Passed  int           `json:"passed"`
			Failed  int           `json:"failed"`
			Vectors []kit.Outcome `json:"vectors"`
		}{len(outcomes) - failed, failed, outcomes}); err != nil {
			return err
		}
	} else {
		for i := range outcomes {
			if o := &outcomes[i]; !o.OK() {
				a.printFailure(module, o)
			}
		}
		fmt.Fprintf(a.out, "%d passed, %d failed\n", len(outcomes)-failed, failed)
	}
	switch {
	case failed > 0:
		return &exit{exitNotSo, errSilent}
	case len(outcomes) == 0:
		return fmt.Errorf("%s: there are no vectors: write some (sdk/ABI.md 9)", module)
	}
	return nil
}

func (a *app) printFailure(module string, o *kit.Outcome) {
	where := o.File
	if where == "" {
		where = module + ", vectors"
	}
	fmt.Fprintf(a.out, "FAIL %s:%d %s\n", where, o.Line, o.Does)
	if o.Error != "" {
		fmt.Fprintf(a.out, "     %s\n", strings.ReplaceAll(console.Visible(o.Error), "\n", "\n     "))
	}
	for _, d := range o.Diff {
		fmt.Fprintf(a.out, "     %s\n       want %s\n       got  %s\n", d.What, console.Visible(d.Want), console.Visible(d.Got))
	}
}

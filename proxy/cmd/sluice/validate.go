package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"sluice.dev/proxy/config"
	"sluice.dev/proxy/generation"
	"sluice.dev/proxy/plugin"
	"sluice.dev/proxy/policy"
)

// errSilent has been explained already.
var errSilent = errors.New("")

// checked loads a configuration and compiles all of it, as serve would, and
// returns it with what compiling made; the caller releases that.
func (a *app) checked(ctx context.Context) (*config.Config, *generation.Generation, func(), error) {
	cfg, err := config.Load(a.config)
	if err != nil {
		return nil, nil, nil, err
	}
	cache := filepath.Join(cfg.Gateway.DataDir.Abs, "compiled")
	if _, err := os.Stat(cfg.Gateway.DataDir.Abs); err != nil {
		cache = "" // validating leaves nothing behind
	}
	plugins, err := plugin.NewRuntime(ctx, plugin.Options{CacheDir: cache,
		Pseudonym: func(string, string, []byte) []byte { return []byte("p") }})
	if err != nil {
		return nil, nil, nil, err
	}
	shared := generation.Share(plugins, a.logger(0))
	closeAll := func() {
		shared.Close()
		_ = plugins.Close(context.WithoutCancel(ctx))
	}
	gen, err := generation.Compile(ctx, cfg, shared)
	if err != nil {
		closeAll()
		return cfg, nil, nil, err
	}
	return cfg, gen, func() { gen.Release(); closeAll() }, nil
}

// fault is one thing that is wrong, for programs.
type fault struct {
	File    string `json:"file,omitempty"`
	Line    int    `json:"line,omitempty"`
	Column  int    `json:"column,omitempty"`
	Message string `json:"message"`
	Snippet string `json:"snippet,omitempty"`
}

// faults lists what is wrong with a configuration, its policies and plugins.
func faults(err error) (out []fault) {
	var ce *config.Error
	var pe *policy.LoadError
	switch {
	case errors.As(err, &pe):
		for _, d := range pe.Diagnostics {
			out = append(out, fault{File: d.File, Line: d.Line, Column: d.Column, Message: d.Message, Snippet: d.Snippet})
		}
	case errors.As(err, &ce):
		for _, d := range ce.Diagnostics() {
			m := d.Summary
			if d.Detail != "" {
				m += ": " + d.Detail
			}
			out = append(out, fault{File: d.File, Line: d.Line, Column: d.Column, Message: m, Snippet: d.Snippet})
		}
	default:
		out = append(out, fault{Message: err.Error()})
	}
	return out
}

func (a *app) validate() *cobra.Command {
	connect := false
	c := &cobra.Command{
		Use: "validate", Short: "Check the configuration, its policies and plugins; nothing is started", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, gen, done, err := a.checked(c.Context())
			if err == nil && connect {
				err = gen.Reach(c.Context())
			}
			if a.json() {
				out := struct {
					Valid      bool                `json:"valid"`
					Generation string              `json:"generation,omitempty"`
					Faults     []fault             `json:"faults"`
					Warnings   []config.Diagnostic `json:"warnings,omitempty"`
				}{Valid: err == nil, Faults: []fault{}}
				if err != nil {
					out.Faults = faults(err)
				} else {
					out.Generation, out.Warnings = gen.ID(), cfg.Warnings
				}
				if perr := a.printJSON(out); perr != nil {
					return perr
				}
				if err != nil {
					return &exit{exitNotSo, errSilent}
				}
				done()
				return nil
			}
			if err != nil {
				return a.explained(err)
			}
			defer done()
			for _, w := range cfg.Warnings {
				fmt.Fprintf(a.errs, "warning: %s\n", w)
			}
			fmt.Fprintf(a.out, "valid: %d connections, %d policies, %d masks, %d plugins\n%s\n", len(cfg.Connections), len(cfg.Policies), len(cfg.Masks), len(cfg.Plugins), gen.ID())
			return nil
		},
	}
	c.Flags().BoolVar(&connect, "connect", false, "also reach each resource, and look whether the masked columns are there")
	return c
}

func (a *app) fmt() *cobra.Command {
	check := false
	c := &cobra.Command{
		Use: "fmt [FILE…]", Short: "Write configuration files in the canonical layout",
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				args = []string{a.config}
			}
			changed := false
			for _, path := range args {
				files := []string{path}
				if info, err := os.Stat(path); err != nil {
					return &exit{exitNoReach, err}
				} else if info.IsDir() {
					if files, err = filepath.Glob(filepath.Join(path, "*.hcl")); err != nil {
						return err
					}
				}
				for _, f := range files {
					src, err := os.ReadFile(f)
					if err != nil {
						return &exit{exitNoReach, err}
					}
					out, err := config.Format(f, src)
					if err != nil {
						return a.explained(err)
					}
					if string(out) == string(src) {
						continue
					}
					changed = true
					fmt.Fprintln(a.out, f)
					if !check {
						if err := os.WriteFile(f, out, 0o644); err != nil { //nolint:gosec // as it was
							return err
						}
					}
				}
			}
			if check && changed {
				return &exit{exitNotSo, errSilent}
			}
			return nil
		},
	}
	c.Flags().BoolVar(&check, "check", false, "change nothing; exit 1 if a file would change")
	return c
}

package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"sluice.dev/proxy/config"
	"sluice.dev/proxy/generation"
	"sluice.dev/proxy/plugin"
)

func (a *app) pluginInspect() *cobra.Command {
	return &cobra.Command{
		Use: "inspect MODULE", Short: "Say what a module is, what it asks for, and how to name it in HCL", Args: cobra.ExactArgs(1),
		Long: "With --config, under the limits that the plugin blocks naming this file set; else under the defaults.",
		RunE: func(c *cobra.Command, args []string) error {
			wasm, err := readModule(args[0])
			if err != nil {
				return err
			}
			var limits plugin.Limits
			block := "the defaults"
			if c.Flags().Changed("config") {
				if limits, block, err = a.limitsOf(args[0]); err != nil {
					return err
				}
			}
			r, done, err := a.pluginRuntime(c.Context(), limits)
			if err != nil {
				return err
			}
			defer done()
			i, err := r.Inspect(c.Context(), wasm)
			if err != nil {
				return err
			}
			if a.json() {
				return a.printJSON(i)
			}
			a.printInfo(args[0], block, i)
			return nil
		},
	}
}

// limitsOf are those of the first plugin block that names a module's file, and
// which block it is.
func (a *app) limitsOf(path string) (plugin.Limits, string, error) {
	cfg, err := config.Load(a.config)
	if err != nil {
		return plugin.Limits{}, "", a.explained(err)
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return plugin.Limits{}, "", err
	}
	for _, p := range cfg.Plugins {
		if p.Module.Abs == abs {
			return generation.PluginLimits(&p.Limits), fmt.Sprintf("plugin %q at %s", p.Name, p.Pos), nil
		}
	}
	return plugin.Limits{}, "", &exit{exitNotSo, fmt.Errorf("no plugin block of %s names %s", a.config, path)}
}

func (a *app) printInfo(path, block string, i *plugin.Info) {
	m := &i.Manifest
	say := func(name, text string) { fmt.Fprintf(a.out, "%-13s %s\n", name, cellText(text)) }
	list := func(name string, l []string) {
		if len(l) == 0 {
			l = []string{"none"}
		}
		say(name, strings.Join(l, ", "))
	}
	say("Plugin", strings.TrimSpace(m.Name+" "+m.Version))
	if m.Description != "" {
		say("", m.Description)
	}
	list("Provides", m.Provides)
	list("Capabilities", m.Capabilities)
	list("Kinds", m.Kinds)
	say("Reach", fmt.Sprintf("%d bytes", m.Reach))
	if len(m.Settings) > 0 {
		say("Settings", string(m.Settings))
	}
	say("Self-tests", fmt.Sprint(i.Vectors))
	say("Size", fmt.Sprintf("%d KiB, begins with %d KiB of memory", i.Size>>10, i.MemoryPages*64))
	l := &i.Limits
	say("Limits", fmt.Sprintf("fuel %d a call, %d to start; memory %d KiB; call depth %d (%s)", l.Fuel, l.StartFuel, l.MemoryKiB, l.CallDepth, block))
	list("Imports", imports(i.Imports))
	signed := "no"
	if i.Signed {
		signed = "yes: sluice plugin verify says by whom"
	}
	say("Signed", signed)
	say("SHA-256", i.Digest)
	grants := ""
	if len(m.Capabilities) > 0 {
		grants = "  grants = [\"" + strings.Join(m.Capabilities, `", "`) + "\"]\n"
	}
	fmt.Fprintf(a.out, "\nplugin %q {\n  module = %q\n  sha256 = %q\n%s}\n", m.Name, path, i.Digest, grants)
}

// imports names the gateway's functions, and counts those of WASI, which do
// nothing.
func imports(list []string) (out []string) {
	inert := 0
	for _, im := range list {
		if strings.HasPrefix(im, "wasi_snapshot_preview1.") {
			inert++
			continue
		}
		out = append(out, im)
	}
	if inert > 0 {
		out = append(out, fmt.Sprintf("%d of WASI, which do nothing", inert))
	}
	return out
}

package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"sluice.dev/proxy/plugin"
)

func (a *app) pluginInspect() *cobra.Command {
	return &cobra.Command{
		Use: "inspect MODULE", Short: "Say what a module is, what it asks for, and how to name it in HCL", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			wasm, err := readModule(args[0])
			if err != nil {
				return err
			}
			r, done, err := a.pluginRuntime(c.Context(), plugin.Limits{})
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
			a.printInfo(args[0], i)
			return nil
		},
	}
}

func (a *app) printInfo(path string, i *plugin.Info) {
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

package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"sluice.dev/proxy/config"
)

func (a *app) plan() *cobra.Command {
	against := ""
	c := &cobra.Command{
		Use: "plan", Short: "Show the configuration as the gateway understands it, secrets hidden; or what would change", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, gen, done, err := a.checked(c.Context())
			if err != nil {
				return a.explained(err)
			}
			defer done()
			if against == "" {
				if a.json() {
					return a.printJSON(map[string]string{"generation": gen.ID(), "config": cfg.Redacted()})
				}
				fmt.Fprintf(a.out, "# %s\n%s", gen.ID(), cfg.Redacted())
				return nil
			}
			old, err := config.Load(against)
			if err != nil {
				return a.explained(err)
			}
			changes := config.Compare(old, cfg)
			if a.json() {
				return a.printJSON(map[string]any{"generation": gen.ID(), "changes": changes})
			}
			for _, ch := range changes {
				fmt.Fprintf(a.out, "%s %s\n", sign(ch.Action), ch.Block)
				for _, at := range ch.Attributes {
					fmt.Fprintf(a.out, "    %s %s\n", at.Name, strings.TrimSpace(arrow(at.Old, at.New)))
				}
			}
			fmt.Fprintln(a.out, config.Summary(changes))
			return nil
		},
	}
	c.Flags().StringVar(&against, "against", "", "another configuration: show what is different from it")
	return c
}

func sign(action string) string {
	switch action {
	case "add":
		return "+"
	case "remove":
		return "-"
	}
	return "~"
}

func arrow(old, next string) string {
	switch {
	case old == "":
		return "= " + next
	case next == "":
		return "was " + old
	}
	return old + " → " + next
}

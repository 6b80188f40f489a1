package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

func (a *app) status() *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "Say how the gateway is", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			s, err := client.Status(c.Context())
			if err != nil {
				return err
			}
			if a.json() {
				return a.printJSON(s)
			}
			say := func(name, text string) { fmt.Fprintf(a.out, "%-12s %s\n", name, text) }
			say("Gateway", s.Gateway+", "+s.Version)
			ready := "yes"
			if !s.Ready {
				ready = "no: " + s.NotReady
			}
			say("Ready", ready)
			say("Started", stamp(s.Started))
			say("Generation", s.Generation)
			say("Loaded", stamp(s.Loaded))
			if s.ReloadError != "" {
				say("Last reload", "failed "+stamp(s.ReloadTried))
				for l := range strings.SplitSeq(s.ReloadError, "\n") {
					say("", l)
				}
			}
			if s.Development {
				say("Development", "yes: some checks are off")
			}
			say("Log", fmt.Sprintf("%s, %d records, %d on disk", s.LogOrigin, s.LogHead, s.LogDurable))
			say("Sessions", fmt.Sprint(s.Sessions))
			say("Pending", fmt.Sprint(s.Pending))
			if len(s.Quarantined) > 0 {
				say("Quarantined", "plugins "+strings.Join(s.Quarantined, ", ")+": what they should see is refused; mend them and reload")
			}
			return nil
		},
	}
}

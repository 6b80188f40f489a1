package main

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"sluice.dev/proxy/console"
	"sluice.dev/proxy/server/api"
)

func (a *app) holds() *cobra.Command {
	return group("holds", "See the commands that wait for approval", a.holdsList(), a.holdsShow(), a.holdsWatch())
}

func (a *app) holdsList() *cobra.Command {
	var states []string
	var all bool
	var connection string
	c := &cobra.Command{
		Use: "list", Short: "List the holds that wait", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			f := console.Filter{Connection: connection}
			for _, s := range states {
				if !slices.Contains(console.States(), console.State(s)) {
					return wrong("--state %s: the states are %v", s, console.States())
				}
				f.States = append(f.States, console.State(s))
			}
			if len(f.States) == 0 && !all {
				f.States = []console.State{console.Pending}
			}
			cl, err := a.client()
			if err != nil {
				return err
			}
			holds, err := cl.Holds(cmd.Context(), f)
			if err != nil {
				return err
			}
			if a.json() {
				return a.printJSON(api.HoldList{Holds: holds})
			}
			if len(holds) == 0 {
				fmt.Fprintln(a.errs, "Nothing waits.")
				return nil
			}
			var rows [][]string
			for _, h := range holds {
				rows = append(rows, []string{h.Ticket, string(h.State), party(h.Requester), h.Connection, h.Description, stamp(h.Expires)})
			}
			return a.table([]string{"TICKET", "STATE", "WHO", "CONNECTION", "WHAT", "UNTIL"}, rows)
		},
	}
	c.Flags().StringSliceVar(&states, "state", nil, "only holds in these states")
	c.Flags().BoolVar(&all, "all", false, "decided ones too")
	c.Flags().StringVar(&connection, "connection", "", "only of this connection")
	c.MarkFlagsMutuallyExclusive("state", "all")
	return c
}

func (a *app) holdsShow() *cobra.Command {
	return &cobra.Command{
		Use: "show TICKET", Short: "Show one hold in full", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ticket, err := api.TicketOf(args[0])
			if err != nil {
				return &exit{exitUsage, err}
			}
			cl, err := a.client()
			if err != nil {
				return err
			}
			h, err := cl.Hold(cmd.Context(), ticket)
			if err != nil {
				return err
			}
			return a.printHold(h)
		},
	}
}

func (a *app) printHold(h console.Hold) error {
	if a.json() {
		return a.printJSON(h)
	}
	holdText(a.out, h)
	return nil
}

func (a *app) holdsWatch() *cobra.Command {
	return &cobra.Command{
		Use: "watch", Short: "Tell of holds as they come and are decided, until Ctrl-C", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cl, err := a.client()
			if err != nil {
				return err
			}
			for h, err := range cl.Watch(cmd.Context()) {
				switch {
				case err != nil:
					return err
				case a.json():
					// One object a line, for pipes.
					if err := json.NewEncoder(a.out).Encode(h); err != nil {
						return err
					}
				default:
					fmt.Fprintf(a.out, "%s  %-9s  %s on %s: %s\n", h.Ticket, h.State, cellText(party(h.Requester)), h.Connection, cellText(h.Description))
				}
			}
			return nil
		},
	}
}

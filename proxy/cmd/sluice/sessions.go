package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"sluice.dev/proxy/server/api"
)

func (a *app) sessions() *cobra.Command {
	return group("sessions", "See, end and replay sessions", a.sessionsList(), a.sessionsKill(), a.sessionsReplay())
}

func (a *app) sessionsList() *cobra.Command {
	var all bool
	c := &cobra.Command{
		Use: "list", Short: "List the open sessions", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cl, err := a.client()
			if err != nil {
				return err
			}
			sessions, err := cl.Sessions(cmd.Context(), !all)
			if err != nil {
				return err
			}
			if a.json() {
				return a.printJSON(api.SessionList{Sessions: sessions})
			}
			if len(sessions) == 0 {
				fmt.Fprintln(a.errs, "No session.")
				return nil
			}
			var rows [][]string
			for _, s := range sessions {
				state := "open"
				switch {
				case !s.Open():
					state = "ended"
				case s.Held != "":
					state = "waits for " + s.Held
				}
				rows = append(rows, []string{s.ID, state, party(s.Principal), s.Connection, s.Client.Address, fmt.Sprint(s.Commands), stamp(s.Started)})
			}
			return a.table([]string{"SESSION", "STATE", "WHO", "CONNECTION", "FROM", "COMMANDS", "SINCE"}, rows)
		},
	}
	c.Flags().BoolVar(&all, "all", false, "ended ones too")
	return c
}

func (a *app) sessionsKill() *cobra.Command {
	var reason string
	c := &cobra.Command{
		Use: "kill SESSION", Short: "End a session at once", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cl, err := a.client()
			if err != nil {
				return err
			}
			if err := cl.Kill(cmd.Context(), args[0], reason); err != nil {
				return err
			}
			if a.json() {
				return a.printJSON(map[string]string{"session": args[0], "state": "ended"})
			}
			fmt.Fprintf(a.out, "session %s ended\n", cellText(args[0]))
			return nil
		},
	}
	c.Flags().StringVar(&reason, "reason", "", "why, for the record and for the client")
	return c
}

package main

import (
	"context"

	"github.com/spf13/cobra"

	"sluice.dev/proxy/console"
	"sluice.dev/proxy/server/api"
)

func (a *app) approve() *cobra.Command {
	return a.decision("approve TICKET", "Approve a held command, with an approver's token", false, (*api.Client).Approve)
}

func (a *app) deny() *cobra.Command {
	return a.decision("deny TICKET --reason TEXT", "Deny a held command, with an approver's token", true, (*api.Client).Deny)
}

func (a *app) decision(use, short string, needed bool, do func(*api.Client, context.Context, string, string) (console.Hold, error)) *cobra.Command {
	var reason string
	c := &cobra.Command{
		Use: use, Short: short, Args: cobra.ExactArgs(1), DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			ticket, err := api.TicketOf(args[0])
			if err != nil {
				return &exit{exitUsage, err}
			}
			if needed && reason == "" {
				return wrong("give --reason: the agent and its human read it")
			}
			cl, err := a.client()
			if err != nil {
				return err
			}
			h, err := do(cl, cmd.Context(), ticket, reason)
			if err != nil {
				return err
			}
			return a.printHold(h)
		},
	}
	c.Flags().StringVar(&reason, "reason", "", "why, for the record and for the one who asked")
	return c
}

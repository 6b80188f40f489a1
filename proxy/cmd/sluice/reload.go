package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func (a *app) reload() *cobra.Command {
	return &cobra.Command{
		Use: "reload", Short: "Make the gateway load its configuration again; connections stay open", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cl, err := a.client()
			if err != nil {
				return err
			}
			st, err := cl.Reload(cmd.Context())
			if err != nil {
				return err
			}
			if a.json() {
				return a.printJSON(st)
			}
			fmt.Fprintf(a.out, "%s runs generation %s, loaded %s\n", cellText(st.Gateway), st.Generation, stamp(st.Loaded))
			return nil
		},
	}
}

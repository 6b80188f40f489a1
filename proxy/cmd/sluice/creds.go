package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"sluice.dev/proxy/server/api"
)

func (a *app) creds() *cobra.Command {
	var revoke bool
	c := &cobra.Command{
		Use: "creds NAME", Short: "Get a session password for a connection",
		Long: "Get a session password: short, for one connection, and for clients whose password field is too small for a token.\n" +
			"It logs in for 15 minutes; the session lasts as long as the token would let it. It is printed on stdout, alone, so\n" +
			"that PGPASSWORD=$(sluice creds orders) works. It needs --gateway and a token.",
		Args: func(_ *cobra.Command, args []string) error {
			if revoke != (len(args) == 0) || len(args) > 1 {
				return wrong("give the name of one connection, or --revoke alone")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			cl, err := a.client()
			if err != nil {
				return err
			}
			if revoke {
				n, err := cl.Revoke(cmd.Context())
				if err != nil {
					return err
				}
				if a.json() {
					return a.printJSON(api.Revoked{Revoked: n})
				}
				fmt.Fprintf(a.out, "%d session passwords revoked\n", n)
				return nil
			}
			got, err := cl.Issue(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if a.json() {
				return a.printJSON(got)
			}
			fmt.Fprintln(a.out, cellText(got.Password))
			fmt.Fprintf(a.errs, "For %s; log in until %s.\n", cellText(got.Connection), stamp(got.Expires))
			return nil
		},
	}
	c.Flags().BoolVar(&revoke, "revoke", false, "end all of your session passwords; open sessions go on")
	return c
}

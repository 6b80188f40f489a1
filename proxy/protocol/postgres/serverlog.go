package postgres

import (
	"context"
	"fmt"
	"strings"
)

// serverLog checks that the server does not write the trees that it prints,
// with the constants of every statement in them, into its own log too: in the
// order of log_min_messages, LOG comes just before FATAL (PostgreSQL 20.8.2).
func (o *Options) serverLog(minMessages string) error {
	if o.ServerLogAccepted || minMessages == "fatal" || minMessages == "panic" {
		return nil
	}
	return fmt.Errorf(`the database would write every statement's analysis, with its constants, into its own log: as a superuser run ALTER ROLE %s SET log_min_messages = fatal (then it logs no ERROR of this role either), or set server_log = "accepted", or lineage = "strict", in the connection's postgres block`, `"`+strings.ReplaceAll(o.Upstream.User, `"`, `""`)+`"`)
}

// reachLog is the part of Reach that looks at the server's log settings.
func (o *Options) reachLog(ctx context.Context) error {
	if !o.byServer() || o.ServerLogAccepted {
		return nil
	}
	s, err := o.Upstream.connect(ctx, "", append(printSettings[:len(printSettings):len(printSettings)], gatewaySettings...))
	if err != nil {
		return err
	}
	defer s.Close()
	rows, err := s.Query(ctx, "SHOW log_min_messages")
	if err != nil {
		return err
	}
	if len(rows) != 1 || len(rows[0]) != 1 {
		return fmt.Errorf("postgres: SHOW log_min_messages has no answer")
	}
	return o.serverLog(string(rows[0][0]))
}

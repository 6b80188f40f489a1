package postgres_test

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"sluice.dev/proxy/server/servertest"
)

func TestServerLineage(t *testing.T) {
	g := servertest.Start(t, servertest.Options{Lineage: "server"})
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, g.DSN(g.Token("agent-7", "crew")))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	for _, q := range []string{"SELECT 1", "SELECT id, email FROM customers ORDER BY id", "SELECT nope FROM customers", "SELECT id, upper(email) FROM customers", "SELECT id, email FROM customers WHERE email LIKE 'a%'", "BEGIN", "SELECT nope FROM customers", "ROLLBACK", "SELECT count(*) FROM customers"} {
		for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeSimpleProtocol, pgx.QueryExecModeDescribeExec, pgx.QueryExecModeCacheStatement} {
			rows, err := conn.Query(ctx, q, mode)
			if err == nil {
				var out []string
				for rows.Next() {
					for _, v := range rows.RawValues() {
						out = append(out, string(v))
					}
				}
				t.Log(q, strings.Join(out, " | "), rows.Err())
			} else {
				t.Log(q, err)
			}
		}
	}
	t.Log(g.Log.String())
}

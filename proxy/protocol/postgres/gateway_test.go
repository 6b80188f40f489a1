package postgres_test

import (
	"context"
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"sluice.dev/proxy/server/servertest"
)

func connect(t *testing.T, dsn string, mode pgx.QueryExecMode) *pgx.Conn {
	t.Helper()
	cfg, err := pgx.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	cfg.DefaultQueryExecMode = mode
	conn, err := pgx.ConnectConfig(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

var modes = map[string]pgx.QueryExecMode{
	"simple": pgx.QueryExecModeSimpleProtocol, "prepared": pgx.QueryExecModeCacheStatement,
	"described": pgx.QueryExecModeCacheDescribe, "exec": pgx.QueryExecModeExec,
}

func TestReadsAreMaskedInEveryMode(t *testing.T) {
	g := servertest.Start(t, servertest.Options{})
	ctx := context.Background()
	for name, mode := range modes {
		t.Run(name, func(t *testing.T) {
			conn := connect(t, g.DSN(g.Agent()), mode)
			for range 3 { // again: what is remembered masks as well
				var id int32
				var email, city string
				if err := conn.QueryRow(ctx, "SELECT id, email, city FROM customers WHERE id = $1", 1).Scan(&id, &email, &city); err != nil {
					t.Fatal(err)
				}
				if id != 1 || email != "a***@example.com" || city != "Berlin" {
					t.Fatalf("got %d, %q, %q", id, email, city)
				}
			}
			_, err := conn.Exec(ctx, "SELECT g FROM customers, generate_series(32, 126) g WHERE ascii(email) = g")
			var pe *pgconn.PgError
			if !errors.As(err, &pe) || pe.Code != "42501" {
				t.Fatalf("comparing a masked column with other data: %v", err)
			}
			var n int
			if err := conn.QueryRow(ctx, "SELECT count(*) FROM orders WHERE id < $1", 11).Scan(&n); err != nil || n != 10 {
				t.Fatalf("after a denial: %d, %v", n, err)
			}
		})
	}
}

// What a transaction has made is known inside it, to it alone, and gone after
// it is rolled back.
func TestNamesInsideATransaction(t *testing.T) {
	g := servertest.Start(t, servertest.Options{})
	g.Direct("GRANT CREATE ON SCHEMA public TO crew_app; GRANT TEMPORARY ON DATABASE orders TO crew_app")
	ctx := context.Background()
	for name, mode := range modes {
		t.Run(name, func(t *testing.T) {
			conn := connect(t, g.DSN(g.Agent()), mode)
			tx, err := conn.Begin(ctx)
			if err != nil {
				t.Fatal(err)
			}
			for _, sql := range []string{"CREATE TABLE made (id int, v text)", "INSERT INTO made VALUES (1, 'one')", "CREATE TEMP TABLE mine AS SELECT 2 AS two"} {
				if _, err := tx.Exec(ctx, sql); err != nil {
					t.Fatalf("%s: %v", sql, err)
				}
			}
			var v string
			var two int
			if err := tx.QueryRow(ctx, "SELECT v, two FROM made, mine").Scan(&v, &two); err != nil || v != "one" || two != 2 {
				t.Fatalf("inside: %q, %d, %v", v, two, err)
			}
			if err := tx.Rollback(ctx); err != nil {
				t.Fatal(err)
			}
			_, err = conn.Exec(ctx, "SELECT v FROM made")
			var pe *pgconn.PgError
			if !errors.As(err, &pe) {
				t.Fatalf("after the rollback: %v", err)
			}
			if _, err := conn.Exec(ctx, "SELECT id FROM orders"); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// An approver reads bound values as text, whatever form the driver sent them in.
func TestBinaryValuesAreShown(t *testing.T) {
	g := servertest.Start(t, servertest.Options{})
	ctx := context.Background()
	conn := connect(t, g.DSN(g.Agent()), pgx.QueryExecModeCacheStatement)
	if _, err := conn.Exec(ctx, "SELECT item FROM orders WHERE id = $1 AND amount > $2 AND item <> $3", 17, 1.25, "none"); err != nil {
		t.Fatal(err)
	}
	g.Stop()
	for _, r := range g.Records("cmd.intent") {
		if len(r.Action.Reads) > 0 {
			if r.Detail["$1"] != "17" || r.Detail["$2"] != "1.25" || r.Detail["$3"] != "none" {
				t.Fatalf("shown as %v", r.Detail)
			}
			return
		}
	}
	t.Fatal("no record of the statement")
}

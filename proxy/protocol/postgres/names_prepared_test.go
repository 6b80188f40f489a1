package postgres_test

import (
	"context"
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"sluice.dev/proxy/server/servertest"
)

// SQL's PREPARE and DECLARE share their names with the messages Parse and
// Bind. A message that names what only SQL, or code on the server, has made
// runs nothing that was not decided.
func TestMessagesDoNotReachWhatSQLMade(t *testing.T) {
	g := servertest.Start(t, servertest.Options{})
	ctx := context.Background()
	g.Direct(`CREATE FUNCTION opens() RETURNS refcursor LANGUAGE plpgsql SECURITY DEFINER AS $$ DECLARE c refcursor := 'opened'; BEGIN OPEN c FOR SELECT email FROM customers; RETURN c; END $$`)
	conn := connect(t, g.DSN(g.Agent()), pgx.QueryExecModeSimpleProtocol)
	c := conn.PgConn()
	for _, sql := range []string{"PREPARE p AS SELECT email FROM customers", "PREPARE d AS DELETE FROM orders"} {
		if _, err := c.Exec(ctx, sql).ReadAll(); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"p", "d", "nobody"} {
		r := c.ExecPrepared(ctx, name, nil, nil, nil).Read()
		var pe *pgconn.PgError
		if !errors.As(r.Err, &pe) || pe.Code != "26000" || len(r.Rows) > 0 {
			t.Errorf("Bind of %q: %v, rows %q", name, r.Err, r.Rows)
		}
	}
	if _, err := c.Exec(ctx, "BEGIN; SELECT opens()").ReadAll(); err != nil {
		t.Fatal(err)
	}
	hijacked, err := c.Hijack()
	if err != nil {
		t.Fatal(err)
	}
	f := hijacked.Frontend
	f.SendExecute(&pgproto3.Execute{Portal: "opened"})
	f.SendSync(&pgproto3.Sync{})
	if err := f.Flush(); err != nil {
		t.Fatal(err)
	}
	code := ""
	for {
		m, err := f.Receive()
		if err != nil {
			t.Fatal(err)
		}
		switch m := m.(type) {
		case *pgproto3.ErrorResponse:
			code = m.Code
		case *pgproto3.DataRow:
			t.Errorf("Execute of a function's cursor: %q", m.Values)
		case *pgproto3.ReadyForQuery:
			if code != "34000" {
				t.Errorf("Execute of a function's cursor: code %q", code)
			}
			hijacked.Conn.Close()
			if n := g.Direct("SELECT count(*) FROM orders"); n != "20" {
				t.Errorf("%s orders left", n)
			}
			return
		}
	}
}

// What EXECUTE and FETCH show of a statement that has nothing to hide is as it
// is, until code that the gateway cannot read has run: it could have put
// another statement under the name.
func TestExecuteAndFetchShowWhatTheirStatementShows(t *testing.T) {
	g := servertest.Start(t, servertest.Options{})
	ctx := context.Background()
	g.Direct("CREATE FUNCTION unread() RETURNS integer LANGUAGE plpgsql AS $$ BEGIN DEALLOCATE p; PREPARE p AS SELECT upper(email) FROM customers WHERE id = 1; RETURN 1; END $$; GRANT CREATE ON SCHEMA public TO crew_app")
	conn := connect(t, g.DSN(g.Agent()), pgx.QueryExecModeSimpleProtocol)
	c := conn.PgConn()
	ask := func(sql string) string {
		t.Helper()
		all, err := c.Exec(ctx, sql).ReadAll()
		if err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		if r := all[len(all)-1]; len(r.Rows) > 0 {
			return string(r.Rows[0][0])
		}
		return ""
	}
	for _, step := range []struct{ sql, want string }{
		{"PREPARE p AS SELECT upper(item) FROM orders WHERE id = 1", ""},
		{"EXECUTE p", "ITEM 1"},
		{"BEGIN", ""}, {"DECLARE c CURSOR FOR SELECT upper(item) FROM orders ORDER BY id", ""},
		{"FETCH 1 FROM c", "ITEM 1"}, {"COMMIT", ""},
		{"PREPARE q AS SELECT email FROM customers WHERE id = 1", ""},
		{"EXECUTE q", "a***@example.com"},
		// A change of the catalog makes the server plan anew, and the gateway look anew.
		{"CREATE TABLE other (a integer)", ""},
		{"EXECUTE p", "ITEM 1"},
		{"SELECT unread() < 0", "any"},
		{"EXECUTE p", "***"},
	} {
		if got := ask(step.sql); got != step.want && step.want != "any" {
			t.Errorf("%s: %q, want %q", step.sql, got, step.want)
		}
	}
}

package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"sluice.dev/proxy/server/servertest"
)

// rowsOf runs a statement and shows its rows, cells parted by “|” and rows by
// “;”, or its error as “! SQLSTATE text”.
func rowsOf(t *testing.T, conn *pgx.Conn, sql string, args ...any) string {
	t.Helper()
	rows, err := conn.Query(context.Background(), sql, args...)
	var out []string
	if err == nil {
		for rows.Next() {
			var cells []string
			for _, v := range rows.RawValues() {
				if v == nil {
					cells = append(cells, "NULL")
				} else {
					cells = append(cells, string(v))
				}
			}
			out = append(out, strings.Join(cells, "|"))
		}
		err = rows.Err()
	}
	var pe *pgconn.PgError
	switch {
	case errors.As(err, &pe):
		return strings.Join(append(out, "! "+pe.Code+" "+pe.Message), ";")
	case err != nil:
		return strings.Join(append(out, "! "+err.Error()), ";")
	}
	return strings.Join(out, ";")
}

// want compares what a statement shows with what it should: a text that begins
// with “! ” needs only to be how the answer begins.
func want(t *testing.T, conn *pgx.Conn, sql, text string) {
	t.Helper()
	got := rowsOf(t, conn, sql, pgx.QueryExecModeSimpleProtocol)
	if got != text && (!strings.HasPrefix(text, "! ") || !strings.HasPrefix(got, text)) {
		t.Errorf("%s\n got %q\nwant %q", sql, got, text)
	}
}

// TestServerLineage: what the server's analysis allows that the gateway's own
// does not, and what both refuse.
func TestServerLineage(t *testing.T) {
	g := servertest.Start(t, servertest.Options{})
	conn := connect(t, g.DSN(g.Agent()), pgx.QueryExecModeSimpleProtocol)
	for range 2 { // the second time from what the session has kept
		for _, c := range []struct{ sql, want string }{
			{"SELECT 1", "1"},
			{"SELECT id, email FROM customers ORDER BY id LIMIT 1", "1|a***@example.com"},
			{"SELECT id, upper(email), upper(city) FROM customers ORDER BY id LIMIT 1", "1|***|BERLIN"},
			{"SELECT count(*), count(email), max(email) FROM customers", "3|3|***"},
			{"SELECT id FROM customers WHERE email LIKE 'a%'", "1"},
			{"SELECT id, phone IS NULL FROM customers ORDER BY id", "1|NULL;2|NULL;3|NULL"},
			{"WITH x(city) AS (SELECT email FROM customers) SELECT city FROM x WHERE city LIKE 'b%'", "b***@kovacs.example"},
			{"SELECT nope FROM customers", "! 42703 column \"nope\" does not exist"},
			{"SELECT g FROM customers, generate_series(32, 126) g WHERE ascii(email) = g", "! 42501 sluice: denied"},
			{"EXPLAIN (COSTS OFF) SELECT id FROM customers WHERE email = 'x'", "***;***"},
			{"SELECT 1; SELECT upper(email), city FROM customers ORDER BY id LIMIT 1", "1"},
		} {
			want(t, conn, c.sql, c.want)
		}
	}
	// In the extended protocol, with binary results.
	for range 2 {
		var city, email string
		if err := conn.QueryRow(t.Context(), "SELECT city, lower(email) FROM customers WHERE id = $1", pgx.QueryExecModeCacheStatement, 2).Scan(&city, &email); err != nil || city != "Budapest" || email != "***" {
			t.Errorf("prepared: %q, %q, %v", city, email, err)
		}
	}
	// Where a value makes an expression fail, the rows before it stay back.
	want(t, conn, "SELECT id, 1 / (ascii(email) - 98) FROM customers ORDER BY id", "! 22012 ")
	for _, l := range strings.Split(g.DB.Log(), "\n") {
		if strings.Contains(l, "parse tree") || strings.Contains(l, "QUERY :") {
			t.Fatalf("the server's log has a tree: %s", l)
		}
	}
	for _, r := range g.Records("intent") {
		if strings.Contains(r.Action.Text, "lower(email)") && r.Action.Resolved != "server" {
			t.Errorf("the record of a statement that the server analysed says resolved = %v", r.Action.Resolved)
		}
	}
}

// TestServerLineageNeedsASilentLog: no session where the server's log would
// get the trees, unless that is accepted.
func TestServerLineageNeedsASilentLog(t *testing.T) {
	g := servertest.Start(t, servertest.Options{})
	g.Direct("ALTER ROLE crew_app RESET log_min_messages")
	_, err := pgx.Connect(t.Context(), g.DSN(g.Agent()))
	if err == nil || !strings.Contains(err.Error(), `ALTER ROLE "crew_app" SET log_min_messages = fatal`) {
		t.Errorf("a log that is not silent: %v", err)
	}
}

// TestSettingsCannotUncover: each way to switch the server's analysis off ends
// in masked rows or a refusal (reference/masking.md 15.5).
func TestSettingsCannotUncover(t *testing.T) {
	g := servertest.Start(t, servertest.Options{Init: []string{servertest.Schema, `
		CREATE FUNCTION quiet(name text, value text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN set_config(name, value, false); END $$;
		CREATE FUNCTION forge() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE LOG USING MESSAGE = 'rewritten parse tree:', DETAIL = '({QUERY :commandType 1})'; RETURN 'x'; END $$;
		GRANT CREATE ON SCHEMA public TO crew_app`}})
	const masked = "a***@example.com"
	read := "SELECT email FROM customers WHERE id = 1"
	for _, c := range []struct {
		name  string
		steps []string // each with what it answers, parted by “ => ”
	}{
		{"set", []string{"SET debug_print_rewritten = off => ! 42501 "}},
		{"set local", []string{"BEGIN => ", "SET LOCAL debug_print_rewritten = off => ! 42501 ", "ROLLBACK => "}},
		{"pretty", []string{"SET debug_pretty_print = on => ! 42501 "}},
		{"reset", []string{"RESET debug_print_rewritten => ! 42501 "}},
		{"reset all", []string{"RESET ALL => "}},
		{"discard all", []string{"DISCARD ALL => "}},
		{"set_config", []string{"SELECT set_config('debug_print_rewritten', 'off', false) => ! 42501 "}},
		{"messages by set_config", []string{"SELECT set_config('client_min_messages', 'error', false) => ! 42501 "}},
		{"messages", []string{"SET client_min_messages = error => "}},
		{"messages, to their default", []string{"SET client_min_messages = warning => ", "RESET client_min_messages => ", "SET client_min_messages TO DEFAULT => "}},
		{"messages, rolled back", []string{"BEGIN => ", "SET LOCAL client_min_messages = error => ", "ROLLBACK => "}},
		{"by code", []string{"SELECT quiet('debug_print_rewritten', 'off') => off"}},
		{"messages by code", []string{"SELECT quiet('client_min_messages', 'error') => error"}},
		{"by code, in a transaction", []string{"BEGIN => ", "SELECT quiet('debug_print_rewritten', 'off') => off"}},
		{"forged", []string{"SELECT forge() => x"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn := connect(t, g.DSN(g.Agent()), pgx.QueryExecModeSimpleProtocol)
			want(t, conn, read, masked)
			for _, s := range c.steps {
				sql, answer, _ := strings.Cut(s, " => ")
				want(t, conn, sql, answer)
			}
			// What is known and what is new, by each protocol.
			for _, sql := range []string{read, read + " AND true", "SELECT upper(email) FROM customers WHERE id = 1"} {
				for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeSimpleProtocol, pgx.QueryExecModeCacheStatement} {
					got := rowsOf(t, conn, sql, mode)
					if got != masked && got != "***" && !strings.HasPrefix(got, "! 42501 sluice: ") && !strings.HasPrefix(got, "! 25P02 ") {
						t.Errorf("%s by %v: %q", sql, mode, got)
					}
				}
			}
			if _, err := conn.Exec(t.Context(), "ROLLBACK"); err != nil {
				t.Fatal(err)
			}
			want(t, conn, read+" AND 1 = 1", masked) // and it goes on
		})
	}
}

// TestNoticesAsTheClientAsked: the gateway plays client_min_messages.
func TestNoticesAsTheClientAsked(t *testing.T) {
	g := servertest.Start(t, servertest.Options{Init: []string{servertest.Schema, `CREATE FUNCTION speak() RETURNS integer LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN
		RAISE DEBUG 'd'; RAISE LOG 'l'; RAISE INFO 'i'; RAISE NOTICE 'n'; RAISE WARNING 'w'; RETURN 1; END $$`}})
	var heard []string
	config, err := pgx.ParseConfig(g.DSN(g.Agent()))
	if err != nil {
		t.Fatal(err)
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	config.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) { heard = append(heard, n.SeverityUnlocalized) }
	conn, err := pgx.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	hear := func(sql, severities string) {
		t.Helper()
		heard = nil
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(heard, " "); got != severities {
			t.Errorf("%s: heard %q, want %q", sql, got, severities)
		}
	}
	const do = "SELECT speak()"
	hear(do, "INFO NOTICE WARNING")
	hear("SET client_min_messages = warning", "")
	hear(do, "INFO WARNING")
	hear("SET client_min_messages TO 'error'", "")
	hear(do, "INFO")
	hear("SET client_min_messages = log", "")
	hear(do, "LOG INFO NOTICE WARNING")
	hear("RESET client_min_messages", "")
	hear(do, "INFO NOTICE WARNING")
	hear("BEGIN", "")
	hear("SET LOCAL client_min_messages = error", "")
	hear(do, "INFO")
	hear("COMMIT", "")
	hear(do, "INFO NOTICE WARNING")
	hear("SET client_min_messages = error", "")
	hear("DISCARD ALL", "")
	hear(do, "INFO NOTICE WARNING")
}

// TestMaskForAnOpenSession: a reload that first gives a connection a protected
// set reaches its open sessions at once, what they have prepared too; inside a
// transaction that was open before, a query is refused.
func TestMaskForAnOpenSession(t *testing.T) {
	g := servertest.Start(t, servertest.Options{Masks: "-"})
	conn := connect(t, g.DSN(g.Agent()), pgx.QueryExecModeCacheStatement)
	inside := connect(t, g.DSN(g.Agent()), pgx.QueryExecModeSimpleProtocol)
	const read = "SELECT email FROM customers WHERE id = $1"
	show := func(conn *pgx.Conn) string { return rowsOf(t, conn, read, 1) }
	if got := show(conn); got != "ada.brandt@example.com" {
		t.Fatalf("before: %q", got)
	}
	want(t, inside, "BEGIN", "")
	want(t, inside, "SELECT email FROM customers WHERE id = 1", "ada.brandt@example.com")
	hcl, err := os.ReadFile(g.Config)
	if err != nil {
		t.Fatal(err)
	}
	hcl = append(hcl, "\nmask \"contact\" {\n  columns = [\"public.customers.email\"]\n  action = \"partial\"\n}\n"...)
	if err := os.WriteFile(g.Config, hcl, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := operator(t, g).Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := show(conn); got != "a***@example.com" {
		t.Errorf("after: %q", got)
	}
	want(t, conn, "SELECT upper(email) FROM customers WHERE id = 1", "***")
	want(t, inside, "SELECT email FROM customers WHERE id = 1", "! 42501 sluice: masks apply here since this transaction began")
	want(t, inside, "ROLLBACK", "")
	want(t, inside, "SELECT email FROM customers WHERE id = 1", "a***@example.com")
}

// TestNamesThatMove: what is executed is what was analysed, whoever changes
// what a name means (reference/masking.md 15.4).
func TestNamesThatMove(t *testing.T) {
	g := servertest.Start(t, servertest.Options{Init: []string{servertest.Schema, `
		GRANT CREATE ON SCHEMA public TO crew_app; GRANT TEMPORARY ON DATABASE orders TO crew_app;
		CREATE SCHEMA other; GRANT USAGE ON SCHEMA other TO crew_app;
		CREATE TABLE other.customers (id integer, email text); INSERT INTO other.customers VALUES (1, 'plain'); GRANT SELECT ON other.customers TO crew_app;
		CREATE VIEW seen AS SELECT id, city AS shown FROM customers; ALTER VIEW seen OWNER TO crew_app`}})
	for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeSimpleProtocol, pgx.QueryExecModeCacheStatement} {
		t.Run(mode.String(), func(t *testing.T) {
			conn := connect(t, g.DSN(g.Agent()), mode)
			check := func(sql, want string) {
				t.Helper()
				if got := rowsOf(t, conn, sql); got != want {
					t.Errorf("%s: %q, want %q", sql, got, want)
				}
			}
			const read = "SELECT email FROM customers WHERE id = 1"
			check(read, "a***@example.com")
			check("SET search_path = other", "")
			check(read, "plain")
			check("SET search_path = public", "")
			check(read, "a***@example.com")
			check("CREATE TEMPORARY TABLE customers (id integer, email text)", "")
			check("INSERT INTO customers VALUES (1, 'mine')", "")
			check(read, "mine")
			check("DROP TABLE pg_temp.customers", "")
			check(read, "a***@example.com")
			check("BEGIN", "")
			check("SET LOCAL search_path = other", "")
			check(read, "plain")
			check("ROLLBACK", "")
			check(read, "a***@example.com")
			// Another session replaces a view.
			const view = "SELECT shown FROM seen WHERE id = 1"
			check(view, "Berlin")
			g.Direct("CREATE OR REPLACE VIEW seen AS SELECT id, email AS shown FROM customers")
			check(view, "a***@example.com")
			g.Direct("CREATE OR REPLACE VIEW seen AS SELECT id, city AS shown FROM customers")
			if got := rowsOf(t, conn, view); got != "Berlin" && got != "***" && !strings.HasPrefix(got, "a***") {
				t.Errorf("%s: %q", view, got)
			}
		})
	}
}

// TestTemporaryTablesOfOpaqueCode: what code that nobody can read has put into
// a temporary table is masked as that code's own results are.
func TestTemporaryTablesOfOpaqueCode(t *testing.T) {
	for _, lineage := range []string{"server", "strict"} {
		t.Run(lineage, func(t *testing.T) {
			g := servertest.Start(t, servertest.Options{Lineage: lineage, Init: []string{servertest.Schema, `
				CREATE FUNCTION keep() RETURNS text LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'CREATE TEMP TABLE kept AS SELECT email FROM customers'; RETURN ''; END $$;
				CREATE FUNCTION fill() RETURNS text LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'INSERT INTO mine SELECT email FROM customers'; RETURN ''; END $$;
				GRANT TEMP ON DATABASE orders TO crew_app; GRANT CREATE ON SCHEMA public TO crew_app`}})
			conn := connect(t, g.DSN(g.Agent()), pgx.QueryExecModeSimpleProtocol)
			rowsOf(t, conn, "CREATE TEMP TABLE mine (email text)")
			rowsOf(t, conn, "INSERT INTO mine VALUES ('me@example.com')")
			want(t, conn, "SELECT email FROM mine", "me@example.com")
			for _, sql := range []string{"SELECT keep()", "SELECT fill()", "CREATE TABLE IF NOT EXISTS another (id integer)"} { // so that the catalog is loaded again
				rowsOf(t, conn, sql)
			}
			for _, sql := range []string{"SELECT email FROM kept", "SELECT upper(email) FROM kept", "SELECT kept FROM kept", "SELECT email FROM mine", "COPY mine TO STDOUT", "COPY kept (email) TO STDOUT", "COPY (SELECT email FROM kept) TO STDOUT", "SELECT string_agg(email, ',') FROM mine", "SELECT length(email) FROM mine WHERE email LIKE 'a%'"} {
				for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeSimpleProtocol, pgx.QueryExecModeDescribeExec} {
					got := ""
					if strings.HasPrefix(sql, "COPY") {
						var out strings.Builder
						_, err := conn.PgConn().CopyTo(context.Background(), &out, sql)
						got = fmt.Sprint(out.String(), err)
					} else {
						got = rowsOf(t, conn, sql, mode)
					}
					if strings.Contains(strings.ToLower(got), "ada.brandt") || strings.Contains(got, "22") {
						t.Errorf("%s\n got %q", sql, got)
					}
				}
			}
			want(t, conn, "SELECT city FROM customers WHERE id = 1", "Berlin")
		})
	}
}

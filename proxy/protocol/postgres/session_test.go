package postgres_test

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"sluice.dev/proxy/protocol/postgres/wire"
	"sluice.dev/proxy/server/servertest"
)

func TestNamesFollowTheSession(t *testing.T) {
	g := startSuite(t, servertest.Options{Init: []string{servertest.Schema, `
		CREATE SCHEMA other AUTHORIZATION crew_app;
		CREATE TABLE other.customers (id integer, email text);
		INSERT INTO other.customers VALUES (1, 'open@other.example');
		ALTER TABLE other.customers OWNER TO crew_app;
		CREATE VIEW public.shown AS SELECT id, city AS x FROM public.customers;
		ALTER VIEW public.shown OWNER TO crew_app;
		GRANT CREATE ON SCHEMA public TO crew_app; GRANT TEMP ON DATABASE orders TO crew_app`}})
	canary := func(t *testing.T, r *raw) {
		t.Helper()
		for _, c := range []string{"ada.brandt@", "ADA.BRANDT@", "bela@kovacs"} {
			if bytes.Contains(r.all(), []byte(c)) {
				t.Errorf("the client reads %s: %q", c, r.all())
			}
		}
	}
	const one = "SELECT email FROM customers WHERE id = 1"
	t.Run("search_path", func(t *testing.T) {
		r := login(t, g, g.Agent())
		r.must("SET search_path TO other, public")
		r.want("other's", r.query(one), "TDCZ", "open@other.example", "")
		r.must("BEGIN")
		r.must("SET LOCAL search_path TO public")
		r.want("public's", r.query(one), "TDCZ", "a***@example.com", "")
		r.must("ROLLBACK")
		r.want("other's again", r.query(one), "TDCZ", "open@other.example", "")
		r.must("SELECT set_config('search_path', 'public', false)")
		r.want("public's again", r.query(one), "TDCZ", "a***@example.com", "")
		r.send(query("SET search_path TO other"), query("SET search_path TO public"), query("SELECT upper(email) FROM customers"))
		for range 3 {
			r.until('Z')
		}
		r.send(parse("s", one), syncing)
		r.until('Z')
		r.must("SET search_path TO other")
		r.send(bind("", "s", 0), execute("", 0), syncing)
		r.want("a statement prepared before", r.until('Z'), "", "open@other.example", "")
		r.must("RESET search_path")
		r.send(bind("", "s", 0), execute("", 0), syncing)
		r.want("and back", r.until('Z'), "", "a***@example.com", "")
		canary(t, r)
	})
	t.Run("search_path in pipelines", func(t *testing.T) {
		r := login(t, g, g.Agent())
		set := func(path string) []byte {
			return bytes.Join([][]byte{parse("", "SET search_path TO "+path), bind("", "", 0), execute("", 0)}, nil)
		}
		run := bytes.Join([][]byte{bind("", "s", 0), execute("", 0)}, nil)
		r.send(parse("s", "SELECT upper(email) FROM customers WHERE id = 1"), syncing)
		r.until('Z')
		// Judged under the other path, then planned under the first again and
		// not run: what was judged last is not what the next one runs.
		r.send(set("other"), run, set("public"), bind("", "s", 0), syncing)
		r.want("other's", r.until('Z'), "", "OPEN@OTHER.EXAMPLE", "")
		r.send(set("public"), run, syncing)
		r.want("public's", r.until('Z'), "", "***", "")
		canary(t, r)
	})
	t.Run("temporary tables", func(t *testing.T) {
		r := login(t, g, g.Agent())
		r.must("CREATE TEMP TABLE orders (id integer, item text)")
		r.must("INSERT INTO orders VALUES (1, 'mine')")
		r.want("the temporary one", r.query("SELECT item FROM orders"), "TDCZ", "mine", "")
		r.query("CREATE TEMP TABLE customers AS SELECT id, email AS e, city AS email FROM public.customers")
		r.query("SELECT e FROM customers")
		r.query("SELECT upper(e) FROM customers")
		r.query("CREATE TEMP VIEW cities AS SELECT email AS city FROM public.customers")
		r.query("SELECT city FROM cities")
		r.query("SELECT upper(city) FROM cities")
		r.query("SELECT * INTO TEMP copied FROM public.customers")
		r.query("SELECT upper(email) FROM copied")
		canary(t, r)
	})
	t.Run("DDL", func(t *testing.T) {
		r := login(t, g, g.Agent())
		r.must("CREATE TABLE fresh (id integer, note text)")
		r.must("INSERT INTO fresh VALUES (1, 'new')")
		r.want("a new table", r.query("SELECT note FROM fresh"), "TDCZ", "new", "")
		r.must("BEGIN")
		r.must("CREATE TABLE fresher (id integer, note text)")
		r.must("INSERT INTO fresher VALUES (1, 'newer')")
		r.want("a new table inside its transaction", r.query("SELECT note FROM fresher"), "TDCZ", "newer", "")
		r.must("COMMIT")
		r.query("DROP TABLE fresh, fresher")
		canary(t, r)
	})
	// A view that was harmless a moment ago.
	for name, sent := range map[string][]string{
		"view replaced":                  {"CREATE OR REPLACE VIEW shown AS SELECT id, email AS x FROM customers", "SELECT upper(x) FROM shown"},
		"view replaced in a transaction": {"BEGIN", "CREATE OR REPLACE VIEW shown AS SELECT id, email AS x FROM customers", "SELECT upper(x) FROM shown", "SELECT x FROM shown", "ROLLBACK"},
		"view replaced in one query":     {"CREATE OR REPLACE VIEW shown AS SELECT id, email AS x FROM customers; SELECT upper(x) FROM shown"},
		"new view in one query":          {"CREATE VIEW v1 AS SELECT email AS x FROM customers; SELECT upper(x) FROM v1"},
		"new view in a transaction":      {"BEGIN", "CREATE VIEW v2 AS SELECT email AS x FROM customers", "SELECT upper(x) FROM v2", "SELECT x FROM v2", "ROLLBACK"},
		"tables swapped":                 {"BEGIN", "ALTER TABLE orders RENAME TO o1", "ALTER TABLE customers RENAME TO orders", "SELECT upper(email) FROM orders", "ROLLBACK"},
		"columns swapped":                {"BEGIN", "ALTER TABLE customers RENAME city TO town", "ALTER TABLE customers RENAME email TO city", "SELECT upper(city) FROM customers", "SELECT city FROM customers", "ROLLBACK"},
		"schema swapped":                 {"BEGIN", "CREATE SCHEMA x", "ALTER TABLE customers SET SCHEMA x", "SELECT upper(email) FROM x.customers", "ROLLBACK"},
		"inherits":                       {"BEGIN", "CREATE TABLE heir () INHERITS (customers)", "SELECT upper(email) FROM heir", "ROLLBACK"},
		"copied":                         {"BEGIN", "CREATE TABLE copied AS SELECT * FROM customers", "SELECT upper(email) FROM copied", "ROLLBACK"},
		"function":                       {"BEGIN", "CREATE FUNCTION f() RETURNS text LANGUAGE sql AS 'SELECT email FROM public.customers LIMIT 1'", "SELECT f()", "ROLLBACK"},
	} {
		for _, pipelined := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, pipelined %v", name, pipelined), func(t *testing.T) {
				r := login(t, g, g.Agent())
				if pipelined {
					var all []byte
					for _, sql := range sent {
						all = wire.Query(all, sql)
					}
					r.send(all)
					for range sent {
						r.until('Z')
					}
				} else {
					for _, sql := range sent {
						r.query(sql)
					}
				}
				canary(t, r)
				r.conn.Close()
				g.Direct("CREATE OR REPLACE VIEW public.shown AS SELECT id, city AS x FROM public.customers; DROP VIEW IF EXISTS v1, v2")
			})
		}
	}
}

func TestLimits(t *testing.T) {
	g := startSuite(t, servertest.Options{More: `limits {
  statement = "64KiB"
  message   = "1MiB"
}`})
	r := login(t, g, g.Agent(), "application_name", "limited")
	t.Run("rows", func(t *testing.T) {
		for range 20 { // the cancel that ends it must never hit the next command
			out := r.query("SELECT id, 'x' FROM generate_series(1, 200000) AS s(id)")
			if n := strings.Count(types(out), "D"); n != 1000 || !strings.HasPrefix(errorOf(out), "53000") {
				t.Fatalf("%d rows, %s", n, errorOf(out))
			}
			r.works()
		}
		r.send(parse("", "SELECT id FROM generate_series(1, 200000) AS s(id)"), bind("", "", 0), execute("", 0), syncing)
		out := r.until('Z')
		if n := strings.Count(types(out), "D"); n != 1000 || !strings.HasPrefix(errorOf(out), "53000") {
			t.Fatalf("extended: %d rows, %s", n, errorOf(out))
		}
		r.works()
		out = r.query("COPY (SELECT id FROM generate_series(1, 200000) AS s(id)) TO STDOUT")
		if n := strings.Count(types(out), "d"); n > 1000 || !strings.HasPrefix(errorOf(out), "53000") {
			t.Fatalf("copy: %d rows, %s", n, errorOf(out))
		}
		r.works()
		if out := r.query("SELECT id FROM generate_series(1, 1000) AS s(id)"); errorOf(out) != "" || strings.Count(types(out), "D") != 1000 {
			t.Fatalf("just as many: %s", errorOf(out))
		}
	})
	long := func(n int) string { return "SELECT '" + strings.Repeat("x", n) + "'" }
	t.Run("statement", func(t *testing.T) {
		r.want("a little over", r.query(long(64<<10)), "EZ", "", "53000")
		r.want("far over", r.query(long(20<<20)), "EZ", "", "53000")
		r.send(parse("", long(20<<20)), bind("", "", 0), execute("", 0), syncing)
		r.want("extended", r.until('Z'), "EZ", "", "53000")
		r.works()
	})
	t.Run("message", func(t *testing.T) {
		r.send(parse("v", "SELECT length($1)"), syncing)
		r.until('Z')
		r.send(bind("", "v", 0, strings.Repeat("y", 1000000)), execute("", 0), syncing)
		r.want("just under", r.until('Z'), "", "1000000", "")
		r.send(bind("", "v", 0, strings.Repeat("y", 2<<20))[:64<<10])
		out := r.rest()
		if got := errorOf(out); !strings.HasPrefix(got, "53000") || out[0].fields()['S'] != "FATAL" {
			t.Fatalf("over: %v", out)
		}
	})
	login(t, g, g.Agent()).works()
}

func TestSessionsEnd(t *testing.T) {
	g := startSuite(t, servertest.Options{More: `limits {
  session     = "3s"
  transaction = "2s"
}`})
	ended := func(out []message) bool {
		return len(out) > 0 && strings.HasPrefix(errorOf(out), "28000") && out[len(out)-1].fields()['S'] == "FATAL"
	}
	idle, running, open, busy := login(t, g, g.Agent()), login(t, g, g.Agent()), login(t, g, g.Agent()), login(t, g, g.Agent())
	running.send(query("SELECT pg_sleep(5)"))
	open.must("BEGIN")
	if out := idle.rest(); !ended(out) {
		t.Errorf("idle: %v", out)
	}
	out := running.rest()
	if types(out) != "TDCZE" || !ended(out) {
		t.Errorf("inside a command: %v", out)
	}
	if out := open.rest(); !ended(out) {
		t.Errorf("with an open transaction: %v", out)
	}
	// A client that never pauses.
	var m message
	var err error
	for range 100000 {
		busy.conn.SetWriteDeadline(time.Now().Add(hang))
		if _, err := busy.conn.Write(query("SELECT 1")); err != nil {
			break
		}
		if m, err = busy.read(); err != nil || m.typ == 'E' {
			break
		}
	}
	if m.typ != 'E' || m.fields()['C'] != "28000" {
		t.Errorf("a busy client: %v, %v", m, err)
	}
	// And one that never lets the gateway have nothing to do.
	ahead := login(t, g, g.Agent())
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			if _, err := ahead.conn.Write(bytes.Repeat(query("SELECT 1"), 50)); err != nil {
				return
			}
		}
	})
	for m.typ = 0; m.typ != 'E'; {
		if m, err = ahead.read(); err != nil {
			break
		}
	}
	ahead.conn.Close()
	wg.Wait()
	if m.typ != 'E' || m.fields()['C'] != "28000" {
		t.Errorf("a client that pipelines without end: %v, %v", m, err)
	}
}

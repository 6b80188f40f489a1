package postgres_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"sluice.dev/proxy/protocol/postgres/wire"
	"sluice.dev/proxy/server/servertest"
)

// want compares types, rows and error of an answer with what is expected.
func (r *raw) want(name string, out []message, kinds, cells, err string) {
	r.t.Helper()
	if got := types(out); kinds != "" && got != kinds {
		r.t.Errorf("%s: got messages %s, want %s: %v", name, got, kinds, out)
	}
	if got := rows(out); got != cells {
		r.t.Errorf("%s: got rows %q, want %q", name, got, cells)
	}
	if got := errorOf(out); !strings.HasPrefix(got, err) || (err == "") != (got == "") {
		r.t.Errorf("%s: got error %q, want %q", name, got, err)
	}
}

// status is the transaction status of the last ReadyForQuery.
func status(out []message) string {
	for i := len(out) - 1; i >= 0; i-- {
		if out[i].typ == 'Z' {
			return string(out[i].body)
		}
	}
	return ""
}

func TestDenialsKeepTheConnection(t *testing.T) {
	g := startSuite(t, servertest.Options{})
	r := login(t, g, g.Agent())
	update := func(to string) []byte {
		return bytes.Join([][]byte{parse("", "UPDATE orders SET item = '"+to+"' WHERE id = 1"), bind("", "", 0), execute("", 0)}, nil)
	}
	dropped := bytes.Join([][]byte{parse("", "DROP TABLE orders"), bind("", "", 0), execute("", 0)}, nil)
	item := func() string { return g.Direct("SELECT item FROM orders WHERE id = 1") }

	r.want("simple", r.query("DROP TABLE orders"), "EZ", "", "42501 sluice: denied by policy base: DROP needs a migration")
	r.want("of several statements", r.query("UPDATE orders SET item = 'x' WHERE id = 1; DROP TABLE orders"), "EZ", "", "42501")
	r.want("extended", func() []message { r.send(dropped, syncing); return r.until('Z') }(), "EZ", "", "42501")
	r.send(dropped, flushing)
	r.want("extended, with a Flush and no Sync", r.until('E'), "E", "", "42501")
	r.send(syncing)
	r.want("its Sync", r.until('Z'), "Z", "", "")

	r.send(parse("", "SELECT 1"), bind("", "", 0), execute("", 0), dropped, update("never"), syncing)
	r.want("behind a read", r.until('Z'), "12DCEZ", "1", "42501")
	r.send(update("rolled back"), dropped, syncing)
	out := r.until('Z')
	r.want("behind a write", out, "12CEZ", "", "42501")
	if status(out) != "I" || item() != "item 1" {
		t.Errorf("the write before a denial outside of a transaction: status %s, item %q", status(out), item())
	}
	r.send(dropped, update("skipped"), syncing, update("kept"), syncing)
	r.want("before a write", r.until('Z'), "EZ", "", "42501")
	r.want("the next pipeline", r.until('Z'), "12CZ", "", "")
	if item() != "kept" {
		t.Errorf("item is %q", item())
	}
	r.send(update("mixed"), query("DROP TABLE orders"))
	r.want("a Query behind a pipeline", r.until('Z'), "12CEZ", "", "42501")
	if item() != "kept" {
		t.Errorf("item is %q", item())
	}
	r.send(update("sent"), query("SELECT 5"))
	r.want("a Query that ends a pipeline", r.until('Z'), "12CTDCZ", "5", "")
	if item() != "sent" {
		t.Errorf("item is %q", item())
	}

	r.must("BEGIN")
	r.send(update("in a transaction"), dropped, update("absorbed"), syncing)
	out = r.until('Z')
	r.want("in a transaction", out, "12CEZ", "", "42501")
	if status(out) != "T" || !strings.Contains(fmt.Sprint(out), "the transaction is still open") {
		t.Errorf("in a transaction: %v", out)
	}
	out = r.query("DROP TABLE orders")
	r.want("simple in a transaction", out, "EZ", "", "42501")
	if status(out) != "T" {
		t.Errorf("simple in a transaction: status %s", status(out))
	}
	r.must("COMMIT")
	if item() != "in a transaction" {
		t.Errorf("item is %q", item())
	}
	r.query("BEGIN; SELECT 1/0")
	out = r.query("DROP TABLE orders")
	if status(out) != "E" {
		t.Errorf("in a failed transaction: %v", out)
	}
	r.must("ROLLBACK")

	// Nothing is awaited: the gateway has to know the state ahead of the server.
	r.send(query("SELECT 1"), query("DROP TABLE orders"), query("BEGIN"), update("kept too"), dropped, syncing, query("COMMIT"))
	r.want("1", r.until('Z'), "TDCZ", "1", "")
	r.want("2", r.until('Z'), "EZ", "", "42501")
	r.want("3", r.until('Z'), "CZ", "", "")
	r.want("4", r.until('Z'), "12CEZ", "", "42501")
	r.want("5", r.until('Z'), "CZ", "", "")
	if item() != "kept too" {
		t.Errorf("item is %q", item())
	}
	r.send(query("BEGIN"), query("DROP TABLE orders"), query("COMMIT"), update("rolled back"), dropped, syncing)
	for range 3 {
		r.until('Z')
	}
	r.want("6", r.until('Z'), "12CEZ", "", "42501")
	if item() != "kept too" {
		t.Errorf("item is %q", item())
	}
	r.works()
}

func TestPortals(t *testing.T) {
	g := startSuite(t, servertest.Options{})
	r := login(t, g, g.Agent())
	r.send(parse("s", "SELECT id, email FROM customers ORDER BY id"), describe("S", "s"), syncing)
	if got := types(r.until('Z')); got != "1tTZ" {
		t.Fatalf("got %s", got)
	}
	r.must("BEGIN")
	r.send(bind("p", "s", 0), execute("p", 2), flushing)
	r.want("the first two rows", r.until('s'), "2DDs", "1|a***@example.com,2|b***@kovacs.example", "")
	r.send(parse("", "SELECT 9"), bind("", "", 0), execute("", 0), execute("p", 2), syncing)
	r.want("another between", r.until('Z'), "12DCDCZ", "9,3|c***@example.org", "")
	r.send(bind("q", "s", 1), describe("P", "q"), execute("q", 1), execute("q", 1), closing("P", "q"), syncing)
	r.want("binary", r.until('Z'), "2TDsDs3Z", "\x00\x00\x00\x01|a***@example.com,\x00\x00\x00\x02|b***@kovacs.example", "")
	r.must("COMMIT")
	r.send(execute("p", 0), syncing)
	r.want("after the transaction", r.until('Z'), "EZ", "", "34000")
	r.send(bind("", "nothing", 0), execute("", 0), syncing)
	r.want("of an unknown statement", r.until('Z'), "EZ", "", "26000")
	r.send(closing("S", "nothing"), closing("P", "nothing"), syncing)
	r.want("closing what is not there", r.until('Z'), "33Z", "", "")
	r.send(parse("s", "SELECT 1"), syncing)
	r.want("a name that is taken", r.until('Z'), "EZ", "", "42P05")
	r.send(bind("", "s", 0), execute("", 1), syncing)
	r.want("the statement that it still is", r.until('Z'), "2DsZ", "1|a***@example.com", "")
	r.send(parse("", ""), bind("", "", 0), execute("", 0), syncing)
	r.want("an empty statement", r.until('Z'), "12IZ", "", "")
	r.want("an empty query", r.query(""), "IZ", "", "")
	r.want("a query of comments", r.query("-- nothing\n;;"), "IZ", "", "")
	r.send(syncing, syncing, flushing, syncing)
	for range 3 {
		r.want("Sync alone", r.until('Z'), "Z", "", "")
	}
	r.works()
}

func TestCursorsAndPreparedStatementsOfSQL(t *testing.T) {
	g := startSuite(t, servertest.Options{})
	r := login(t, g, g.Agent())
	r.must("PREPARE s (int) AS SELECT id, email FROM customers WHERE id = $1")
	r.want("EXECUTE", r.query("EXECUTE s(2)"), "TDCZ", "2|b***@kovacs.example", "")
	r.send(parse("", "EXECUTE s(3)"), bind("", "", 1), execute("", 0), syncing)
	r.want("EXECUTE, extended and binary", r.until('Z'), "", "\x00\x00\x00\x03|c***@example.org", "")
	r.must("DEALLOCATE s")
	r.want("EXECUTE of nothing", r.query("EXECUTE s(1)"), "EZ", "", "42501")
	r.send(query("PREPARE gone AS DELETE FROM orders WHERE id = 19"))
	approve(t, g, ticketOf(r.until('N')[0]))
	r.want("PREPARE of a DELETE", r.until('Z'), "CZ", "", "")
	r.send(query("EXECUTE gone"))
	deny(t, g, ticketOf(r.until('N')[0]))
	r.want("EXECUTE of a DELETE", r.until('Z'), "EZ", "", "42501 sluice: ticket")

	r.must("BEGIN")
	r.must("DECLARE c SCROLL CURSOR FOR SELECT email, city FROM customers ORDER BY id")
	r.want("FETCH", r.query("FETCH 2 FROM c"), "TDDCZ", "a***@example.com|Berlin,b***@kovacs.example|Budapest", "")
	r.want("FETCH back", r.query("FETCH BACKWARD 1 FROM c"), "TDCZ", "a***@example.com|Berlin", "")
	r.send(execute("c", 1), syncing)
	r.want("Execute of a cursor", r.until('Z'), "DsZ", "b***@kovacs.example|Budapest", "")
	r.must("COMMIT")
	r.want("FETCH after the end", r.query("FETCH ALL FROM c"), "EZ", "", "34000")
	r.must("DECLARE h CURSOR WITH HOLD FOR SELECT email FROM customers ORDER BY id")
	r.want("FETCH of a held cursor", r.query("FETCH 1 FROM h"), "TDCZ", "a***@example.com", "")
	r.must("BEGIN")
	r.must("DECLARE i CURSOR WITH HOLD FOR SELECT email FROM customers ORDER BY id")
	r.must("COMMIT")
	r.want("FETCH of one held over a commit", r.query("FETCH 1 FROM i"), "TDCZ", "a***@example.com", "")
	r.send(execute("i", 1), syncing)
	r.want("Execute of one held over a commit", r.until('Z'), "DsZ", "b***@kovacs.example", "")
	r.must("CLOSE ALL")
	r.must("DISCARD ALL")
	r.works()
}

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

func TestNotifications(t *testing.T) {
	const trigger = `CREATE FUNCTION public.tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_notify('news', NEW.email); RETURN NEW; END $$;
		CREATE TRIGGER tell AFTER UPDATE ON public.customers FOR EACH ROW EXECUTE FUNCTION public.tell()`
	for _, c := range []struct{ masks, init, payload string }{
		{"-", "SELECT 1", "fresh bread"}, {"", "SELECT 1", "fresh bread"},
		{"", trigger, "***"}, // code on a masked table could put its rows into a notification
	} {
		masks, payload := c.masks, c.payload
		g := startSuite(t, servertest.Options{Masks: masks})
		g.Direct(c.init)
		g.Direct("SELECT pg_sleep(6)") // the gateway looks for changes made elsewhere every 5 s
		a, b := login(t, g, g.Agent()), login(t, g, g.Agent())
		a.must("LISTEN news")
		b.must("NOTIFY news, 'fresh bread'")
		m := a.next()
		if m.typ != 'A' || string(m.body[4:]) != "news\x00"+payload+"\x00" {
			t.Fatalf("masks %q: got %v", masks, m)
		}
		a.must("UNLISTEN *")
		b.must("SELECT pg_notify('news', 'stale bread')")
		if out := a.must("SELECT 8"); rows(out) != "8" || bytes.Contains(a.all(), []byte("stale")) {
			t.Fatalf("masks %q: a notification after UNLISTEN: %v", masks, out)
		}
	}
}

func TestLargeObjects(t *testing.T) {
	for _, masks := range []string{"-", ""} {
		t.Run("masks "+masks, func(t *testing.T) { largeObjects(t, masks) })
	}
}

func largeObjects(t *testing.T, masks string) {
	g := startSuite(t, servertest.Options{Masks: masks})
	r := login(t, g, g.Agent())
	oid := func(name string, args string) int {
		var n int
		fmt.Sscan(g.Direct("SELECT 'pg_catalog."+name+"("+args+")'::regprocedure::oid"), &n)
		return n
	}
	call := func(function int, args ...string) []message {
		s := u32(function) + u16(1) + u16(1) + u16(len(args))
		for _, a := range args {
			s += u32(len(a)) + a
		}
		r.send(msg('F', s+u16(1)))
		return r.until('Z')
	}
	value := func(out []message) string {
		t.Helper()
		if types(out) != "VZ" {
			t.Fatalf("no result: %v", out)
		}
		return string(out[0].body[4:])
	}
	r.must("BEGIN")
	object := value(call(oid("lo_creat", "integer"), u32(-1)))
	fd := value(call(oid("lo_open", "oid,integer"), object, u32(0x60000)))
	if n := value(call(oid("lowrite", "integer,bytea"), fd, "hello")); n != u32(5) {
		t.Fatalf("lowrite: %q", n)
	}
	r.must("COMMIT")
	r.must("BEGIN")
	fd = value(call(oid("lo_open", "oid,integer"), object, u32(0x40000)))
	want := "hello"
	if masks == "" {
		want = "" // what a large object holds is data of unknown origin
	}
	if got := value(call(oid("loread", "integer,integer"), fd, u32(100))); got != want {
		t.Fatalf("loread: %q, want %q", got, want)
	}
	r.must("COMMIT")
	r.want("another function", call(oid("pg_ls_dir", "text"), "."), "EZ", "", "42501")
	r.want("one that there is not", call(4000000000), "EZ", "", "42501")
	r.want("one with effects", call(oid("pg_terminate_backend", "integer,bigint"), u32(1), u32(0)+u32(0)), "EZ", "", "42501")
	if got := rows(r.must("SELECT 8")); got != "8" {
		t.Fatal(got)
	}
}

func TestCancel(t *testing.T) {
	g := startSuite(t, servertest.Options{})
	r := login(t, g, g.Agent())
	t.Run("running", func(t *testing.T) {
		r.send(query("SELECT pg_sleep(600)"))
		waitFor(t, func() bool {
			return g.Direct("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' AND state = 'active'") == "1"
		})
		r.cancel(g)
		r.want("cancelled", r.until('Z'), "TEZ", "", "57014")
		r.works()
	})
	t.Run("with a wrong key", func(t *testing.T) {
		r.send(query("SELECT pg_sleep(600)"))
		waitFor(t, func() bool {
			return g.Direct("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' AND state = 'active'") == "1"
		})
		right := r.secret
		r.secret++
		r.cancel(g)
		r.secret = right
		if got := g.Direct("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' AND state = 'active'"); got != "1" {
			t.Fatal("a wrong key cancels")
		}
		r.cancel(g)
		r.want("cancelled", r.until('Z'), "TEZ", "", "57014")
	})
	t.Run("the key is the gateway's own", func(t *testing.T) {
		if got := g.Direct(fmt.Sprintf("SELECT count(*) FROM pg_stat_activity WHERE pid = %d", r.pid)); got != "0" {
			t.Fatal("the client was given the server's process number")
		}
	})
	t.Run("held", func(t *testing.T) {
		r.send(query("DELETE FROM orders WHERE id = 18"))
		n := r.until('N')
		ticket := ticketOf(n[0])
		r.cancel(g)
		r.want("cancelled", r.until('Z'), "EZ", "", "57014")
		if got := g.Direct("SELECT count(*) FROM orders WHERE id = 18"); got != "1" {
			t.Fatal("it ran")
		}
		h, err := approver(t, g).Hold(t.Context(), ticket)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("ticket %s is %s", ticket, h.State)
		r.works()
	})
	t.Run("held, in a pipeline", func(t *testing.T) {
		r.send(parse("", "DELETE FROM orders WHERE id = 17"), bind("", "", 0), execute("", 0), parse("", "SELECT 1"), bind("", "", 0), execute("", 0), syncing)
		r.until('N')
		r.cancel(g)
		r.want("cancelled", r.until('Z'), "EZ", "", "57014")
		r.works()
	})
	t.Run("nothing runs", func(t *testing.T) {
		r.cancel(g)
		r.works()
	})
}

// waitFor waits for something that another process does.
func waitFor(t testing.TB, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(hang); !ok(); {
		if time.Now().After(end) {
			t.Fatal("it does not come to be")
		}
		time.Sleep(10 * time.Millisecond)
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
}

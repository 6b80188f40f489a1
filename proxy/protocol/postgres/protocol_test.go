package postgres_test

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"sluice.dev/proxy/audit"
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

// sleeping counts who sleeps: not only its analysis has been asked for.
const sleeping = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' AND wait_event = 'PgSleep'"

// TestCancelBeforeItIsSent: a statement waits for its record, and its client
// cancels it: the server is told so once it has the statement.
func TestCancelBeforeItIsSent(t *testing.T) {
	disk := servertest.NewDisk()
	g := startSuite(t, servertest.Options{Files: disk})
	r := login(t, g, g.Agent())
	r.works()
	waitFor(t, func() bool { // what is written from here on is about the statement
		return len(g.Records(audit.CommandIntent)) == len(g.Records(audit.CommandResult))
	})
	writes, until := make(chan struct{}, 1000), make(chan struct{})
	release := sync.OnceFunc(func() { close(until) })
	defer release()
	disk.Before(func() error {
		select {
		case writes <- struct{}{}:
		default:
		}
		<-until
		return nil
	})
	r.send(query("SELECT pg_sleep(600)"))
	<-writes
	r.cancel(g)
	release()
	r.want("cancelled", r.until('Z'), "TEZ", "", "57014")
	r.works()
}

func TestCancel(t *testing.T) {
	g := startSuite(t, servertest.Options{})
	r := login(t, g, g.Agent())
	t.Run("running", func(t *testing.T) {
		r.send(query("SELECT pg_sleep(600)"))
		waitFor(t, func() bool { return g.Direct(sleeping) == "1" })
		r.cancel(g)
		r.want("cancelled", r.until('Z'), "TEZ", "", "57014")
		r.works()
	})
	t.Run("with a wrong key", func(t *testing.T) {
		r.send(query("SELECT pg_sleep(600)"))
		waitFor(t, func() bool { return g.Direct(sleeping) == "1" })
		right := r.secret
		r.secret++
		r.cancel(g)
		r.secret = right
		if got := g.Direct(sleeping); got != "1" {
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

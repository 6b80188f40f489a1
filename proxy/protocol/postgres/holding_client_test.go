package postgres_test

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"time"

	"sluice.dev/proxy/audit"
	"sluice.dev/proxy/server/servertest"
)

// leavings are the ways in which a client goes.
var leavings = map[string]func(*raw){
	"reset":     func(r *raw) { r.conn.(*net.TCPConn).SetLinger(0); r.conn.Close() },
	"closed":    func(r *raw) { r.conn.Close() },
	"half":      func(r *raw) { r.conn.(*net.TCPConn).CloseWrite() },
	"Terminate": func(r *raw) { r.send(msg('X', "")); r.conn.Close() },
}

// left waits until the gateway has no session any more.
func left(t *testing.T, g *servertest.Gateway) {
	t.Helper()
	waitFor(t, func() bool {
		open, err := operator(t, g).Sessions(t.Context(), true)
		return err == nil && len(open) == 0
	})
}

// TestClientGoesUnderAHold has a client that goes at every step of a hold:
// nothing runs that was not running, what runs has one effect at most, the
// ticket says which, and none stays claimed.
func TestClientGoesUnderAHold(t *testing.T) {
	g := startSlow(t)
	insert := func(table, what string) string { return fmt.Sprintf("INSERT INTO %s VALUES ('%s')", table, what) }
	rows := func(table, what string) string {
		return g.Direct("SELECT count(*) FROM " + table + " WHERE what = '" + what + "'")
	}
	// one says that effect and ticket agree.
	one := func(t *testing.T, table, what, ticket string) {
		t.Helper()
		how, outcome := settled(t, g, ticket)
		n := rows(table, what)
		if n != "0" && n != "1" || outcome == "committed" && n != "1" || (outcome == "rolled back" || outcome == "error") && n != "0" {
			t.Errorf("ticket %s %s, %s effects", how, outcome, n)
		}
	}
	for name, goes := range leavings {
		t.Run(name, func(t *testing.T) {
			t.Run("while it waits", func(t *testing.T) {
				r, ticket := held(t, g, "waiting", query(insert("quick", name+" waits")))
				goes(r)
				waitFor(t, func() bool { return state(t, g, ticket).State == "withdrawn" })
				left(t, g)
				if n := rows("quick", name+" waits"); n != "0" {
					t.Errorf("%s effects", n)
				}
			})
			t.Run("then it is approved", func(t *testing.T) {
				sql := insert("quick", name+" gone")
				r, ticket := held(t, g, "patient", query(sql))
				goes(r)
				left(t, g)
				approve(t, g, ticket)
				time.Sleep(50 * time.Millisecond)
				if n := rows("quick", name+" gone"); n != "0" {
					t.Fatalf("%s effects without a client", n)
				}
				next := login(t, g, g.Agent(), "application_name", "patient")
				next.want("sent again", next.query(sql), "CZ", "", "")
				next.send(query(sql))
				if again := next.ticket(); again == ticket {
					t.Error("a ticket counts twice")
				}
				goes(next)
				left(t, g)
				one(t, "quick", name+" gone", ticket)
			})
			t.Run("while it runs", func(t *testing.T) {
				r, ticket := held(t, g, "patient", query(insert("slow", name+" runs")))
				approve(t, g, ticket)
				running(t, g, "INSERT INTO slow%")
				goes(r)
				left(t, g)
				one(t, "slow", name+" runs", ticket)
				if n := rows("slow", name+" runs"); n != "1" && name != "Terminate" { // which ends the session at once
					t.Errorf("%s effects: it had time to end", n)
				}
			})
			t.Run("while its rows are read", func(t *testing.T) {
				what := name + " rows"
				r, ticket := held(t, g, "patient", query("INSERT INTO quick SELECT '"+what+"' FROM generate_series(1, 1) RETURNING what, (SELECT string_agg(repeat('x', 100000), '') FROM generate_series(1, 200))"))
				approve(t, g, ticket)
				var b [1000]byte
				if _, err := r.in.Read(b[:]); err != nil {
					t.Fatal(err)
				}
				goes(r)
				if name == "half" {
					r.rest() // it reads on
				}
				left(t, g)
				one(t, "quick", what, ticket)
			})
			t.Run("in its transaction", func(t *testing.T) {
				r := login(t, g, g.Agent(), "application_name", "patient")
				r.must("BEGIN")
				r.send(query(insert("quick", name+" block")))
				ticket := r.ticket()
				approve(t, g, ticket)
				r.until('Z')
				goes(r)
				left(t, g)
				if _, outcome := settled(t, g, ticket); outcome == "committed" || rows("quick", name+" block") != "0" {
					t.Errorf("ticket %s, %s effects", outcome, rows("quick", name+" block"))
				}
			})
			t.Run("at COMMIT", func(t *testing.T) {
				r := login(t, g, g.Agent(), "application_name", "patient")
				r.must("BEGIN")
				r.send(query(insert("late", name+" commit")))
				ticket := r.ticket()
				approve(t, g, ticket)
				r.until('Z')
				r.send(query("COMMIT"))
				running(t, g, "COMMIT")
				goes(r)
				left(t, g)
				one(t, "late", name+" commit", ticket)
			})
			t.Run("with an unfinished message behind it", func(t *testing.T) {
				r, ticket := held(t, g, "waiting", query(insert("quick", name+" unfinished")), []byte{'Q', 0, 0, 4})
				goes(r)
				waitFor(t, func() bool { return state(t, g, ticket).State == "withdrawn" })
				left(t, g)
			})
		})
	}
	t.Run("at the moment of the approval", func(t *testing.T) {
		random := rand.New(rand.NewPCG(1, 2))
		ran := 0
		for i := range 24 {
			what := fmt.Sprint("race ", i)
			r, ticket := held(t, g, "patient", query(insert("quick", what)))
			gone := make(chan struct{})
			wait := time.Duration(random.Int64N(int64(20 * time.Millisecond)))
			go func() { // waited for below
				defer close(gone)
				time.Sleep(wait)
				leavings[[]string{"reset", "closed", "half", "Terminate"}[i%4]](r)
			}()
			approve(t, g, ticket)
			<-gone
			left(t, g)
			h := state(t, g, ticket)
			n := rows("quick", what)
			if n == "1" {
				ran++
			}
			switch {
			case h.State == "approved" && n == "0":
			case h.State == "done" && (h.Outcome == "committed") == (n == "1"):
			case h.State == "unknown" && (n == "0" || n == "1"):
			default:
				t.Errorf("%d: ticket %s %s, %s effects", i, h.State, h.Outcome, n)
			}
		}
		t.Logf("%d of 24 had run", ran)
	})
	t.Run("silent, and reads nothing", func(t *testing.T) {
		r, ticket := held(t, g, "patient", query(insert("quick", "silent")))
		approve(t, g, ticket)
		if how, outcome := settled(t, g, ticket); how != "done" || outcome != "committed" || rows("quick", "silent") != "1" {
			t.Errorf("ticket %s %s, %s effects", how, outcome, rows("quick", "silent"))
		}
		r.want("read late", r.until('Z'), "CZ", "", "")
	})
	g.Stop()
	open := map[string]string{}
	for _, r := range g.Records(audit.CommandIntent, audit.CommandResult) {
		if r.Event == audit.CommandIntent {
			open[r.Command] = r.Action.Text
		} else {
			delete(open, r.Command)
		}
	}
	for id, text := range open {
		t.Errorf("no outcome of %s, %s", id, text)
	}
}

// TestHeldCancel takes back what waits, and nothing else.
func TestHeldCancel(t *testing.T) {
	g := startSlow(t)
	for _, approval := range []string{"patient", "waiting"} {
		t.Run(approval, func(t *testing.T) {
			sql := "INSERT INTO quick VALUES ('cancel " + approval + "')"
			r, ticket := held(t, g, approval, query(sql), query("SELECT 'behind it'"))
			r.cancel(g)
			out := r.until('Z')
			if types(out) != "EZ" || !strings.HasPrefix(errorOf(out), "57014") || !strings.Contains(errorOf(out), ticket) {
				t.Fatalf("got %v", out)
			}
			r.want("what came behind it", r.until('Z'), "TDCZ", "behind it", "")
			if approval == "waiting" {
				if h := state(t, g, ticket); h.State != "withdrawn" {
					t.Errorf("the ticket is %s", h.State)
				}
			}
			if n := g.Direct("SELECT count(*) FROM quick"); n != "0" {
				t.Errorf("%s effects", n)
			}
			r.cancel(g) // nothing is held: it goes to the database, which runs nothing
			r.must("SELECT 1")
		})
	}
	t.Run("one of two that wait", func(t *testing.T) {
		sql := query("INSERT INTO quick VALUES ('two')")
		a, ticket := held(t, g, "waiting", sql)
		b, second := held(t, g, "waiting", sql)
		if ticket != second {
			t.Fatalf("tickets %s and %s", ticket, second)
		}
		a.cancel(g)
		if out := a.until('Z'); !strings.HasPrefix(errorOf(out), "57014") {
			t.Errorf("got %v", out)
		}
		if h := state(t, g, ticket); h.State != "pending" {
			t.Fatalf("the ticket is %s", h.State)
		}
		approve(t, g, ticket)
		b.want("the other", b.until('Z'), "CZ", "", "")
	})
	t.Run("in a pipeline in a transaction", func(t *testing.T) {
		r := login(t, g, g.Agent(), "application_name", "patient")
		r.must("BEGIN")
		r.send(parse("", "SELECT 1"), bind("", "", 0), execute("", 0), parse("", "INSERT INTO quick VALUES ('piped')"), bind("", "", 0), execute("", 0),
			parse("", "SELECT 2"), bind("", "", 0), execute("", 0), syncing)
		r.ticket()
		r.cancel(g)
		out := r.until('Z')
		if !strings.HasPrefix(errorOf(out), "57014") || strings.Contains(types(out), "D") {
			t.Errorf("got %v", out)
		}
		r.must("COMMIT")
		if n := g.Direct("SELECT count(*) FROM quick WHERE what = 'piped'"); n != "0" {
			t.Errorf("%s effects", n)
		}
	})
}

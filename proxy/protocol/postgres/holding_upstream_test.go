package postgres_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"sluice.dev/proxy/audit"
	"sluice.dev/proxy/server/servertest"
)

// slowSchema has writes that take their time: an insert into slow where it
// runs, one into late at COMMIT.
const slowSchema = `CREATE TABLE slow (what text); CREATE TABLE late (what text); CREATE TABLE quick (what text);
CREATE FUNCTION doze() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(1.5); RETURN NEW; END $$;
CREATE TRIGGER t BEFORE INSERT ON slow FOR EACH ROW EXECUTE FUNCTION doze();
CREATE CONSTRAINT TRIGGER t AFTER INSERT ON late DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION doze();
GRANT ALL ON slow, late, quick TO crew_app;`

// holdingInserts holds every insert for the approval that the client names,
// unless it names none.
const holdingInserts = `package base

allow if "crew" in input.principal.groups

hold contains {"approval": input.session.client.application, "reason": "it inserts"} if {
	"insert" in input.command.operations
	input.session.client.application != ""
}
`

func startSlow(t *testing.T) *servertest.Gateway {
	t.Helper()
	return startSuite(t, servertest.Options{Rego: map[string]string{"base": holdingInserts}, More: approvals, Init: []string{servertest.Schema, slowSchema}, Masks: "-"})
}

// backends are the process ids of the database's sessions with the gateway that
// are not of its catalog; like restricts them by what they run or ran last.
func backends(g *servertest.Gateway, like string) (pids []int) {
	for p := range strings.SplitSeq(g.Direct("SELECT string_agg(pid::text, ',') FROM pg_stat_activity WHERE usename = 'crew_app' AND query LIKE '"+like+"'"), ",") {
		if n, err := strconv.Atoi(p); err == nil {
			pids = append(pids, n)
		}
	}
	return pids
}

// deaths are the ways in which a database goes away under its client.
var deaths = map[string]func(t *testing.T, g *servertest.Gateway, like string){
	"terminated": func(t *testing.T, g *servertest.Gateway, like string) {
		g.Direct("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'crew_app' AND query LIKE '" + like + "'")
	},
	"backend killed": func(t *testing.T, g *servertest.Gateway, like string) {
		pids := backends(g, like)
		if len(pids) == 0 {
			t.Fatalf("no session of the database runs %s", like)
		}
		for _, pid := range pids {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
		}
		// The server ends all its sessions then, and comes back by itself.
		time.Sleep(100 * time.Millisecond)
		waitUp(t, g)
	},
	"stopped at once": func(t *testing.T, g *servertest.Gateway, _ string) {
		g.DB.Crash()
		if err := g.DB.Restart(context.Background()); err != nil {
			t.Fatal(err)
		}
	},
}

// waitUp waits until the gateway lets a client in, and the database answers it.
func waitUp(t *testing.T, g *servertest.Gateway) {
	t.Helper()
	waitFor(t, func() bool {
		r := dial(t, g)
		defer r.conn.Close()
		r.start()
		r.password(g.Agent())
		for {
			m, err := r.read()
			if err != nil {
				return false
			}
			if m.typ == 'Z' {
				return true
			}
		}
	})
}

// gone wants the last word to be one of a database that went away.
func (r *raw) gone() []message {
	r.t.Helper()
	out := r.rest()
	f := lastError(out)
	if f['S'] != "FATAL" || f['C'] != "08006" && !strings.HasPrefix(f['C'], "57P0") {
		r.t.Errorf("got %v", out)
	}
	return out
}

// running waits until the database runs a statement.
func running(t *testing.T, g *servertest.Gateway, like string) {
	t.Helper()
	waitFor(t, func() bool {
		return g.Direct("SELECT count(*) FROM pg_stat_activity WHERE usename = 'crew_app' AND state = 'active' AND query LIKE '"+like+"'") != "0"
	})
}

// settled wants a ticket that has been used to have come to an end, and returns
// how.
func settled(t *testing.T, g *servertest.Gateway, ticket string) (how, outcome string) {
	t.Helper()
	waitFor(t, func() bool {
		h := state(t, g, ticket)
		how, outcome = string(h.State), h.Outcome
		return how == "done" || how == "unknown"
	})
	return how, outcome
}

func TestDatabaseDiesUnderAHold(t *testing.T) {
	for name, dies := range deaths {
		t.Run(name, func(t *testing.T) {
			g := startSlow(t)
			insert := func(table, what string) string { return fmt.Sprintf("INSERT INTO %s VALUES ('%s')", table, what) }
			rows := func(table, what string) string {
				return g.Direct("SELECT count(*) FROM " + table + " WHERE what = '" + what + "'")
			}
			again := func(sql, used string) {
				t.Helper()
				r := login(t, g, g.Agent(), "application_name", "ticket")
				if out := r.query(sql); ticketOf(out[0]) == "" || ticketOf(out[0]) == used {
					t.Errorf("sent again: %v", out)
				}
			}
			t.Run("while it waits", func(t *testing.T) {
				a, ticket := held(t, g, "patient", query(insert("quick", "waits")))
				b, second := held(t, g, "waiting", query(insert("quick", "waits too")))
				a.send(syncing) // bytes behind it
				dies(t, g, "%")
				a.gone()
				b.gone()
				waitFor(t, func() bool { return state(t, g, second).State == "withdrawn" })
				if h := state(t, g, ticket); h.State != "pending" {
					t.Fatalf("the ticket is %s", h.State)
				}
				approve(t, g, ticket)
				r := login(t, g, g.Agent(), "application_name", "patient")
				r.want("sent again", r.query(insert("quick", "waits")), "CZ", "", "")
				if rows("quick", "waits") != "1" || rows("quick", "waits too") != "0" {
					t.Errorf("%s and %s effects", rows("quick", "waits"), rows("quick", "waits too"))
				}
			})
			t.Run("while it runs", func(t *testing.T) {
				r, ticket := held(t, g, "patient", query(insert("slow", "runs")))
				approve(t, g, ticket)
				running(t, g, "INSERT INTO slow%")
				dies(t, g, "INSERT INTO slow%")
				r.gone()
				how, outcome := settled(t, g, ticket)
				if outcome != "unknown" && outcome != "error" || rows("slow", "runs") != "0" {
					t.Errorf("ticket %s %s, %s effects", how, outcome, rows("slow", "runs"))
				}
				again(insert("slow", "runs"), ticket)
			})
			t.Run("in its transaction", func(t *testing.T) {
				r := login(t, g, g.Agent(), "application_name", "patient")
				r.must("BEGIN")
				r.send(query(insert("quick", "in a block")))
				ticket := r.ticket()
				approve(t, g, ticket)
				r.until('Z')
				dies(t, g, "INSERT INTO quick%")
				r.gone()
				how, outcome := settled(t, g, ticket)
				if outcome != "unknown" && outcome != "rolled back" || rows("quick", "in a block") != "0" {
					t.Errorf("ticket %s %s, %s effects", how, outcome, rows("quick", "in a block"))
				}
				again(insert("quick", "in a block"), ticket)
			})
			t.Run("at COMMIT", func(t *testing.T) {
				r := login(t, g, g.Agent(), "application_name", "patient")
				r.must("BEGIN")
				r.send(query(insert("late", "at commit")))
				ticket := r.ticket()
				approve(t, g, ticket)
				r.until('Z')
				r.send(query("COMMIT"))
				running(t, g, "COMMIT")
				dies(t, g, "COMMIT")
				r.gone()
				how, outcome := settled(t, g, ticket)
				if outcome != "unknown" && outcome != "rolled back" || rows("late", "at commit") != "0" {
					t.Errorf("ticket %s %s, %s effects", how, outcome, rows("late", "at commit"))
				}
			})
			t.Run("in its pipeline", func(t *testing.T) {
				r, ticket := held(t, g, "patient", parse("", insert("quick", "piped")), bind("", "", 0), execute("", 0),
					parse("", "SELECT pg_sleep(20)"), bind("", "", 0), execute("", 0), syncing)
				approve(t, g, ticket)
				running(t, g, "SELECT pg_sleep%")
				dies(t, g, "SELECT pg_sleep%")
				r.gone()
				how, outcome := settled(t, g, ticket)
				if outcome != "unknown" && outcome != "rolled back" || rows("quick", "piped") != "0" {
					t.Errorf("ticket %s %s, %s effects", how, outcome, rows("quick", "piped"))
				}
			})
			t.Run("in a COPY", func(t *testing.T) {
				r := login(t, g, g.Agent(), "application_name", "")
				r.send(query("COPY quick FROM STDIN"))
				r.until('G')
				r.send(msg('d', "copied\n"))
				running(t, g, "COPY%")
				dies(t, g, "COPY%")
				r.gone()
				if rows("quick", "copied") != "0" {
					t.Error("half a COPY took effect")
				}
			})
			g.Stop()
			open := map[string]string{}
			for _, r := range g.Records(audit.CommandIntent, audit.CommandResult) {
				if r.Event == audit.CommandIntent {
					open[r.Command] = r.Action.Text
					continue
				}
				text := open[r.Command]
				delete(open, r.Command)
				for _, cut := range []string{"'runs'", "COPY"} {
					if strings.Contains(text, cut) && r.Result.Outcome == audit.OK {
						t.Errorf("%s is on record as %s", text, r.Result.Outcome)
					}
				}
			}
			for id, text := range open {
				t.Errorf("no outcome of %s, %s", id, text)
			}
		})
	}
}

package postgres_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"sluice.dev/proxy/console"
	"sluice.dev/proxy/server/api"
	"sluice.dev/proxy/server/servertest"
)

var ticketForm = regexp.MustCompile(`[Tt]icket ([0-9A-Z]{4}-[0-9A-Z]+)`)

// ticketOf is the ticket that a notice or error names.
func ticketOf(m message) string {
	found := ticketForm.FindStringSubmatch(m.fields()['M'])
	if found == nil {
		return ""
	}
	return found[1]
}

// approver is the API as a person in group dba uses it.
func approver(t testing.TB, g *servertest.Gateway) *api.Client {
	t.Helper()
	c, err := api.At(g.URL, g.Token("dba-2", "dba"))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func approve(t testing.TB, g *servertest.Gateway, ticket string) console.Hold {
	t.Helper()
	h, err := approver(t, g).Approve(t.Context(), ticket, "looked at it")
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func deny(t testing.TB, g *servertest.Gateway, ticket string) {
	t.Helper()
	if _, err := approver(t, g).Deny(t.Context(), ticket, "wrong customer"); err != nil {
		t.Fatal(err)
	}
}

// holding is a policy whose approval is what the client says it is.
const holding = `package base

allow if "crew" in input.principal.groups

hold contains {"approval": input.session.client.application, "reason": "it deletes"} if "delete" in input.command.operations
`

const approvals = `approval "patient" {
  approvers = ["dba"]
  wait      = "60s"
}
approval "waiting" {
  approvers = ["dba"]
  mode      = "wait"
  wait      = "60s"
}
approval "ticket" {
  approvers = ["dba"]
  mode      = "ticket"
}
approval "hasty" {
  approvers = ["dba"]
  wait      = "1s"
  tx_wait   = "1s"
}
approval "human" {
  approvers = ["dba"]
  self      = "human"
  wait      = "60s"
}
approval "two" {
  approvers = ["dba"]
  required  = 2
  wait      = "60s"
}
`

func startHolding(t *testing.T) *servertest.Gateway {
	t.Helper()
	return startSuite(t, servertest.Options{Rego: map[string]string{"base": holding}, More: approvals,
		Init:  []string{servertest.Schema, "CREATE TABLE effects (id serial, what text); CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.effects (what) VALUES ('deleted ' || OLD.id); RETURN OLD; END $$; CREATE TRIGGER t AFTER DELETE ON orders FOR EACH ROW EXECUTE FUNCTION note(); GRANT ALL ON effects, effects_id_seq TO crew_app"},
		Masks: "-"})
}

// held logs in as one whose deletes are held for an approval, and sends one.
func held(t *testing.T, g *servertest.Gateway, approval string, sent ...[]byte) (*raw, string) {
	t.Helper()
	r := login(t, g, g.Agent(), "application_name", approval)
	r.send(sent...)
	return r, r.ticket()
}

// ticket reads the notice of a hold.
func (r *raw) ticket() string {
	r.t.Helper()
	out := r.until('N')
	ticket := ticketOf(out[len(out)-1])
	if ticket == "" {
		r.t.Fatalf("not held: %v", out)
	}
	return ticket
}

func remove(id int) []byte { return query(fmt.Sprintf("DELETE FROM orders WHERE id = %d", id)) }

func effects(g *servertest.Gateway, id int) string {
	return g.Direct(fmt.Sprintf("SELECT count(*) FROM effects WHERE what = 'deleted %d'", id))
}

func state(t *testing.T, g *servertest.Gateway, ticket string) console.Hold {
	t.Helper()
	h, err := approver(t, g).Hold(t.Context(), ticket)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestHolds(t *testing.T) {
	g := startHolding(t)
	t.Run("approved", func(t *testing.T) {
		r, ticket := held(t, g, "patient", remove(1))
		if effects(g, 1) != "0" {
			t.Fatal("it ran before it was approved")
		}
		approve(t, g, ticket)
		r.want("approved", r.until('Z'), "CZ", "", "")
		if effects(g, 1) != "1" {
			t.Fatalf("%s effects", effects(g, 1))
		}
		r.send(remove(1))
		if again := r.ticket(); again == ticket {
			t.Fatal("a ticket counts twice")
		} else {
			deny(t, g, again)
		}
		out := r.until('Z')
		if f := out[0].fields(); f['C'] != "42501" || !strings.Contains(f['M'], "denied by dba-2") || !strings.Contains(f['M'], "wrong customer") {
			t.Fatalf("denied: %v", out)
		}
	})
	t.Run("bytes behind it wait", func(t *testing.T) {
		r, ticket := held(t, g, "patient", query("SELECT 1"), remove(2), query("SELECT count(*) FROM effects WHERE what = 'deleted 2'"))
		approve(t, g, ticket)
		r.want("held", r.until('Z'), "CZ", "", "")
		r.want("behind", r.until('Z'), "TDCZ", "1", "")
	})
	t.Run("in a pipeline", func(t *testing.T) {
		r, ticket := held(t, g, "patient", parse("", "SELECT 7"), bind("", "", 0), execute("", 0), parse("", "DELETE FROM orders WHERE id = $1"), bind("", "", 0, "3"), execute("", 0),
			parse("", "SELECT 8"), bind("", "", 0), execute("", 0), syncing)
		if !bytes.Contains(r.all(), []byte("SELECT 1\x00")) {
			t.Error("what came before the hold is not answered")
		}
		approve(t, g, ticket)
		r.want("pipeline", r.until('Z'), "C12DCZ", "8", "")
		if effects(g, 3) != "1" {
			t.Fatalf("%s effects", effects(g, 3))
		}
	})
	t.Run("ticket mode", func(t *testing.T) {
		r := login(t, g, g.Agent(), "application_name", "ticket")
		out := r.query("DELETE FROM orders WHERE id = 4")
		ticket := ticketOf(out[0])
		if types(out) != "EZ" || !strings.HasPrefix(errorOf(out), "57014") || ticket == "" {
			t.Fatalf("got %v", out)
		}
		if again := ticketOf(r.query("delete  from ORDERS /* again */ where id=4")[0]); again != ticket {
			t.Fatalf("an equal statement has ticket %s, not %s", again, ticket)
		}
		if other := ticketOf(r.query("DELETE FROM orders WHERE id = 5")[0]); other == ticket {
			t.Fatal("another value shares the ticket")
		}
		approve(t, g, ticket)
		if effects(g, 4) != "0" {
			t.Fatal("it ran without its client")
		}
		next := login(t, g, g.Agent(), "application_name", "ticket")
		next.want("sent again", next.query("DELETE FROM orders WHERE id = 4"), "CZ", "", "")
		if effects(g, 4) != "1" {
			t.Fatalf("%s effects", effects(g, 4))
		}
		if out := next.query("DELETE FROM orders WHERE id = 4"); !strings.HasPrefix(errorOf(out), "57014") {
			t.Fatalf("a third time: %v", out)
		}
		if h := state(t, g, ticket); h.State != "done" {
			t.Errorf("the ticket is %s", h.State)
		}
	})
	t.Run("wait, then ticket", func(t *testing.T) {
		r, ticket := held(t, g, "hasty", remove(6))
		r.want("the wait is over", r.until('Z'), "EZ", "", "57014 sluice: ticket "+ticket)
		approve(t, g, ticket)
		r.want("sent again", r.query("DELETE FROM orders WHERE id = 6"), "CZ", "", "")
		if effects(g, 6) != "1" {
			t.Fatalf("%s effects", effects(g, 6))
		}
	})
	t.Run("two wait for one", func(t *testing.T) {
		a, ticket := held(t, g, "patient", remove(7))
		b, second := held(t, g, "patient", remove(7))
		if second != ticket {
			t.Fatalf("two tickets for one action: %s, %s", ticket, second)
		}
		approve(t, g, ticket)
		first, other := a.until('Z'), b.until('Z')
		if errorOf(first) != "" {
			first, other = other, first
		}
		if types(first) != "CZ" || types(other) != "EZ" || !strings.Contains(errorOf(other), ticket) {
			t.Fatalf("got %v and %v", first, other)
		}
		if effects(g, 7) != "1" {
			t.Fatalf("%s effects", effects(g, 7))
		}
	})
	t.Run("a client that vanishes", func(t *testing.T) {
		r, ticket := held(t, g, "waiting", remove(8))
		r.conn.Close()
		waitFor(t, func() bool { return state(t, g, ticket).State == "withdrawn" })
		if _, err := approver(t, g).Approve(t.Context(), ticket, "too late"); err == nil {
			t.Error("approved although nobody waits")
		}
		r, ticket = held(t, g, "patient", remove(8))
		r.conn.Close()
		waitFor(t, func() bool {
			open, err := operator(t, g).Sessions(t.Context(), true)
			return err == nil && len(waiters(open, ticket)) == 0
		})
		approve(t, g, ticket)
		if effects(g, 8) != "0" {
			t.Fatal("it ran without its client")
		}
	})
	t.Run("who may not approve", func(t *testing.T) {
		r, ticket := held(t, g, "patient", remove(9))
		for who, token := range map[string]string{
			"the agent":           g.Token("agent-7", "dba"),
			"the human behind it": g.Token("analyst-3", "dba"),
			"one in no group":     g.Token("somebody", "others"),
			"an operator":         g.Token("op-1", "platform"),
			"the agent's token":   g.Agent(),
		} {
			c, err := api.At(g.URL, token)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := c.Approve(t.Context(), ticket, "me"); err == nil {
				t.Errorf("%s may approve", who)
			}
		}
		if effects(g, 9) != "0" {
			t.Fatal("it ran")
		}
		deny(t, g, ticket)
		r.until('Z')
	})
	t.Run("two approvers", func(t *testing.T) {
		r, ticket := held(t, g, "two", remove(10))
		approve(t, g, ticket)
		if _, err := approver(t, g).Approve(t.Context(), ticket, "again"); err == nil {
			t.Error("one counts as two")
		}
		second, err := api.At(g.URL, g.Token("dba-9", "dba"))
		if err != nil {
			t.Fatal(err)
		}
		if effects(g, 10) != "0" {
			t.Fatal("it ran with one approval of two")
		}
		if _, err := second.Approve(t.Context(), ticket, "me too"); err != nil {
			t.Fatal(err)
		}
		r.want("approved by two", r.until('Z'), "CZ", "", "")
	})
	t.Run("in a transaction", func(t *testing.T) {
		r := login(t, g, g.Agent(), "application_name", "hasty")
		r.must("BEGIN")
		r.must("UPDATE orders SET item = 'kept' WHERE id = 11")
		r.send(remove(11))
		ticket := r.ticket()
		out := r.until('Z')
		if status(out) != "T" || !strings.HasPrefix(errorOf(out), "57014") {
			t.Fatalf("after tx_wait: %v", out)
		}
		approve(t, g, ticket)
		r.want("sent again", r.query("DELETE FROM orders WHERE id = 11"), "CZ", "", "")
		r.must("ROLLBACK")
		if effects(g, 11) != "0" {
			t.Fatal("committed")
		}
		if h := state(t, g, ticket); h.Outcome != "rolled back" {
			t.Errorf("outcome is %q", h.Outcome)
		}
		r.send(remove(11))
		if again := r.ticket(); again == ticket {
			t.Error("a ticket counts again after a rollback")
		}
		r.until('Z')
	})
	t.Run("rolled back by its pipeline", func(t *testing.T) {
		r, ticket := held(t, g, "patient", parse("", "DELETE FROM orders WHERE id = 12"), bind("", "", 0), execute("", 0),
			parse("", "SELECT 1/(id-id) FROM orders"), bind("", "", 0), execute("", 0), syncing)
		approve(t, g, ticket)
		r.want("the pipeline", r.until('Z'), "C12EZ", "", "22012")
		if effects(g, 12) != "0" {
			t.Fatal("committed")
		}
		if h := state(t, g, ticket); h.Outcome != "rolled back" {
			t.Errorf("outcome is %q", h.Outcome)
		}
	})
	t.Run("rolled back to a savepoint", func(t *testing.T) {
		r := login(t, g, g.Agent(), "application_name", "patient")
		r.must("BEGIN; SAVEPOINT s")
		r.send(remove(13))
		ticket := r.ticket()
		approve(t, g, ticket)
		r.until('Z')
		r.must("ROLLBACK TO s")
		r.must("COMMIT")
		if h := state(t, g, ticket); h.Outcome == "committed" {
			t.Errorf("outcome is %q", h.Outcome)
		}
	})
	t.Run("decided again at its release", func(t *testing.T) {
		r, ticket := held(t, g, "patient", remove(14))
		path := filepath.Join(g.Dir, "base.rego")
		if err := os.WriteFile(path, []byte(holding+"\ndeny contains \"no deletes today\" if \"delete\" in input.command.operations\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := operator(t, g).Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		approve(t, g, ticket)
		r.want("denied by now", r.until('Z'), "EZ", "", "42501 sluice: denied by policy base: no deletes today")
		if effects(g, 14) != "0" {
			t.Fatal("it ran")
		}
		if err := os.WriteFile(path, []byte(holding), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := operator(t, g).Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("over a restart", func(t *testing.T) {
		r, ticket := held(t, g, "patient", remove(15))
		g.Stop()
		if f := lastError(r.rest()); f['C'] != "57P01" && f['C'] != "57014" {
			t.Errorf("the client reads %v", f)
		}
		g.Run()
		if h := state(t, g, ticket); h.State != "pending" {
			t.Fatalf("ticket %s is %s", ticket, h.State)
		}
		approve(t, g, ticket)
		g.Stop()
		g.Run()
		r = login(t, g, g.Agent(), "application_name", "patient")
		r.want("sent again", r.query("DELETE FROM orders WHERE id = 15"), "CZ", "", "")
		if effects(g, 15) != "1" {
			t.Fatalf("%s effects", effects(g, 15))
		}
		r.send(remove(15))
		if again := r.ticket(); again == ticket {
			t.Fatal("a ticket counts twice")
		}
		r.cancel(g)
		r.until('Z')
	})
	if got := g.Direct("SELECT string_agg(what, ',') FROM (SELECT what FROM effects GROUP BY what HAVING count(*) > 1) x"); got != "" {
		t.Errorf("ran more than once: %s", got)
	}
}

// waiters are the sessions that wait for a ticket.
func waiters(open []console.Session, ticket string) (out []string) {
	for _, s := range open {
		if s.Held == ticket {
			out = append(out, s.ID)
		}
	}
	return out
}

package postgres_test

import (
	"strings"
	"testing"

	"sluice.dev/proxy/server/servertest"
)

// TestHeldInATransaction waits for tx_wait, not for wait, since what came
// before in the transaction keeps its locks; then the client has an error that
// names the ticket, its transaction as it was, and after the approval the same
// statement passes once in a new one.
func TestHeldInATransaction(t *testing.T) {
	g := startSuite(t, servertest.Options{Rego: map[string]string{"base": holdingInserts},
		More: "approval \"locks\" {\n  approvers = [\"dba\"]\n  wait = \"60s\"\n  tx_wait = \"1s\"\n}\n",
		Init: []string{servertest.Schema, slowSchema}, Masks: "-"})
	const sql = "INSERT INTO quick VALUES ('locks')"
	other := login(t, g, g.Agent(), "application_name", "")
	other.must("SET lock_timeout = '50ms'")
	locked := func() bool {
		t.Helper()
		err := errorOf(other.query("UPDATE orders SET item = 'other' WHERE id = 1"))
		if err != "" && !strings.HasPrefix(err, "55P03") {
			t.Fatalf("got %s", err)
		}
		return err != ""
	}
	for name, sent := range map[string][]byte{
		"simple":   query(sql),
		"extended": append(append(append(parse("", sql), bind("", "", 0)...), execute("", 0)...), syncing...),
	} {
		t.Run(name, func(t *testing.T) {
			before := g.Direct("SELECT count(*) FROM quick")
			r := login(t, g, g.Agent(), "application_name", "locks")
			r.must("BEGIN")
			r.must("UPDATE orders SET item = 'mine' WHERE id = 1")
			r.send(sent)
			ticket := r.ticket()
			if !locked() {
				t.Error("the lock is gone while it waits")
			}
			out := r.until('Z')
			if status(out) != "T" || !strings.HasPrefix(errorOf(out), "57014") || ticketOf(out[len(out)-2]) != ticket {
				t.Fatalf("got %v", out)
			}
			if !locked() {
				t.Error("the lock is gone before the transaction is")
			}
			if got := rows(r.must("SELECT item FROM orders WHERE id = 1")); got != "mine" {
				t.Errorf("inside, it reads %q", got)
			}
			r.must("ROLLBACK")
			if locked() {
				t.Error("the lock stays")
			}
			approve(t, g, ticket)
			r.must("BEGIN")
			r.send(sent)
			if out := r.until('Z'); errorOf(out) != "" || status(out) != "T" {
				t.Fatalf("approved, and answered %v", out)
			}
			r.must("COMMIT")
			if h := state(t, g, ticket); h.State != "done" || h.Outcome != "committed" {
				t.Errorf("ticket %s %s", h.State, h.Outcome)
			}
			if got := g.Direct("SELECT count(*) - " + before + " FROM quick"); got != "1" {
				t.Errorf("%s effects", got)
			}
			r.must("BEGIN")
			r.send(sent)
			if again := r.ticket(); again == ticket {
				t.Error("a ticket counts twice")
			} else {
				deny(t, g, again)
			}
			if out := r.until('Z'); status(out) != "T" || !strings.HasPrefix(errorOf(out), "42501") {
				t.Errorf("denied: %v", out)
			}
			r.must("COMMIT")
		})
	}
}

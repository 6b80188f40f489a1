package postgres_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sluice.dev/proxy/server/api"
	"sluice.dev/proxy/server/servertest"
)

// configure changes the configuration, and has it in force when it returns.
func configure(t *testing.T, g *servertest.Gateway, from, to string) {
	t.Helper()
	hcl, err := os.ReadFile(g.Config)
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(string(hcl), from, to, 1)
	if changed == string(hcl) {
		t.Fatalf("%q is not in the configuration", from)
	}
	if err := os.WriteFile(g.Config, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := operator(t, g).Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func rego(t *testing.T, g *servertest.Gateway, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(g.Dir, "base.rego"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := operator(t, g).Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// TestReloadUnderAHold changes what decides while a command waits: its client
// stays connected, and its release is decided by what is in force then.
func TestReloadUnderAHold(t *testing.T) {
	g := startSlow(t)
	insert := func(what string) string { return fmt.Sprintf("INSERT INTO quick VALUES ('%s')", what) }
	rows := func(what string) string {
		return g.Direct("SELECT count(*) FROM quick WHERE what = '" + what + "'")
	}
	second := func(ticket string) {
		t.Helper()
		c, err := api.At(g.URL, g.Token("dba-9", "dba"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Approve(t.Context(), ticket, "me too"); err != nil {
			t.Fatal(err)
		}
	}
	const patient, twice = "approval \"patient\" {\n  approvers = [\"dba\"]\n", "approval \"patient\" {\n  approvers = [\"dba\"]\n  required = 2\n"

	t.Run("nothing that concerns it", func(t *testing.T) {
		r, ticket := held(t, g, "patient", query(insert("same")))
		rego(t, g, holdingInserts+"\n# another text\n")
		if h := state(t, g, ticket); h.State != "pending" || h.Waiters != 1 {
			t.Fatalf("the ticket is %s, with %d waiters", h.State, h.Waiters)
		}
		approve(t, g, ticket)
		r.want("released", r.until('Z'), "CZ", "", "")
	})
	t.Run("the policy holds no more", func(t *testing.T) {
		r, ticket := held(t, g, "patient", query(insert("no more")))
		rego(t, g, "package base\n\nallow if \"crew\" in input.principal.groups\n")
		if rows("no more") != "0" {
			t.Fatal("it ran by a reload")
		}
		approve(t, g, ticket)
		r.want("released", r.until('Z'), "CZ", "", "")
		if how, outcome := settled(t, g, ticket); outcome != "committed" || rows("no more") != "1" {
			t.Errorf("ticket %s %s, %s effects", how, outcome, rows("no more"))
		}
		rego(t, g, holdingInserts)
	})
	t.Run("it needs two approvers now", func(t *testing.T) {
		r, ticket := held(t, g, "patient", query(insert("two")))
		configure(t, g, patient, twice)
		approve(t, g, ticket) // enough for what was asked, not for what is
		again := r.ticket()
		if rows("two") != "0" {
			t.Fatal("it ran with one approval of two")
		}
		approve(t, g, again)
		if rows("two") != "0" {
			t.Fatal("it ran with one approval of two")
		}
		second(again)
		r.want("released", r.until('Z'), "CZ", "", "")
		if rows("two") != "1" {
			t.Errorf("%s effects", rows("two"))
		}
		configure(t, g, twice, patient)
	})
	t.Run("approved before, and it needs two now", func(t *testing.T) {
		r := login(t, g, g.Agent(), "application_name", "patient")
		r.send(query(insert("late two")))
		ticket := r.ticket()
		r.conn.Close()
		approve(t, g, ticket)
		configure(t, g, patient, twice)
		r = login(t, g, g.Agent(), "application_name", "patient")
		r.send(query(insert("late two")))
		again := r.ticket()
		if rows("late two") != "0" {
			t.Fatal("it ran with one approval of two")
		}
		approve(t, g, again)
		second(again)
		r.want("released", r.until('Z'), "CZ", "", "")
		configure(t, g, twice, patient)
	})
	t.Run("other approvers", func(t *testing.T) {
		r, ticket := held(t, g, "patient", query(insert("others")))
		configure(t, g, patient, strings.Replace(patient, "dba", "security", 1))
		approve(t, g, ticket) // its own rule is still the old one
		again := r.ticket()
		if rows("others") != "0" {
			t.Fatal("it ran by the word of those who were asked before")
		}
		if _, err := approver(t, g).Approve(t.Context(), again, "me"); err == nil {
			t.Error("one who may no more approves")
		}
		c, err := api.At(g.URL, g.Token("sec-1", "security"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Approve(t.Context(), again, "yes"); err != nil {
			t.Fatal(err)
		}
		r.want("released", r.until('Z'), "CZ", "", "")
		configure(t, g, strings.Replace(patient, "dba", "security", 1), patient)
	})
	t.Run("its connection is gone", func(t *testing.T) {
		r, ticket := held(t, g, "patient", query(insert("gone")))
		configure(t, g, `connection "postgres" "orders"`, `connection "postgres" "other"`)
		approve(t, g, ticket)
		if f := lastError(r.rest()); f['S'] != "FATAL" || f['C'] != "57P01" {
			t.Errorf("got %v", f)
		}
		configure(t, g, `connection "postgres" "other"`, `connection "postgres" "orders"`)
		if rows("gone") != "0" {
			t.Error("it ran without its client")
		}
		r = login(t, g, g.Agent(), "application_name", "patient")
		r.want("sent again", r.query(insert("gone")), "CZ", "", "")
	})
}

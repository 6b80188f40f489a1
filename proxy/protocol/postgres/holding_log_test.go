package postgres_test

import (
	"testing"

	"sluice.dev/proxy/audit"
	"sluice.dev/proxy/server/servertest"
)

// TestLogStops at every step of a hold: the client gets FATAL 57P03, nothing
// that is not on record is answered, the database rolls back what was open, and
// after a restart with a sound disk every ticket is where it was.
func TestLogStops(t *testing.T) {
	disk := servertest.NewDisk()
	g := startSuite(t, servertest.Options{Rego: map[string]string{"base": holdingInserts}, More: approvals,
		Init: []string{servertest.Schema, slowSchema}, Masks: "-", Files: disk})
	rows := func(what string) string {
		return g.Direct("SELECT count(*) FROM (SELECT what FROM quick UNION ALL SELECT what FROM slow) x WHERE what = '" + what + "'")
	}
	waits, pending := held(t, g, "patient", query("INSERT INTO quick VALUES ('waits')"))
	r := login(t, g, g.Agent(), "application_name", "ticket")
	approved := ticketOf(r.query("INSERT INTO quick VALUES ('approved')")[0])
	approve(t, g, approved)
	block := login(t, g, g.Agent(), "application_name", "")
	block.must("BEGIN")
	block.must("INSERT INTO quick VALUES ('in a block')")
	copying := login(t, g, g.Agent(), "application_name", "")
	copying.send(query("COPY quick FROM STDIN"))
	copying.until('G')
	copying.send(msg('d', "copied\n"))
	runs := login(t, g, g.Agent(), "application_name", "")
	runs.send(query("INSERT INTO slow VALUES ('runs')"))
	running(t, g, "INSERT INTO slow%")
	reads := login(t, g, g.Agent(), "application_name", "")
	reads.must("BEGIN")

	disk.Fill()
	before := len(reads.all())
	reads.send(query("SELECT 'canary'")) // the first record that does not come to be
	for name, c := range map[string]*raw{"a read": reads, "what waits": waits, "an open transaction": block, "a COPY": copying, "what runs": runs, "an idle session": r} {
		out := c.rest()
		if f := lastError(out); f['S'] != "FATAL" || f['C'] != "57P03" {
			t.Errorf("%s is answered %v", name, out)
		}
		for _, m := range out {
			if m.typ == 'C' || m.typ == 'D' {
				t.Errorf("%s is answered without a record: %v", name, out)
			}
		}
	}
	if got := string(reads.all()[before:]); len(got) == 0 || got[0] == 'T' {
		t.Errorf("a read is answered %q", got)
	}
	waitFor(t, func() bool {
		return g.Direct("SELECT count(*) FROM pg_stat_activity WHERE usename = 'crew_app' AND (state LIKE 'idle in%' OR query LIKE 'INSERT%' OR query LIKE 'COPY%')") == "0"
	})
	for _, what := range []string{"waits", "approved", "in a block", "copied"} {
		if n := rows(what); n != "0" {
			t.Errorf("%s effects of what %s", n, what)
		}
	}
	if _, err := approver(t, g).Approve(t.Context(), pending, "yes"); err == nil {
		t.Error("an approval counts that cannot be recorded")
	}

	g.Stop()
	disk.Before(nil)
	g.Run()
	for ticket, want := range map[string]string{pending: "pending", approved: "approved"} {
		if h := state(t, g, ticket); string(h.State) != want {
			t.Errorf("ticket %s is %s, want %s", ticket, h.State, want)
		}
	}
	r = login(t, g, g.Agent(), "application_name", "ticket")
	r.want("approved before", r.query("INSERT INTO quick VALUES ('approved')"), "CZ", "", "")
	approve(t, g, pending)
	r = login(t, g, g.Agent(), "application_name", "patient")
	r.want("approved after", r.query("INSERT INTO quick VALUES ('waits')"), "CZ", "", "")
	g.Stop()
	// What ran has one outcome, and it is not a guess.
	ids := map[string]bool{}
	for _, e := range g.Records(audit.CommandIntent, audit.CommandResult) {
		switch {
		case e.Event == audit.CommandIntent && e.Action.Text == "INSERT INTO slow VALUES ('runs')":
			ids[e.Command] = true
		case e.Event == audit.CommandResult && ids[e.Command]:
			delete(ids, e.Command)
			if e.Result.Outcome != audit.Unknown {
				t.Errorf("what ran when the log stopped is %s", e.Result.Outcome)
			}
		}
	}
	if len(ids) > 0 {
		t.Error("what ran when the log stopped has no outcome")
	}
}

package postgres_test

import (
	"bytes"
	"testing"

	"sluice.dev/proxy/server/servertest"
)

// What a name means is the server's to say. Each case makes the gateway and the
// server disagree about a name, if it can, and then uses it for what the
// gateway would not let through: a whole e-mail, or a DELETE that nobody
// approved.
func TestNamesMeanWhatTheServerSays(t *testing.T) {
	g := startSuite(t, servertest.Options{})
	const (
		secret  = "SELECT email FROM customers"
		derived = "SELECT upper(email) FROM customers"
		harmful = "DELETE FROM orders WHERE id = 20"
		fails   = "SELECT 1/(id - id) FROM orders"
	)
	run := func(name string) []byte { return bytes.Join([][]byte{bind("", name, 0), execute("", 0), syncing}, nil) }
	for name, sent := range map[string][][]byte{
		"close is skipped after an error": {
			parse("s1", secret), parse("bad", fails), syncing,
			bind("", "bad", 0), execute("", 0), closing("S", "s1"), syncing, run("s1")},
		"parse is skipped after an error": {
			parse("", harmful), parse("bad", fails), parse("", harmful), syncing,
			bind("", "bad", 0), execute("", 0), parse("", "SELECT 1"), syncing, run("")},
		"named parse is skipped after an error": {
			parse("s2", harmful), parse("bad2", fails), syncing,
			bind("", "bad2", 0), execute("", 0), closing("S", "s2"), parse("s2", "SELECT 1"), syncing, run("s2")},
		"parse of a name that exists": {
			parse("s3", harmful), syncing, parse("s3", "SELECT 1"), syncing, run("s3")},
		"close, then parse of a name that exists": {
			parse("s4", harmful), parse("bad4", fails), syncing, bind("", "bad4", 0), execute("", 0), closing("S", "s4"), syncing,
			parse("s4", "SELECT 1"), syncing, run("s4")},
		"deallocate and parse anew": {
			parse("s5", "SELECT 1"), syncing, query("DEALLOCATE s5"), parse("s5", secret), syncing, run("s5")},
		"deallocate and prepare anew": {
			parse("s6", "SELECT item FROM orders"), describe("S", "s6"), syncing, query("DEALLOCATE s6"), query("PREPARE s6 AS " + secret), run("s6")},
		"deallocate all and prepare a delete": {
			parse("s7", "SELECT item FROM orders"), syncing, query("DEALLOCATE ALL"), query("PREPARE s7 AS " + harmful), run("s7")},
		"discard all and prepare a delete": {
			parse("s8", "SELECT item FROM orders"), syncing, query("DISCARD ALL"), query("PREPARE s8 AS " + harmful), run("s8")},
		"prepare twice": {
			query("PREPARE s9 AS " + harmful), query("PREPARE s9 AS SELECT 1"), query("EXECUTE s9")},
		"prepare after a failed deallocate": {
			query("PREPARE s10 AS " + harmful), query("SELECT 1/0; DEALLOCATE s10"), query("PREPARE s10 AS SELECT 1"), query("EXECUTE s10")},
		"prepare in two ways": {
			query("PREPARE s11 AS SELECT 1"), query("DEALLOCATE s11"), parse("s11", harmful), syncing, query("EXECUTE s11")},
		"portal closed by SQL and declared anew": {
			query("BEGIN"), parse("", "SELECT city FROM customers"), bind("c1", "", 0), describe("P", "c1"), syncing, query("CLOSE c1"),
			query("DECLARE c1 CURSOR FOR " + secret), execute("c1", 0), syncing, query("ROLLBACK")},
		"derived portal declared anew": {
			query("BEGIN"), parse("", "SELECT item FROM orders"), bind("c2", "", 0), describe("P", "c2"), syncing, query("CLOSE ALL"),
			query("DECLARE c2 CURSOR FOR " + derived), execute("c2", 0), syncing, query("ROLLBACK")},
		"held cursor after commit": {
			query("BEGIN"), query("DECLARE c3 CURSOR WITH HOLD FOR " + secret), query("COMMIT"), execute("c3", 0), syncing,
			query("FETCH ALL FROM c3"), query("CLOSE c3")},
		"cursor declared twice": {
			query("DECLARE c4 CURSOR WITH HOLD FOR " + secret), query("DECLARE c4 CURSOR WITH HOLD FOR SELECT item FROM orders"), query("FETCH ALL FROM c4"),
			execute("c4", 0), syncing, query("CLOSE c4")},
		"portal bound anew is skipped": {
			query("BEGIN"), parse("d", harmful), parse("one", "SELECT 1"), parse("bad5", fails), bind("p", "d", 0), syncing, query("SAVEPOINT s"),
			bind("", "bad5", 0), execute("", 0), closing("P", "p"), bind("p", "one", 0), syncing, query("ROLLBACK TO s"),
			execute("p", 0), syncing, query("COMMIT")},
	} {
		t.Run(name, func(t *testing.T) {
			for _, pipelined := range []bool{true, false} {
				r := login(t, g, g.Agent())
				ready := 0
				for _, part := range sent {
					for b := part; len(b) > 0; {
						n := 1 + int(b[1])<<24 + int(b[2])<<16 + int(b[3])<<8 + int(b[4])
						if b[0] == 'Q' || b[0] == 'S' {
							ready++
						}
						if !pipelined {
							r.send(b[:n])
							if b[0] == 'Q' || b[0] == 'S' {
								r.answered(g)
								ready--
							}
						}
						b = b[n:]
					}
				}
				if pipelined {
					r.send(sent...)
					for range ready {
						r.answered(g)
					}
				}
				for _, canary := range []string{"ada.brandt@", "bela@kovacs", "ADA.BRANDT"} {
					if bytes.Contains(r.all(), []byte(canary)) {
						t.Errorf("pipelined %v: the client reads %s\n%q", pipelined, canary, r.all())
					}
				}
				if got := g.Direct("SELECT count(*) FROM orders WHERE id = 20"); got != "1" {
					t.Errorf("pipelined %v: deleted without approval\n%q", pipelined, r.all())
					g.Direct("INSERT INTO orders VALUES (20, 1, 'item 20', 30)")
				}
				if got := rows(r.query("SELECT 7")); got != "7" {
					t.Errorf("pipelined %v: afterwards: %q", pipelined, got)
				}
				r.conn.Close()
			}
		})
	}
}

// answered reads to the next ReadyForQuery; a command that is held is denied
// by an approver on the way.
func (r *raw) answered(g *servertest.Gateway) []message {
	r.t.Helper()
	var out []message
	for {
		m := r.next()
		out = append(out, m)
		if m.typ == 'N' {
			if ticket := ticketOf(m); ticket != "" {
				deny(r.t, g, ticket)
			}
		}
		if m.typ == 'Z' {
			return out
		}
	}
}

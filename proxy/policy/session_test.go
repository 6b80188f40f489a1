package policy

import (
	"context"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// supportDocument is data.sluice.document({}).
func supportDocument(t *testing.T, lib *library) any {
	t.Helper()
	lib.store = inmem.New()
	qc := lib.compiler.QueryCompiler()
	body, err := qc.Compile(ast.MustParseBody("x = data.sluice.document({})"))
	if err != nil {
		t.Fatal(err)
	}
	var rs topdown.QueryResultSet
	err = lib.run(context.Background(), agent7().Time, roomy, ast.NewObject(), func(q *topdown.Query) (err error) {
		rs, err = q.Run(context.Background())
		return err
	}, body, qc)
	if err != nil || len(rs) != 1 {
		t.Fatal(rs, err)
	}
	return plainJSON(t, rs[0][ast.Var("x")].Value)
}

// CONTRACT 3: a session may begin when allow, with only the command and the
// time unknown, leaves any result.
func TestSessionAllowed(t *testing.T) {
	const crew = `"crew-support" in input.principal.groups`
	for _, tc := range []struct {
		name, rego       string
		member, stranger bool
	}{
		{"group", `allow if ` + crew, true, false},
		{"group and command", `allow if { ` + crew + `; "select" in input.command.operations }`, true, false},
		{"command and group", `allow if { "select" in input.command.operations; ` + crew + ` }`, true, false},
		{"command alone", `allow if "select" in input.command.operations`, true, true},
		{"default", "default allow := false\nallow if { " + crew + `; input.command.complete }`, true, false},
		{"default of a rule", "allow if ok\ndefault ok := false\nok if { " + crew + `; input.command.complete }`, true, false},
		{"default of a function", "allow if ok(input.command.operations)\ndefault ok(_) := false\nok(ops) if { " + crew + `; "select" in ops }`, true, false},
		{"default alone", "default allow := false", false, false},
		{"never", "allow if false", false, false},
		{"not", `allow if { ` + crew + `; not input.command.flags.drop }`, true, false},
		{"every", `allow if { every o in input.command.operations { o == "select" }; ` + crew + ` }`, true, false},
		// OPA leaves a chain whole in which anything is unknown: any result.
		{"else", `allow if { ` + crew + `; input.command.complete } else := false`, true, true},
		{"a set", "allow if count(mine) > 0\n" + `mine contains o if { some o in input.command.operations; ` + crew + ` }`, true, true},
		{"the hour", `allow if { ` + crew + `; input.time > "2026" }`, true, false},
		{"the clock", `allow if { ` + crew + `; time.now_ns() > 9223372036854775000 }`, true, false},
		{"the session", `allow if { ` + crew + `; input.session.client.application == "crewai"; input.command.complete }`, true, false},
		{"another application", `allow if { ` + crew + `; input.session.client.application == "psql"; input.command.complete }`, false, false},
		{"no allow", `deny contains "x" if input.command.flags.drop`, false, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := compileOne(t, "package agents\n"+tc.rego)
			for range 2 { // the second from the cache
				for _, who := range []struct {
					groups []string
					want   bool
				}{{[]string{"crew-support"}, tc.member}, {nil, tc.stranger}} {
					in := agent7()
					in.Principal.Groups = who.groups
					got, err := s.SessionAllowed(context.Background(), in)
					if err != nil || got != who.want {
						t.Errorf("groups %v: %v %v, want %v", who.groups, got, err, who.want)
					}
				}
			}
		})
	}
}

// What drivers say first passes where the session may be, whatever allow asks
// of commands; a deny stands, a hold is not asked for.
func TestSessionCommands(t *testing.T) {
	s := compileOne(t, `package agents
allow if { "crew-support" in input.principal.groups; "select" in input.command.operations }
deny contains "not with psql" if { input.session.client.application == "psql"; "session" in input.command.operations }
hold contains {"approval": "change", "reason": "everything"} if true
limit contains {"rows": 10} if true`)
	in := agent7()
	in.Command.Operations = []string{"session"}
	d := decide(t, s, in)
	if d.Verdict != Allow || len(d.Policies) != 1 || d.Limit.Rows != 10 {
		t.Errorf("%+v", d)
	}
	if d = decide(t, s, in); d.Verdict != Allow || !d.Cached {
		t.Errorf("again: %+v", d)
	}
	in.Command.Operations = []string{"session", "select"}
	if d = decide(t, s, in); d.Verdict != Hold {
		t.Errorf("with a select: %+v", d)
	}
	in.Command.Operations = []string{"session", "insert"}
	if d = decide(t, s, in); d.Verdict != Deny {
		t.Errorf("with an insert: %+v", d)
	}
	in.Command.Operations = []string{"session"}
	in.Session.Client.Application = "psql"
	if d = decide(t, s, in); d.Verdict != Deny || d.Denies[0].Reason != "not with psql" {
		t.Errorf("denied: %+v", d)
	}
	in = agent7()
	in.Command.Operations = []string{"session"}
	in.Principal.Groups = []string{"others"}
	if d = decide(t, s, in); d.Verdict != Deny || d.Why()[0].Reason != NothingAllows {
		t.Errorf("a stranger: %+v", d)
	}
}

// A session's answer is cached on what allow reads of the session, and not on
// the command.
func TestSessionAllowedIsCached(t *testing.T) {
	s := compileOne(t, contract)
	in := agent7()
	for i := range 10 {
		in.Command.Digest, in.Command.Risk = string(rune('a'+i)), i
		if ok, err := s.SessionAllowed(context.Background(), in); !ok || err != nil {
			t.Fatal(ok, err)
		}
	}
	if n, _ := s.lib.sessions.size(); n != 1 {
		t.Errorf("%d entries for one session", n)
	}
}

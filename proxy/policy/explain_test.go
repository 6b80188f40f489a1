package policy

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
)

func explain(t *testing.T, s *Set, in *Input, unknown ...string) *Explanation {
	t.Helper()
	e, err := s.Explain(context.Background(), in, unknown...)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// show is a rule and its values, in one line.
func show(b Because) string {
	var values []string
	for _, v := range b.Values {
		values = append(values, fmt.Sprintf("%s=%v", strings.TrimPrefix(v.Path, "input."), v.Value))
	}
	said := b.Reason + b.Approval
	if b.Mask != nil {
		said = b.Mask.Column + b.Mask.Block + b.Mask.Action
	}
	if b.Rows > 0 {
		said = fmt.Sprint(b.Rows)
	}
	return fmt.Sprintf("%s:%d %s %s", b.Rule, b.Line, said, strings.Join(values, " "))
}

// What each kind of rule says, where it stands, and what it turned on: no
// more and no less.
func TestExplain(t *testing.T) {
	in := agent7()
	in.Command.Flags["drop"] = true
	e := explain(t, compileOne(t, contract), in)
	want := []string{
		"deny:5 DROP needs a migration command.flags.drop=true",
		"hold:7 delete on public.customerschange command.operations=[delete] command.writes=[public.customers] connection.labels.environment=production",
		"allow:3  principal.groups=[crew-support]",
		"mask:14 public.customers.cardredact principal.groups=[crew-support]",
		"limit:16 10000 principal.kinds=[agent]",
	}
	var got []string
	for _, b := range e.Rules {
		got = append(got, show(b))
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if e.Decision.Verdict != Deny || e.NotAllowed != nil || e.Rules[0].Hint == "" || e.Rules[0].File != "agents.rego" || e.Rules[0].Source == "" {
		t.Errorf("%+v", e)
	}
}

// Each way in which one rule speaks has the values of that way alone.
func TestExplainEachWay(t *testing.T) {
	s := compileOne(t, `package agents
allow if true
deny contains sprintf("%s is %s", [name, why]) if {
	some name, why in {"into": "odd", "lock": "slow", "temp": "lost"}
	input.command.flags[name]
	helper
}
helper if input.command.parameters > 0
`)
	in := agent7()
	in.Command.Flags = map[string]bool{"lock": true, "temp": true}
	e := explain(t, s, in)
	var got []string
	for _, b := range e.Rules {
		if b.Rule == ruleDeny {
			got = append(got, show(b))
		}
	}
	want := []string{
		"deny:3 lock is slow command.flags.lock=true command.parameters=1",
		"deny:3 temp is lost command.flags.temp=true command.parameters=1",
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// Where nothing allows, every allow says at which condition it ended.
func TestExplainNothingAllows(t *testing.T) {
	s := compileOne(t, `package agents
allow if {
	input.command.complete
	some group in input.principal.groups
	group in {"crew-sales"}
}
allow if {
	input.command.operations == ["select"]
} else := true if {
	not helps
}
helps if input.connection.name == "orders"
`)
	e := explain(t, s, agent7())
	if len(e.NotAllowed) != 2 || e.Decision.Verdict != Deny {
		t.Fatalf("%+v", e)
	}
	one, two := e.NotAllowed[0], e.NotAllowed[1]
	if one.Ended == nil || one.Ended.Line != 5 || one.Ended.Source != `group in {"crew-sales"}` ||
		show(one) != "allow:2  command.complete=true principal.groups=[crew-support]" {
		t.Errorf("%s ended %+v", show(one), one.Ended)
	}
	if two.Ended == nil || two.Ended.Line != 10 || show(two) != "allow:7  command.operations=[delete] connection.name=orders" {
		t.Errorf("%s ended %+v", show(two), two.Ended)
	}
}

// What is not known is marked, and a rule that might have spoken is named.
func TestExplainUnknown(t *testing.T) {
	s := compileOne(t, `package agents
allow if input.principal.claims.team == "a"
deny contains "secret" if "public.t.secret" in input.command.columns
deny contains "drop" if input.command.flags.drop
`)
	in := agent7()
	in.Command.Columns = nil
	e := explain(t, s, in, "command.columns", "principal.claims")
	if len(e.Unsure) != 2 || e.Unsure[0].Rule != ruleAllow || e.Unsure[1].Line != 3 || !e.Unsure[1].Values[0].Unknown {
		t.Errorf("%+v", e.Unsure)
	}
	if e = explain(t, s, in); len(e.Unsure) != 0 {
		t.Errorf("everything is known, and unsure are %+v", e.Unsure)
	}
}

// A title and the author's own words come from METADATA, the rule's or the
// package's; a session command and a shadow policy say that they are such.
func TestExplainSaysMore(t *testing.T) {
	s := compileAll(t, Options{EvalTimeout: roomy}, source("agents", `# METADATA
# title: Agents
# custom:
#   controls: [AC-3]
package agents

allow if input.principal.subject == "agent-7"

# METADATA
# title: Drops
# custom:
#   controls: [CM-3]
deny contains "no" if input.command.flags.drop
`), Source{Name: "trial", Shadow: true, Files: []File{{Path: "trial.rego", Data: []byte("package trial\ndeny contains \"late\" if true")}}})
	in := agent7()
	in.Command.Flags["drop"] = true
	e := explain(t, s, in)
	by := map[string]Because{}
	for _, b := range e.Rules {
		by[b.Policy+" "+b.Rule] = b
	}
	if b := by["agents deny"]; b.Title != "Drops" || fmt.Sprint(b.Custom["controls"]) != "[CM-3]" {
		t.Errorf("%+v", b)
	}
	if b := by["agents allow"]; b.Title != "Agents" || fmt.Sprint(b.Custom["controls"]) != "[AC-3]" {
		t.Errorf("%+v", b)
	}
	if b := by["trial deny"]; !b.Shadow || b.Reason != "late" {
		t.Errorf("%+v", b)
	}
	in = agent7()
	in.Command.Operations = []string{OperationSession}
	if e = explain(t, s, in); !slices.Equal(e.Session, []string{"agents"}) {
		t.Errorf("session by %v", e.Session)
	}
}

// The explanation of the library is complete: whatever the decision says, a
// rule is there that says it.
func TestExplainAgreesWithDecide(t *testing.T) {
	sources, err := FindSources([]string{"../../policies"})
	if err != nil {
		t.Fatal(err)
	}
	s := compileAll(t, Options{EvalTimeout: roomy}, sources...)
	said := 0
	for _, change := range []func(*Input){
		func(*Input) {},
		func(in *Input) { in.Command.Complete = false },
		func(in *Input) { in.Command.Own = nil },
		func(in *Input) { in.Command.Operations, in.Command.Writes = []string{"merge"}, nil },
		func(in *Input) {
			in.Command.Operations, in.Command.Flags = []string{"grant", "drop"}, map[string]bool{"ddl": true, "drop": true}
		},
		func(in *Input) { in.Principal.Groups = nil },
		func(in *Input) { in.Command.Functions = []string{"pg_read_file", "pg_catalog.dblink"} },
	} {
		in := agent7()
		change(in)
		e := explain(t, s, in)
		d := decide(t, s, in)
		has := func(what string, is func(b Because) bool) {
			said++
			if !slices.ContainsFunc(e.Rules, is) {
				t.Errorf("%s: no rule says it", what)
			}
		}
		for _, x := range d.Denies {
			has(x.Reason, func(b Because) bool {
				return b.Rule == ruleDeny && b.Policy == x.Policy && b.Reason == x.Reason && b.Hint == x.Hint
			})
		}
		for _, x := range d.Holds {
			has(x.Reason, func(b Because) bool { return b.Rule == ruleHold && b.Reason == x.Reason && b.Approval == x.Approval })
		}
		for _, x := range d.Masks {
			has(x.Column, func(b Because) bool {
				return b.Rule == ruleMask && b.Mask.Column == x.Column && b.Mask.Action == x.Action
			})
		}
		if len(d.Policies) == 0 && len(e.NotAllowed) == 0 {
			t.Error("nothing allows, and no allow says why")
		}
	}
	if said < 20 {
		t.Errorf("only %d sayings were compared", said)
	}
}

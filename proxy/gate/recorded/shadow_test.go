package recorded

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluice.dev/proxy/audit"
)

func decided(command, verdict, ticket string, at int, shadow ...string) *audit.Entry {
	e := &audit.Entry{}
	e.Command, e.Time, e.Principal.Subject, e.Connection.Name = command, time.Unix(int64(at), 0).UTC(), "agent-7", "orders"
	e.Decision = audit.Decision{Verdict: verdict, Ticket: ticket, Shadow: shadow}
	return e
}

// A command counts once, a held one as held, a failure as a refusal; what a
// policy says with "=" or " " in it is read back whole.
func TestShadows(t *testing.T) {
	s := Shadows{}
	for _, e := range []*audit.Entry{
		decided("a", "allow", "", 1, "trial=deny", "trial deny: x = y z", "other=allow"),
		decided("a", "", "", 1),
		decided("b", "hold", "T", 2, "trial=hold", "trial hold change: odd"),
		decided("b", "allow", "T", 3, "trial=hold", "trial hold change: odd"),
		decided("c", "deny", "T2", 4, "trial=deny", "trial deny: x = y z"),
		decided("d", "allow", "", 5, "trial=error: out of time"),
		decided("e", "deny", "", 6, "trial=error: out of time"),
		decided("f", "allow", "", 7),
		decided("", "allow", "", 8, "trial=deny"),
	} {
		s.Add(e)
	}
	at := func(n int) time.Time { return time.Unix(int64(n), 0).UTC() }
	want := ShadowReport{Records: 9, From: at(1), Policies: []ShadowPolicy{
		{Policy: "other", From: at(1), To: at(1), Commands: 1, Same: 1, Changes: []ShadowChange{}, Said: []ShadowSaid{}},
		{Policy: "trial", From: at(1), To: at(6), Commands: 5, Same: 1, Failed: 2,
			Changes: []ShadowChange{
				{From: "allow", To: "deny", Who: "agent-7", Connection: "orders", Commands: 2, Example: "d"},
				{From: "hold", To: "deny", Who: "agent-7", Connection: "orders", Commands: 1, Example: "c"},
			},
			Said: []ShadowSaid{
				{Says: "deny: x = y z", Commands: 2, Example: "c"},
				{Says: "error: out of time", Commands: 2, Example: "e"},
				{Says: "hold change: odd", Commands: 1, Example: "b"},
			}},
	}}
	if diff := cmp.Diff(want, s.Report()); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if diff := cmp.Diff(want, s.Report()); diff != "" {
		t.Errorf("asked again: -want +got\n%s", diff)
	}
	late := Shadows{Policy: "trial", Since: at(4)}
	late.Add(decided("a", "allow", "", 3, "trial=deny"))
	late.Add(decided("b", "allow", "", 4, "other=deny", "other deny: x", "trial=deny"))
	if r := late.Report(); len(r.Policies) != 1 || r.Policies[0].Commands != 1 || len(r.Policies[0].Said) != 0 {
		t.Errorf("%+v", r)
	}
}

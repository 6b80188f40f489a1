package recorded

import (
	"slices"
	"testing"

	"sluice.dev/proxy/audit"
)

// What a record has is as policies saw it, and what it lacks is unknown.
func TestInputOfARecord(t *testing.T) {
	e := &audit.Entry{}
	e.Connection.Protocol = "postgres"
	e.Principal.Chain = []audit.Hop{{Subject: "ana", Proof: "token", Groups: []string{"dba"}}}
	e.Action = audit.Action{FactsKept: audit.FactsWhole, Own: []string{"returns_protected", `settings=["work_mem"]`}, InTransaction: true,
		Columns: []string{"public.a.b"}, Filters: []string{"public.a.c"}}
	in, unknown := Input(e, nil)
	own := in.Command.Own
	if own["returns_protected"] != true || own["derives_from_protected"] != false || len(own["settings"].([]any)) != 1 {
		t.Errorf("own facts %v", own)
	}
	if !in.Session.InTransaction || in.Command.Columns[0] != "public.a.b" || in.Command.Filters[0] != "public.a.c" || in.Principal.Chain[0].Groups[0] != "dba" {
		t.Errorf("%+v", in)
	}
	if !slices.Equal(unknown, []string{"command.digest", "principal.claims", "connection.labels"}) {
		t.Errorf("unknown: %v", unknown)
	}
	e.Action.Own = []string{"keys?"}
	if _, unknown = Input(e, nil); !slices.Contains(unknown, "command.postgres.keys") {
		t.Errorf("a value that is not recorded is not among the unknown %v", unknown)
	}
	e.Action.Own = []string{"unknown"}
	if in, _ = Input(e, nil); in.Command.Own != nil {
		t.Errorf("a parser that knew nothing: %v", in.Command.Own)
	}
	for name, change := range map[string]func(){
		"cut":    func() { e.Action.FactsKept = audit.FactsCut },
		"silent": func() { e.Action.FactsKept = "" },
		"elided": func() { e.Action.FactsKept, e.Elided.Size = audit.FactsWhole, 70000 },
	} {
		e.Action.FactsKept, e.Elided.Size = audit.FactsWhole, 0
		change()
		_, unknown := Input(e, nil)
		if !slices.Contains(unknown, "command.columns") && !slices.Contains(unknown, "command") {
			t.Errorf("%s: columns are not among the unknown %v", name, unknown)
		}
	}
}

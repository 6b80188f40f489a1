package policy

import (
	"context"
	"testing"
	"time"

	"go.uber.org/goleak"

	"sluice.dev/proxy/identity"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// roomy is long enough for a busy machine: tests do not time anything.
const roomy = time.Minute

func source(name, rego string) Source {
	return Source{Name: name, Files: []File{{Path: name + ".rego", Data: []byte(rego)}}}
}

func compileOne(t testing.TB, rego string) *Set {
	t.Helper()
	return compileAll(t, Options{EvalTimeout: roomy}, source("agents", rego))
}

func compileAll(t testing.TB, opts Options, sources ...Source) *Set {
	t.Helper()
	s, err := Compile(context.Background(), sources, opts)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func decide(t testing.TB, s *Set, in *Input) Decision {
	t.Helper()
	d, err := s.Decide(context.Background(), in)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// agent7 is CONTRACT 3's document: a delete by the crew in production.
func agent7() *Input {
	return &Input{
		Principal: &identity.Principal{Subject: "agent-7", Issuer: "https://idp.example.com", Groups: []string{"crew-support"}, Kinds: []string{"agent"},
			Chain: []identity.Hop{{Subject: "analyst-3", Kind: "human", Proof: identity.ProofToken}}},
		Connection: Connection{Name: "orders", Protocol: "postgres", Labels: map[string]string{"environment": "production"}},
		Session:    Session{ID: "01J", Client: Client{Address: "10.0.0.7", Application: "crewai", User: "agent-7"}},
		Command: Command{Protocol: "postgres", Digest: "d", Fingerprint: "f", Complete: true, Resolved: "server",
			Operations: []string{"delete"}, Reads: []string{"public.customers"}, Writes: []string{"public.customers"},
			Columns: []string{"public.customers.id"}, Filters: []string{"public.customers.id"}, Functions: []string{"now"},
			Flags: map[string]bool{"where": true}, Own: map[string]any{"returns_protected": false}, Parameters: 1,
			Labels: []string{"mass-change"}, Risk: 70},
		Time: time.Date(2026, 11, 24, 22, 0, 0, 0, time.UTC), Generation: "sha256:g",
	}
}

const contract = `package agents

allow if "crew-support" in input.principal.groups

deny contains {"reason": "DROP needs a migration", "hint": "Tell your human to open a change in #db-changes."} if input.command.flags.drop

hold contains {"approval": "change", "reason": sprintf("%s on %s", [op, t])} if {
	some op in input.command.operations
	op in {"delete", "update"}
	some t in input.command.writes
	input.connection.labels.environment == "production"
}

mask contains {"column": "public.customers.card", "action": "redact"} if not "pci" in input.principal.groups

limit contains {"rows": 10000} if "agent" in input.principal.kinds
`

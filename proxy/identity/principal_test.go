package identity_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluice.dev/proxy/identity"
)

func hop(subject string, proof string, groups ...string) identity.Hop {
	return identity.Hop{Subject: subject, Issuer: "idp", Kind: "human", Proof: proof, Groups: groups}
}

func TestDocumentIsTheContract(t *testing.T) {
	p := &identity.Principal{
		Subject: "agent-7", Issuer: "https://idp.example.com", Groups: []string{"crew-support"}, Kinds: []string{"agent"},
		Chain:   []identity.Hop{{Subject: "analyst-3", Kind: "human", Proof: identity.ProofToken}},
		Display: "Agent 7", TokenID: "id", ActorGroups: []string{"crew"},
	}
	const want = `{"subject": "agent-7", "issuer": "https://idp.example.com", "groups": ["crew-support"], "kinds": ["agent"],
		"chain": [{"subject": "analyst-3", "kind": "human", "proof": "token"}], "claims": {}}`
	for name, doc := range map[string]any{"full": p.Document(), "empty": (&identity.Principal{}).Document()} {
		expect := want
		if name == "empty" {
			expect = `{"subject": "", "issuer": "", "groups": [], "kinds": [], "chain": [], "claims": {}}`
		}
		b, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		var got, contract any
		if err := json.Unmarshal(b, &got); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(expect), &contract); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(contract, got); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func TestInEvery(t *testing.T) {
	leads := []string{"leads", "admins"}
	for name, c := range map[string]struct {
		p    identity.Principal
		want bool
	}{
		"alone, in":                              {identity.Principal{Groups: []string{"x", "leads"}}, true},
		"alone, out":                             {identity.Principal{Groups: []string{"x"}}, false},
		"the human's groups are not the agent's": {identity.Principal{Groups: []string{"leads"}, Chain: []identity.Hop{hop("h", "token", "leads")}}, false},
		"both in":                                {identity.Principal{Groups: []string{"leads"}, ActorGroups: []string{"admins"}, Chain: []identity.Hop{hop("h", "token", "leads")}}, true},
		"the agent only":                         {identity.Principal{ActorGroups: []string{"leads"}, Chain: []identity.Hop{hop("h", "token")}}, false},
		"one hop of three is out":                {identity.Principal{ActorGroups: []string{"leads"}, Chain: []identity.Hop{hop("h", "token", "leads"), hop("c", "token", "x")}}, false},
		"an asserted hop takes nothing away":     {identity.Principal{Groups: []string{"leads"}, Chain: []identity.Hop{hop("task", "asserted")}}, true},
		"an asserted hop gives nothing":          {identity.Principal{Groups: []string{"x"}, Chain: []identity.Hop{hop("task", "asserted", "leads")}}, false},
		"a hop of unknown proof gives nothing":   {identity.Principal{Groups: []string{"x"}, Chain: []identity.Hop{hop("task", "", "leads")}}, false},
	} {
		if got := c.p.InEvery(leads); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
		if c.p.InEvery(nil) {
			t.Errorf("%s: in every one of no groups", name)
		}
	}
}

func TestSharesAndIs(t *testing.T) {
	agent := &identity.Principal{Subject: "agent", Issuer: "idp", Chain: []identity.Hop{hop("ana", "token"), hop("task", "asserted")}}
	ana := &identity.Principal{Subject: "ana", Issuer: "idp", Kinds: []string{"human"}}
	namesake := &identity.Principal{Subject: "ana", Issuer: "another"}
	task := &identity.Principal{Subject: "task", Issuer: "idp"}
	if !agent.Shares(ana) || !ana.Shares(agent) || !agent.Shares(agent) {
		t.Error("the human and her agent share the human")
	}
	if agent.Shares(namesake) || agent.Shares(task) {
		t.Error("a namesake of another issuer, or an asserted hop, is nobody")
	}
	if !ana.Is(agent.Chain[0]) || namesake.Is(agent.Chain[0]) || agent.Is(agent.Chain[0]) {
		t.Error("Is")
	}
	if h, ok := agent.Human(); !ok || h.Subject != "ana" {
		t.Errorf("the agent's human: %v, %v", h, ok)
	}
	if h, ok := ana.Human(); !ok || h.Subject != "ana" {
		t.Errorf("a human's human: %v, %v", h, ok)
	}
	if _, ok := task.Human(); ok {
		t.Error("a task is human")
	}
	if got := len(agent.Proven()); got != 2 {
		t.Errorf("%d proven hops, want the agent and the human", got)
	}
	if agent.String() != "agent for ana" || ana.String() != "ana" {
		t.Errorf("%s, %s", agent, ana)
	}
}

func TestPrincipalSurvivesJSON(t *testing.T) {
	in := &identity.Principal{Subject: "a", Issuer: "i", Groups: []string{"g"}, Kinds: []string{"agent"}, Chain: []identity.Hop{hop("h", "token", "x")}, Claims: map[string]any{"team": "blue"}, ActorGroups: []string{"z"}, TokenID: "t"}
	b, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	out := new(identity.Principal)
	if err := json.Unmarshal(b, out); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(in, out); d != "" {
		t.Error(d)
	}
}

package policy

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/open-policy-agent/opa/v1/ast"
)

// A document that a gateway makes reads back as it was.
func TestParseInputReadsWhatValueWrites(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	inputs := []*Input{agent7()}
	for range 200 {
		in := randomInput(r)
		delete(in.Command.Flags, "new")
		if in.Command.Protocol == "" {
			in.Command.Protocol = "postgres"
		}
		if !slices.Contains(loadSchema().protocols, in.Command.Protocol) {
			continue
		}
		inputs = append(inputs, in)
	}
	for _, in := range inputs {
		v, err := in.Value()
		if err != nil {
			t.Fatal(err)
		}
		x, err := ast.JSON(v)
		if err != nil {
			t.Fatal(err)
		}
		b, err := json.Marshal(x)
		if err != nil {
			t.Fatal(err)
		}
		back, err := ParseInput(b)
		if err != nil {
			t.Fatalf("%v\n%s", err, b)
		}
		again, err := back.Value()
		if err != nil {
			t.Fatal(err)
		}
		if v.Compare(again) != 0 {
			t.Fatalf("-was +is\n%s", cmp.Diff(v.String(), again.String()))
		}
	}
	if len(inputs) < 50 {
		t.Errorf("only %d documents", len(inputs))
	}
}

func TestParseInputFillsIn(t *testing.T) {
	in, err := ParseInput([]byte(`{"command": {"operations": ["drop"], "flags": {"drop": true}}}`))
	if err != nil {
		t.Fatal(err)
	}
	c := in.Command
	if c.Protocol != "postgres" || in.Connection.Protocol != "postgres" || !c.Complete || !c.Flags["drop"] || in.Principal != nil {
		t.Errorf("%+v", in)
	}
	if in, err = ParseInput([]byte(`{"connection": {"protocol": "redis"}, "command": {"redis": {"key": 3}}}`)); err != nil || in.Command.Protocol != "redis" || in.Command.Own["key"] != json.Number("3") {
		t.Errorf("%+v %v", in, err)
	}
}

func TestParseInputRefuses(t *testing.T) {
	for doc, want := range map[string]string{
		``:                                       "EOF",
		`{} {}`:                                  "something follows",
		`[]`:                                     "cannot unmarshal array",
		`{"comand": {}}`:                         "did you mean input.command?",
		`{"principal": {"group": []}}`:           "did you mean input.principal.groups?",
		`{"command": {"colums": []}}`:            "command.colums; did you mean columns?",
		`{"command": {"operations": ["delte"]}}`: `"delte"; did you mean delete?`,
		`{"command": {"flags": {"dorp": true}}}`: "command.flags.dorp; did you mean drop?",
		`{"command": {"risk": "high"}}`:          "command.risk",
		`{"command": {"redis": {}}}`:             "protocol is postgres",
		`{"time": "yesterday"}`:                  "2026-01-02T15:04:05Z",
		`"` + strings.Repeat("x", maxDocument) + `"`: "at most",
	} {
		if _, err := ParseInput([]byte(doc)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: got %v, want %q", doc, err, want)
		}
	}
}

// Whatever is given, it answers; and what it takes makes a document.
func FuzzParseInput(f *testing.F) {
	f.Add([]byte(`{"principal": {"chain": [{"subject": "a", "proof": "token"}], "claims": {"n": [1, null]}}, "command": {"postgres": {"settings": []}}}`))
	f.Add([]byte(`{"command": {"protocol": "llm", "llm": {"a": {"b": 1e400}}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		in, err := ParseInput(data)
		if err != nil {
			return
		}
		if _, err := in.Value(); err != nil {
			t.Errorf("%v", err)
		}
	})
}

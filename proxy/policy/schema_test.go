package policy

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"sluice.dev/policies"
)

func jsonSchema(t *testing.T, data []byte) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func plainJSON(t *testing.T, v ast.Value) any {
	t.Helper()
	x, err := ast.JSON(v)
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(x)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// The documents that the gateway makes are as the published schema has them,
// from the emptiest on.
func TestInputIsAsItsSchema(t *testing.T) {
	s := jsonSchema(t, policies.InputSchema)
	check := func(in *Input) {
		t.Helper()
		v, err := in.Value()
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Validate(plainJSON(t, v)); err != nil {
			t.Errorf("%v\n%s", err, v)
		}
	}
	empty := &Input{Command: Command{Resolved: "none"}}
	check(empty)
	check(agent7())
	r := rand.New(rand.NewPCG(5, 5))
	for range 200 {
		in := randomInput(r)
		delete(in.Command.Flags, "new")
		if in.Command.Protocol == "postgres" {
			in.Command.Own = map[string]any{"returns_protected": r.IntN(2) == 0}
		}
		check(in)
	}
	wrong := agent7()
	wrong.Command.Own = map[string]any{"returns_protected": "perhaps"}
	v, err := wrong.Value()
	if err != nil {
		t.Fatal(err)
	}
	if s.Validate(plainJSON(t, v)) == nil {
		t.Error("the schema takes anything")
	}
}

// What is not known of PostgreSQL's facts is true; other protocols have none.
func TestUnknownFactsAreTrue(t *testing.T) {
	find := func(in *Input, path ...string) string {
		v, err := in.Value()
		if err != nil {
			t.Fatal(err)
		}
		ref := ast.Ref{}
		for _, p := range path {
			ref = ref.Append(ast.StringTerm(p))
		}
		got, err := v.Find(ref)
		if err != nil {
			return "undefined"
		}
		return got.String()
	}
	in := agent7()
	if got := find(in, "command", "postgres", "returns_protected"); got != "false" {
		t.Errorf("a known fact is %s", got)
	}
	for _, fact := range loadSchema().facts["postgres"] {
		if want := fact != "returns_protected"; (find(in, "command", "postgres", fact) == "true") != want {
			t.Errorf("%s is not %v", fact, want)
		}
	}
	in.Command.Own = nil
	if got := find(in, "command", "postgres", "returns_protected"); got != "true" {
		t.Errorf("a fact that nobody gave is %s", got)
	}
	in.Command.Protocol = "redis"
	if got := find(in, "command", "postgres"); got != "undefined" {
		t.Errorf("redis has command.postgres = %s", got)
	}
	if len(loadSchema().facts["postgres"]) != 12 {
		t.Errorf("%d facts, masking 9 has 12", len(loadSchema().facts["postgres"]))
	}
	in.Command.Own = map[string]any{"x": struct{}{}}
	if _, err := in.Value(); err == nil || !strings.Contains(err.Error(), "command.redis.x") {
		t.Errorf("a value that is no JSON: %v", err)
	}
}

// The reader of decisions takes what the published schema takes, and nothing
// else.
func TestDecisionIsAsItsSchema(t *testing.T) {
	s := jsonSchema(t, policies.DecisionSchema)
	r := rand.New(rand.NewPCG(11, 11))
	text := func() any { return pick[any](r, "a", "a", "a", "", 3, nil, []any{}) }
	column := func() any { return pick[any](r, "public.t.c", "t.c", "c", "a..b", "", 7) }
	action := func() any { return pick[any](r, "null", "partial", "blur", "", false) }
	rows := func() any { return pick[any](r, 1, 10000, 0, -1, 1.5, "10", true) }
	object := func(keys map[string]func() any) any {
		m := map[string]any{}
		for k, v := range keys {
			if r.IntN(3) > 0 {
				m[k] = v()
			}
		}
		if r.IntN(12) == 0 {
			m["extra"] = 1
		}
		return m
	}
	valid := 0
	for range 5000 {
		rule := decisionRules[r.IntN(len(decisionRules))]
		var element any
		switch rule {
		case ruleAllow:
			element = pick[any](r, true, false, "yes", 1, nil)
		case ruleDeny:
			element = pick(r, text(), object(map[string]func() any{"reason": text, "hint": text}))
		case ruleHold:
			element = object(map[string]func() any{"approval": text, "reason": text})
		case ruleMask:
			element = pick(r, object(map[string]func() any{"column": column, "action": action}), object(map[string]func() any{"block": text, "action": action}), text())
		case ruleLimit:
			element = pick(r, object(map[string]func() any{"rows": rows}), rows())
		}
		value, err := ast.InterfaceToValue(element)
		if err != nil {
			t.Fatal(err)
		}
		doc := map[string]any{rule: []any{element}}
		if rule == ruleAllow {
			doc[rule] = element
		}
		whole, err := ast.InterfaceToValue(doc)
		if err != nil {
			t.Fatal(err)
		}
		want := s.Validate(plainJSON(t, whole))
		got := new(said).read(rule, ast.NewSet(ast.NewTerm(value)), Options{})
		if (got == nil) != (want == nil) {
			t.Errorf("%s %v: the reader says %v, the schema %v", rule, element, got, want)
		}
		if got == nil {
			valid++
		}
	}
	if valid < 500 || valid > 4500 {
		t.Errorf("%d of 5000 are valid: the test shows little", valid)
	}
}

// The support of tests knows the same keys.
func TestSupportIsAsTheSchema(t *testing.T) {
	files, err := policies.TestSupport.ReadDir("sluice")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	data, err := policies.TestSupport.ReadFile("sluice/input.rego")
	if err != nil {
		t.Fatal(err)
	}
	c := newCompiler()
	c.Compile(map[string]*ast.Module{"input.rego": ast.MustParseModule(string(data))})
	if c.Failed() {
		t.Fatal(c.Errors)
	}
	lib := &library{opts: Options{EvalTimeout: roomy}.withDefaults(), compiler: c}
	doc := supportDocument(t, lib)
	if err := jsonSchema(t, policies.InputSchema).Validate(doc); err != nil {
		t.Error(err)
	}
	flags := doc.(map[string]any)["command"].(map[string]any)["flags"].(map[string]any)
	if len(flags) != len(loadSchema().flags) {
		t.Errorf("policies/sluice has %d flags, the schema %d", len(flags), len(loadSchema().flags))
	}
}

package policy

import (
	"strings"
	"testing"
)

// The paths that a policy reads, by hand. `command.operations` is always
// among them, for Decide's own question.
func TestReads(t *testing.T) {
	for _, tc := range []struct {
		name, rego, want string
	}{
		{"one path", `allow if input.principal.subject == "x"`, "principal.subject"},
		{"a list", `allow if "x" in input.principal.groups`, "principal.groups"},
		{"an element", `allow if input.principal.groups[0] == "x"`, "principal.groups"},
		{"some", `allow if { some r in input.command.reads; r == "x" }`, "command.reads"},
		{"every", `allow if every r in input.command.reads { r == input.session.id }`, "command.reads session.id"},
		{"not", `allow if not input.command.flags.drop`, "command.flags.drop"},
		{"a key by name", `allow if input.command.flags["drop"]`, "command.flags.drop"},
		{"a key by variable", `allow if { some f in ["drop", "ddl"]; input.command.flags[f] }`, "command.flags"},
		{"a key from the input", `allow if input.connection.labels[input.session.id] == "x"`, "connection.labels session.id"},
		{"a prefix swallows", `allow if { input.principal.subject == "x"; p := input.principal; p.issuer == "y" }`, "principal"},
		{"everything", "allow if true\n" + `deny contains "x" if { input[x]; x == "time" }`, ""},
		{"deny reads all", "allow if true\n" + `deny contains "x" if walk(input, [_, 5])`, ""},
		{"deny takes all", "allow if true\n" + `deny contains "x" if f(input)` + "\n" + `f(x) if x.command.risk > 3`, ""},
		{"object.get", `allow if object.get(input.principal.claims, "x", 1) == 2`, "principal.claims"},
		{"a claim", `allow if input.principal.claims.org.unit == "x"`, "principal.claims.org.unit"},
		{"a comprehension", `allow if count({r | some r in input.command.reads}) > input.command.parameters`, "command.parameters command.reads"},
		{"an object comprehension", `allow if {k: v | some k, v in input.connection.labels}.a == input.session.id`, "connection.labels session.id"},
		{"a head's value", "allow if true\n" + `deny contains input.session.id if true`, "session.id"},
		{"a head's text", "allow if true\n" + `deny contains {"reason": sprintf("%s", [input.session.client.user])} if true`, "session.client.user"},
		{"a template", "allow if true\n" + `deny contains $"no {input.session.client.user}" if true`, "session.client.user"},
		{"else", `allow if input.command.complete else := true if input.session.id == "x" else := false if input.generation == "g"`,
			"command.complete generation session.id"},
		{"a rule", "allow if good\ngood if input.session.id == \"x\"", "session.id"},
		{"a rule of another package", "import data.agents.sub\nallow if sub.good", "session.id"},
		{"rules by variable", `allow if { some x; data.agents.sub[x] == true }`, "session.id"},
		{"a whole package", `allow if count(data.agents.sub) > 0`, "session.id"},
		{"a function", "allow if f(input.command.parameters)\nf(x) if x > count(input.command.reads)", "command.parameters command.reads"},
		{"a default function", "allow if f(1)\ndefault f(_) := false\nf(x) if x == input.command.parameters", "command.parameters"},
		{"a partial object", `allow if o.a == 1` + "\n" + `o[k] := 1 if some k in input.command.reads`, "command.reads"},
		{"a nested rule", `allow if o.p.q` + "\n" + `o.p.q if input.session.id == "x"` + "\n" + `o.p.r if input.generation == "x"`, "session.id"},
		{"an unused rule", "allow if true\n" + `unused if input.session.id == "x"`, ""},
		{"a rule's default", "allow if x == 1\ndefault x := 1\nx := 2 if input.command.complete", "command.complete"},
		{"with on data", `allow if data.agents.sub.good with data.agents.y as input.generation`, "generation session.id"},
		{"with on a function", "allow if f(1) with f as g\nf(x) if x == 2\ng(x) if x == input.command.parameters", "command.parameters"},
		{"a negated helper", "allow if not bad\n" + `bad if { some i; input.command.functions[i] == "x" }`, "command.functions"},
		{"a list index from the input", `allow if ["a", "b"][input.command.parameters] == "a"`, "command.parameters"},
		{"union of calls", `allow if count(union({f(input.session.id), {1}})) > 0` + "\nf(x) := {x}", "session.id"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			rego := "package agents\n" + tc.rego
			src := Source{Name: "agents", Files: []File{{"a.rego", []byte(rego)}, {"sub.rego", []byte("package agents.sub\ngood if input.session.id == \"x\"")}}}
			s := compileAll(t, Options{EvalTimeout: roomy}, src)
			want := map[string]bool{"input.command.operations": true}
			for _, w := range strings.Fields(tc.want) {
				want["input."+w] = true
			}
			if tc.want == "" && strings.Contains(tc.rego, "input") && !strings.Contains(tc.rego, "unused") {
				want = map[string]bool{"input": true}
			}
			got := map[string]bool{}
			for _, p := range s.policies() {
				for _, r := range p.reads.dotted() {
					got[r] = true
				}
			}
			delete(want, "input.command.operations")
			if len(got) != len(want) {
				t.Fatalf("it reads %v, want %v", got, want)
			}
			for w := range want {
				if !got[w] {
					t.Errorf("it reads %v, want %v", got, want)
				}
			}
		})
	}
}

func TestCacheable(t *testing.T) {
	for rego, want := range map[string]bool{
		contract: true,
		"package agents\nallow if input.time > \"2026\"":                                                                        false,
		"package agents\nallow if time.now_ns() > 0":                                                                            false,
		"package agents\nallow if late\nlate if f(3)\nf(x) if x > time.now_ns()":                                                false,
		"package agents\nallow if rand.intn(\"x\", 2) == 1":                                                                     false,
		"package agents\nallow if uuid.rfc4122(\"x\") != \"\"":                                                                  false,
		"package agents\nallow if crypto.x509.parse_and_verify_certificates(\"x\")[0]":                                          false,
		"package agents\nallow if time.parse_rfc3339_ns(\"2026-01-01T00:00:00Z\") > 0":                                          true,
		"package agents\nallow if true\ndeny contains \"x\" if walk(input, [_, 1])":                                             false,
		"package agents\nallow if true\ndeny contains \"x\" if g with input.session.id as \"x\"\ng if input.session.id == \"\"": false,
		"package agents\nallow if true\nunused if time.now_ns() > 0":                                                            true,
		"package agents\nallow if f(\"x\", 3) == 1 with f as rand.intn\nf(_, _) := 1":                                           false,
	} {
		if got := compileOne(t, rego).Cacheable(); got != want {
			t.Errorf("cacheable is %v, want %v:\n%s", got, want, rego)
		}
	}
	if compileAll(t, Options{EvalTimeout: roomy, CacheEntries: -1}, source("agents", contract)).Cacheable() {
		t.Error("cacheable with the cache off")
	}
}

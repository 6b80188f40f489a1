package policy

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What the loader refuses: the fault's place and its words, and the line.
func TestLoadErrors(t *testing.T) {
	for _, tc := range []struct {
		name  string
		rego  string // after "package agents\n"
		place string // line:column
		words string
	}{
		{"syntax", "allow if {\n\tinput.principal.subject ==\n}", "4:1", "unexpected }"},
		{"old syntax", "allow { true }", "2:1", "`if` keyword is required"},
		{"unsafe variable", "deny contains x if true", "2:1", "var x is unsafe"},
		{"recursion", "allow if b\nb if allow", "2:1", "recursive"},
		{"key that the input has not", "allow if input.principal.group == \"x\"", "2:10", "undefined ref: input.principal.group"},
		{"misspelt flag", "allow if true\ndeny contains \"x\" if input.command.flags.dorp", "3:22", "undefined ref: input.command.flags.dorp"},
		{"misspelt fact", "allow if true\ndeny contains \"x\" if input.command.postgres.filters", "3:22", "undefined ref"},
		{"wrong type", "allow if input.command.complete == \"yes\"", "2:10", "match error"},
		{"number as a list", "allow if true\ndeny contains \"x\" if input.command.risk[0] == 3", "3:22", "undefined ref"},
		{"http", "allow if http.send({\"method\": \"get\", \"url\": \"http://x\"}).status_code == 200", "2:10", "undefined function http.send"},
		{"dns", "allow if net.lookup_ip_addr(\"x\")", "2:10", "undefined function net.lookup_ip_addr"},
		{"environment", "allow if opa.runtime().env.PATH", "2:10", "undefined function opa.runtime"},
		{"schema by reference", "allow if json.match_schema(input, {\"$ref\": \"file:///etc/passwd\"})[0]", "2:10", "undefined function json.match_schema"},
		{"labels in allow", "allow if \"safe\" in input.command.labels", "2:", "allow may not depend on input.command.labels"},
		{"risk in allow", "allow if input.command.risk < 5", "2:10", "allow may not depend on input.command.risk"},
		{"risk through a rule", "allow if calm\ncalm if input.command.risk < 5", "3:9", "allow may not depend on input.command.risk"},
		{"risk through a function", "allow if calm(input.command.risk)\ncalm(x) if x < 5", "2:15", "allow may not depend on input.command.risk"},
		{"risk through a name", "allow if {\n\tc := input.command\n\tc.risk < 5\n}", "3:7", "allow reads all of input.command"},
		{"risk through any key", "allow if input.command[_] == 5", "2:10", "allow reads all of input.command"},
		{"risk through everything", "allow if walk(input, [_, 5])", "2:", "allow reads all of input"},
		{"risk through deny", "allow if count(deny) == 0\ndeny contains \"x\" if input.command.risk > 5", "3:22", "allow may not depend on input.command.risk"},
		{"risk in an else", "allow if input.command.complete else := true if input.command.risk < 5", "2:33", "allow may not depend on input.command.risk"},
		{"risk in a comprehension", "allow if count([1 | input.command.risk > 4]) == 0", "2:21", "allow may not depend on input.command.risk"},
		{"risk through with", "allow if low with input.session as input.command\nlow if true", "2:", "allow reads all of input"},
		{"allow as a set", "allow contains \"x\" if true", "2:1", "allow is true or not"},
		{"allow as a function", "allow(x) if x", "2:1", "write it as `allow if { … }`"},
		{"allow by default", "default allow := true", "2:1", "allow is false by default"},
		{"deny as a rule", "deny := \"x\" if true", "2:1", "deny is a set"},
		{"deny as an object", "deny[x] := 1 if x := \"a\"", "2:1", "deny"},
		{"deny below", "deny.drop contains \"x\" if true", "2:1", "write it as `deny contains … if { … }`"},
		{"unknown approval", "hold contains {\"approval\": \"nix\", \"reason\": \"r\"} if true", "2:28", `unknown approval "nix": the configuration has change, dba`},
		{"unknown approval by name", "hold contains h if h := {\"approval\": \"nix\", \"reason\": \"r\"}", "2:38", `unknown approval "nix"`},
		{"computed column", "mask contains {\"column\": c, \"action\": \"null\"} if some c in [\"a.b.c\"]", "2:15", "literal string"},
		{"computed mask", "mask contains m if m := {\"column\": \"a.b.c\", \"action\": \"null\"}", "2:15", "names its column or mask block literally"},
		{"mask without action", "mask contains {\"column\": \"a.b.c\"} if true", "2:15", "has an action: one of deny, null"},
		{"unknown action", "mask contains {\"column\": \"a.b.c\", \"action\": \"blur\"} if true", "2:15", `unknown action "blur"`},
		{"unknown mask block", "mask contains {\"block\": \"nix\"} if true", "2:15", `unknown mask block "nix": the configuration has contact`},
		{"column and block", "mask contains {\"block\": \"contact\", \"column\": \"a.b\", \"action\": \"null\"} if true", "2:15", "one of them"},
		{"bare column", "mask contains {\"column\": \"card\", \"action\": \"null\"} if true", "2:15", "schema.table.column"},
		{"unknown key of a mask", "mask contains {\"column\": \"a.b.c\", \"action\": \"null\", \"why\": \"x\"} if true", "2:15", `no key "why"`},
		{"broken metadata", "# METADATA\n# title: [\nallow if true", "", "yaml"},
		{"no decision", "alow if true", "", "none of the rules allow, deny, hold, mask, limit"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := Compile(context.Background(), []Source{source("agents", "package agents\n"+tc.rego)},
				Options{Approvals: []string{"change", "dba"}, MaskBlocks: []string{"contact"}})
			var load *LoadError
			if !errors.As(err, &load) {
				t.Fatalf("got %v, want a LoadError", err)
			}
			d := load.Diagnostics[0]
			if place := fmt.Sprintf("%d:%d", d.Line, d.Column); tc.place != "" && !strings.HasPrefix(place, tc.place) || !strings.Contains(d.Message, tc.words) {
				t.Errorf("got %s %q, want %s %q", place, d.Message, tc.place, tc.words)
			}
			if d.Policy != "agents" {
				t.Errorf("policy %q", d.Policy)
			}
			if tc.place != "" && (d.File != "agents.rego" || d.Snippet != strings.Split("package agents\n"+tc.rego, "\n")[d.Line-1]) {
				t.Errorf("file %q, snippet %q", d.File, d.Snippet)
			}
		})
	}
}

func TestLoadErrorReads(t *testing.T) {
	_, err := Compile(context.Background(), []Source{source("agents", "package agents\n\nallow if {\n\tinput.principal.group == \"x\"\n}\n")}, Options{})
	want := "policy: agents.rego:4:2: policy \"agents\": undefined ref: input.principal.group; did you mean input.principal.groups?"
	if err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Fatalf("got  %v\nwant %s…", err, want)
	}
	if !strings.HasSuffix(err.Error(), "\n    4 | \tinput.principal.group == \"x\"\n      | \t^") {
		t.Errorf("the snippet reads:\n%v", err)
	}
}

func TestLoadRefusesSources(t *testing.T) {
	ok := "package a\nallow if true"
	for name, tc := range map[string]struct {
		sources []Source
		words   string
	}{
		"name":            {[]Source{source("a-b", ok)}, `name "a-b"`},
		"reserved name":   {[]Source{source("system", "package system\nallow if true")}, `name "system"`},
		"same name":       {[]Source{source("a", ok), {Name: "a"}}, "two policies"},
		"another package": {[]Source{source("b", ok)}, "policy b is package b"},
		"decision package": {[]Source{{Name: "a", Files: []File{{"x.rego", []byte(ok)}, {"y.rego", []byte("package a.deny\nx := 1")}}}},
			"deny is a decision, not a package"},
		"file twice": {[]Source{{Name: "a", Files: []File{{"x.rego", []byte(ok)}}}, {Name: "b", Files: []File{{"x.rego", []byte("package b\nallow if true")}}}},
			"x.rego is given twice, to a and to b"},
		"empty file":  {[]Source{source("a", "")}, "empty"},
		"other file":  {[]Source{{Name: "a", Files: []File{{"x.txt", nil}}}}, ".rego, .json and .yaml"},
		"broken data": {[]Source{{Name: "a", Files: []File{{"x.rego", []byte(ok)}, {"data.json", []byte("{")}}}}, "cannot be read"},
		"data over a rule": {[]Source{{Name: "a", Files: []File{{"x.rego", []byte(ok)}, {"data.json", []byte(`{"allow": true}`)}}}},
			"conflict"},
		"data twice": {[]Source{{Name: "a", Files: []File{{"x.rego", []byte(ok)}, {"data.json", []byte(`{"r": 1}`)}, {"data.yaml", []byte(`r: 2`)}}}},
			"data.a.r is in two files"},
		"data is a list": {[]Source{{Name: "a", Files: []File{{"x.rego", []byte(ok)}, {"data.json", []byte(`[]`)}}}}, "data.a is an object"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Compile(context.Background(), tc.sources, Options{})
			if err == nil || !strings.Contains(err.Error(), tc.words) {
				t.Errorf("got %v, want %q", err, tc.words)
			}
		})
	}
}

// A folder with data is read as the README says, and tests are left out.
func TestReadSource(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"main.rego":         "package mine\nallow if input.principal.subject in data.mine.people\nallow if data.mine.regions[input.connection.labels.region]\nallow if data.mine.deep.er.x == input.command.parameters\nallow if data.mine.sub.ok",
		"main_test.rego":    "package mine_test\nimport data.nowhere.at_all\nthis does not parse",
		"sub/sub.rego":      "package mine.sub\nok if input.session.in_transaction",
		"data.yaml":         "people: [ada]\n",
		"regions.json":      `{"eu": true}`,
		"deep/er/data.json": `{"x": 9}`,
		".hidden/x.rego":    "package other\n",
		"README.md":         "words",
	} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	src, err := ReadSource("mine", dir)
	if err != nil {
		t.Fatal(err)
	}
	s := compileAll(t, Options{EvalTimeout: roomy}, src)
	for name, change := range map[string]func(*Input){
		"data":       func(in *Input) { in.Principal.Subject = "ada" },
		"named data": func(in *Input) { in.Connection.Labels["region"] = "eu" },
		"deep data":  func(in *Input) { in.Command.Parameters = 9 },
		"subpackage": func(in *Input) { in.Session.InTransaction = true },
	} {
		in := agent7()
		if v := decide(t, s, in).Verdict; v != Deny {
			t.Errorf("before: %s", v)
		}
		change(in)
		if v := decide(t, s, in).Verdict; v != Allow {
			t.Errorf("%s: %s", name, v)
		}
	}
	before := s.Digest()
	if err := os.WriteFile(filepath.Join(dir, "data.yaml"), []byte("people: [eve]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	src, err = ReadSource("mine", dir)
	if err != nil {
		t.Fatal(err)
	}
	if compileAll(t, Options{EvalTimeout: roomy}, src).Digest() == before {
		t.Error("other data, same digest")
	}
	if _, err := ReadSource("none", filepath.Join(dir, "nowhere")); err == nil {
		t.Error("a folder that is not there was read")
	}
	if _, err := ReadSource("none", t.TempDir()); err == nil || !strings.Contains(err.Error(), "no .rego file") {
		t.Errorf("an empty folder: %v", err)
	}
	if one, err := ReadSource("mine", filepath.Join(dir, "main.rego")); err != nil || len(one.Files) != 1 {
		t.Errorf("one file: %v %v", one.Files, err)
	}
}

// The loader takes whatever it is given, and answers.
func FuzzCompile(f *testing.F) {
	f.Add(contract)
	f.Add("package agents\nallow if walk(input, [_, x])\nmask contains {\"column\": \"a.b.c\", \"action\": \"null\"} if data.agents[x].y")
	f.Add("package agents.deny\n")
	f.Add("package agents\ndeny contains {\"reason\": $\"x {input.time}\"} if every x in input.command.reads { x == data }")
	f.Fuzz(func(t *testing.T, rego string) {
		s, err := Compile(context.Background(), []Source{source("agents", rego)}, Options{})
		if err != nil {
			_ = err.Error()
			return
		}
		// Whether it decides is its own business; that it ends is ours.
		_, _ = s.Decide(context.Background(), agent7())
		_, _ = s.SessionAllowed(context.Background(), agent7())
	})
}

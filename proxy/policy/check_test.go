package policy

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A misspelt word is answered with the one that was meant.
func TestSuggestions(t *testing.T) {
	for rego, want := range map[string]string{
		"deny contains \"x\" if count(input.command.colums) > 0":              "did you mean input.command.columns?",
		"deny contains \"x\" if input.command.flags.dorp":                     "did you mean input.command.flags.drop?",
		"deny contains \"x\" if input.flags.drop":                             "did you mean input.command.flags?",
		"deny contains \"x\" if input.drop":                                   "did you mean input.command.flags.drop?",
		"deny contains \"x\" if input.principle.subject == \"a\"":             "did you mean input.principal?",
		"deny contains \"x\" if input.session.transaction":                    "did you mean input.session.in_transaction?",
		"deny contains \"x\" if statswith(input.session.id, \"0\")":           "did you mean startswith?",
		"deny contains \"x\" if http.send({}).body":                           "this builtin is off",
		"hold contains {\"approval\": \"chnage\", \"reason\": \"r\"} if true": "did you mean change?",
		"mask contains {\"block\": \"contacts\"} if true":                     "did you mean contact?",
		"deny contains \"x\" if input.session.zebra":                          "input.session has client, id, in_transaction",
	} {
		_, err := Compile(context.Background(), []Source{source("agents", "package agents\nallow if true\n"+rego)},
			Options{Approvals: []string{"change", "dba"}, MaskBlocks: []string{"contact"}})
		var load *LoadError
		if !errors.As(err, &load) {
			t.Errorf("%s: got %v", rego, err)
			continue
		}
		if d := load.Diagnostics[0]; !strings.HasPrefix(d.Suggestion, want) || d.Line != 3 {
			t.Errorf("%s: line %d, %q, want %q", rego, d.Line, d.Suggestion, want)
		}
	}
}

func TestCheck(t *testing.T) {
	dir := write(t, t.TempDir(), map[string]string{
		"good/good.rego":      "package good\nallow if input.command.complete\ndeny contains \"late\" if time.parse_rfc3339_ns(input.time) > 9",
		"good/good_test.rego": "package good_test\nimport data.sluice\ntest_it if sluice.document({}).time",
		"kept/kept.rego":      "package kept\nlimit contains {\"rows\": 3} if not \"x\" in input.principal.groups",
		"bad/bad.rego":        "package bad\nallow if input.command.complet",
		"odd/odd.rego":        "package odd\nallow if true\ndney contains \"x\" if true\nholds contains \"x\" if true\ndeny contains \"y\" if \"selct\" in input.command.operations\nhelper if true\nmasks if true\ndeny contains \"z\" if masks",
		"wrong-name/a.rego":   "package system\nallow if true",
	})
	r, err := Check(context.Background(), []string{dir}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, p := range r.Policies {
		names = append(names, p.Policy)
	}
	if !slices.Equal(names, []string{"good", "kept", "odd"}) {
		t.Fatalf("%v are good: %+v", names, r.Faults)
	}
	if p := r.Policies[0]; p.Cacheable || !strings.Contains(p.NotCached, "it reads input.time") || !slices.Equal(p.Rules, []string{"allow", "deny"}) ||
		!slices.Equal(p.Reads, []string{"input.command.complete", "input.time"}) {
		t.Errorf("%+v", p)
	}
	if p := r.Policies[1]; !p.Cacheable || p.NotCached != "" {
		t.Errorf("%+v", p)
	}
	if len(r.Faults) != 2 || r.Faults[0].Line != 2 || r.Faults[0].Policy != "bad" || !strings.Contains(r.Faults[1].Message, "name \"system\"") {
		t.Errorf("faults: %+v", r.Faults)
	}
	var warned []string
	for _, w := range r.Warnings {
		warned = append(warned, w.Suggestion)
	}
	want := []string{"did you mean deny?", "did you mean hold?", "did you mean select?"}
	slices.Sort(warned)
	if !slices.Equal(warned, want) {
		t.Errorf("warnings %+v, want %v", r.Warnings, want)
	}
	if r, err = Check(context.Background(), []string{filepath.Join(dir, "kept", "kept.rego")}, Options{}); err != nil || len(r.Policies) != 1 || len(r.Faults) != 0 {
		t.Errorf("one file: %+v %v", r, err)
	}
	for _, path := range []string{filepath.Join(dir, "nowhere"), filepath.Join(dir, "nowhere.rego"), t.TempDir()} {
		if _, err := Check(context.Background(), []string{path}, Options{}); err == nil {
			t.Errorf("%s was checked", path)
		}
	}
}

// The library has no fault and no warning.
func TestLibraryIsChecked(t *testing.T) {
	r, err := Check(context.Background(), []string{"../../policies"}, Options{})
	if err != nil || len(r.Faults)+len(r.Warnings) > 0 || len(r.Policies) < 3 {
		t.Errorf("%v %+v", err, r)
	}
}

func TestFormat(t *testing.T) {
	out, err := Format("a.rego", []byte("package a\nallow   if {input.command.complete}"))
	if err != nil || string(out) != "package a\n\nallow if input.command.complete\n" {
		t.Errorf("%q, %v", out, err)
	}
	if again, err := Format("a.rego", out); err != nil || string(again) != string(out) {
		t.Errorf("twice: %q, %v", again, err)
	}
	var load *LoadError
	if _, err := Format("a.rego", []byte("package a\nallow if {\n")); !errors.As(err, &load) || load.Diagnostics[0].File != "a.rego" {
		t.Errorf("broken: %v", err)
	}
}

// The figure counts the lines that can be evaluated, and names those that no
// test has.
func TestCoverage(t *testing.T) {
	dir := write(t, t.TempDir(), map[string]string{
		"a.rego": "package a\n\nallow if input.command.complete\n\ndeny contains \"never\" if {\n\tinput.command.risk > 10\n\tinput.command.flags.drop\n}\n",
		"a_test.rego": `package a_test
import data.a
import data.sluice
test_allow if a.allow with input as sluice.document({})
`})
	r, err := Test(context.Background(), []string{dir}, TestOptions{Timeout: roomy})
	if err != nil || len(r.Coverage.Files) != 1 {
		t.Fatalf("%+v %v", r, err)
	}
	f := r.Coverage.Files[0]
	if !strings.HasSuffix(f.File, "a.rego") || f.Covered != 1 || f.Missed != 3 || r.Coverage.Percent != 25 || len(f.Gaps) != 1 || f.Gaps[0] != (Lines{5, 7}) {
		t.Errorf("%+v of %v %%", f, r.Coverage.Percent)
	}
}

// What new writes is taken by a gateway, passes its tests, which evaluate all
// of it, and is formatted.
func TestNew(t *testing.T) {
	dir := t.TempDir()
	files, err := New(filepath.Join(dir, "policies"), "crew")
	if err != nil || len(files) != 3 {
		t.Fatal(files, err)
	}
	r, err := Test(context.Background(), []string{filepath.Join(dir, "policies", "crew")}, TestOptions{Timeout: roomy})
	if err != nil || !r.OK() || r.Passed < 3 || r.Coverage.Percent != 100 {
		t.Errorf("%+v %v", r, err)
	}
	c, err := Check(context.Background(), []string{dir}, Options{})
	if err != nil || len(c.Faults)+len(c.Warnings) > 0 || !c.Policies[0].Cacheable {
		t.Errorf("%+v %v", c, err)
	}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil || strings.Contains(string(data), "NAME") {
			t.Errorf("%s: %v\n%s", f, err, data)
		}
		if strings.HasSuffix(f, ".rego") {
			if out, err := Format(f, data); err != nil || string(out) != string(data) {
				t.Errorf("%s is not formatted: %v", f, err)
			}
		}
	}
	for _, name := range []string{"crew", "", "a-b", "../x", "data", "if", "in"} {
		if _, err := New(filepath.Join(dir, "policies"), name); err == nil {
			t.Errorf("%q was made", name)
		}
	}
}

func TestBench(t *testing.T) {
	r, err := Bench(context.Background(), []Source{source("agents", contract)}, Options{EvalTimeout: roomy}, agent7(), 1)
	if err != nil || r.Uncached.Decisions < 1 || r.Cached.Decisions < 1 || r.Uncached.Allocations <= r.Cached.Allocations || r.Rules != 5 || r.NotCached != "" {
		t.Errorf("%+v %v", r, err)
	}
	r, err = Bench(context.Background(), []Source{source("agents", "package agents\nallow if input.time != \"\"")}, Options{EvalTimeout: roomy}, agent7(), 1)
	if err != nil || r.Cached.Decisions != 0 || !strings.Contains(r.NotCached, "input.time") {
		t.Errorf("%+v %v", r, err)
	}
}

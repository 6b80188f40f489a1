package policy

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func write(t *testing.T, dir string, files map[string]string) string {
	t.Helper()
	for name, text := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestTests(t *testing.T) {
	dir := write(t, t.TempDir(), map[string]string{
		"one/one.rego":  "package one\nallow if input.principal.subject == data.one.who\ndeny contains \"n\" if to_number(input.session.id) > 3",
		"one/data.json": `{"who": "agent-7"}`,
		"one/one_test.rego": `package one_test
import data.one
import data.sluice
test_passes if one.allow with input as sluice.document({})
test_fails if {
	print("who is", data.one.who)
	not one.allow with input as sluice.document({})
}
test_errs if count(one.deny) == 0 with input as sluice.document({"session": {"id": "no number"}})
todo_test_later if false
test_cases[name] if {
	some name, who in {"good": "agent-7", "bad": "eve"}
	one.allow with input as sluice.document({"principal": {"subject": who}})
}`,
		"two/deep/two.rego":      "package two\nallow if true",
		"two/deep/two_test.rego": "package two_test\ntest_two if data.two.allow",
	})
	report, err := Test(context.Background(), []string{dir}, TestOptions{Timeout: roomy})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]TestResult{}
	for _, r := range report.Tests {
		got[r.Name] = r
	}
	for name, want := range map[string]bool{"one_test.test_passes": true, "one_test.test_fails": false, "one_test.test_errs": false,
		"one_test.test_cases/good": true, "one_test.test_cases/bad": false, "two_test.test_two": true} {
		if r, ok := got[name]; !ok || r.Passed != want {
			t.Errorf("%s: there %v, passed %v, want %v: %s", name, ok, r.Passed, want, r.Error)
		}
	}
	if report.Passed != 3 || report.Failed != 3 || report.Skipped != 1 || report.OK() || len(report.Policies) != 2 {
		t.Errorf("%+v", report)
	}
	if r := got["one_test.test_fails"]; r.Output != "who is agent-7\n" || r.Line != 5 || !strings.HasSuffix(r.File, "one_test.rego") {
		t.Errorf("%+v", r)
	}
	if r := got["one_test.test_errs"]; !strings.Contains(r.Error, "to_number") {
		t.Errorf("a builtin's failure is not said: %+v", r)
	}
	report, err = Test(context.Background(), []string{filepath.Join(dir, "one")}, TestOptions{Run: "passes", Timeout: roomy})
	if err != nil || report.Passed != 1 || !report.OK() || len(report.Tests) != 1 {
		t.Errorf("%+v %v", report, err)
	}
}

// A policy that a gateway would refuse is not tested but refused, and so is a
// test that reads what is not there.
func TestTestsRefuse(t *testing.T) {
	for words, files := range map[string]map[string]string{
		"allow may not depend on input.command.risk": {"a.rego": "package a\nallow if input.command.risk < 3"},
		"a_test.rego:2": {"a.rego": "package a\nallow if true", "a_test.rego": "package a_test\ntest_x if data.a.nothing.at(3)"},
		"no .rego file": {"README.md": ""},
		"unknown approval \"nix\": the configuration has change": {"a.rego": "package a\nhold contains {\"approval\": \"nix\", \"reason\": \"r\"} if true"},
	} {
		_, err := Test(context.Background(), []string{write(t, t.TempDir(), files)}, TestOptions{Approvals: []string{"change"}})
		if err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("got %v, want %q", err, words)
		}
		var load *LoadError
		if words != "no .rego file" && !errors.As(err, &load) {
			t.Errorf("%T is no LoadError", err)
		}
	}
}

package policy

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/format"
)

// The shipped library passes its own tests, with the checks of a gateway.
func TestLibrary(t *testing.T) {
	report, err := Test(context.Background(), []string{"../../policies"}, TestOptions{Approvals: []string{"change", "disclosure"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range report.Tests {
		if !r.Passed {
			t.Errorf("%s:%d: %s failed %s\n%s", r.File, r.Line, r.Name, r.Error, r.Output)
		}
	}
	if !report.OK() || len(report.Policies) < 3 {
		t.Errorf("%d policies, %d passed, %d failed", len(report.Policies), report.Passed, report.Failed)
	}
	t.Logf("%v: %d passed", report.Policies, report.Passed)
}

// The library is written as `opa fmt` writes it.
func TestLibraryIsFormatted(t *testing.T) {
	files, err := filepath.Glob("../../policies/*/*.rego")
	if err != nil || len(files) < 7 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		want, err := format.SourceWithOpts(file, data, format.Opts{RegoVersion: ast.RegoV1})
		if err != nil {
			t.Error(err)
			continue
		}
		if diff := cmp.Diff(string(want), string(data)); diff != "" {
			t.Errorf("%s: run opa fmt: -want +got\n%s", file, diff)
		}
	}
}

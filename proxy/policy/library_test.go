package policy

import (
	"context"
	"testing"
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

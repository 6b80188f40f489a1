package policy

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/format"

	"sluice.dev/proxy/identity"
)

// The shipped library passes its own tests, with the checks of a gateway.
func TestLibrary(t *testing.T) {
	report, err := Test(context.Background(), []string{"../../policies"}, TestOptions{Approvals: []string{"change", "disclosure", "emergency"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range report.Tests {
		if !r.Passed {
			t.Errorf("%s:%d: %s failed %s\n%s", r.File, r.Line, r.Name, r.Error, r.Output)
		}
	}
	if !report.OK() || len(report.Policies) < 12 || report.Coverage.Percent < 99 {
		t.Errorf("%d policies, %d passed, %d failed", len(report.Policies), report.Passed, report.Failed)
	}
	for _, f := range report.Coverage.Files {
		if len(f.Gaps) > 0 {
			t.Logf("%s: no test evaluates %v", f.File, f.Gaps)
		}
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

// The nist bundle composes the real parts, and denies everything when one of
// them is gone.
func TestNISTBundle(t *testing.T) {
	parts := []string{"guardrails", "read_only", "mass_change", "delegation", "duties", "least_privilege"}
	load := func(names ...string) *Set {
		var sources []Source
		for _, name := range append([]string{"nist"}, names...) {
			src, err := ReadSource(name, "../../policies/"+name)
			if err != nil {
				t.Fatal(err)
			}
			src.Shadow = name != "nist"
			sources = append(sources, src)
		}
		return compileAll(t, Options{EvalTimeout: roomy, Approvals: []string{"change"}}, sources...)
	}
	all := load(parts...)
	ask := func(change func(*Input)) Decision {
		in := agent7()
		in.Principal.Chain[0].Groups = []string{"crew-support"}
		in.Connection.Labels["data"], in.Connection.Labels["environment"] = "customer", "staging"
		in.Command.Operations, in.Command.Writes, in.Command.Functions = []string{"select"}, nil, nil
		change(in)
		return decide(t, all, in)
	}
	if d := ask(func(*Input) {}); d.Verdict != Allow {
		t.Errorf("a read that all parts allow: %+v", d)
	}
	for reason, change := range map[string]func(*Input){
		"pg_read_file reaches the server's files, programs or network [AC-3, SC-7]": func(in *Input) { in.Command.Functions = []string{"pg_read_file"} },
		"agents only read, and this is update [AC-3(7), AC-6(10)]":                  func(in *Input) { in.Command.Operations = []string{"update"} },
		"grant is for administrators [AC-5, AU-9]":                                  func(in *Input) { in.Command.Operations = []string{"grant"} },
		"an agent acts for a person, and nobody vouches for one here [AC-3, AC-6, IA-9]": func(in *Input) {
			in.Principal = &identity.Principal{Subject: "agent-7", Groups: []string{"crew-support"}, Kinds: []string{"agent"}}
		},
		NothingAllows: func(in *Input) { in.Command.Reads = []string{"private.salaries"} },
	} {
		d := ask(change)
		if d.Verdict != Deny || !slices.ContainsFunc(d.Why(), func(r Reason) bool { return r.Reason == reason }) {
			t.Errorf("%s: %+v", reason, d)
		}
	}
	if d := ask(func(in *Input) {
		in.Principal.Groups = append(in.Principal.Groups, "crew-writers")
		in.Command.Operations, in.Command.Flags = []string{"delete"}, map[string]bool{}
	}); d.Verdict != Hold || d.Holds[0].Reason != "delete on something unnamed, every row: there is no WHERE [CM-3, CM-5, SI-10]" {
		t.Errorf("%+v", d)
	}
	for i, missing := range parts {
		rest := slices.Delete(slices.Clone(parts), i, i+1)
		d := decide(t, load(rest...), agent7())
		if d.Verdict != Deny || !slices.ContainsFunc(d.Denies, func(r Reason) bool {
			return r.Reason == "the bundle needs policy "+missing+" beside it, which is not loaded"
		}) {
			t.Errorf("without %s: %+v", missing, d.Denies)
		}
	}
}

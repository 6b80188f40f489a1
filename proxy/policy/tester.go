package policy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/cover"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/tester"

	"sluice.dev/policies"
)

// TestOptions of Test.
type TestOptions struct {
	// Run is a regular expression: only tests whose full name
	// (data.agents_test.test_drop) matches are run.
	Run string
	// Timeout bounds each test, 5 s by default.
	Timeout time.Duration
	// Approvals and MaskBlocks are as in Options.
	Approvals, MaskBlocks []string
}

// Report is what the tests said.
type Report struct {
	Policies []string     `json:"policies"`
	Tests    []TestResult `json:"tests"`
	Passed   int          `json:"passed"`
	Failed   int          `json:"failed"`
	Skipped  int          `json:"skipped"`
	Coverage Coverage     `json:"coverage"`
}

// TestResult is one test's, or one case's of it.
type TestResult struct {
	Policy   string        `json:"policy"`
	Name     string        `json:"name"` // agents_test.test_drop, and /case
	File     string        `json:"file"`
	Line     int           `json:"line"`
	Passed   bool          `json:"passed"`
	Skipped  bool          `json:"skipped,omitempty"` // its name begins with todo_
	Error    string        `json:"error,omitempty"`
	Output   string        `json:"output,omitempty"` // what it printed
	Duration time.Duration `json:"duration_ns"`
}

// OK says that there were tests, and that none failed.
func (r *Report) OK() bool { return r.Failed == 0 && r.Passed > 0 }

// Test loads the policies in these folders, each with the checks that a
// gateway makes, and runs the tests beside them (OPA's: rules that begin with
// test_). A folder is one policy, or holds policies in folders of its own; a
// policy's name is its package's. Tests may import data.sluice, which makes
// complete input documents.
func Test(ctx context.Context, dirs []string, opts TestOptions) (Report, error) {
	if opts.Timeout <= 0 {
		opts.Timeout = 5 * time.Second
	}
	sources, err := FindSources(dirs)
	if err != nil {
		return Report{}, err
	}
	var report Report
	for _, src := range sources {
		report.Policies = append(report.Policies, src.Name)
		if err := report.run(ctx, src, opts); err != nil {
			return report, err
		}
	}
	report.Coverage.sum()
	return report, nil
}

// policyFolders are the topmost folders with .rego files in them. The support
// of the tests themselves is none.
func policyFolders(dir string) ([]string, error) {
	var out []string
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if !d.IsDir() {
			return nil
		}
		if p != dir && strings.HasPrefix(d.Name(), ".") {
			return fs.SkipDir
		}
		files, err := filepath.Glob(filepath.Join(p, "*.rego"))
		if err != nil {
			return err
		}
		if len(files) == 0 {
			return nil
		}
		if d.Name() != "sluice" {
			out = append(out, p)
		}
		return fs.SkipDir
	})
	if err != nil {
		return nil, fmt.Errorf("policy: %w", err)
	}
	return out, nil
}

// packageName is the first package that a policy's files declare, or the
// folder's name: what is wrong with it then is said when it is loaded.
func packageName(src Source) string {
	for _, f := range src.Files {
		if !strings.HasSuffix(f.Path, ".rego") || strings.HasSuffix(f.Path, "_test.rego") {
			continue
		}
		m, err := ast.ParseModuleWithOpts(f.Path, string(f.Data), ast.ParserOptions{RegoVersion: ast.RegoV1})
		if err != nil || m == nil || len(m.Package.Path) < 2 {
			continue
		}
		if s, ok := m.Package.Path[1].Value.(ast.String); ok {
			return string(s)
		}
	}
	return filepath.Base(src.Root)
}

func (r *Report) run(ctx context.Context, src Source, opts TestOptions) error {
	checks := Options{Approvals: opts.Approvals, MaskBlocks: opts.MaskBlocks, CacheEntries: -1}.withDefaults()
	if _, err := load(ctx, []Source{src}, checks); err != nil {
		return err
	}
	p, err := parse([]Source{src}, true, checks)
	if err != nil {
		return err
	}
	if err := addSupport(p.modules); err != nil {
		return err
	}
	compiler := newCompiler().WithEnablePrintStatements(true)
	store := inmem.NewFromObjectWithOpts(p.data, inmem.OptRoundTripOnWrite(false))
	txn, err := store.NewTransaction(ctx)
	if err != nil {
		return fmt.Errorf("policy: data store: %w", err)
	}
	defer store.Abort(ctx, txn)
	covered := cover.New()
	results, err := tester.NewRunner().
		SetCompiler(compiler).
		SetCoverageQueryTracer(covered).
		SetStore(store).
		SetModules(p.modules).
		CapturePrintOutput(true).
		RaiseBuiltinErrors(true).
		SetTimeout(opts.Timeout).
		Filter(opts.Run).
		RunTests(ctx, txn)
	if err != nil {
		var errs ast.Errors
		if errors.As(err, &errs) {
			p.faults.rego("", errs)
			return p.faults.err()
		}
		return fmt.Errorf("policy: tests of %s: %w", src.Name, err)
	}
	first := len(r.Tests)
	for res := range results {
		r.add(src.Name, res)
	}
	r.Coverage.add(src.Name, covered.Report(p.modules))
	slices.SortFunc(r.Tests[first:], func(a, b TestResult) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Name, b.Name))
	})
	return nil
}

// addSupport adds what tests may import as data.sluice.
func addSupport(modules map[string]*ast.Module) error {
	support, err := policies.TestSupport.ReadDir("sluice")
	if err != nil {
		return fmt.Errorf("policy: test support: %w", err)
	}
	for _, e := range support {
		data, err := policies.TestSupport.ReadFile("sluice/" + e.Name())
		if err != nil {
			return fmt.Errorf("policy: test support: %w", err)
		}
		m, err := ast.ParseModuleWithOpts(supportFolder+e.Name(), string(data), ast.ParserOptions{RegoVersion: ast.RegoV1})
		if err != nil {
			return fmt.Errorf("policy: test support: %w", err)
		}
		modules[supportFolder+e.Name()] = m
	}
	return nil
}

// supportFolder begins the names of the support's files.
const supportFolder = "sluice/"

func (r *Report) add(policy string, res *tester.Result) {
	base := TestResult{
		Policy: policy, Name: strings.TrimPrefix(res.Package, "data.") + "." + res.Name,
		Skipped: res.Skip, Output: string(res.Output), Duration: res.Duration,
	}
	if res.Location != nil {
		base.File, base.Line = res.Location.File, res.Location.Row
	}
	if res.Error != nil {
		base.Error = res.Error.Error()
	}
	cases := 0
	if res.Error == nil && !res.Skip {
		for path, sub := range res.SubResults.Iter {
			if len(sub.SubResults) > 0 {
				continue
			}
			one := base
			one.Name += "/" + strings.Join(path, "/")
			one.Passed = !sub.Fail
			r.count(one)
			cases++
		}
	}
	if cases == 0 {
		base.Passed = res.Pass()
		r.count(base)
	}
}

func (r *Report) count(t TestResult) {
	switch {
	case t.Skipped:
		r.Skipped++
	case t.Passed:
		r.Passed++
	default:
		r.Failed++
	}
	r.Tests = append(r.Tests, t)
}

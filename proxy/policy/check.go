package policy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// CheckReport is what Check found.
type CheckReport struct {
	Policies []Checked    `json:"policies"`
	Faults   []Diagnostic `json:"faults"`
	// Warnings are what a gateway takes and its author hardly means.
	Warnings []Diagnostic `json:"warnings"`
}

// Checked is one policy that a gateway would take.
type Checked struct {
	Policy string `json:"policy"`
	Folder string `json:"folder"`
	// Rules are which of allow, deny, hold, mask and limit it has.
	Rules []string `json:"rules"`
	// Reads are the parts of the input that its decisions depend on.
	Reads []string `json:"reads"`
	// Cacheable: decisions are kept for equal input. NotCached says why not.
	Cacheable bool   `json:"cacheable"`
	NotCached string `json:"not_cached,omitempty"`
}

// Check loads the policies in these folders or files, each by itself and as a
// gateway would. What is wrong with them is in the report; an error is a
// folder that cannot be read.
func Check(ctx context.Context, paths []string, opts Options) (CheckReport, error) {
	report := CheckReport{Policies: []Checked{}, Faults: []Diagnostic{}, Warnings: []Diagnostic{}}
	sources, err := FindSources(paths)
	if err != nil {
		return report, err
	}
	opts.CacheEntries = -1
	for _, src := range sources {
		lib, err := load(ctx, []Source{src}, opts.withDefaults())
		var bad *LoadError
		switch {
		case errors.As(err, &bad):
			report.Faults = append(report.Faults, bad.Diagnostics...)
			continue
		case err != nil:
			report.Faults = append(report.Faults, Diagnostic{Policy: src.Name, File: src.Root, Message: strings.TrimPrefix(err.Error(), "policy: ")})
			continue
		}
		p := lib.policies[0]
		c := Checked{Policy: p.name, Folder: src.Root, Rules: inOrder(p.has), Reads: p.reads.dotted()}
		c.NotCached = p.reads.notCached()
		c.Cacheable = c.NotCached == ""
		report.Policies = append(report.Policies, c)
		report.Warnings = append(report.Warnings, lib.warnings(src)...)
	}
	return report, nil
}

// FindSources reads the policies in these folders or .rego files. A folder is
// one policy, or holds policies in folders of its own; a policy's name is its
// package's.
func FindSources(paths []string) ([]Source, error) {
	var roots []string
	for _, path := range paths {
		if strings.HasSuffix(path, ".rego") {
			roots = append(roots, path)
			continue
		}
		found, err := policyFolders(path)
		if err != nil {
			return nil, err
		}
		if len(found) == 0 {
			return nil, fmt.Errorf("policy: no .rego file in %s", path)
		}
		roots = append(roots, found...)
	}
	slices.Sort(roots)
	var out []Source
	for _, root := range slices.Compact(roots) {
		src, err := ReadSource("policy", root)
		if err != nil {
			return nil, err
		}
		src.Name = packageName(src)
		out = append(out, src)
	}
	return out, nil
}

func inOrder(has []string) []string {
	out := []string{}
	for _, r := range decisionRules {
		if slices.Contains(has, r) {
			out = append(out, r)
		}
	}
	return out
}

// notCached says why decisions that read this are not cached, or "".
func (r *readSet) notCached() string {
	if r.uncertain != nil {
		return fmt.Sprintf("it asks what is different each time (%s:%d)", r.uncertain.File, r.uncertain.Row)
	}
	p, clock := r.touches("time")
	switch {
	case !clock:
		return ""
	case p.loc == nil:
		return "it reads " + p.String()
	}
	return fmt.Sprintf("it reads %s (%s:%d)", p, p.loc.File, p.loc.Row)
}

// warnings look for rules that nothing asks for and whose name is nearly that
// of a decision, and for operations that there are not.
func (l *library) warnings(src Source) []Diagnostic {
	f := &faults{files: map[string]sourceFile{}}
	for _, file := range src.Files {
		f.files[file.Path] = sourceFile{policy: src.Name, data: file.Data}
	}
	used := map[string]bool{}
	for _, path := range sortedKeys(l.compiler.Modules) {
		m := l.compiler.Modules[path]
		for _, rule := range m.Rules {
			ast.WalkRefs(rule.Body, func(ref ast.Ref) bool {
				if len(ref) > 2 && ref[0].Equal(ast.DefaultRootDocument) {
					if s, ok := ref[2].Value.(ast.String); ok {
						used[string(s)] = true
					}
				}
				return false
			})
			l.wrongOperations(rule, f)
		}
	}
	for _, path := range sortedKeys(l.compiler.Modules) {
		m := l.compiler.Modules[path]
		if len(m.Package.Path) != 2 {
			continue
		}
		for _, rule := range m.Rules {
			v, ok := rule.Head.Ref()[0].Value.(ast.Var)
			name := string(v)
			if !ok || used[name] || slices.Contains(decisionRules, name) || len(name) < 3 {
				continue
			}
			if near := nearest(name, decisionRules); near != "" && edits(name, near) <= 1 {
				f.suggest(rule.Loc(), didYouMean(near), "rule %s decides nothing, and nothing uses it", name)
			}
		}
	}
	if f.err() == nil {
		return nil
	}
	return f.list
}

// wrongOperations finds words that are compared with input.command.operations
// and are none: such a rule is never true.
func (l *library) wrongOperations(rule *ast.Rule, f *faults) {
	operations, known := ast.MustParseRef("input.command.operations"), loadSchema().operations
	// The compiler gives what is on the right of `in` a name.
	names := map[ast.Var]bool{}
	is := func(v ast.Value) bool {
		if name, ok := v.(ast.Var); ok {
			return names[name]
		}
		ref, ok := v.(ast.Ref)
		return ok && ref.Equal(operations)
	}
	ast.WalkExprs(rule, func(e *ast.Expr) bool {
		if e.IsEquality() {
			if name, ok := e.Operand(0).Value.(ast.Var); ok && is(e.Operand(1).Value) {
				names[name] = true
			}
			return false
		}
		if !e.IsCall() || e.Operator().String() != ast.Member.Name || len(e.Operands()) < 2 {
			return false
		}
		word, isWord := e.Operand(0).Value.(ast.String)
		if isWord && is(e.Operand(1).Value) && !slices.Contains(known, string(word)) {
			f.suggest(e.Loc(), didYouMean(nearest(string(word), known)), "no command has the operation %q", string(word))
		}
		return false
	})
}

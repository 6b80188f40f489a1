package policy

import (
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// readSet is what rules read: input paths (the empty one is all of the
// input), and whether they ask what is not deterministic.
type readSet struct {
	paths     []readPath
	uncertain *ast.Location // nil: deterministic
}

type readPath struct {
	path []string
	loc  *ast.Location // of the first read
}

// add keeps the shorter of two paths that lead the same way.
func (r *readSet) add(path []string, loc *ast.Location) {
	for _, p := range r.paths {
		if hasPrefix(path, p.path) {
			return
		}
	}
	r.paths = slices.DeleteFunc(r.paths, func(p readPath) bool { return hasPrefix(p.path, path) })
	r.paths = append(r.paths, readPath{path: path, loc: loc})
}

func (r *readSet) merge(o *readSet) {
	for _, p := range o.paths {
		r.add(p.path, p.loc)
	}
	if r.uncertain == nil {
		r.uncertain = o.uncertain
	}
}

// touches is the read that depends on the path: one at it, above it or below.
func (r *readSet) touches(path ...string) (readPath, bool) {
	for _, p := range r.paths {
		if hasPrefix(p.path, path) || hasPrefix(path, p.path) {
			return p, true
		}
	}
	return readPath{}, false
}

func (r *readSet) dotted() []string {
	out := make([]string, 0, len(r.paths))
	for _, p := range r.paths {
		out = append(out, p.String())
	}
	slices.Sort(out)
	return out
}

// String is the path as Rego writes it.
func (p readPath) String() string {
	return strings.Join(append([]string{"input"}, p.path...), ".")
}

func hasPrefix(path, prefix []string) bool {
	return len(path) >= len(prefix) && slices.Equal(path[:len(prefix)], prefix)
}

// analysis finds what rules read, through every rule and function that they
// could reach. It works on the compiled rules and takes the longer way when
// in doubt: a path ends before its first part that is no literal string, a
// reference into data counts for every rule that it could mean, and `with`
// on the input counts as a read of everything.
type analysis struct {
	compiler  *ast.Compiler
	uncertain map[string]bool
	seen      map[*ast.Rule]bool
	out       readSet
	loc       *ast.Location // nearest
}

func newAnalysis(c *ast.Compiler) *analysis {
	return &analysis{compiler: c, uncertain: uncertainBuiltins(), seen: map[*ast.Rule]bool{}}
}

// rules adds what these rules read.
func (a *analysis) rules(rules []*ast.Rule) {
	for _, r := range rules {
		for ; r != nil; r = r.Else {
			if a.seen[r] {
				continue
			}
			a.seen[r] = true
			keep := a.loc
			a.loc = r.Loc()
			a.walk(r)
			a.loc = keep
		}
	}
}

func (a *analysis) walk(x any) {
	ast.NewGenericVisitor(a.visit).Walk(x)
}

func (a *analysis) visit(x any) (stop bool) {
	switch x := x.(type) {
	case *ast.Term:
		if x.Location != nil {
			a.loc = x.Location
		}
	case *ast.With:
		if a.isInput(x.Target) {
			a.out.add(nil, x.Loc())
		}
	case ast.Var:
		// The documents by their bare names; the compiler makes references of
		// them, so that this is only in case.
		switch x {
		case ast.InputRootDocument.Value:
			a.out.add(nil, a.loc)
		case ast.DefaultRootDocument.Value:
			a.ref(ast.DefaultRootRef)
		}
	case ast.Ref:
		a.ref(x)
		if _, isVar := x[0].Value.(ast.Var); !isVar {
			a.walk(x[0])
		}
		for _, t := range x[1:] {
			loc := a.loc
			a.walk(t)
			a.loc = loc
		}
		return true
	}
	return false
}

func (a *analysis) isInput(t *ast.Term) bool {
	if ref, ok := t.Value.(ast.Ref); ok {
		t = ref[0]
	}
	return t.Value.Compare(ast.InputRootDocument.Value) == 0
}

func (a *analysis) ref(ref ast.Ref) {
	head, ok := ref[0].Value.(ast.Var)
	if !ok {
		return
	}
	loc := a.loc
	switch head {
	case ast.InputRootDocument.Value:
		var path []string
		for _, t := range ref[1:] {
			s, ok := t.Value.(ast.String)
			if !ok {
				break
			}
			path = append(path, string(s))
		}
		a.out.add(path, loc)
	case ast.DefaultRootDocument.Value:
		a.rules(a.compiler.GetRulesDynamicWithOpts(ref, ast.RulesOptions{IncludeHiddenModules: true}))
		a.loc = loc
	default:
		if a.out.uncertain == nil && a.uncertain[ref.String()] {
			a.out.uncertain = loc
			if loc == nil {
				a.out.uncertain = &ast.Location{}
			}
		}
	}
}

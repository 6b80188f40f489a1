package policy

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// unknowns is what a session does not say yet.
var unknowns = []*ast.Term{
	ast.NewTerm(ast.InputRootRef.Append(ast.StringTerm("command"))),
	ast.NewTerm(ast.InputRootRef.Append(ast.StringTerm("time"))),
}

// sessionKeysOf is the key of what allow reads of a session: not the command,
// nor the time, which are unknown to it.
func sessionKeysOf(allow *readSet) []keyFunc {
	var known readSet
	for _, p := range allow.paths {
		switch {
		case len(p.path) == 0:
			for _, part := range []string{"principal", "connection", "session", "generation"} {
				known.add([]string{part}, p.loc)
			}
		case p.path[0] == "command" || p.path[0] == "time":
		default:
			known.add(p.path, p.loc)
		}
	}
	return keysOf(&known)
}

// SessionAllowed says whether some policy could allow some command of this
// session: whether its allow, partially evaluated with the command and the
// time unknown, leaves any result (CONTRACT 3). Of the input it looks at the
// principal, the connection, the session and the generation.
func (s *Set) SessionAllowed(ctx context.Context, in *Input) (bool, error) {
	by, err := s.sessionAllowedBy(ctx, in)
	return len(by) > 0, err
}

// sessionAllowedBy is the policies that could.
func (s *Set) sessionAllowedBy(ctx context.Context, in *Input) ([]string, error) {
	buf := keyPool.Get().(*[]byte)
	defer keyPool.Put(buf)
	key, ok := appendKey((*buf)[:0], s.id, s.allowKey, in)
	*buf = key
	if ok {
		if by, hit := s.lib.sessions.get(key); hit {
			return by, nil
		}
	}
	doc, err := in.value(false)
	if err != nil {
		return nil, &EvalError{Err: err}
	}
	var by []string
	for _, p := range s.enforce.policies {
		if !slices.Contains(p.has, ruleAllow) || p.defaultOnly {
			continue
		}
		could, err := s.lib.couldAllow(ctx, p, doc, in)
		if err != nil {
			return nil, &EvalError{Policy: p.name, Err: err}
		}
		if could {
			by = append(by, p.name)
		}
	}
	if ok {
		s.lib.sessions.put(key, by)
	}
	return by, nil
}

func (l *library) couldAllow(ctx context.Context, p *policyRules, doc ast.Value, in *Input) (bool, error) {
	qc := l.compiler.QueryCompiler()
	body, err := qc.Compile(ast.NewBody(ast.Equality.Expr(ast.NewTerm(p.ref(ruleAllow)), ast.BooleanTerm(true))))
	if err != nil {
		return false, err
	}
	var queries []ast.Body
	var support []*ast.Module
	err = l.run(ctx, in.Time, l.opts.EvalTimeout, doc, func(q *topdown.Query) (err error) {
		queries, support, err = q.WithUnknowns(unknowns).PartialRun(ctx)
		return err
	}, body, qc)
	if err != nil {
		return false, err
	}
	for _, q := range queries {
		if couldHold(q, support, nil) {
			return true, nil
		}
	}
	return false, nil
}

// couldHold is false for a query that asks for a rule of which partial
// evaluation has left nothing but false: its default.
func couldHold(q ast.Body, support []*ast.Module, seen []ast.Ref) bool {
	for _, e := range q {
		if e.Negated {
			continue
		}
		var ref ast.Ref
		switch {
		case e.IsEquality():
			for _, o := range []int{0, 1} {
				if r, ok := e.Operand(o).Value.(ast.Ref); ok && e.Operand(1-o).Value.Compare(ast.Boolean(true)) == 0 {
					ref = r
				}
			}
		default:
			if t, ok := e.Terms.(*ast.Term); ok {
				ref, _ = t.Value.(ast.Ref)
			}
		}
		if ref != nil && onlyFalse(ref, support, seen) {
			return false
		}
	}
	return true
}

func onlyFalse(ref ast.Ref, support []*ast.Module, seen []ast.Ref) bool {
	for _, r := range seen {
		if r.Equal(ref) {
			return false
		}
	}
	seen = append(seen, ref)
	found := false
	for _, m := range support {
		for _, rule := range m.Rules {
			if !m.Package.Path.Extend(rule.Head.Ref()).Equal(ref) {
				continue
			}
			found = true
			for r := rule; r != nil; r = r.Else {
				isFalse := r.Head.Value != nil && r.Head.Value.Value.Compare(ast.Boolean(false)) == 0
				if !isFalse && couldHold(r.Body, support, seen) {
					return false
				}
			}
		}
	}
	return found
}

func viewDigest(library string, names []string) string {
	h := sha256.Sum256([]byte(library + "\n" + strings.Join(names, "\n")))
	return "sha256:" + hex.EncodeToString(h[:])
}

package policy

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// maxSolutions bounds the ways in which one rule may say something.
const maxSolutions = maxElements

// ruleTrace is one rule evaluated by itself.
type ruleTrace struct {
	solutions []solution
	// ended is the furthest condition that was not so, and endedReads what was
	// read on the way to it; of use where there is no solution.
	ended      *ast.Expr
	endedReads [][]string
}

// solution is one value that the rule gives, and the parts of the input that
// it read on the way.
type solution struct {
	value ast.Value
	reads [][]string
}

// saidVar is bound to what a rule says. The compiler makes no such name.
var saidVar = ast.VarTerm("__said__")

// trace evaluates the body of a rule as a query of its own.
func (l *library) trace(ctx context.Context, now time.Time, doc ast.Value, kind string, rule *ast.Rule) (*ruleTrace, error) {
	value := rule.Head.Key
	if kind == ruleAllow {
		value = rule.Head.Value
	}
	if value == nil {
		return nil, fmt.Errorf("%s:%d: the rule has no value", rule.Loc().File, rule.Loc().Row)
	}
	body := rule.Body.Copy()
	body.Append(ast.Equality.Expr(saidVar, value))
	f := &follower{conditions: len(body) - 1, direct: make([][][]string, len(body)), nested: make([][][]string, len(body)), ended: -1}
	out := &ruleTrace{}
	err := l.run(ctx, now, l.opts.EvalTimeout, doc, func(q *topdown.Query) error {
		return q.WithQueryTracer(f).Iter(ctx, func(r topdown.QueryResult) error {
			v, ok := r[saidVar.Value.(ast.Var)]
			if ok && len(out.solutions) < maxSolutions {
				out.solutions = append(out.solutions, solution{value: v.Value, reads: f.reads()})
			}
			return nil
		})
	}, body, l.compiler.QueryCompiler())
	if f.ended >= 0 && f.ended < len(rule.Body) {
		out.ended, out.endedReads = rule.Body[f.ended], f.endedReads
	}
	return out, err
}

// follower watches the evaluation of a rule's body: which of its conditions
// is being evaluated, and what of the input was read for each.
type follower struct {
	conditions int
	begun      bool
	query      uint64 // the body's own
	at         int    // the condition that is evaluated now
	direct     [][][]string
	nested     [][][]string // by conditions, in whatever was evaluated for it
	ended      int
	endedReads [][]string
}

// Enabled is part of topdown.QueryTracer.
func (f *follower) Enabled() bool { return true }

// Config asks for the values of variables: input.flags[f] is a read of one.
func (f *follower) Config() topdown.TraceConfig { return topdown.TraceConfig{PlugLocalVars: true} }

// TraceEvent takes one step.
func (f *follower) TraceEvent(e topdown.Event) {
	if !f.begun {
		f.begun, f.query = true, e.QueryID
	}
	expr, ok := e.Node.(*ast.Expr)
	if !ok {
		return
	}
	own := e.QueryID == f.query && expr.Index <= f.conditions
	switch e.Op {
	case topdown.EvalOp:
		if own {
			f.at = expr.Index
			f.direct[f.at] = inputReads(expr, &e)
			return
		}
		for _, p := range inputReads(expr, &e) {
			f.nested[f.at] = appendPathOnce(f.nested[f.at], p)
		}
	case topdown.RedoOp:
		if own {
			f.at = expr.Index
		}
	case topdown.FailOp:
		if own && expr.Index >= f.ended {
			f.ended, f.at = expr.Index, expr.Index
			f.endedReads = f.reads()
		}
	}
}

// reads are those of the conditions up to the one that is evaluated now.
func (f *follower) reads() [][]string {
	var out [][]string
	for i := 0; i <= min(f.at, f.conditions); i++ {
		for _, p := range f.direct[i] {
			out = appendPathOnce(out, p)
		}
		for _, p := range f.nested[i] {
			out = appendPathOnce(out, p)
		}
	}
	return out
}

func appendPathOnce(to [][]string, path []string) [][]string {
	if slices.ContainsFunc(to, func(p []string) bool { return slices.Equal(p, path) }) {
		return to
	}
	return append(to, path)
}

// inputReads are the parts of the input that an expression names, with the
// values that its variables have by now. What is inside a comprehension or an
// every is evaluated, and seen, by itself.
func inputReads(expr *ast.Expr, e *topdown.Event) [][]string {
	var out [][]string
	vis := ast.NewGenericVisitor(func(x any) bool {
		switch x := x.(type) {
		case *ast.ArrayComprehension, *ast.SetComprehension, *ast.ObjectComprehension, *ast.Every:
			return true
		case ast.Ref:
			if x[0].Equal(ast.InputRootDocument) {
				out = appendPathOnce(out, pathOf(x, e))
			}
		}
		return false
	})
	vis.Walk(expr)
	return out
}

func pathOf(ref ast.Ref, e *topdown.Event) []string {
	path := []string{}
	for _, t := range ref[1:] {
		if _, isVar := t.Value.(ast.Var); isVar && e.Locals != nil {
			if v := e.Locals.Get(t.Value); v != nil {
				t = ast.NewTerm(v)
			}
		}
		s, ok := t.Value.(ast.String)
		if !ok {
			break
		}
		path = append(path, string(s))
	}
	return path
}

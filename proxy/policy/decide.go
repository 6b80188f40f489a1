package policy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// ErrTimeout is in an EvalError when a policy took too long.
var ErrTimeout = errors.New("out of time")

// EvalError is a policy that could not decide: the command is refused.
type EvalError struct {
	Policy string // "": unknown which
	Err    error
}

// Error says which policy failed and why.
func (e *EvalError) Error() string {
	if e.Policy == "" {
		return "policy: cannot decide: " + e.Err.Error()
	}
	return "policy: " + e.Policy + " cannot decide: " + e.Err.Error()
}

// Unwrap is the cause.
func (e *EvalError) Unwrap() error { return e.Err }

// operationsPath is what Decide itself reads: is the command of the session
// only?
var operationsPath = []string{"command", "operations"}

// group is policies that are evaluated by one query.
type group struct {
	policies []*policyRules
	body     ast.Body
	compiler ast.QueryCompiler
}

// newGroup compiles a query that binds one variable for each decision rule.
func (l *library) newGroup(policies []*policyRules) (group, error) {
	g := group{policies: policies}
	var parts []string
	for i, p := range policies {
		for _, rule := range p.has {
			// As a set, so that an undefined allow does not end the query.
			format := "%s = %s"
			if rule == ruleAllow {
				format = "%s = {v | v = %s}"
			}
			parts = append(parts, fmt.Sprintf(format, variable(i, rule), p.ref(rule)))
		}
	}
	if len(parts) == 0 {
		return g, nil
	}
	body, err := ast.ParseBody(strings.Join(parts, "; "))
	if err != nil {
		return g, fmt.Errorf("policy: query: %w", err)
	}
	g.compiler = l.compiler.QueryCompiler()
	if g.body, err = g.compiler.Compile(body); err != nil {
		return g, fmt.Errorf("policy: query: %w", err)
	}
	return g, nil
}

func variable(policy int, rule string) ast.Var { return ast.Var(fmt.Sprintf("p%d_%s", policy, rule)) }

// view makes the Set of these policies, or finds it.
func (l *library) view(names []string) (*Set, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	id := strings.Join(names, ",")
	if s := l.views[id]; s != nil {
		return s, nil
	}
	s := &Set{lib: l, id: uint32(len(l.views)), names: names, digest: viewDigest(l.digest, names)}
	var reads, allow readSet
	reads.add(operationsPath, nil)
	var enforced []*policyRules
	var err error
	for _, p := range s.policies() {
		reads.merge(&p.reads)
		if !p.shadow {
			enforced = append(enforced, p)
			allow.merge(&p.allowReads)
			continue
		}
		g, err := l.newGroup([]*policyRules{p})
		if err != nil {
			return nil, err
		}
		s.shadow = append(s.shadow, g)
	}
	if s.enforce, err = l.newGroup(enforced); err != nil {
		return nil, err
	}
	_, clock := reads.touches("time")
	s.cacheable = !clock && reads.uncertain == nil && l.opts.CacheEntries > 0
	s.key, s.reads = keysOf(&reads), reads
	s.allowKey = sessionKeysOf(&allow)
	l.views[id] = s
	return s, nil
}

func keysOf(r *readSet) []keyFunc {
	out := make([]keyFunc, 0, len(r.paths))
	for _, p := range r.paths {
		out = append(out, keyOf(p.path))
	}
	return out
}

// Decide asks the policies. An error is an *EvalError, and a refusal: no
// Decision stands for it. A command of the session alone (CONTRACT 3) is
// allowed where SessionAllowed says so, unless a policy denies it.
func (s *Set) Decide(ctx context.Context, in *Input) (Decision, error) {
	if !s.cacheable {
		d, err := s.evaluate(ctx, in)
		if err != nil {
			return Decision{}, err
		}
		return *d, nil
	}
	buf := keyPool.Get().(*[]byte)
	defer keyPool.Put(buf)
	key, ok := appendKey((*buf)[:0], s.id, s.key, in)
	*buf = key
	if ok {
		if d, hit := s.lib.cache.get(key); hit {
			out := *d
			out.Cached = true
			return out, nil
		}
	}
	d, err := s.evaluate(ctx, in)
	if err != nil {
		return Decision{}, err
	}
	if ok && !d.shadowFailed() {
		s.lib.cache.put(key, d)
	}
	return *d, nil
}

func (d *Decision) shadowFailed() bool {
	for _, s := range d.Shadow {
		if s.Error != "" {
			return true
		}
	}
	return false
}

func (s *Set) evaluate(ctx context.Context, in *Input) (*Decision, error) {
	doc, err := in.Value()
	if err != nil {
		return nil, &EvalError{Err: err}
	}
	all, err := s.enforce.eval(ctx, s.lib, doc, in.Time, s.lib.opts.EvalTimeout)
	if err != nil {
		return nil, err
	}
	if in.Command.session() {
		by, err := s.sessionAllowedBy(ctx, in)
		if err != nil {
			return nil, err
		}
		for i := range all {
			all[i].session(slices.Contains(by, all[i].policy))
		}
	}
	d := compose(all)
	deadline := time.Now().Add(s.lib.opts.EvalTimeout)
	for _, g := range s.shadow {
		d.Shadow = append(d.Shadow, g.shadow(ctx, s.lib, doc, in, all, time.Until(deadline)))
	}
	d.Shadow = slices.Clip(d.Shadow)
	return d, nil
}

// shadow is what a shadow policy would have made of it. It fails alone.
func (g *group) shadow(ctx context.Context, l *library, doc ast.Value, in *Input, all []said, left time.Duration) Shadow {
	out := Shadow{Policy: g.policies[0].name}
	mine, err := g.eval(ctx, l, doc, in.Time, max(left, time.Millisecond))
	if err != nil {
		out.Error = err.Error()
		return out
	}
	m := mine[0]
	if in.Command.session() {
		m.session(false)
	}
	out.Allows, out.Denies, out.Holds, out.Masks, out.Limit = m.allow, m.denies, m.holds, m.masks, m.limit
	out.Verdict = compose(append(all[:len(all):len(all)], m)).Verdict
	return out
}

// eval runs the group's query and reads what each policy says.
func (g *group) eval(ctx context.Context, l *library, doc ast.Value, now time.Time, timeout time.Duration) (out []said, err error) {
	if len(g.body) == 0 {
		return make([]said, len(g.policies)), nil
	}
	fail := func(err error) error { return &EvalError{Policy: g.blame(l, err), Err: err} }
	var results topdown.QueryResultSet
	err = l.run(ctx, now, timeout, doc, func(q *topdown.Query) (err error) {
		results, err = q.Run(ctx)
		return err
	}, g.body, g.compiler)
	if err != nil {
		return nil, fail(err)
	}
	if len(results) != 1 {
		return nil, fail(fmt.Errorf("%d results where there is always one", len(results)))
	}
	out = make([]said, len(g.policies))
	for i, p := range g.policies {
		out[i].policy = p.name
		for _, rule := range p.has {
			if err := out[i].read(rule, results[0][variable(i, rule)].Value, l.opts); err != nil {
				return nil, &EvalError{Policy: p.name, Err: err}
			}
		}
		out[i].sort()
	}
	return out, nil
}

// blame is the policy that an evaluation error came from, where that is sure.
func (g *group) blame(l *library, err error) string {
	if len(g.policies) == 1 {
		return g.policies[0].name
	}
	var at *topdown.Error
	if errors.As(err, &at) && at.Location != nil {
		return l.owner[at.Location.File]
	}
	return ""
}

// run gives do a query with everything set, within a time.
func (l *library) run(ctx context.Context, now time.Time, timeout time.Duration, doc ast.Value, do func(*topdown.Query) error, body ast.Body, qc ast.QueryCompiler) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	txn, err := l.store.NewTransaction(ctx)
	if err != nil {
		return err
	}
	defer l.store.Abort(ctx, txn)
	cancel := topdown.NewCancel()
	timer := time.AfterFunc(timeout, cancel.Cancel)
	defer timer.Stop()
	if ctx.Done() != nil {
		defer context.AfterFunc(ctx, cancel.Cancel)()
	}
	// A fault in the evaluator is one command refused, not the gateway's end.
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the evaluator failed: %v", r)
		}
	}()
	q := topdown.NewQuery(body).
		WithQueryCompiler(qc).
		WithCompiler(l.compiler).
		WithStore(l.store).
		WithTransaction(txn).
		WithCancel(cancel).
		WithInput(ast.NewTerm(doc)).
		WithTime(now).
		// A builtin that fails would otherwise only make its rule undefined,
		// and a deny that is undefined denies nothing. The rule index would
		// hide such failures: it passes over a rule without evaluating it.
		WithStrictBuiltinErrors(true).
		WithIndexing(false)
	err = do(q)
	if topdown.IsCancel(err) {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("%w after %s", ErrTimeout, timeout)
	}
	return err
}

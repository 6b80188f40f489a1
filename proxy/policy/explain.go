package policy

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// Explanation is why the policies decide as they do: every rule that spoke,
// and, where nothing allows a command, every allow that did not.
type Explanation struct {
	Decision Decision `json:"decision"`
	// Rules are those that said something, denies first.
	Rules []Because `json:"rules"`
	// NotAllowed are the allows, and where each of them ended. It is filled
	// where none held.
	NotAllowed []Because `json:"not_allowed,omitempty"`
	// Session are the policies whose allow covers what every driver says
	// before it works; filled for such a command alone.
	Session []string `json:"session,omitempty"`
	// Unsure are rules that said nothing, and read a part of the input that
	// was not known: they may have spoken.
	Unsure []Because `json:"unsure,omitempty"`
}

// Because is one rule, and what of the input it turned on.
type Because struct {
	Policy string `json:"policy"`
	Shadow bool   `json:"shadow,omitempty"`
	Rule   string `json:"rule"` // allow, deny, hold, mask, limit
	File   string `json:"file"`
	Line   int    `json:"line"`
	Source string `json:"source"` // the rule's first line
	// Title and Custom are of the METADATA above the rule, or of its package.
	Title  string         `json:"title,omitempty"`
	Custom map[string]any `json:"custom,omitempty"`
	// What it says, as far as its kind has it.
	Reason   string `json:"reason,omitempty"`
	Hint     string `json:"hint,omitempty"`
	Approval string `json:"approval,omitempty"`
	Mask     *Mask  `json:"mask,omitempty"`
	Rows     int64  `json:"rows,omitempty"`
	// Ended is the condition that was not so, for a rule that said nothing.
	Ended *Condition `json:"ended,omitempty"`
	// Values are what it read of the input on its way.
	Values []InputValue `json:"values"`
}

// Condition is one line of a rule.
type Condition struct {
	Line   int    `json:"line"`
	Source string `json:"source"`
}

// InputValue is a part of the input, as JSON. Unknown: it was not given, and
// the value stands for whatever it was.
type InputValue struct {
	Path    string `json:"path"`
	Value   any    `json:"value"`
	Unknown bool   `json:"unknown,omitempty"`
}

// Explain decides, uncached, and says why. Unknown are paths of the input
// ("command.columns") that are not known and stand as their defaults. The
// rules are evaluated one by one: an explanation costs some of them a
// millisecond, each within Options.EvalTimeout.
func (s *Set) Explain(ctx context.Context, in *Input, unknown ...string) (*Explanation, error) {
	doc, err := in.Value()
	if err != nil {
		return nil, &EvalError{Err: err}
	}
	d, err := s.evaluate(ctx, in)
	if err != nil {
		return nil, err
	}
	e := &Explanation{Decision: *d, Rules: []Because{}}
	ex := explainer{s: s, ctx: ctx, in: in, doc: doc, unknown: unknown}
	for _, p := range s.policies() {
		for _, kind := range p.has {
			if err := ex.kind(e, p, kind); err != nil {
				return nil, &EvalError{Policy: p.name, Err: err}
			}
		}
	}
	if in.Command.session() {
		if e.Session, err = s.sessionAllowedBy(ctx, in); err != nil {
			return nil, err
		}
	}
	if len(d.Policies) > 0 {
		e.NotAllowed = nil
	}
	order := []string{ruleDeny, ruleHold, ruleAllow, ruleMask, ruleLimit}
	slices.SortStableFunc(e.Rules, func(a, b Because) int {
		return slices.Index(order, a.Rule) - slices.Index(order, b.Rule)
	})
	return e, nil
}

type explainer struct {
	s       *Set
	ctx     context.Context
	in      *Input
	doc     ast.Value
	unknown []string
}

// kind explains the rules of one kind that a policy has.
func (x *explainer) kind(e *Explanation, p *policyRules, kind string) error {
	for _, rule := range p.rules(x.s.lib.compiler, kind) {
		if rule.Default {
			continue
		}
		spoke := false
		var ended *ast.Expr
		var silent []InputValue
		for r := rule; r != nil && !spoke; r = r.Else {
			t, err := x.s.lib.trace(x.ctx, x.in.Time, x.doc, kind, r)
			if err != nil {
				return err
			}
			for _, sol := range t.solutions {
				b := x.because(p, kind, r)
				if !b.fill(kind, sol.value) {
					continue
				}
				spoke = true
				b.Values = x.values(sol.reads)
				if !slices.ContainsFunc(e.Rules, b.says) {
					e.Rules = append(e.Rules, b)
				}
			}
			ended, silent = t.ended, append(silent, x.values(t.endedReads)...)
		}
		if spoke {
			continue
		}
		b := x.because(p, kind, rule)
		if ended != nil && ended.Loc() != nil {
			b.Ended = &Condition{Line: ended.Loc().Row, Source: x.s.lib.line(ended.Loc())}
		}
		b.Values = distinct(silent)
		if kind == ruleAllow && !p.shadow {
			e.NotAllowed = append(e.NotAllowed, b)
		}
		if slices.ContainsFunc(b.Values, func(v InputValue) bool { return v.Unknown }) {
			e.Unsure = append(e.Unsure, b)
		}
	}
	return nil
}

func (x *explainer) because(p *policyRules, kind string, rule *ast.Rule) Because {
	b := Because{Policy: p.name, Shadow: p.shadow, Rule: kind, Values: []InputValue{}}
	if loc := rule.Loc(); loc != nil {
		b.File, b.Line, b.Source = loc.File, loc.Row, x.s.lib.line(loc)
	}
	for _, a := range x.s.lib.compiler.GetAnnotationSet().Chain(rule) {
		if a.Annotations == nil {
			continue
		}
		if b.Title == "" {
			b.Title = a.Annotations.Title
		}
		if b.Custom == nil && len(a.Annotations.Custom) > 0 {
			b.Custom = a.Annotations.Custom
		}
	}
	return b
}

// fill takes over what a rule says; false: it says nothing (an allow that is
// false).
func (b *Because) fill(kind string, v ast.Value) bool {
	var one said
	if one.element(kind, v, Options{}) != nil {
		return false
	}
	switch kind {
	case ruleAllow:
		return one.allow
	case ruleDeny:
		b.Reason, b.Hint = one.denies[0].Reason, one.denies[0].Hint
	case ruleHold:
		b.Reason, b.Approval = one.holds[0].Reason, one.holds[0].Approval
	case ruleMask:
		m := one.masks[0]
		m.Policy = b.Policy
		b.Mask = &m
	case ruleLimit:
		b.Rows = one.limit.Rows
	}
	return true
}

// says: the other is the same rule that says the same thing.
func (b *Because) says(o Because) bool {
	return b.Policy == o.Policy && b.Rule == o.Rule && b.File == o.File && b.Line == o.Line && b.Reason == o.Reason && b.Hint == o.Hint &&
		b.Approval == o.Approval && b.Rows == o.Rows
}

// values looks the paths up, the shorter of two that lead the same way.
func (x *explainer) values(paths [][]string) []InputValue {
	out := make([]InputValue, 0, len(paths))
	for _, path := range paths {
		v := InputValue{Path: strings.Join(append([]string{"input"}, path...), ".")}
		ref := ast.Ref{}
		for _, p := range path {
			ref = append(ref, ast.StringTerm(p))
		}
		if found, err := x.doc.Find(ref); err == nil {
			if v.Value, err = ast.JSON(found); err != nil {
				v.Value = found.String()
			}
		}
		dotted := strings.Join(path, ".")
		v.Unknown = slices.ContainsFunc(x.unknown, func(u string) bool {
			return u == dotted || strings.HasPrefix(dotted, u+".") || strings.HasPrefix(u, dotted+".")
		})
		out = append(out, v)
	}
	return distinct(out)
}

func distinct(in []InputValue) []InputValue {
	out := make([]InputValue, 0, len(in))
	for _, v := range in {
		if !slices.ContainsFunc(out, func(o InputValue) bool { return o.Path == v.Path }) {
			out = append(out, v)
		}
	}
	return out
}

// line is the source of a place, without its indent.
func (l *library) line(loc *ast.Location) string {
	lines := strings.Split(string(l.sources[loc.File]), "\n")
	if loc.Row < 1 || loc.Row > len(lines) {
		return ""
	}
	return oneLine(strings.TrimSpace(lines[loc.Row-1]))
}

// String is the place of a rule: file:line.
func (b *Because) String() string { return fmt.Sprintf("%s:%d", b.File, b.Line) }

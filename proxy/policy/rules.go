package policy

import (
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// The rules that make a decision.
const (
	ruleAllow = "allow"
	ruleDeny  = "deny"
	ruleHold  = "hold"
	ruleMask  = "mask"
	ruleLimit = "limit"
)

var decisionRules = []string{ruleAllow, ruleDeny, ruleHold, ruleMask, ruleLimit}

// policyRules is one policy as the loader knows it.
type policyRules struct {
	name        string
	shadow      bool
	has         []string // which of decisionRules it defines
	defaultOnly bool     // its allow has nothing but a default
	maskColumns []string
	maskBlocks  []string
	reads       readSet // of all its decision rules
	allowReads  readSet // of allow alone
}

// actions of a mask, strictest first.
var actions = []string{"deny", "null", "redact", "hash", "tokenize", "pseudonym", "partial"}

// checkModule looks at one parsed module: its package, the shape of the
// decision rules in it, and the literals of masks and holds.
func (p *policyRules) checkModule(m *ast.Module, opts Options, f *faults) {
	path := m.Package.Path // data.name.…
	if len(path) < 2 || path[1].Value.Compare(ast.String(p.name)) != 0 {
		f.at(m.Package.Loc(), "%s: policy %s is package %s and the packages below it", m.Package, p.name, p.name)
		return
	}
	if len(path) > 2 {
		if s, ok := path[2].Value.(ast.String); ok && slices.Contains(decisionRules, string(s)) {
			f.at(m.Package.Loc(), "%s: %s is a decision, not a package", m.Package, string(s))
		}
		return
	}
	for _, rule := range m.Rules {
		ref := rule.Head.Ref()
		head, ok := ref[0].Value.(ast.Var)
		if !ok || !slices.Contains(decisionRules, string(head)) {
			continue
		}
		name := string(head)
		if len(ref) > 1 || len(rule.Head.Args) > 0 {
			f.at(rule.Loc(), "%s: write it as %s", rule.Head, shapeOf(name))
			continue
		}
		p.checkRule(name, rule, opts, f)
		if !slices.Contains(p.has, name) {
			p.has = append(p.has, name)
		}
	}
}

func shapeOf(name string) string {
	if name == ruleAllow {
		return "`allow if { … }`"
	}
	return "`" + name + " contains … if { … }`"
}

func (p *policyRules) checkRule(name string, rule *ast.Rule, opts Options, f *faults) {
	if name == ruleAllow {
		switch {
		case rule.Head.RuleKind() == ast.MultiValue:
			f.at(rule.Loc(), "allow is true or not: write it as %s", shapeOf(name))
		case rule.Default && rule.Head.Value.Value.Compare(ast.Boolean(false)) != 0:
			f.at(rule.Loc(), "allow is false by default: say in a rule what is allowed")
		}
		return
	}
	if rule.Head.RuleKind() != ast.MultiValue {
		f.at(rule.Loc(), "%s is a set: write it as %s", name, shapeOf(name))
		return
	}
	switch name {
	case ruleMask:
		p.checkMask(rule, opts, f)
	case ruleHold:
		checkHold(rule, opts, f)
	}
}

// checkMask wants literal names: the gateway must know, before any statement
// runs, which columns a policy can hide.
func (p *policyRules) checkMask(rule *ast.Rule, opts Options, f *faults) {
	loc := rule.Head.Key.Loc()
	if loc == nil {
		loc = rule.Loc()
	}
	object, ok := rule.Head.Key.Value.(ast.Object)
	if !ok {
		f.at(loc, `a mask names its column or mask block literally: mask contains {"column": "public.t.c", "action": "redact"} if { … }`)
		return
	}
	given := map[string]string{}
	object.Foreach(func(k, v *ast.Term) {
		key, isKey := k.Value.(ast.String)
		value, isValue := v.Value.(ast.String)
		switch {
		case !isKey || !slices.Contains([]string{"column", "block", "action"}, string(key)):
			f.at(loc, "a mask has no key %s: it has column and action, or block", k)
		case !isValue:
			f.at(loc, "the %s of a mask is a literal string, not %s: the gateway must know it before anything runs", string(key), v)
		default:
			given[string(key)] = string(value)
		}
	})
	column, hasColumn := given["column"]
	block, hasBlock := given["block"]
	action, hasAction := given["action"]
	switch {
	case object.Len() != len(given):
		return // said already
	case hasColumn == hasBlock:
		f.at(loc, "a mask names a column or a mask block, one of them")
		return
	case hasColumn && !hasAction:
		f.at(loc, "a mask of a column has an action: one of %s", strings.Join(actions, ", "))
	case hasAction && !slices.Contains(actions, action):
		f.at(loc, "unknown action %q: one of %s", action, strings.Join(actions, ", "))
	}
	if hasColumn {
		if !validColumn(column) {
			f.at(loc, "column %q: write it as schema.table.column", column)
		}
		p.maskColumns = append(p.maskColumns, column)
		return
	}
	if opts.MaskBlocks != nil && !slices.Contains(opts.MaskBlocks, block) {
		f.suggest(loc, didYouMean(nearest(block, opts.MaskBlocks)), "unknown mask block %q: %s", block, known(opts.MaskBlocks))
	}
	p.maskBlocks = append(p.maskBlocks, block)
}

func validColumn(s string) bool {
	parts := strings.Split(s, ".")
	return len(parts) > 1 && !slices.Contains(parts, "")
}

// checkHold refuses approvals that do not exist wherever the rule names them
// literally; what it computes is checked when it is evaluated.
func checkHold(rule *ast.Rule, opts Options, f *faults) {
	if opts.Approvals == nil {
		return
	}
	ast.WalkTerms(rule, func(t *ast.Term) bool {
		object, ok := t.Value.(ast.Object)
		if !ok {
			return false
		}
		name := object.Get(ast.InternedTerm("approval"))
		if name == nil {
			return false
		}
		if s, ok := name.Value.(ast.String); ok && !slices.Contains(opts.Approvals, string(s)) {
			loc := name.Loc()
			if loc == nil {
				loc = rule.Loc()
			}
			f.suggest(loc, didYouMean(nearest(string(s), opts.Approvals)), "unknown approval %q: %s", string(s), known(opts.Approvals))
		}
		return false
	})
}

func known(names []string) string {
	if len(names) == 0 {
		return "the configuration has none"
	}
	return "the configuration has " + strings.Join(names, ", ")
}

// checkAllow keeps plugins from loosening: nothing that they say may be read
// on the way to an allow (CONTRACT 3).
func (p *policyRules) checkAllow(f *faults) {
	for _, forbidden := range []string{"labels", "risk"} {
		read, ok := p.allowReads.touches("command", forbidden)
		if !ok {
			continue
		}
		if len(read.path) >= 2 {
			f.at(read.loc, "allow may not depend on input.command.%s, which plugins give: they only tighten; use deny or hold", forbidden)
			continue
		}
		f.at(read.loc, "allow reads all of %s, and with it the labels and the risk that plugins give: name the parts it needs", read)
		return
	}
}

package policy

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/open-policy-agent/opa/v1/ast"
)

const (
	maxElements = 64   // of one rule in one decision
	maxText     = 1000 // bytes of a reason or a hint; longer ones are cut
)

// fault is a decision document that is not as policies/schema/decision.json
// has it.
type fault struct {
	rule string
	what string
}

func (f *fault) Error() string { return f.rule + ": " + f.what }

// read takes one rule's value into s. The value of allow comes as the set of
// its values, which is empty where it is undefined.
func (s *said) read(rule string, value ast.Value, opts Options) error {
	set, ok := value.(ast.Set)
	if !ok {
		return &fault{rule, "it is no set but " + ast.ValueName(value)}
	}
	if set.Len() > maxElements {
		return &fault{rule, fmt.Sprintf("%d elements, at most %d are allowed", set.Len(), maxElements)}
	}
	for _, t := range set.Slice() {
		if err := s.element(rule, t.Value, opts); err != nil {
			return err
		}
	}
	return nil
}

func (s *said) element(rule string, v ast.Value, opts Options) error {
	if rule == ruleAllow {
		b, ok := v.(ast.Boolean)
		if !ok {
			return &fault{rule, "it is neither true nor false but " + ast.ValueName(v)}
		}
		s.allow = bool(b)
		return nil
	}
	if text, ok := v.(ast.String); ok && rule == ruleDeny {
		v = ast.NewObject(kv("reason", ast.NewTerm(text)))
	}
	object, ok := v.(ast.Object)
	if !ok {
		return &fault{rule, "an element is no object but " + ast.ValueName(v)}
	}
	r := fields{rule: rule, object: object}
	switch rule {
	case ruleDeny:
		s.denies = append(s.denies, Reason{Policy: s.policy, Reason: r.text("reason", true), Hint: r.text("hint", false)})
	case ruleHold:
		h := HoldRequest{Policy: s.policy, Approval: r.name("approval", true), Reason: r.text("reason", true)}
		if r.err == nil && opts.Approvals != nil && !slices.Contains(opts.Approvals, h.Approval) {
			r.fail("unknown approval " + clip(h.Approval))
		}
		s.holds = append(s.holds, h)
	case ruleMask:
		m := Mask{Policy: s.policy, Column: r.name("column", false), Block: r.name("block", false), Action: r.name("action", false)}
		switch {
		case r.err != nil:
		case (m.Column == "") == (m.Block == ""):
			r.fail("an element names a column or a block, one of them")
		case m.Column != "" && !validColumn(m.Column):
			r.fail("column " + clip(m.Column) + " is not schema.table.column")
		case m.Action == "" && m.Column != "" || m.Action != "" && !slices.Contains(actions, m.Action):
			r.fail("the action is one of " + strings.Join(actions, ", "))
		}
		s.masks = append(s.masks, m)
	case ruleLimit:
		s.limit = s.limit.smallest(Limits{Rows: r.positive("rows")})
	}
	return r.end()
}

// fields reads an object's keys and remembers the first thing wrong.
type fields struct {
	rule   string
	object ast.Object
	known  int
	err    error
}

func (r *fields) fail(what string) {
	if r.err == nil {
		r.err = &fault{r.rule, what}
	}
}

func (r *fields) get(key string, required bool) ast.Value {
	t := r.object.Get(ast.InternedTerm(key))
	if t == nil {
		if required {
			r.fail("an element has no " + key)
		}
		return nil
	}
	r.known++
	return t.Value
}

// name is a string as it stands; it may not be empty.
func (r *fields) name(key string, required bool) string {
	v := r.get(key, required)
	if v == nil {
		return ""
	}
	s, ok := v.(ast.String)
	if !ok {
		r.fail(key + " is no string but " + ast.ValueName(v))
		return ""
	}
	if s == "" {
		r.fail(key + " is empty")
	}
	return string(s)
}

// text is a string for people: one line, cut to a bound.
func (r *fields) text(key string, required bool) string {
	v := r.get(key, required)
	if v == nil {
		return ""
	}
	s, ok := v.(ast.String)
	if !ok {
		r.fail(key + " is no string but " + ast.ValueName(v))
		return ""
	}
	if s == "" && required {
		r.fail(key + " is empty")
	}
	return oneLine(string(s))
}

func (r *fields) positive(key string) int64 {
	v := r.get(key, true)
	if v == nil {
		return 0
	}
	n, ok := v.(ast.Number)
	if ok {
		if i, err := json.Number(n).Int64(); err == nil && i > 0 {
			return i
		}
	}
	r.fail(key + " is no whole number above zero")
	return 0
}

func (r *fields) end() error {
	if r.err == nil && r.known != r.object.Len() {
		r.fail("an element has unknown keys")
	}
	return r.err
}

// oneLine takes out what could break a line, a log or a terminal, since a
// reason may quote what a client has sent.
func oneLine(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) > maxText {
		cut := maxText
		for !utf8.RuneStart(s[cut]) {
			cut--
		}
		s = s[:cut] + "…"
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || unicode.Is(unicode.Bidi_Control, r) {
			return ' '
		}
		return r
	}, s)
}

func clip(s string) string {
	if len(s) > 60 {
		s = s[:60] + "…"
	}
	return fmt.Sprintf("%q", oneLine(s))
}

// Package mask knows what may be done to a value on its way to a client, and
// how strict each treatment is. It is protocol-neutral: a protocol decodes its
// cells, asks here for the text of a replacement, and falls back to a
// placeholder of its own where the type cannot hold text.
package mask

import (
	"fmt"
	"slices"
)

// Action is what a mask does with a value. The order is the order of
// strictness: where several apply to one cell, the greatest wins.
type Action uint8

// The actions, least strict first (CONTRACT 2, Masks). Replace comes last: what
// is left of a value is the plugin's word alone. It is for detectors; a column
// has nobody who gives a replacement.
const (
	None      Action = iota
	Replace          // what a detector gives in place of what it found; Redact where it gives nothing
	Partial          // the last 4 of at least 8 characters; of an e-mail the first letter and the domain
	Pseudonym        // keyed, of the value's kind, the same within a scope
	Tokenize         // reversible; needs a token store
	Hash             // HMAC with the mask key, 16 hex digits, the same everywhere
	Redact           // the type's placeholder
	Null             // NULL
	Deny             // the command is refused
)

var actionNames = [...]string{"none", "replace", "partial", "pseudonym", "tokenize", "hash", "redact", "null", "deny"}

func (a Action) String() string {
	if int(a) < len(actionNames) {
		return actionNames[a]
	}
	return fmt.Sprintf("action(%d)", uint8(a))
}

// ParseAction reads an action as HCL and Rego write it. "none" is not one.
func ParseAction(s string) (Action, error) {
	for i, n := range actionNames {
		if i > 0 && n == s {
			return Action(i), nil
		}
	}
	return None, fmt.Errorf("mask: unknown action %q: use redact, null, partial, hash, pseudonym, replace or deny", s)
}

// Treatment is an action and the scope within which a pseudonym stays the same.
type Treatment struct {
	Action Action
	Scope  string // session, connection or gateway; "" is session
}

// Stricter returns the stricter of two treatments.
func (t Treatment) Stricter(o Treatment) Treatment {
	if o.Action > t.Action {
		return o
	}
	return t
}

// Rule is one mask block as a connection sees it.
type Rule struct {
	Name      string
	Columns   []string // real columns, schema.table.column
	Plugin    string   // a detector instead of columns
	Treatment Treatment
	Except    []string // groups; every proven hop must be in one of them
}

// Detector asks a plugin to find spans in every cell that no column rule
// touches; what it finds is treated with Treatment.
type Detector struct {
	Plugin    string
	Treatment Treatment
}

// Plan is what a verdict says about masking one command's answer.
type Plan struct {
	// Columns has the treatment of every protected column that is not lifted
	// for this principal, by its configured name.
	Columns map[string]Treatment
	// Derived is for a cell whose origin cannot be told in a statement that
	// touches something protected: the strictest of Columns, at least Redact.
	// None when nothing is left to hide from this principal.
	Derived   Treatment
	Detectors []Detector
}

// Empty reports whether the plan changes nothing at all.
func (p *Plan) Empty() bool {
	return p == nil || (len(p.Columns) == 0 && p.Derived.Action == None && len(p.Detectors) == 0)
}

// Lifted reports whether none of the named columns is masked under this plan.
func (p *Plan) Lifted(columns []string) bool {
	for _, c := range columns {
		if p.Columns[c].Action != None {
			return false
		}
	}
	return true
}

// Addition is a mask that a policy adds; nothing lifts it.
type Addition struct {
	Column    string // a column, or
	Block     string // the name of a mask block
	Treatment Treatment
}

// Build makes the plan of one command from the rules of the connection, the
// groups that lift them, and what policies add. lifted reports whether every
// proven hop of the principal is in one of the groups.
func Build(rules []Rule, additions []Addition, lifted func(groups []string) bool) *Plan {
	p := &Plan{}
	raise := func(column string, t Treatment) {
		if p.Columns == nil {
			p.Columns = make(map[string]Treatment)
		}
		p.Columns[column] = p.Columns[column].Stricter(t)
	}
	for _, r := range rules {
		forced := None
		for _, a := range additions {
			if a.Block == r.Name && a.Block != "" {
				forced = max(forced, a.Treatment.Action, r.Treatment.Action)
			}
		}
		if forced == None && len(r.Except) > 0 && lifted(r.Except) {
			continue
		}
		t := r.Treatment
		t.Action = max(t.Action, forced)
		if r.Plugin != "" {
			p.Detectors = append(p.Detectors, Detector{Plugin: r.Plugin, Treatment: t})
			continue
		}
		for _, c := range r.Columns {
			raise(c, t)
		}
	}
	for _, a := range additions {
		if a.Column != "" {
			raise(a.Column, a.Treatment)
		}
	}
	for _, t := range p.Columns {
		p.Derived = p.Derived.Stricter(t)
	}
	if p.Derived.Action != None && p.Derived.Action < Redact {
		// A derived value has no kind to keep: partial or a pseudonym of it
		// would show what the column itself hides.
		p.Derived = Treatment{Action: Redact}
	}
	slices.SortStableFunc(p.Detectors, func(a, b Detector) int { return int(b.Treatment.Action) - int(a.Treatment.Action) })
	return p
}

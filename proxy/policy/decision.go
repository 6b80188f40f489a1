package policy

import (
	"cmp"
	"slices"
)

// Verdict is what becomes of a command.
type Verdict uint8

// The zero Verdict denies.
const (
	Deny Verdict = iota
	Hold
	Allow
)

// String is the verdict in lower case.
func (v Verdict) String() string {
	switch v {
	case Allow:
		return "allow"
	case Hold:
		return "hold"
	default:
		return "deny"
	}
}

// MarshalText is String.
func (v Verdict) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// NothingAllows is the reason where no policy denies a command and none
// allows it.
const NothingAllows = "no policy allows it"

// Decision is what the policies say together. It may be shared with other
// callers: do not change it.
type Decision struct {
	Verdict Verdict `json:"verdict"`
	// Denies are why policies deny it. Where they are empty and the Verdict
	// is Deny, NothingAllows is the reason; Why says so.
	Denies []Reason `json:"denies,omitempty"`
	// Holds are all approvals that it waits for: each must be satisfied.
	// They are there under a deny too, for explanation.
	Holds []HoldRequest `json:"holds,omitempty"`
	Masks []Mask        `json:"masks,omitempty"`
	Limit Limits        `json:"limit"`
	// Policies are those that allow it.
	Policies []string `json:"policies,omitempty"`
	// Shadow is what each shadow policy would have changed.
	Shadow []Shadow `json:"shadow,omitempty"`
	// Cached says that nothing was evaluated.
	Cached bool `json:"cached"`
}

// Reason is why a policy denies, and what to do instead.
type Reason struct {
	Policy string `json:"policy,omitempty"`
	Reason string `json:"reason"`
	Hint   string `json:"hint,omitempty"`
}

// HoldRequest is an approval that a policy asks for, and why.
type HoldRequest struct {
	Policy   string `json:"policy"`
	Approval string `json:"approval"`
	Reason   string `json:"reason"`
}

// Mask is a column or a mask block that a policy hides. Nothing lifts it.
type Mask struct {
	Policy string `json:"policy"`
	Column string `json:"column,omitempty"` // schema.table.column
	Block  string `json:"block,omitempty"`
	Action string `json:"action,omitempty"` // "": the block's own
}

// Limits are the smallest that any policy sets; zero is none.
type Limits struct {
	Rows int64 `json:"rows,omitempty"`
}

// Shadow is one shadow policy's own say, and the verdict if it had counted.
type Shadow struct {
	Policy  string        `json:"policy"`
	Verdict Verdict       `json:"verdict"`
	Allows  bool          `json:"allows"`
	Denies  []Reason      `json:"denies,omitempty"`
	Holds   []HoldRequest `json:"holds,omitempty"`
	Masks   []Mask        `json:"masks,omitempty"`
	Limit   Limits        `json:"limit"`
	Error   string        `json:"error,omitempty"`
}

// said is what one policy says.
type said struct {
	policy string
	allow  bool
	denies []Reason
	holds  []HoldRequest
	masks  []Mask
	limit  Limits
}

// compose is CONTRACT 3: any deny, denied; else no allow, denied; else any
// hold, held; else allowed. A hold never stands for an allow.
func compose(all []said) *Decision {
	d := &Decision{}
	for _, s := range all {
		if s.allow {
			d.Policies = append(d.Policies, s.policy)
		}
		d.Denies = append(d.Denies, s.denies...)
		d.Holds = append(d.Holds, s.holds...)
		d.Masks = append(d.Masks, s.masks...)
		d.Limit = d.Limit.smallest(s.limit)
	}
	d.settle()
	// Shared from now on: what a caller appends goes to a copy.
	d.Denies, d.Holds, d.Masks = slices.Clip(d.Denies), slices.Clip(d.Holds), slices.Clip(d.Masks)
	d.Policies = slices.Clip(d.Policies)
	return d
}

// Why is the reasons of a deny, never empty then.
func (d *Decision) Why() []Reason {
	if d.Verdict == Deny && len(d.Denies) == 0 {
		return []Reason{{Reason: NothingAllows}}
	}
	return d.Denies
}

func (d *Decision) settle() {
	switch {
	case len(d.Denies) > 0:
		d.Verdict = Deny
	case len(d.Policies) == 0:
		d.Verdict = Deny
	case len(d.Holds) > 0:
		d.Verdict = Hold
	default:
		d.Verdict = Allow
	}
}

func (l Limits) smallest(o Limits) Limits {
	if l.Rows == 0 || o.Rows != 0 && o.Rows < l.Rows {
		l.Rows = o.Rows
	}
	return l
}

// session makes a session command of it: allowed where the session is, unless
// a policy denies it. A hold is not asked for what every driver says before
// it works.
func (s *said) session(allowed bool) {
	s.allow = s.allow || allowed
	s.holds = nil
}

// sortSaid puts what came of sets in an order that does not depend on how
// they were made.
func (s *said) sort() {
	slices.SortFunc(s.denies, func(a, b Reason) int { return cmp.Or(cmp.Compare(a.Reason, b.Reason), cmp.Compare(a.Hint, b.Hint)) })
	slices.SortFunc(s.holds, func(a, b HoldRequest) int {
		return cmp.Or(cmp.Compare(a.Approval, b.Approval), cmp.Compare(a.Reason, b.Reason))
	})
	slices.SortFunc(s.masks, func(a, b Mask) int {
		return cmp.Or(cmp.Compare(a.Column, b.Column), cmp.Compare(a.Block, b.Block), cmp.Compare(a.Action, b.Action))
	})
}

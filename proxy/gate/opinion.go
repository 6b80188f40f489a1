package gate

import (
	"slices"
	"sort"
	"strings"

	"sluice.dev/proxy/audit"
	"sluice.dev/proxy/mask"
	"sluice.dev/proxy/policy"
)

// opinion is what the policies say of a command, in the form that the next
// command with the same facts can use: a session mostly repeats itself, and
// where no policy looks at more than the facts, neither their document nor the
// fixed parts of the records need to be made again. It is immutable.
type opinion struct {
	decision policy.Decision
	plan     *mask.Plan
	barred   *Refusal       // it reads a column whose mask is "deny"
	action   audit.Action   // as records have it, but for the text and its values
	said     audit.Decision // likewise
}

// unjudged stands in where nobody could be asked.
var unjudged = &opinion{}

// opinions are those of one session under one generation.
type opinions struct {
	conn *Connection
	base *mask.Plan // of the rules alone
	// texts and values: a policy reads the digest of the text, of the values.
	texts, values bool
	// repeats: opinionKey, the session and the generation are all that a
	// decision hangs on.
	repeats bool
	claims  map[string]string // that the policies read, as records have them
	by      map[opinionKey]*opinion
}

// opinionKey is what an opinion depends on besides session and generation. Facts
// do not change once they are made.
type opinionKey struct {
	facts         *Facts
	labels        string
	risk          int
	parameters    int
	inTransaction bool
}

// maxOpinions bounds what one session keeps; one that says so many different
// things begins anew.
const maxOpinions = 256

// under is the session's opinions under a connection's generation.
func (s *Session) under(conn *Connection) *opinions {
	if s.opinions.conn != conn {
		o := opinions{conn: conn, base: mask.Build(conn.Rules, nil, s.Principal.InEvery)}
		o.texts, o.values = conn.Policy.DependsOn("command", "digest"), conn.Policy.DependsOn("command", "parameter_digests")
		o.repeats = !o.texts && !o.values && !conn.Policy.DependsOn("time") && len(conn.Triggers) == 0
		o.claims = claimsRead(conn.Policy.Reads(), s.Principal.Claims)
		s.opinions = o
	}
	return &s.opinions
}

func (o *opinions) key(c *Command, class *classification) opinionKey {
	k := opinionKey{facts: c.Facts, risk: class.risk, parameters: len(c.Params), inTransaction: c.InTransaction}
	if len(class.labels) > 0 { // names, which have no such sign in them
		k.labels = strings.Join(class.labels, ",")
	}
	return k
}

func (o *opinions) keep(k opinionKey, op *opinion) {
	if len(o.by) >= maxOpinions || o.by == nil {
		o.by = make(map[opinionKey]*opinion)
	}
	o.by[k] = op
}

// newOpinion takes a decision apart, once.
func newOpinion(c *Command, class *classification, d policy.Decision, plan *mask.Plan) *opinion {
	op := &opinion{decision: d, plan: plan, action: actionOf(c.Facts, class), said: decisionOf(&d, plan)}
	if plan != nil {
		op.barred = maskDenies(c, plan)
	}
	return op
}

// actionOf is what a record says of facts.
func actionOf(f *Facts, class *classification) audit.Action {
	a := audit.Action{Operations: f.Operations, Reads: f.Reads, Writes: f.Writes, Functions: f.Functions,
		Fingerprint: f.Fingerprint, Complete: f.Complete, Resolved: f.Resolved, Labels: class.labels, Risk: int64(class.risk)}
	a.Columns, a.Filters, a.Own, a.FactsKept = recordedFacts(f)
	switch {
	case f.Session:
		a.Class = "session"
	case f.ReadOnly:
		a.Class = "read"
	default:
		a.Class = "write"
	}
	for name, on := range f.Flags {
		if on {
			a.Flags = append(a.Flags, name)
		}
	}
	sort.Strings(a.Flags)
	return a
}

// decisionOf is what a record says of a decision and its masks. What is added
// to its lists goes to copies.
func decisionOf(d *policy.Decision, plan *mask.Plan) audit.Decision {
	out := audit.Decision{Policies: d.Policies}
	for _, x := range d.Denies {
		out.Reasons = append(out.Reasons, x.Policy+": "+x.Reason)
	}
	for _, x := range d.Holds {
		out.Reasons = append(out.Reasons, x.Policy+": "+x.Reason)
	}
	out.Shadow = shadowsOf(d.Shadow)
	if plan != nil {
		for col, t := range plan.Columns {
			out.Masks = append(out.Masks, col+"="+t.Action.String())
		}
		sort.Strings(out.Masks)
		for _, det := range plan.Detectors {
			out.Masks = append(out.Masks, "plugin "+det.Plugin+"="+det.Treatment.Action.String())
		}
	}
	out.Reasons = slices.Clip(out.Reasons)
	return out
}

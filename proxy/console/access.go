package console

import (
	"slices"

	"sluice.dev/proxy/identity"
)

// Access says which groups may see and do what, beside the approvers that each hold names itself. It is used by the
// console and by the API; the Backend has the last word on everything that changes something.
type Access struct {
	Auditors  []string // see everything, and replay recordings
	Operators []string // see holds and sessions; kill and reload
}

// Auditor is whether the principal may read recordings: every proven hop must be one, so that an agent does not get the
// right from its human.
func (a Access) Auditor(p *identity.Principal) bool { return p.InEvery(a.Auditors) }

// Operator is whether the principal may kill and reload; likewise.
func (a Access) Operator(p *identity.Principal) bool { return p.InEvery(a.Operators) }

// SeesHold is whether the principal may see a hold: its approvers, auditors, operators, and those who stand in the
// requester's proven chain.
func (a Access) SeesHold(p *identity.Principal, h *Hold) bool {
	if a.Auditor(p) || a.Operator(p) || stands(p, h.Requester) {
		return true
	}
	return slices.ContainsFunc(h.Approvals, func(r Approval) bool { return p.In(r.Approvers) })
}

// SeesWhy is whether the principal may see which rules hold a command and what they turned on: who may decide it,
// auditors and operators. For the others, the agent's own human among them, the reasons must do: the rules would say
// what to change to get around them.
func (a Access) SeesWhy(p *identity.Principal, h *Hold) bool {
	return a.Auditor(p) || a.Operator(p) || slices.ContainsFunc(h.Approvals, func(r Approval) bool {
		return p.In(r.Approvers) && (!stands(p, h.Requester) || selfAllowed(p, h.Requester, r.Self))
	})
}

// SeesSession is whether the principal may see that a session exists.
func (a Access) SeesSession(p *identity.Principal, s *Session) bool {
	return a.Auditor(p) || a.Operator(p) || stands(p, s.Principal)
}

// MayDecide is whether a page offers the principal to approve or deny; why says what is against it.
func (a Access) MayDecide(p *identity.Principal, h *Hold) (ok bool, why string) {
	if h.State != Pending {
		return false, ""
	}
	why = "You are in none of the groups that may decide this."
	for _, r := range h.Approvals {
		if !p.In(r.Approvers) {
			continue
		}
		switch {
		case r.Given() >= r.Required:
			why = "Your group has approved this. It waits for another."
		case stands(p, h.Requester) && !selfAllowed(p, h.Requester, r.Self):
			why = "This command is your own, or done for you: somebody else must decide it."
		case slices.ContainsFunc(r.Votes, func(v Vote) bool { return v.Subject == p.Subject && v.Issuer == p.Issuer }):
			why = "You have approved this. It waits for somebody else."
		default:
			return true, ""
		}
	}
	return false, why
}

// stands is whether the principal is the party or a proven hop of its chain.
func stands(p *identity.Principal, who Party) bool {
	if p.Subject == who.Subject && p.Issuer == who.Issuer {
		return true
	}
	return slices.ContainsFunc(who.Chain, func(h identity.Hop) bool { return h.Proven() && p.Is(h) })
}

// selfAllowed is whether the rule lets the chain's human decide, and the principal is that human.
func selfAllowed(p *identity.Principal, who Party, self string) bool {
	if self != "human" || (p.Subject == who.Subject && p.Issuer == who.Issuer) {
		return false
	}
	return slices.ContainsFunc(who.Chain, func(h identity.Hop) bool {
		return h.Proven() && h.Kind == identity.KindHuman && p.Is(h)
	})
}

// Package identity says who acts. Its Principal is the one word about people and programs that every other room
// shares; how a principal is proven is the business of the rooms below it (identity/oidc and its like).
package identity

import (
	"fmt"
	"slices"
	"time"
)

// How the gateway came to know of a hop.
const (
	// ProofToken: the identity provider signed it.
	ProofToken = "token"
	// ProofAsserted: the client said it (an application name, a header). Good for correlation, never for a right.
	ProofAsserted = "asserted"
)

// Kinds that the gateway itself gives a meaning to. Others are the configuration's own words.
const (
	KindHuman = "human"
	KindAgent = "agent"
)

// Principal is who acts, and the chain it acts for (human → crew → agent → task). The JSON names of the first six
// fields are those of a policy's input document; Document leaves out the others. A Principal is not changed once
// it is made: sessions, holds and records share it.
type Principal struct {
	// Subject is unique within Issuer only: compare both, as Is does.
	Subject string `json:"subject"`
	Issuer  string `json:"issuer"`
	// Groups are those of the token's subject. Where the token names an actor, that is the party acted for, and the
	// actor's own groups are ActorGroups.
	Groups []string `json:"groups"`
	// Kinds say what the subject is: "agent", "human", or a word of the configuration.
	Kinds []string `json:"kinds"`
	// Chain is whom the subject acts for, the origin (usually a human) first, the nearest last; the subject itself is
	// not in it.
	Chain []Hop `json:"chain"`
	// Claims are the token's claims that the configuration lets through, and no others.
	Claims map[string]any `json:"claims"`

	// Display is for people to read. It is not unique and decides nothing.
	Display string `json:"display,omitempty"`
	// ActorGroups are the groups of the subject itself where it acts for somebody; else empty, see Groups.
	ActorGroups []string `json:"actor_groups,omitempty"`
	// TokenID is the token's jti, for revocation and correlation. It is no secret.
	TokenID string `json:"token_id,omitempty"`
	// NotAfter is when the login ends: the token's expiry plus the allowed clock skew. Zero: it has no end.
	NotAfter time.Time `json:"not_after,omitzero"`
	// Connection is the one connection that the login is good for; empty: any. See For.
	Connection string `json:"connection,omitempty"`
}

// For is an error where the login is not good for the connection.
func (p *Principal) For(connection string) error {
	if p.Connection != "" && p.Connection != connection {
		return fmt.Errorf("the session password is for connection %q alone, not for %q", p.Connection, connection)
	}
	return nil
}

// Hop is one party in a chain.
type Hop struct {
	Subject string `json:"subject"`
	Issuer  string `json:"issuer,omitempty"`
	Kind    string `json:"kind,omitempty"`
	// Proof is ProofToken or ProofAsserted; anything else counts as asserted.
	Proof  string   `json:"proof"`
	Groups []string `json:"groups,omitempty"`
}

// Proven is whether somebody who can be trusted vouched for the hop.
func (h Hop) Proven() bool { return h.Proof == ProofToken }

// In is whether the hop is in one of the groups.
func (h Hop) In(groups []string) bool {
	return slices.ContainsFunc(h.Groups, func(g string) bool { return slices.Contains(groups, g) })
}

// Self is the principal's own hop, with the groups that are its own and not those of whom it acts for.
func (p *Principal) Self() Hop {
	h := Hop{Subject: p.Subject, Issuer: p.Issuer, Proof: ProofToken, Groups: p.Groups}
	if len(p.Kinds) > 0 {
		h.Kind = p.Kinds[0]
	}
	if p.Delegated() {
		h.Groups = p.ActorGroups
	}
	return h
}

// Delegated is whether the principal provably acts for somebody else.
func (p *Principal) Delegated() bool {
	return slices.ContainsFunc(p.Chain, Hop.Proven)
}

// Proven returns the principal itself and then every proven hop of its chain, the origin first. Asserted hops are
// not in it.
func (p *Principal) Proven() []Hop {
	hops := make([]Hop, 0, 1+len(p.Chain))
	hops = append(hops, p.Self())
	for _, h := range p.Chain {
		if h.Proven() {
			hops = append(hops, h)
		}
	}
	return hops
}

// In is whether the token's subject is in one of the groups: what a policy sees as principal.groups. A right that is a
// person's own (approver, auditor, operator) asks InEvery, or an agent would have it from whom it acts for.
func (p *Principal) In(groups []string) bool {
	return slices.ContainsFunc(p.Groups, func(g string) bool { return slices.Contains(groups, g) })
}

// InEvery is whether the principal and every proven hop of its chain is in at least one of the groups. A hop whose
// groups are not known is in none, so a right that asks for this is not widened by delegation.
func (p *Principal) InEvery(groups []string) bool {
	if len(groups) == 0 {
		return false
	}
	for _, h := range p.Proven() {
		if !h.In(groups) {
			return false
		}
	}
	return true
}

// Is is whether the hop is this very principal: same subject, same issuer. The hop's proof is not looked at.
func (p *Principal) Is(h Hop) bool {
	return p.Subject == h.Subject && p.Issuer == h.Issuer
}

// Shares is whether somebody provably stands in both chains: the principal, whoever it acts for, and those of the
// other. An approver who shares anybody with the requester would approve for itself.
func (p *Principal) Shares(o *Principal) bool {
	theirs := o.Proven()
	return slices.ContainsFunc(p.Proven(), func(mine Hop) bool {
		return slices.ContainsFunc(theirs, func(h Hop) bool { return h.Subject == mine.Subject && h.Issuer == mine.Issuer })
	})
}

// Human is the proven human at the origin of the chain, or the principal itself if it is one. False: there is none.
func (p *Principal) Human() (Hop, bool) {
	for _, h := range p.Chain {
		if h.Proven() && h.Kind == KindHuman {
			return h, true
		}
	}
	if slices.Contains(p.Kinds, KindHuman) {
		return p.Self(), true
	}
	return Hop{}, false
}

// String names the principal for a message: "agent-7 for analyst-3", asserted hops left out.
func (p *Principal) String() string {
	for _, h := range p.Chain {
		if h.Proven() {
			return p.Subject + " for " + h.Subject
		}
	}
	return p.Subject
}

// Document is the principal as a policy's input document has it: exactly the keys subject, issuer, groups, kinds,
// chain and claims, each present, lists never null. The caller may not change what it shares with the principal.
func (p *Principal) Document() map[string]any {
	chain := make([]any, len(p.Chain))
	for i, h := range p.Chain {
		hop := map[string]any{"subject": h.Subject, "kind": h.Kind, "proof": h.Proof}
		if h.Issuer != "" {
			hop["issuer"] = h.Issuer
		}
		if len(h.Groups) > 0 {
			hop["groups"] = anys(h.Groups)
		}
		chain[i] = hop
	}
	claims := p.Claims
	if claims == nil {
		claims = map[string]any{}
	}
	return map[string]any{
		"subject": p.Subject, "issuer": p.Issuer, "groups": anys(p.Groups), "kinds": anys(p.Kinds),
		"chain": chain, "claims": claims,
	}
}

func anys(in []string) []any {
	out := make([]any, len(in))
	for i, s := range in {
		out[i] = s
	}
	return out
}

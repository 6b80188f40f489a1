package gate

import (
	"fmt"
	"strings"

	"sluice.dev/proxy/identity"
)

// Kind says why a command was refused; a protocol maps it to its own codes.
type Kind uint8

// The kinds of refusal (CONTRACT 5).
const (
	Denied        Kind = iota // by policy, a mask or the parser's own rule
	TicketPending             // held, and not decided yet
	TicketDenied              // an approver said no
	Cancelled                 // the client took its held command back
	Unable                    // plugin, policy or state failed: refused to be safe
	Stopped                   // the audit log cannot be written: the session ends
	OverLimit                 // a limit of the configuration
	Malformed                 // text that does not parse
)

// Refusal is what the client reads when it may not: who, why, and what to do.
type Refusal struct {
	Kind   Kind
	Text   string
	Detail string
	Hint   string
	Ticket string
	// Position is the character of the text at fault, from 1; 0 is none.
	Position int
}

func (r *Refusal) Error() string { return "sluice: " + r.Text }

// Line is the whole refusal in one line, for protocols that have only one.
func (r *Refusal) Line() string {
	s := "sluice: " + r.Text
	for _, part := range []string{r.Detail, r.Hint} {
		if part != "" {
			s += " " + part
		}
	}
	return s
}

const (
	hintDenied = "Do not retry or rephrase."
	hintHuman  = "Tell your human."
	hintUnable = "Refused to be safe. Do not retry; tell the operator."
)

// denial is the refusal of a policy's deny, or of nothing allowing.
func denial(policy, reason, hint string) *Refusal {
	text := "denied: " + reason
	if policy != "" {
		text = fmt.Sprintf("denied by policy %s: %s", policy, reason)
	}
	if hint == "" {
		hint = hintHuman
	}
	return &Refusal{Kind: Denied, Text: text, Hint: hintDenied + " " + hint}
}

// Deny is a refusal by the gateway's own rules, with what to do instead.
func Deny(reason, hint string) *Refusal { return denial("", reason, hint) }

// CannotDecide is the refusal when a part of the gateway failed.
func CannotDecide(err error) *Refusal {
	return &Refusal{Kind: Unable, Text: "cannot decide: " + trimPackage(err.Error()), Hint: hintUnable}
}

// LimitReached is the refusal at a limit of the configuration.
func LimitReached(what string) *Refusal {
	return &Refusal{Kind: OverLimit, Text: what, Hint: "Ask for less at once, or tell the operator which limit is too small."}
}

// LogStopped is the refusal when nothing can be recorded any more.
func LogStopped() *Refusal {
	return &Refusal{Kind: Stopped, Text: "the audit log has stopped: nothing is forwarded", Hint: hintUnable}
}

// trimPackage drops a leading "package: " from one of our own errors: the
// reader is not interested in which room it comes from.
func trimPackage(s string) string {
	for _, p := range []string{"plugin: ", "policy: ", "approval: ", "state: ", "gate: "} {
		s = strings.TrimPrefix(s, p)
	}
	return s
}

// describe is the DETAIL of a refusal: what, as whom, for whom, which record.
func describe(c *Command, p *identity.Principal) string {
	what := "the command"
	if c.Facts != nil && c.Facts.Description != "" {
		what = c.Facts.Description
	}
	s := fmt.Sprintf("%s as %s", what, p.Subject)
	for _, hop := range p.Chain {
		if hop.Kind == "human" || len(p.Chain) == 1 {
			s += " for " + hop.Subject
			break
		}
	}
	return fmt.Sprintf("%s. [cmd %s]", s, c.ID)
}

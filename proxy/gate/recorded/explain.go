package recorded

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"sluice.dev/proxy/audit"
	"sluice.dev/proxy/gate"
	"sluice.dev/proxy/policy"
)

// Account is why a recorded command was decided as it was: what the record
// says, and the rules that say so when they are asked again.
type Account struct {
	Command    string    `json:"command"`
	Time       time.Time `json:"time"`
	Session    string    `json:"session"`
	Who        string    `json:"who"`
	Connection string    `json:"connection"`
	Text       string    `json:"text,omitempty"` // redacted
	Verdict    string    `json:"verdict"`
	Ticket     string    `json:"ticket,omitempty"`
	// Reasons are the record's own, each once.
	Reasons []string `json:"reasons"`
	Hint    string   `json:"hint,omitempty"`
	Masks   []string `json:"masks,omitempty"`
	// Rules are those that give what the record says.
	Rules []policy.Because `json:"rules"`
	// NotAllowed are the allows that did not hold, where that is the reason.
	NotAllowed []policy.Because `json:"not_allowed,omitempty"`
	// Shadow are the rules of policies in shadow mode that would have denied or
	// held it.
	Shadow []policy.Because `json:"shadow,omitempty"`
	// Unexplained are reasons that no rule gives from what is recorded, and
	// Unsure the rules that may have: they read what the record does not hold.
	Unexplained []string         `json:"unexplained,omitempty"`
	Unsure      []policy.Because `json:"unsure,omitempty"`
	// Gateway are reasons that are no policy's: masks, plugins, limits, the
	// parser.
	Gateway []string `json:"gateway,omitempty"`
	// Changed: the configuration is another than the one that decided, and the
	// rules are those of now.
	Changed    bool   `json:"changed"`
	Generation string `json:"generation"` // that decided
}

// refused begins a reason that repeats what the client read.
const refused = "denied by policy "

// Decided is whether a record holds a decision about a command.
func Decided(e *audit.Entry) bool { return e.Command != "" && e.Decision.Verdict != "" }

// Verdict is what the policies decided: a command with a ticket was held,
// whether it was then refused until somebody decides, or let through.
func Verdict(e *audit.Entry) string {
	if e.Decision.Ticket != "" {
		return audit.Hold
	}
	return e.Decision.Verdict
}

// Explain asks the policies of a connection, as they are now, about a recorded
// command.
func Explain(ctx context.Context, e *audit.Entry, conn *gate.Connection) (*Account, error) {
	if !Decided(e) {
		return nil, fmt.Errorf("recorded: a record of %s holds no decision: give one of a command", e.Event)
	}
	out := &Account{Command: e.Command, Time: e.Time, Session: e.Session, Who: Who(e), Connection: e.Connection.Name, Text: e.Action.Text,
		Verdict: Verdict(e), Ticket: e.Decision.Ticket, Hint: e.Decision.Hint, Masks: e.Decision.Masks,
		Reasons: []string{}, Rules: []policy.Because{}, Generation: e.Config.Generation, Changed: conn.Generation.ID() != e.Config.Generation}
	in, unknown := Input(e, conn)
	x, err := conn.Policy.Explain(ctx, in, unknown...)
	if err != nil {
		return nil, err
	}
	explained := func(policyName, reason string) bool {
		found := false
		for _, b := range x.Rules {
			if !b.Shadow && b.Policy == policyName && b.Reason == reason && reason != "" {
				out.Rules, found = append(out.Rules, b), true
			}
		}
		return found
	}
	for _, said := range e.Decision.Reasons {
		name, reason, isPolicy := strings.Cut(said, ": ")
		switch {
		case isPolicy && slices.Contains(conn.Policy.Names(), name):
			out.Reasons = append(out.Reasons, said)
			if !explained(name, reason) {
				out.Unexplained = append(out.Unexplained, said)
			}
		case strings.HasPrefix(said, refused): // what the client read, said before
		case said == "denied: "+policy.NothingAllows:
			out.Reasons, out.NotAllowed = append(out.Reasons, policy.NothingAllows), x.NotAllowed
			if len(x.NotAllowed) == 0 {
				out.Unexplained = append(out.Unexplained, policy.NothingAllows)
			}
		default:
			out.Reasons, out.Gateway = append(out.Reasons, said), append(out.Gateway, said)
		}
	}
	for _, b := range x.Rules {
		switch {
		case b.Shadow:
			if slices.Contains(e.Decision.Shadow, b.Policy+" deny: "+b.Reason) || slices.Contains(e.Decision.Shadow, b.Policy+" hold "+b.Approval+": "+b.Reason) {
				out.Shadow = append(out.Shadow, b)
			}
		case b.Rule == "allow" && e.Decision.Verdict != audit.Deny && slices.Contains(e.Decision.Policies, b.Policy):
			out.Rules = append(out.Rules, b)
		case b.Mask != nil && e.Decision.Verdict != audit.Deny && masked(e.Decision.Masks, b.Mask, conn):
			out.Rules = append(out.Rules, b)
		case b.Rule == "limit" && e.Decision.Verdict != audit.Deny:
			out.Rules = append(out.Rules, b)
		}
	}
	out.Unsure = unsure(x.Unsure, out.Unexplained)
	return out, nil
}

// masked is whether a record's masks, "column=action", have what a rule asks.
func masked(masks []string, m *policy.Mask, conn *gate.Connection) bool {
	columns := []string{m.Column}
	for _, r := range conn.Rules {
		if m.Block != "" && r.Name == m.Block {
			columns = append(columns, r.Columns...)
		}
	}
	return slices.ContainsFunc(masks, func(s string) bool {
		column, _, _ := strings.Cut(s, "=")
		return slices.Contains(columns, column)
	})
}

// unsure are the rules that may have given one of the unexplained reasons.
func unsure(rules []policy.Because, unexplained []string) (out []policy.Because) {
	for _, b := range rules {
		for _, said := range unexplained {
			name, _, _ := strings.Cut(said, ": ")
			allow := said == policy.NothingAllows
			if allow == (b.Rule == "allow") && (allow || name == b.Policy) && b.Rule != "mask" && b.Rule != "limit" && !b.Shadow {
				out = append(out, b)
				break
			}
		}
	}
	return out
}

package approval

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"sluice.dev/proxy/identity"
)

// Hold is one entry of the ledger, as a value: it does not change in the hands
// of its reader. Texts in it are redacted before they come here.
type Hold struct {
	Ticket string `json:"ticket"`
	State  State  `json:"state"`
	// Digest names the action, keyed by the ledger: it can be compared, not
	// guessed at.
	Digest string `json:"digest"`

	// Principal asks. Its claims are not kept.
	Principal  identity.Principal `json:"principal"`
	Session    string             `json:"session"`
	Connection string             `json:"connection"`
	Protocol   string             `json:"protocol"`
	Database   string             `json:"database,omitempty"`
	// Command and Parameters are what an approver judges. Cut says that they were
	// too long to keep whole: the approver does not see all of it.
	Command       string   `json:"command"`
	Parameters    []string `json:"parameters,omitempty"`
	Cut           bool     `json:"cut,omitempty"`
	Description   string   `json:"description,omitempty"`
	Fingerprint   string   `json:"fingerprint,omitempty"`
	Reasons       []Reason `json:"reasons"`
	Rules         []Rule   `json:"rules"`
	Mode          string   `json:"mode"`
	InTransaction bool     `json:"in_transaction,omitempty"`
	// Generation of the configuration that asked for the hold.
	Generation string `json:"generation,omitempty"`

	Created time.Time `json:"created"`
	Expires time.Time `json:"expires"`
	// Votes are the approvals so far, oldest first.
	Votes []Vote `json:"votes,omitempty"`
	// Denial is set when the state is denied.
	Denial *Vote `json:"denial,omitempty"`
	// Decided is when the hold was approved, denied, expired or withdrawn.
	Decided time.Time `json:"decided,omitzero"`
	Claimed time.Time `json:"claimed,omitzero"`
	// ClaimedBy is the session that runs or ran it.
	ClaimedBy string    `json:"claimed_by,omitempty"`
	Finished  time.Time `json:"finished,omitzero"`
	// Outcome is how the run ended: committed, rolled back, error, done, unknown.
	Outcome string `json:"outcome,omitempty"`
	// Note says why a hold ended without a person's decision.
	Note string `json:"note,omitempty"`
	// Told is whether a client has learned of the denial in its connection. One
	// that was not is told when it comes back.
	Told bool `json:"told,omitempty"`
	// Previous is the last ticket of an equal action that came to nothing.
	Previous string `json:"previous,omitempty"`

	// Waiters is how many clients wait in their connections now. It is not kept.
	Waiters int `json:"waiters"`
}

// Vote is one person's word.
type Vote struct {
	Subject string `json:"subject"`
	Issuer  string `json:"issuer"`
	// Name is what others read, like dba-2@corp.
	Name    string `json:"name"`
	Display string `json:"display,omitempty"`
	// Groups of the person that gave the right, and Rules that it counts for.
	Groups  []string  `json:"groups"`
	Rules   []string  `json:"rules"`
	Reason  string    `json:"reason,omitempty"`
	At      time.Time `json:"at"`
	TokenID string    `json:"token_id,omitempty"`
}

// version of the stored form; another one is refused rather than guessed at.
const version = 1

type stored struct {
	Version int `json:"v"`
	Hold
}

func encode(h *Hold) ([]byte, error) {
	c := *h
	c.Waiters = 0
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // < and > are common in commands, and would take six bytes each
	if err := enc.Encode(stored{version, c}); err != nil {
		return nil, fmt.Errorf("approval: encode ticket %s: %w", h.Ticket, err)
	}
	return b.Bytes(), nil
}

func decode(ticket string, data []byte) (*Hold, error) {
	var s stored
	if err := json.Unmarshal(data, &s); err != nil {
		return nil, fmt.Errorf("approval: ticket %s in the state store is damaged: %w", ticket, err)
	}
	if s.Version != version {
		return nil, fmt.Errorf("approval: ticket %s in the state store has form %d, this gateway reads %d; use the version that wrote it", ticket, s.Version, version)
	}
	if s.Ticket != ticket {
		return nil, fmt.Errorf("approval: ticket %s in the state store says that it is %q: the store is damaged", ticket, s.Ticket)
	}
	if _, known := next[s.State]; !known && !s.State.ended() {
		return nil, fmt.Errorf("approval: ticket %s in the state store has the unknown state %q", ticket, s.State)
	}
	if err := s.sound(); err != nil {
		return nil, fmt.Errorf("approval: ticket %s in the state store is damaged: %w", ticket, err)
	}
	return &s.Hold, nil
}

// sound is what the rest of the package relies on.
func (h *Hold) sound() error {
	if h.State == Denied && h.Denial == nil {
		return errors.New("it is denied by nobody")
	}
	if !h.State.Live() {
		return nil
	}
	switch {
	case h.Digest == "" || h.Principal.Subject == "" || h.Expires.IsZero() || len(h.Rules) == 0:
		return errors.New("digest, principal, expiry or rules are missing")
	case h.State != Pending && len(h.Missing()) > 0:
		return fmt.Errorf("it is %s without the approvals that it needs", h.State)
	}
	for _, r := range h.Rules {
		if err := r.check(); err != nil {
			return err
		}
		if r.Required < 1 {
			return errors.New("a rule requires nobody")
		}
	}
	return nil
}

func (s State) ended() bool {
	return s == Denied || s == Expired || s == Withdrawn || s == Done || s == Unknown
}

// Missing lists the rules that are not satisfied yet, each with the number of
// approvers that it still needs.
func (h *Hold) Missing() []Missing {
	var out []Missing
	for _, r := range h.Rules {
		if n := r.Required - h.votesFor(r.Name); n > 0 {
			out = append(out, Missing{Rule: r.Name, Approvers: r.Approvers, Needed: n})
		}
	}
	return out
}

// Missing is an approval that a hold still waits for.
type Missing struct {
	Rule      string   `json:"rule"`
	Approvers []string `json:"approvers"`
	Needed    int      `json:"needed"`
}

// votesFor counts the votes for a rule; Approve takes one per person only.
func (h *Hold) votesFor(rule string) int {
	n := 0
	for _, v := range h.Votes {
		for _, r := range v.Rules {
			if r == rule {
				n++
			}
		}
	}
	return n
}

// Package approval is the ledger of held commands: who wants to do what, who
// may approve it, what they said, and that an approved action runs at most once.
//
// Each hold is one durable entry for one action (see Action). While it is
// pending, equal actions share its ticket; when it is approved, one waiter
// claims it and runs it. The states and their order:
//
//	pending → approved, denied, expired or withdrawn
//	approved → claimed or expired
//	claimed → done or unknown
//
// The ledger decides who may approve and when a hold ends. It does not know what
// the command means, and it never runs one: Claim is durable before it returns
// true, so a crash after it leaves the outcome unknown and never runs it twice.
package approval

import (
	"errors"
	"time"
)

// State of a hold.
type State string

// The states. The first three are live; a claimed hold is being run.
const (
	Pending   State = "pending"
	Approved  State = "approved"
	Claimed   State = "claimed"
	Denied    State = "denied"
	Expired   State = "expired"
	Withdrawn State = "withdrawn"
	Done      State = "done"
	Unknown   State = "unknown"
)

// Live is whether the hold may still change.
func (s State) Live() bool { return s == Pending || s == Approved || s == Claimed }

// next lists the transitions there are; Terminal states have none.
var next = map[State][]State{
	Pending:  {Approved, Denied, Expired, Withdrawn},
	Approved: {Claimed, Expired},
	Claimed:  {Done, Unknown},
}

// Modes of a rule: where the client waits for the decision.
const (
	// ModeWait: in its connection only. Without a waiter the hold is withdrawn.
	ModeWait = "wait"
	// ModeTicket: nowhere. The client gets an error with the ticket, and after the
	// approval the same action passes once.
	ModeTicket = "ticket"
	// ModeWaitThenTicket: in its connection for the wait, and as ModeTicket after.
	ModeWaitThenTicket = "wait-then-ticket"
)

// Who of the requester's own chain may approve.
const (
	// SelfDeny: nobody.
	SelfDeny = "deny"
	// SelfHuman: the human that the chain acts for, with a token of their own.
	SelfHuman = "human"
)

// Defaults of a Rule's times.
const (
	DefaultExpires = 15 * time.Minute
	DefaultTxWait  = 10 * time.Second
)

// DefaultWait is how long the clients of a protocol bear to wait (CONTRACT 2).
func DefaultWait(protocol string) time.Duration {
	switch protocol {
	case "redis":
		return 3 * time.Second
	case "mcp":
		return 20 * time.Second
	case "postgres", "mysql", "ssh":
		return 60 * time.Second
	}
	return 25 * time.Second
}

// Rule is one approval that a hold needs.
type Rule struct {
	Name string `json:"name"`
	// Approvers are groups: a member of any of them may approve and deny.
	Approvers []string `json:"approvers"`
	// Required is the number of distinct approvers; 0 is 1.
	Required int `json:"required"`
	// Self is SelfDeny (also "") or SelfHuman.
	Self string `json:"self"`
	// Mode is one of the three modes; "" is ModeWaitThenTicket.
	Mode string `json:"mode"`
	// Wait bounds the wait in the connection; 0 is DefaultWait of the protocol.
	Wait time.Duration `json:"wait"`
	// Expires is the life of the ticket; 0 is DefaultExpires.
	Expires time.Duration `json:"expires"`
	// TxWait bounds the wait inside an open transaction, which keeps locks; 0 is
	// DefaultTxWait.
	TxWait time.Duration `json:"tx_wait"`
}

// Reason is why a command is held: which policy said so, and which approval it
// named.
type Reason struct {
	Policy   string `json:"policy"`
	Approval string `json:"approval"`
	Reason   string `json:"reason"`
}

// The errors of this package; each comes wrapped in a sentence.
var (
	// ErrNotFound: no such ticket.
	ErrNotFound = errors.New("no such ticket")
	// ErrDecided: the ticket is no longer pending.
	ErrDecided = errors.New("ticket is already decided")
	// ErrNotApprover: the person is in none of the groups that may decide.
	ErrNotApprover = errors.New("not an approver of this ticket")
	// ErrSelf: the person stands in the requester's own chain.
	ErrSelf = errors.New("requester may not approve their own action")
	// ErrAgain: the same person approved it before.
	ErrAgain = errors.New("already approved by you")
	// ErrReason: a denial needs a reason.
	ErrReason = errors.New("a reason is needed")
	// ErrLimit: too many holds are pending.
	ErrLimit = errors.New("too many holds")
	// ErrInvalid: the request is not usable.
	ErrInvalid = errors.New("invalid hold request")
	// ErrClosed: the ledger is closed.
	ErrClosed = errors.New("approval ledger is closed")
)

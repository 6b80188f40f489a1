package gate

import (
	"time"

	"sluice.dev/proxy/approval"
	"sluice.dev/proxy/audit"
	"sluice.dev/proxy/mask"
)

// Seq names a record of the audit log; 0 is none.
type Seq = audit.Seq

// Verdict is what becomes of a command. Exactly one of Refusal and Pending is
// set when it may not go on now; with neither it may leave for the resource.
type Verdict struct {
	Refusal *Refusal
	Pending *Hold
	// Intent is the record that comes first. Nothing of the answer may reach
	// the client before it is durable; with Durable set, nothing of the
	// command may reach the resource before either.
	Intent  Seq
	Durable bool
	Masks   *mask.Plan
	Limits  CommandLimits

	conn   *Connection // retained until Finish
	ticket *approval.Waiter
	began  time.Time
	hold   time.Duration // spent waiting for an approval
}

// CommandLimits are what policies allow of one command's answer; 0 is no
// limit.
type CommandLimits struct {
	Rows int64
}

// Hold is a command that waits for an approval.
type Hold struct {
	Ticket string
	// Notice tells the client at once that it is held, why, and where to look.
	Notice string

	waiter *approval.Waiter
	since  time.Time
}

// Done is closed when the hold is decided, has ended, or its wait is over.
func (h *Hold) Done() <-chan struct{} { return h.waiter.Done() }

// done releases what the verdict keeps of its generation. It may be called
// more than once.
func (v *Verdict) done() {
	if v.conn != nil {
		v.conn.Generation.Release()
		v.conn = nil
	}
}

package crashtest

import "sync"

// step is a moment in the life of a write.
type step string

// The steps. Which of them a kind of write has, kinds says.
const (
	pending        step = "pending"         // its client has read the notice or the ticket, nobody has decided
	approved       step = "approved"        // the approver has read that it is; the client has not come back
	copying        step = "copying"         // half of the data is sent
	leaving        step = "leaving"         // the gateway has sent it, the database has not got it
	answered       step = "answered"        // the database has said how it ended, the gateway does not know
	complete       step = "complete"        // the gateway knows, but not that the database is ready
	open           step = "open"            // its client has read that it is done, in an open transaction
	commitLeaving  step = "commit leaving"  // as leaving, of COMMIT
	commitAnswered step = "commit answered" // as answered, of COMMIT
	commitComplete step = "commit complete" // as complete, of COMMIT
	told           step = "told"            // its client has read that it is done
)

// writeKind is a way to write one row.
type writeKind struct {
	name    string
	guarded bool // held for an approval
	block   bool // in a transaction block
	steps   []step
}

// kinds are the writes and their steps, in order.
var kinds = []writeKind{
	{"plain", false, false, []step{leaving, answered, complete, told}},
	{"prepared", false, false, []step{leaving, answered, complete, told}},
	{"copy", false, false, []step{copying, leaving, answered, complete, told}},
	{"block", false, true, []step{open, commitLeaving, commitAnswered, commitComplete, told}},
	{"held", true, false, []step{pending, leaving, answered, complete, told}},
	{"held prepared", true, false, []step{pending, leaving, answered, complete, told}},
	{"held block", true, true, []step{pending, leaving, open, commitLeaving, commitAnswered, commitComplete, told}},
	{"ticket", true, false, []step{pending, approved, leaving, answered, complete, told}},
	{"pipeline", true, false, []step{pending, leaving, answered, complete, told}},
}

// op is one write, and what its client and its approver know of it.
type op struct {
	kind    string
	guarded bool
	block   bool
	mark    string // unique, in its statement
	stop    step   // where it stands still; "" for nowhere
	world   *life

	stopOnce sync.Once
	stopped  chan struct{} // closed when it stands still
	ended    chan struct{} // closed when its client has ended

	mu sync.Mutex
	// last is the last step that was reached.
	last step
	// ticket it was given; asked and approved: an approver was about to say so,
	// and was told that it is.
	ticket          string
	asked, approved bool
	// done: the client has read CommandComplete of what makes the effect last;
	// ready: and ReadyForQuery after it.
	done, ready bool
	failed      string // an error that the client read
}

// reach says that a step is reached. It returns when the write may go on, and
// false when the gateway is dead by then.
func (o *op) reach(s step) bool {
	o.mu.Lock()
	o.last = s
	o.mu.Unlock()
	if s == o.stop {
		o.stopOnce.Do(func() { close(o.stopped) })
		<-o.world.release
	}
	return !o.world.isDead()
}

func (o *op) set(f func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	f()
}

package postgres

import (
	"slices"

	"sluice.dev/proxy/gate"
	"sluice.dev/proxy/protocol/postgres/wire"
)

// machine is one session between a client that has logged in and the database.
// It is pure: no sockets, no clock. Its driver feeds it bytes and events, one
// at a time, and takes what it has to say from toClient and toServer.
type machine struct {
	gs   *gate.Session
	opts *Options
	lens *lens // turns text into facts and verdicts, for this session

	// What has come in and is not yet a whole message.
	fromClient, fromServer []byte
	// What is to go out, and the record that must be durable before it does.
	toClient, toServer       []byte
	clientAfter, serverAfter gate.Seq

	// queue is what the client is still owed, in order.
	queue []*entry
	// tx is the status of the last ReadyForQuery; next is what it will be
	// once everything forwarded has run: 'I' or 'T'.
	tx, next byte

	statements map[string]*statement
	portals    map[string]*portal
	// prepared and cursors are SQL's own PREPARE and DECLARE, by name.
	prepared, cursors map[string]*analysis

	// strange: code that the gateway cannot read has run in this session.
	strange bool

	// held is the command that waits for an approval; the client's later bytes
	// wait behind it.
	held *held
	// absorb drops the client's messages until Sync, after a refusal.
	absorb bool
	// discard drops the server's messages until ReadyForQuery, after an answer
	// was cut off.
	discard bool
	// cancelling: a request to cancel is under way, and the client learns that
	// the database is ready when it has arrived.
	cancelling bool
	// dirty says that an Execute was forwarded since the last Sync, unsynced
	// that anything was.
	dirty, unsynced bool
	// expiring: the log-in is over, and the session ends at the next boundary.
	expiring bool
	// undone: something failed since the last ReadyForQuery; rolled: a ROLLBACK,
	// perhaps to a savepoint, has run.
	undone, rolled bool
	// copying is the command that takes COPY data from the client.
	copying *running

	passServer, dropServer int // bytes left of a server's message that is streamed or dropped
	passClient, dropClient int // likewise for CopyData from the client

	// pipeline counts the Syncs; renaming is how many commands are under way
	// that change names in SQL; stalled: the client's next message waits for
	// answers that are due.
	pipeline, renaming int
	stalled            bool

	// printing: the server prints its analysis of each statement. asking is the
	// question for one that is under way, asked how many rounds of questions
	// the client's message has caused; open: a question has begun a transaction
	// that nothing of the client's has ended; dropMessage: the client's next
	// message has been answered; reheld: a released command was analysed again.
	printing            bool
	asking              *asking
	asked               int
	open                bool
	dropMessage, reheld bool
	kept                kept
	looking             byte // the kind of the message that is looked at

	// waiting is a ReadyForQuery kept back until a question of the gateway's
	// own (the search_path after it may have changed) is answered.
	waiting *pendingReady
	probe   *probe

	// want tells the driver what to do besides moving bytes.
	want wants
	// ended: the last word to the client was said; nothing is read after it.
	// left: the client has said that it ends the session.
	ended, left bool
	// keeps: the connection to the server may outlive the session.
	keeps bool
	// deferred is the end of a simple Query that changed something: it waits for
	// ReadyForQuery, so that the client reads it behind the outcome's record.
	deferred []byte
}

// wants is what the machine asks of its driver.
type wants struct {
	Watch  *held // wait for the hold, then call Resolve
	Reload bool  // load the catalog again, then call Reloaded
	Inside bool  // of Reload: on the session's own connection, inside its transaction
	Cancel bool  // ask the database to cancel what it runs
}

// entry is one answer that the client is owed.
type entry struct {
	kind   byte // the message it answers: P B D C E S Q F; 'L' is an answer of our own
	quiet  bool // the client did not send it: nothing of its answer is passed on
	poison bool // the answer is an error, which ends the implicit transaction
	local  []byte
	ready  bool // 'L': ReadyForQuery follows
	after  gate.Seq
	run    *running
	st     *statement
	po     *portal
	target byte // of D: 'S' or 'P'
	old    *statement
	inCopy bool      // of S: sent before a CopyDone that is ahead of the server
	ask    *question // the gateway's own
	reuses bool      // of Q: it runs as what was prepared before
	anew   anew      // of P
	// pipeline is the one that a Sync or Query ends.
	pipeline int
}

// statement is a prepared statement of the protocol.
type statement struct {
	name        string
	text        string
	types       []uint32
	a           *analysis
	columns     []wire.Column // what Describe said; nil before
	describedBy treeSum       // the analysis of then
	described   []uint32      // the types of its parameters, likewise
	known       bool          // the server has answered ParseComplete
	moved       bool          // the server has analysed it as another
	anew        anew          // of then
	// pipeline is the one that Parse belongs to.
	pipeline int
}

// portal is a bound statement.
type portal struct {
	name    string
	st      *statement
	bind    *wire.Bind
	params  []gate.Param
	columns []wire.Column // what Describe of the portal said
	asked   bool          // a Describe of the portal has been sent
	known   bool          // the server has answered BindComplete
	anew    anew
	// pipeline is the one that Bind belongs to.
	pipeline int
}

// running is a command that was let through and has not ended.
type running struct {
	verdict gate.Verdict
	cmd     *gate.Command
	a       *analysis
	po      *portal
	columns []wire.Column
	formats []int
	masker  *rowMasker
	copyOut *copyMasker
	looked  bool // masker was worked out for this result
	anew    anew
	// unmaskable says that rows would have to be changed and cannot be.
	unmaskable bool
	rows       int64 // since the command began
	in, out    int64 // bytes
	masked     int64
	code       string // SQLSTATE, once it failed
	tag        string
	sample     int    // rows recorded
	back       []byte // rows that are kept back
	part       int    // of a Query with several statements: which one answers
	done       bool
	renames    bool // it changes names and has not ended
	// Of COPY FROM STDIN: how often the server has asked for data, and the
	// client ended it.
	copiesBegun, copiesEnded int
}

func newMachine(gs *gate.Session, opts *Options, l *lens) *machine {
	return &machine{
		gs: gs, opts: opts, lens: l, tx: 'I', next: 'I',
		statements: make(map[string]*statement), portals: make(map[string]*portal),
		prepared: make(map[string]*analysis), cursors: make(map[string]*analysis),
		printing: l.printing,
	}
}

// idle reports whether the client is owed nothing and sends nothing: the only
// moment at which the gateway may end the session of its own accord without
// cutting a command in two.
func (m *machine) idle() bool {
	return len(m.queue) == 0 && m.held == nil && m.waiting == nil && m.asking == nil && len(m.fromClient) == 0
}

// runs says whether a command is on its way, or running at the database.
func (m *machine) runs() bool {
	return slices.ContainsFunc(m.queue, func(e *entry) bool { return e.run != nil && !e.run.done })
}

// inTransaction says whether the client has a transaction block open, counting
// what is on its way.
func (m *machine) inTransaction() bool { return m.next != 'I' }

func (m *machine) push(e *entry) { m.queue = append(m.queue, e) }

// pop removes the head of the queue and says what may now be said.
func (m *machine) pop() {
	m.queue[0] = nil
	m.queue = m.queue[1:]
	if len(m.queue) == 0 {
		m.queue = nil
	}
	m.settle()
}

// settle emits the answers of our own that have reached the head of the queue.
func (m *machine) settle() {
	for len(m.queue) > 0 && m.queue[0].kind == 'L' {
		e := m.queue[0]
		m.toClient = append(m.toClient, e.local...)
		m.clientAfter = max(m.clientAfter, e.after)
		m.queue = m.queue[1:]
		if e.ready {
			if len(m.queue) == 0 { // else what has gone out since says what it will be
				m.next = txStart(m.tx)
			}
			m.toClient = wire.ReadyForQuery(m.toClient, m.tx)
		}
	}
}

func txStart(status byte) byte {
	if status == 'I' {
		return 'I'
	}
	return 'T'
}

// forward sends a message to the server as it came.
func (m *machine) forward(msg []byte) { m.toServer = append(m.toServer, msg...) }

// fatal says a last word to the client and ends the session.
func (m *machine) fatal(code, text string) {
	if m.ended {
		return
	}
	m.ended = true
	if m.passServer > 0 {
		return // in the middle of a row, where no message can be told apart
	}
	m.toClient = appendError(m.toClient, "FATAL", code, text, "", "", 0)
}

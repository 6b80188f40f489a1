package crashtest

import (
	"errors"
	"fmt"
	"net"
	"regexp"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"sluice.dev/proxy/server/api"
)

// client speaks the protocol message by message, so that it knows exactly what
// it has been told.
type client struct {
	conn net.Conn
	fe   *pgproto3.Frontend
	o    *op
	w    *world
}

var ticketForm = regexp.MustCompile(`[Tt]icket ([0-9A-Z]{4}-[0-9A-Z]+)`)

// dial logs in, for the approval that application names.
func (w *world) dial(o *op, application string) (*client, error) {
	conn, err := net.Dial("tcp", w.Address)
	if err != nil {
		return nil, err
	}
	conn.SetDeadline(time.Now().Add(2 * time.Minute))
	c := &client{conn: conn, fe: pgproto3.NewFrontend(conn, conn), o: o, w: w}
	c.fe.Send(&pgproto3.StartupMessage{ProtocolVersion: pgproto3.ProtocolVersionNumber,
		Parameters: map[string]string{"user": "agent-7", "database": "orders", "application_name": application}})
	if err := c.fe.Flush(); err != nil {
		conn.Close()
		return nil, err
	}
	for {
		m, err := c.fe.Receive()
		if err != nil {
			conn.Close()
			return nil, err
		}
		switch m := m.(type) {
		case *pgproto3.AuthenticationCleartextPassword:
			c.fe.Send(&pgproto3.PasswordMessage{Password: w.token})
			if err := c.fe.Flush(); err != nil {
				conn.Close()
				return nil, err
			}
		case *pgproto3.ErrorResponse:
			conn.Close()
			return nil, fmt.Errorf("log-in: %s %s", m.Code, m.Message)
		case *pgproto3.ReadyForQuery:
			return c, nil
		}
	}
}

// answer is what came up to ReadyForQuery.
type answer struct {
	tags   []string
	code   string // SQLSTATE of the first error
	text   string
	ticket string // named by a notice or an error
	status byte
	notice bool
}

// ask sends messages and reads to ReadyForQuery. A hold is told to onHold;
// lasting says whether the n-th CommandComplete makes the effect last.
func (c *client) ask(lasting func(n int) bool, onHold func(ticket string) error, messages ...pgproto3.FrontendMessage) (a answer, err error) {
	for _, m := range messages {
		c.fe.Send(m)
	}
	if err := c.fe.Flush(); err != nil {
		return a, err
	}
	for {
		m, err := c.fe.Receive()
		if err != nil {
			return a, err
		}
		switch m := m.(type) {
		case *pgproto3.NoticeResponse:
			t := ticketForm.FindStringSubmatch(m.Message)
			if t == nil {
				return a, fmt.Errorf("notice %s", m.Message)
			}
			a.ticket, a.notice = t[1], true
			if onHold == nil {
				return a, nil
			}
			if err := onHold(t[1]); err != nil {
				return a, err
			}
		case *pgproto3.ErrorResponse:
			a.code, a.text = m.Code, m.Message
			if t := ticketForm.FindStringSubmatch(m.Message); t != nil {
				a.ticket = t[1]
			}
			if m.Severity == "FATAL" {
				return a, fmt.Errorf("FATAL %s %s", m.Code, m.Message)
			}
		case *pgproto3.CommandComplete:
			a.tags = append(a.tags, string(m.CommandTag))
			if c.o != nil && a.code == "" && lasting != nil && lasting(len(a.tags)) {
				c.o.set(func() { c.o.done = true })
			}
		case *pgproto3.CopyInResponse:
			return a, nil
		case *pgproto3.ReadyForQuery:
			a.status = m.TxStatus
			return a, nil
		}
	}
}

func (a answer) refused() error {
	if a.code != "" {
		return fmt.Errorf("%s %s", a.code, a.text)
	}
	return nil
}

func first(n int) bool { return n == 1 }
func never(int) bool   { return false }

func query(sql string) pgproto3.FrontendMessage { return &pgproto3.Query{String: sql} }

// bound is a statement with one value, as far as its Execute.
func bound(sql, value string) []pgproto3.FrontendMessage {
	return []pgproto3.FrontendMessage{&pgproto3.Parse{Query: sql}, &pgproto3.Bind{Parameters: [][]byte{[]byte(value)}}, &pgproto3.Execute{}}
}

// statement of a write that is one simple Query.
func (o *op) statement() string {
	table := "effects"
	if o.guarded {
		table = "guarded"
	}
	return "INSERT INTO " + table + " (what) VALUES ('" + o.mark + "')"
}

// approve says yes, after the step "pending".
func (c *client) approve(ticket string) error {
	o := c.o
	o.set(func() { o.ticket = ticket })
	if !o.reach(pending) {
		return errDead
	}
	o.set(func() { o.asked = true })
	if err := c.w.approve(ticket); err != nil {
		return err
	}
	o.set(func() { o.approved = true })
	return nil
}

func (w *world) approver() (*api.Client, error) { return api.At(w.URL, w.Token("dba-2", "dba")) }

func (w *world) approve(ticket string) error {
	c, err := w.approver()
	if err != nil {
		return err
	}
	_, err = c.Approve(w.t.Context(), ticket, "looked at it")
	return err
}

// run does a write from its first message to its last answer. An error is one
// of the connection, or of a gateway that is not dead.
func (w *world) run(o *op) (err error) {
	application := "patient"
	if o.kind == "ticket" {
		application = "ticket"
	}
	c, err := w.dial(o, application)
	if err != nil {
		return err
	}
	defer func() { c.conn.Close() }()
	var a answer
	switch o.kind {
	case "plain":
		a, err = c.ask(first, nil, query(o.statement()))
	case "prepared":
		a, err = c.ask(first, nil, append(bound("INSERT INTO effects (what) VALUES ($1)", o.mark), &pgproto3.Sync{})...)
	case "copy":
		a, err = c.copy()
	case "block", "held block":
		a, err = c.transaction()
	case "held":
		a, err = c.ask(first, c.approve, query(o.statement()))
	case "held prepared":
		a, err = c.ask(first, c.approve, append(bound("INSERT INTO guarded (what) VALUES ($1)", o.mark), &pgproto3.Sync{})...)
	case "ticket":
		if a, err = c.ask(never, nil, query(o.statement())); err != nil {
			return err
		}
		if a.ticket == "" || a.code != "57014" {
			return fmt.Errorf("not held: %v", a)
		}
		if err := c.approve(a.ticket); err != nil {
			return err
		}
		if !o.reach(approved) {
			return errDead
		}
		c.conn.Close()
		again, err := w.dial(o, application)
		if err != nil {
			return err
		}
		c = again
		if a, err = c.ask(first, nil, query(o.statement())); err != nil {
			return err
		}
	case "pipeline":
		all := bound("INSERT INTO effects (what) VALUES ($1)", o.mark+".a")
		all = append(all, bound("INSERT INTO guarded (what) VALUES ($1)", o.mark)...)
		all = append(all, bound("INSERT INTO effects (what) VALUES ($1)", o.mark+".b")...)
		// One transaction: it lasts with the last answer, which only comes after it.
		a, err = c.ask(func(n int) bool { return n == 3 }, c.approve, append(all, &pgproto3.Sync{})...)
	}
	if err != nil {
		return err
	}
	if err := a.refused(); err != nil {
		o.set(func() { o.failed = err.Error() })
		return err
	}
	if !o.done {
		return fmt.Errorf("answered by %v", a)
	}
	o.set(func() { o.ready = true })
	o.reach(told)
	return nil
}

// copy sends one row in two halves.
func (c *client) copy() (a answer, err error) {
	if a, err = c.ask(never, nil, query("COPY effects (what) FROM STDIN -- "+c.o.mark+".c")); err != nil || a.code != "" {
		return a, err
	}
	half := len(c.o.mark) / 2
	c.fe.Send(&pgproto3.CopyData{Data: []byte(c.o.mark + "\n" + c.o.mark[:half])})
	if err := c.fe.Flush(); err != nil {
		return a, err
	}
	if !c.o.reach(copying) {
		return a, errDead
	}
	// The second row says that a copy is whole: there are two rows or none.
	return c.ask(first, nil, &pgproto3.CopyData{Data: []byte(c.o.mark[half:] + "\n")}, &pgproto3.CopyDone{})
}

// transaction does the write in a transaction block.
func (c *client) transaction() (a answer, err error) {
	if a, err = c.ask(never, nil, query("BEGIN")); err != nil || a.code != "" {
		return a, errors.Join(err, a.refused())
	}
	var onHold func(string) error
	if c.o.guarded {
		onHold = c.approve
	}
	if a, err = c.ask(never, onHold, query(c.o.statement())); err != nil || a.code != "" {
		return a, err
	}
	if !c.o.reach(open) {
		return a, errDead
	}
	return c.ask(first, nil, query("COMMIT"))
}

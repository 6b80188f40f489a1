package conformance

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// Mode is how a statement without a verb of its own is sent.
type Mode int

// The modes.
const (
	ModeSimple   Mode = iota // Query
	ModeExtended             // Parse, Describe, Bind, Execute; results as text
	ModeBinary               // the same; results in binary
	ModeRows                 // a portal, two rows at a time, then the rest
)

// Modes are all of them.
var Modes = []Mode{ModeSimple, ModeExtended, ModeBinary, ModeRows}

func (m Mode) String() string {
	return [...]string{"simple", "extended", "binary", "rows"}[m]
}

// maxMessage is the longest message that a client takes, in bytes: no
// statement of the suite has longer answers.
const maxMessage = 16 << 20

// client is a session that keeps all that it receives.
type client struct {
	conn net.Conn
	in   *bufio.Reader
	wait time.Duration
	lost bool
}

// open logs in. Standard settings of the environment (PGSSLMODE and the like)
// count, as everywhere.
func open(ctx context.Context, dsn string, wait time.Duration) (*client, error) {
	config, err := pgconn.ParseConfig(dsn)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	conn, err := pgconn.ConnectConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	h, err := conn.Hijack()
	if err != nil {
		return nil, errors.Join(err, conn.Close(ctx))
	}
	c := &client{conn: h.Conn, in: bufio.NewReader(h.Conn), wait: wait}
	return c, nil
}

func (c *client) close() {
	if c == nil || c.conn == nil {
		return
	}
	if !c.lost {
		c.conn.SetWriteDeadline(time.Now().Add(time.Second))
		c.conn.Write(message(nil, 'X', "")) //nolint:errcheck // it ends anyway
	}
	c.conn.Close()
}

func (c *client) send(b []byte) {
	c.conn.SetWriteDeadline(time.Now().Add(c.wait))
	if _, err := c.conn.Write(b); err != nil {
		c.lost = true
	}
}

func (c *client) read() (Message, error) {
	var head [5]byte
	if _, err := io.ReadFull(c.in, head[:]); err != nil {
		return Message{}, err
	}
	n := binary.BigEndian.Uint32(head[1:])
	if n < 4 || n > maxMessage {
		return Message{}, fmt.Errorf("a message of %d bytes", n)
	}
	m := Message{Type: head[0], Body: make([]byte, n-4)}
	_, err := io.ReadFull(c.in, m.Body)
	return m, err
}

// answer reads to ReadyForQuery. COPY data that is asked for is not sent; when
// the question was a Query, no Sync has to follow.
func (c *client) answer(simple bool) (out []Message) {
	if c.lost {
		return nil
	}
	c.conn.SetReadDeadline(time.Now().Add(c.wait))
	for {
		m, err := c.read()
		if err != nil {
			c.lost = true
			return out
		}
		out = append(out, m)
		switch m.Type {
		case 'Z':
			return out
		case 'G', 'W':
			b := message(nil, 'f', "nothing to copy\x00")
			if !simple {
				b = message(b, 'S', "")
			}
			c.send(b)
		}
	}
}

// message appends one (PostgreSQL 55.7). The suite frames for itself, so that
// it shares no mistake with what it judges.
func message(dst []byte, typ byte, body string) []byte {
	dst = binary.BigEndian.AppendUint32(append(dst, typ), uint32(4+len(body)))
	return append(dst, body...)
}

func query(dst []byte, sql string) []byte { return message(dst, 'Q', sql+"\x00") }

func describe(dst []byte, kind, name string) []byte { return message(dst, 'D', kind+name+"\x00") }

func u16(n int) string { return string(binary.BigEndian.AppendUint16(nil, uint16(n))) }
func u32(n int) string { return string(binary.BigEndian.AppendUint32(nil, uint32(n))) }

func parse(dst []byte, name, sql string) []byte {
	return message(dst, 'P', name+"\x00"+sql+"\x00"+u16(0))
}

func run(dst []byte, name string, binary bool, rows int) []byte {
	format := 0
	if binary {
		format = 1
	}
	dst = message(dst, 'B', "\x00"+name+"\x00"+u16(0)+u16(0)+u16(1)+u16(format))
	dst = describe(dst, "P", "")
	if rows > 0 { // three helpings, then the rest
		for range 3 {
			dst = message(dst, 'E', "\x00"+u32(rows))
		}
	}
	return message(dst, 'E', "\x00"+u32(0))
}

// do runs a step and returns what came, to ReadyForQuery.
func (c *client) do(s Step, mode Mode) []Message {
	b, simple := encode(nil, s, mode)
	if !simple {
		b = message(b, 'S', "")
	}
	c.send(b)
	return c.answer(simple)
}

// encode appends the messages of a step, without Sync.
func encode(b []byte, s Step, mode Mode) (out []byte, simple bool) {
	switch s.Do {
	case VerbParse:
		return describe(parse(b, s.Name, s.SQL), "S", s.Name), false
	case VerbRun:
		return run(b, s.Name, s.Binary, s.Rows), false
	case VerbSend:
		if mode == ModeSimple || several(s.SQL) {
			return query(b, s.SQL), true
		}
		b = describe(parse(b, "", s.SQL), "S", "")
		rows := 0
		if mode == ModeRows {
			rows = 2
		}
		return run(b, "", mode == ModeBinary, rows), false
	}
	return query(b, s.SQL), true
}

// query runs SQL and returns the last statement's rows; an error is an error.
func (c *client) query(sql string) ([][][]byte, error) {
	c.send(query(nil, sql))
	var rows [][][]byte
	var failed error
	for _, m := range c.answer(true) {
		switch m.Type {
		case 'T':
			rows = nil
		case 'D':
			rows = append(rows, m.cells())
		case 'E':
			if failed == nil {
				failed = errors.New(m.field('C') + " " + m.field('M'))
			}
		}
	}
	if c.lost && failed == nil {
		failed = errors.New("the connection ended")
	}
	return rows, failed
}

package postgres

import (
	"bufio"
	"context"
	"crypto/md5" //nolint:gosec // the server's own scheme
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgproto3/v2"
	"github.com/xdg-go/scram"

	"sluice.dev/proxy/protocol/postgres/wire"
)

// Upstream says how the gateway itself reaches a connection's database.
type Upstream struct {
	Address  string // host:port, or the folder of a Unix socket's .s.PGSQL.port
	Database string
	User     string
	// Password fetches the credential; nil where the server asks for none.
	Password func(ctx context.Context) (string, error)
	// TLS is nil for plain text; otherwise the server must speak it.
	TLS *tls.Config
	// Pool keeps connections for later sessions; nil: each has its own.
	Pool *Pool
	// ConnectTimeout bounds dial, TLS and log-in together; 15 s when zero.
	ConnectTimeout time.Duration

	keys scramKeys
}

// upstreamError is a failure to reach or enter the database. The client reads
// code and text; where the database is and what it said is for the operator.
type upstreamError struct {
	code string // SQLSTATE for the client
	text string
	err  error
}

func (e *upstreamError) Error() string {
	if e.err != nil {
		return e.text + ": " + e.err.Error()
	}
	return e.text
}

func (e *upstreamError) Unwrap() error { return e.err }

// server is one logged-in connection to the database.
type server struct {
	conn   net.Conn
	in     *bufio.Reader // only until the session takes over
	params map[string]string
	order  []string // names of params as they came
	pid    uint32
	secret []byte // nil when the server sent none

	// Of a connection that a pool made.
	key    poolKey
	number uint64 // 1 is the pool's first
	uses   uint64 // by sessions before this one
}

// What a server may send in one message, in bytes: before it is logged in, and
// in answer to a question of the gateway's own.
const (
	maxLoginMessage = 1 << 20
	maxAnswer       = 64 << 20
)

// connect dials, secures and logs in; settings are the client's harmless
// start-up parameters.
func (u *Upstream) connect(ctx context.Context, database string, settings []wire.Setting) (*server, error) {
	timeout := u.ConnectTimeout
	if timeout <= 0 {
		timeout = 15 * time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	conn, err := u.dial(ctx)
	if err != nil {
		return nil, &upstreamError{code: "08006", text: "the database cannot be reached", err: err}
	}
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	s := &server{conn: conn, in: bufio.NewReaderSize(conn, 4096), params: make(map[string]string)}
	err = u.login(ctx, s, database, settings)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		conn.Close()
		var ue *upstreamError
		if !errors.As(err, &ue) {
			err = &upstreamError{code: "08006", text: "log-in to the database failed", err: err}
		}
		return nil, err
	}
	conn.SetDeadline(time.Time{})
	return s, nil
}

func (u *Upstream) dial(ctx context.Context) (net.Conn, error) {
	var d net.Dialer
	if strings.HasPrefix(u.Address, "/") {
		return d.DialContext(ctx, "unix", u.Address)
	}
	conn, err := d.DialContext(ctx, "tcp", u.Address)
	if err != nil || u.TLS == nil {
		return conn, err
	}
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if _, err := conn.Write(wire.AppendCode(nil, wire.CodeSSL)); err != nil {
		conn.Close()
		return nil, err
	}
	var answer [1]byte
	if _, err := io.ReadFull(conn, answer[:]); err != nil {
		conn.Close()
		return nil, err
	}
	if answer[0] != 'S' {
		conn.Close()
		return nil, errors.New("the server does not speak TLS, and the connection's tls block asks for it")
	}
	tc := tls.Client(conn, u.TLS)
	if err := tc.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	return tc, nil
}

func (u *Upstream) login(ctx context.Context, s *server, database string, settings []wire.Setting) error {
	if database == "" {
		database = u.Database
	}
	params := append([]wire.Setting{{Name: "user", Value: u.User}, {Name: "database", Value: database}}, settings...)
	if _, err := s.conn.Write(wire.AppendStartup(nil, params)); err != nil {
		return err
	}
	for {
		typ, body, err := s.read()
		if err != nil {
			return err
		}
		switch typ {
		case 'R':
			if err := u.authenticate(ctx, s, body); err != nil {
				return err
			}
		case 'S':
			var m pgproto3.ParameterStatus
			if err := m.Decode(body); err != nil {
				return err
			}
			if _, ok := s.params[m.Name]; !ok {
				s.order = append(s.order, m.Name)
			}
			s.params[m.Name] = m.Value
		case 'K':
			if len(body) < 8 {
				return errors.New("the server sent a cancel key that is too short")
			}
			s.pid = uint32(body[0])<<24 | uint32(body[1])<<16 | uint32(body[2])<<8 | uint32(body[3])
			s.secret = append([]byte(nil), body[4:]...)
		case 'E':
			return u.refused(body)
		case 'N', 'v':
		case 'Z':
			return nil
		default:
			return fmt.Errorf("unexpected message %q before log-in was complete", typ)
		}
	}
}

// refused turns the server's own refusal of the gateway into an error. A
// failed password is the operator's matter: the client learns that much, and
// nothing of the user's name or the rule that failed.
func (u *Upstream) refused(body []byte) error {
	var m pgproto3.ErrorResponse
	if err := m.Decode(body); err != nil {
		return err
	}
	switch {
	case strings.HasPrefix(m.Code, "28"):
		return &upstreamError{code: "08006", text: "the database refused the gateway's own credential",
			err: errors.New(m.Message)}
	case m.Code == "53300" || m.Code == "3D000" || strings.HasPrefix(m.Code, "57P"):
		return &upstreamError{code: m.Code, text: "the database says: " + m.Message}
	}
	return &upstreamError{code: "08006", text: "the database refused the session: " + m.Message}
}

func (s *server) read() (byte, []byte, error) { return s.readUpTo(maxLoginMessage) }

func (s *server) readUpTo(limit int) (byte, []byte, error) {
	var head [wire.HeaderSize]byte
	if _, err := io.ReadFull(s.in, head[:]); err != nil {
		return 0, nil, err
	}
	typ, n, err := wire.Header(head[:])
	if err != nil {
		return 0, nil, err
	}
	if n > limit {
		return 0, nil, &wire.TooLong{Type: typ, Size: int64(n), Limit: int64(limit)}
	}
	body := make([]byte, n)
	_, err = io.ReadFull(s.in, body)
	return typ, body, err
}

func (u *Upstream) authenticate(ctx context.Context, s *server, body []byte) error {
	if len(body) < 4 {
		return errors.New("the server's authentication request is too short")
	}
	kind := uint32(body[0])<<24 | uint32(body[1])<<16 | uint32(body[2])<<8 | uint32(body[3])
	rest := body[4:]
	switch kind {
	case pgproto3.AuthTypeOk:
		return nil
	case pgproto3.AuthTypeCleartextPassword:
		if _, secure := s.conn.(*tls.Conn); !secure {
			return errors.New("the server asks for the password in clear, without TLS: refused")
		}
		pw, err := u.password(ctx)
		if err != nil {
			return err
		}
		return s.sendPassword(pw)
	case pgproto3.AuthTypeMD5Password:
		if len(rest) != 4 {
			return errors.New("the server's md5 salt has a wrong length")
		}
		pw, err := u.password(ctx)
		if err != nil {
			return err
		}
		return s.sendPassword("md5" + md5Hex(md5Hex(pw+u.User)+string(rest)))
	case pgproto3.AuthTypeSASL:
		return u.scram(ctx, s, rest)
	default:
		return fmt.Errorf("the server asks for authentication method %d, which is not supported: use scram-sha-256, md5, cert or trust", kind)
	}
}

func (u *Upstream) password(ctx context.Context) (string, error) {
	if u.Password == nil {
		return "", errors.New("the server asks for a password, and the connection has none")
	}
	return u.Password(ctx)
}

func (s *server) sendPassword(pw string) error {
	return s.send(&pgproto3.PasswordMessage{Password: pw})
}

func (s *server) send(m pgproto3.Message) error {
	b, err := m.Encode(nil)
	if err != nil {
		return err
	}
	_, err = s.conn.Write(b)
	return err
}

func md5Hex(s string) string {
	h := md5.Sum([]byte(s)) //nolint:gosec // the server's own scheme
	return hex.EncodeToString(h[:])
}

// scramKeys keeps one SCRAM client per password, since a client remembers the
// keys that the iterations yield (RFC 5802 §3): 0.9 ms a connection otherwise.
type scramKeys struct {
	mu       sync.Mutex
	password string
	client   *scram.Client
}

func (k *scramKeys) get(password string) (*scram.Client, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.client != nil && k.password == password {
		return k.client, nil
	}
	// PostgreSQL ignores the user name of the exchange. A password that
	// SASLprep refuses is used as it is, as the server does.
	c, err := scram.SHA256.NewClient("", password, "")
	if err != nil {
		c, err = scram.SHA256.NewClientUnprepped("", password, "")
	}
	if err != nil {
		return nil, errors.New("the password cannot be used with SCRAM")
	}
	k.client, k.password = c, password
	return c, nil
}

func (u *Upstream) scram(ctx context.Context, s *server, mechanisms []byte) error {
	if !strings.Contains("\x00"+string(mechanisms), "\x00SCRAM-SHA-256\x00") {
		return errors.New("the server offers no SCRAM-SHA-256")
	}
	pw, err := u.password(ctx)
	if err != nil {
		return err
	}
	client, err := u.keys.get(pw)
	if err != nil {
		return err
	}
	conv := client.NewConversation()
	first, err := conv.Step("")
	if err != nil {
		return err
	}
	if err := s.send(&pgproto3.SASLInitialResponse{AuthMechanism: "SCRAM-SHA-256", Data: []byte(first)}); err != nil {
		return err
	}
	for {
		typ, body, err := s.read()
		if err != nil {
			return err
		}
		if typ == 'E' {
			return u.refused(body)
		}
		if typ != 'R' || len(body) < 4 {
			return fmt.Errorf("unexpected message %q inside SCRAM", typ)
		}
		kind := uint32(body[0])<<24 | uint32(body[1])<<16 | uint32(body[2])<<8 | uint32(body[3])
		switch kind {
		case pgproto3.AuthTypeSASLContinue:
			next, err := conv.Step(string(body[4:]))
			if err != nil {
				return errors.New("SCRAM: the server's challenge does not add up")
			}
			if err := s.send(&pgproto3.SASLResponse{Data: []byte(next)}); err != nil {
				return err
			}
		case pgproto3.AuthTypeSASLFinal:
			if _, err := conv.Step(string(body[4:])); err != nil || !conv.Valid() {
				return errors.New("SCRAM: the server did not prove that it knows the password")
			}
			return nil
		default:
			return fmt.Errorf("unexpected authentication message %d inside SCRAM", kind)
		}
	}
}

// cancel asks the server to cancel what the session runs (PostgreSQL 55.2.8).
// The server closes the connection when it has looked at it.
func (u *Upstream) cancel(ctx context.Context, pid uint32, secret []byte) error {
	ctx, done := context.WithTimeout(ctx, 5*time.Second)
	defer done()
	conn, err := u.dial(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok {
		conn.SetDeadline(deadline)
	}
	if _, err := conn.Write(wire.CancelRequest(pid, secret)); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, io.LimitReader(conn, 1024))
	return err
}

// Query runs one simple query and returns its rows in text form. It serves
// the gateway's own questions (catalog, search_path), on a connection of its
// own or on a session's while that is idle.
func (s *server) Query(ctx context.Context, sql string) ([][][]byte, error) {
	stop := context.AfterFunc(ctx, func() { s.conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if _, err := s.conn.Write(wire.Query(nil, sql)); err != nil {
		return nil, err
	}
	var rows [][][]byte
	var failed error
	for {
		typ, body, err := s.readUpTo(maxAnswer)
		if err != nil {
			return nil, err
		}
		switch typ {
		case 'D':
			cells, err := wire.Cells(nil, body)
			if err != nil {
				return nil, err
			}
			rows = append(rows, cells)
		case 'E':
			var m pgproto3.ErrorResponse
			if err := m.Decode(body); err != nil {
				return nil, err
			}
			failed = fmt.Errorf("postgres: %s (SQLSTATE %s)", m.Message, m.Code)
		case 'Z':
			return rows, failed
		}
	}
}

// Close ends the connection as a client does.
func (s *server) Close() error {
	s.conn.SetWriteDeadline(time.Now().Add(time.Second))
	s.conn.Write(wire.Empty(nil, 'X')) //nolint:errcheck // best effort: the close below is what counts
	return s.conn.Close()
}

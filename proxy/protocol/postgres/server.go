package postgres

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgproto3/v2"

	"sluice.dev/proxy/gate"
	"sluice.dev/proxy/identity"
	"sluice.dev/proxy/protocol/postgres/facts"
	"sluice.dev/proxy/protocol/postgres/wire"
)

// Server accepts PostgreSQL clients. It is shared by all listeners of the
// protocol.
type Server struct {
	Gateway *gate.Gateway
	// Verify turns what the client gave as password into a principal.
	Verify  func(ctx context.Context, credential string) (*identity.Principal, error)
	cancels cancels
	loops   loops
}

// Listener is how one address is served.
type Listener struct {
	// TLS is nil for plain text, which is for loopback only.
	TLS *tls.Config
	// Connection is what clients mean that name none; "" is an error.
	Connection string
}

// loginTime bounds everything before ReadyForQuery.
const loginTime = 30 * time.Second

// maxPassword is the longest credential, in bytes: what PostgreSQL takes.
const maxPassword = 65535

// ALPN is what direct TLS has to offer (PostgreSQL 55.2.11).
const ALPN = "postgresql"

// fatalError ends a log-in, with its SQLSTATE.
type fatalError struct {
	code, text, hint string
}

func (e *fatalError) Error() string { return e.text }

// Handle serves one client until it is gone.
func (s *Server) Handle(ctx context.Context, conn net.Conn, l *Listener) {
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(loginTime))
	client, start, err := s.greet(ctx, conn, l)
	if err != nil {
		s.refuse(client, err)
		return
	}
	defer client.Close()
	if start.Code == wire.CodeCancel {
		if !s.cancels.cancel(start.PID, start.Secret) {
			s.Gateway.Logger.Warn("postgres: a cancel request with an unknown key", "client", conn.RemoteAddr())
		}
		return
	}
	if err := s.serve(ctx, client, start, l); err != nil {
		s.refuse(client, err)
	}
}

// refuse says why before the session begins.
func (s *Server) refuse(conn net.Conn, err error) {
	if conn == nil || errors.Is(err, io.EOF) {
		return
	}
	fe := &fatalError{code: "08P01", text: "log-in failed"}
	var ue *upstreamError
	var pe *wire.ProtocolError
	switch {
	case errors.As(err, &fe):
	case errors.As(err, &ue):
		fe = &fatalError{code: ue.code, text: ue.text, hint: "Nothing is wrong with your own log-in. Tell the operator."}
	case errors.As(err, &pe):
		fe.text = pe.Error()
	case errors.Is(err, gate.ErrStopped):
		fe = &fatalError{code: "57P03", text: "the gateway cannot record anything: no session is opened", hint: "Try again later, or tell the operator."}
	default:
		var oe *net.OpError // of the client's socket; errno of a disk is a net.Error too
		if errors.As(err, &oe) {
			return // the client is gone or silent
		}
		s.Gateway.Logger.Warn("postgres: log-in failed", "client", conn.RemoteAddr(), "error", err)
	}
	conn.SetWriteDeadline(time.Now().Add(5 * time.Second))
	conn.Write(appendError(nil, "FATAL", fe.code, fe.text, "", fe.hint, 0)) //nolint:errcheck // the client may be gone
}

// greet negotiates encryption and reads the start-up message (PostgreSQL
// 55.2.10 and 55.2.11). Each request may come once; nothing may be sent ahead
// of the TLS handshake.
func (s *Server) greet(ctx context.Context, conn net.Conn, l *Listener) (net.Conn, *wire.Startup, error) {
	client := conn
	var first [1]byte
	if _, err := io.ReadFull(conn, first[:]); err != nil {
		return nil, nil, err
	}
	prefix := first[:]
	secure := false
	if first[0] == 0x16 { // a TLS handshake record: direct TLS
		if l.TLS == nil {
			return nil, nil, io.EOF
		}
		cfg := l.TLS.Clone()
		cfg.NextProtos = []string{ALPN}
		tc := tls.Server(&prefixed{Conn: conn, prefix: prefix}, cfg)
		if err := tc.HandshakeContext(ctx); err != nil {
			return nil, nil, io.EOF
		}
		if tc.ConnectionState().NegotiatedProtocol != ALPN {
			return tc, nil, &fatalError{code: "08P01", text: `direct TLS needs the ALPN protocol "postgresql"`}
		}
		client, secure, prefix = tc, true, nil
	}
	askedSSL, askedGSS := secure, false
	for {
		start, err := wire.ReadStartup(io.MultiReader(strings.NewReader(string(prefix)), client))
		if err != nil {
			return client, nil, err
		}
		prefix = nil
		switch start.Code {
		case wire.CodeSSL:
			if askedSSL {
				return client, nil, &fatalError{code: "08P01", text: "TLS was asked for twice"}
			}
			askedSSL = true
			if l.TLS == nil {
				if _, err := client.Write([]byte{'N'}); err != nil {
					return nil, nil, err
				}
				continue
			}
			if _, err := client.Write([]byte{'S'}); err != nil {
				return nil, nil, err
			}
			// The handshake reads from the socket itself and nothing of ours
			// reads ahead, so what a client sent before it is taken as part of
			// the handshake, which then fails (CVE-2021-23222).
			tc := tls.Server(conn, l.TLS)
			if err := tc.HandshakeContext(ctx); err != nil {
				return nil, nil, io.EOF
			}
			client, secure = tc, true
		case wire.CodeGSSENC:
			if askedGSS {
				return client, nil, &fatalError{code: "08P01", text: "GSSAPI encryption was asked for twice"}
			}
			askedGSS = true
			if _, err := client.Write([]byte{'N'}); err != nil {
				return nil, nil, err
			}
		case wire.CodeCancel:
			return client, start, nil
		default:
			if l.TLS != nil && !secure {
				return client, nil, &fatalError{code: "28000", text: "this listener needs TLS: a credential in clear would be seen by others", hint: "Set sslmode=require, or better verify-full."}
			}
			return client, start, nil
		}
	}
}

// prefixed gives back a byte that was read to see what comes.
type prefixed struct {
	net.Conn
	prefix []byte
}

func (p *prefixed) Read(b []byte) (int, error) {
	if len(p.prefix) > 0 {
		n := copy(b, p.prefix)
		p.prefix = p.prefix[n:]
		return n, nil
	}
	return p.Conn.Read(b)
}

// serve authenticates a client, opens its session and runs it.
func (s *Server) serve(ctx context.Context, client net.Conn, start *wire.Startup, l *Listener) error {
	if start.Get("replication") != "" && start.Get("replication") != "false" && start.Get("replication") != "0" {
		return &fatalError{code: "0A000", text: "replication is not passed on"}
	}
	if err := negotiate(client, start); err != nil {
		return err
	}
	who := gate.Client{Address: client.RemoteAddr().String(), Application: start.Get("application_name"), User: start.Get("user")}
	name, database, _ := strings.Cut(start.Get("database"), "/")
	if name == "" {
		name = l.Connection
	}
	principal, err := s.authenticate(ctx, client, who, name)
	if err != nil {
		return err
	}
	conn := s.Gateway.Connection(name)
	if conn == nil || conn.Protocol != "postgres" {
		if conn != nil {
			conn.Generation.Release()
		}
		s.Gateway.Refused(ctx, "postgres", name, who.Address, who.User, who.Application, "no such connection")
		return &fatalError{code: "3D000", text: fmt.Sprintf("there is no connection %q", name), hint: "The database name of the connection string names a connection of the gateway."}
	}
	defer func() {
		if conn != nil {
			conn.Generation.Release()
		}
	}()
	opts := conn.Options.(*Options)
	if database, err = opts.database(name, database); err != nil {
		return err
	}
	settings, err := startSettings(start)
	if err != nil {
		return err
	}
	level, settings := opts.printing(settings)
	up, lens, err := s.enter(ctx, name, opts, database, settings)
	if err != nil {
		return err
	}
	defer func() {
		if up != nil {
			up.Close()
		}
	}()
	lens.levels.now = level
	gs, err := s.Gateway.Open(ctx, conn, principal, who)
	if err != nil {
		return err
	}
	conn.Generation.Release()
	conn = nil
	if up.number > 0 {
		gs.Entered(up.number, up.uses)
	}
	m := newMachine(gs, opts, lens)
	lens.gs = gs
	d := newDriver(ctx, m, client, up)
	if opts.Driver == DriverLoop {
		d.loops = &s.loops
	}
	defer func() { d.client.Close() }() // the loop may have made another of client
	pid, secret, remove := s.cancels.add(d.Cancel)
	hello := greeting(up, pid, secret)
	client.SetDeadline(time.Time{})
	reason := "client closed"
	client.SetWriteDeadline(time.Now().Add(loginTime))
	if _, err := client.Write(hello); err == nil {
		reason = d.run()
	}
	remove()
	gs.Close(reason)
	if pool := opts.Upstream.Pool; pool != nil && d.leavesClean() {
		d.client.Close() // gone before its connection is made another's
		pool.leave(up)
		up = nil
	}
	return nil
}

// enter gets a session its connection to the database, and what names mean
// there. A connection from the pool that has died since it was left is no
// reason to refuse anybody.
func (s *Server) enter(ctx context.Context, name string, opts *Options, database string, settings []wire.Setting) (*server, *lens, error) {
	for {
		up, warm, err := opts.Upstream.enter(ctx, database, settings)
		if err != nil {
			s.Gateway.Logger.Warn("postgres: the database cannot be entered", "connection", name, "address", opts.Upstream.Address, "error", err)
			return nil, nil, err
		}
		l, err := newLens(ctx, opts, up, database)
		if err == nil {
			return up, l, nil
		}
		up.Close()
		if !warm {
			return nil, nil, err
		}
	}
}

// negotiate answers a client that asks for a newer minor version or for
// options that the gateway does not have (PostgreSQL 55.2.1,
// NegotiateProtocolVersion): version 3.0, none of the options.
func negotiate(client io.Writer, start *wire.Startup) error {
	ext := start.Extensions()
	if start.Code&0xffff == 0 && len(ext) == 0 {
		return nil
	}
	b, at := wire.Begin(nil, 'v')
	b = binary.BigEndian.AppendUint32(b, 3<<16)
	b = binary.BigEndian.AppendUint32(b, uint32(len(ext)))
	for _, e := range ext {
		b = append(append(b, e...), 0)
	}
	_, err := client.Write(wire.End(b, at))
	return err
}

// authenticate asks for the credential and proves who it is.
func (s *Server) authenticate(ctx context.Context, client net.Conn, who gate.Client, connection string) (*identity.Principal, error) {
	ask, err := (&pgproto3.AuthenticationCleartextPassword{}).Encode(nil)
	if err != nil {
		return nil, err
	}
	if _, err := client.Write(ask); err != nil {
		return nil, err
	}
	var head [wire.HeaderSize]byte
	if _, err := io.ReadFull(client, head[:]); err != nil {
		return nil, io.EOF
	}
	typ, n, err := wire.Header(head[:])
	if err != nil {
		return nil, err
	}
	if typ != 'p' {
		return nil, &fatalError{code: "08P01", text: fmt.Sprintf("a password was asked for, and %q came", typ)}
	}
	if n > maxPassword {
		return nil, &fatalError{code: "28P01", text: fmt.Sprintf("the password has %d bytes, the limit is %d", n, maxPassword)}
	}
	body := make([]byte, n)
	if _, err := io.ReadFull(client, body); err != nil {
		return nil, io.EOF
	}
	credential := string(trimNul(body))
	if credential == "" {
		err = errors.New("no credential")
	}
	var p *identity.Principal
	if err == nil {
		p, err = s.Verify(ctx, credential)
	}
	if err == nil {
		err = p.For(connection)
	}
	if err != nil {
		s.Gateway.Refused(ctx, "postgres", connection, who.Address, who.User, who.Application, err.Error())
		code := "28P01"
		var temporary interface{ Temporary() bool }
		if errors.As(err, &temporary) && temporary.Temporary() {
			code = "57P03"
		}
		return nil, &fatalError{code: code, text: "the credential was not accepted: " + err.Error(),
			hint: "The password is an OIDC token for this gateway, from your identity provider, or a session password (sluice creds NAME): get a new one."}
	}
	return p, nil
}

// database is the database that the client means: the connection's own, or
// another that it may ask for.
func (o *Options) database(name, asked string) (string, error) {
	if asked == "" || asked == o.Upstream.Database {
		return o.Upstream.Database, nil
	}
	for _, d := range o.Databases {
		if d == asked {
			return d, nil
		}
	}
	return "", &fatalError{code: "42501", text: fmt.Sprintf("connection %q does not lead to database %q", name, asked), hint: "The connection's postgres.databases says which may be asked for."}
}

// gatewaySettings are what the gateway sets itself for every session: it reads
// statements as UTF-8, and as the standard has strings.
var gatewaySettings = []wire.Setting{{Name: "client_encoding", Value: "UTF8"}, {Name: "standard_conforming_strings", Value: "on"}}

// catalogSettings are those of the gateway's own questions.
var catalogSettings = append([]wire.Setting{{Name: "application_name", Value: "sluice catalog"}, {Name: "search_path", Value: "pg_catalog"},
	{Name: "statement_timeout", Value: "30s"}}, gatewaySettings...)

// startSettings passes on the start-up parameters that a client may set
// itself: the same that it may SET in an open session, and search_path, which
// the gateway follows.
func startSettings(start *wire.Startup) ([]wire.Setting, error) {
	var all []wire.Setting
	for _, p := range start.Params {
		switch p.Name {
		case "user", "database", "replication":
			continue
		case "options":
			more, err := wire.ParseOptions(p.Value)
			if err != nil {
				return nil, err
			}
			all = append(all, more...)
			continue
		}
		if strings.HasPrefix(p.Name, "_pq_.") {
			continue
		}
		all = append(all, p)
	}
	out := append([]wire.Setting(nil), gatewaySettings...)
	for _, p := range all {
		name := strings.ToLower(p.Name)
		if name == "search_path" || (facts.Setting{Name: name, Value: p.Value, Known: true}).Harmless() {
			if name == "client_encoding" || name == "standard_conforming_strings" {
				continue // harmless only as the gateway sets it anyway
			}
			out = append(out, p)
			continue
		}
		return nil, &fatalError{code: "42501", text: fmt.Sprintf("the start-up parameter %s may not be set to %q", p.Name, p.Value),
			hint: "Leave it out; what changes who acts or what a name means is a command, and decided as one."}
	}
	return out, nil
}

// greeting is what a client reads when it has been let in.
func greeting(up *server, pid uint32, secret [4]byte) []byte {
	b, at := wire.Begin(nil, 'R')
	b = wire.End(append(b, 0, 0, 0, 0), at)
	for _, name := range up.order {
		b, at = wire.Begin(b, 'S')
		b = append(append(b, name...), 0)
		b = append(append(b, up.params[name]...), 0)
		b = wire.End(b, at)
	}
	if up.secret != nil { // a server that has no cancel key: neither have we
		b, at = wire.Begin(b, 'K')
		b = binary.BigEndian.AppendUint32(b, pid)
		b = wire.End(append(b, secret[:]...), at)
	}
	return wire.ReadyForQuery(b, 'I')
}

// Healthy says whether statements can be read: a parser that has failed once
// is not trusted again.
func Healthy() error {
	if facts.Healthy() {
		return nil
	}
	return facts.ErrParser
}

// Warm compiles the SQL parser, about a second.
func Warm(ctx context.Context) error { return facts.Warm(ctx) }

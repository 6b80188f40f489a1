package redis

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"sluice.dev/proxy/gate"
	"sluice.dev/proxy/identity"
	"sluice.dev/proxy/protocol/redis/resp"
)

// Server accepts Redis clients. It is shared by all listeners of the protocol.
type Server struct {
	Gateway *gate.Gateway
	// Verify turns what the client gave as password into a principal.
	Verify func(ctx context.Context, credential string) (*identity.Principal, error)
}

// Listener is how one address is served.
type Listener struct {
	// TLS is nil for plain text, which is for loopback only.
	TLS *tls.Config
	// Connection is what clients mean that name none; "" is an error.
	Connection string
}

// loginTime bounds everything before the session.
const loginTime = 30 * time.Second

// maxTries bounds the requests of a client that is not logged in.
const maxTries = 16

// chunk is how many bytes are read from a socket at once.
const chunk = 16 << 10

// login is a client on its way in.
type login struct {
	s      *Server
	conn   net.Conn
	l      *Listener
	buf    []byte // what has come and is not yet read
	client gate.Client
}

// entry is what a log-in that succeeded has found out.
type entry struct {
	principal  *identity.Principal
	connection string
	credential [sha256.Size]byte
	hello      [][]byte // without its AUTH, when it was by HELLO
}

// Handle serves one client until it is gone.
func (s *Server) Handle(ctx context.Context, conn net.Conn, l *Listener) {
	if l.TLS != nil {
		conn = tls.Server(conn, l.TLS)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(loginTime)); err != nil {
		return
	}
	lg := &login{s: s, conn: conn, l: l, client: gate.Client{Address: conn.RemoteAddr().String()}}
	for range maxTries {
		args, err := lg.next()
		if err != nil {
			var bad *resp.Error
			if errors.As(err, &bad) {
				lg.say("ERR Protocol error: sluice: " + bad.Text)
			}
			return
		}
		e, answer := lg.take(ctx, args)
		if e == nil {
			if !lg.say(answer) {
				return
			}
			continue
		}
		lg.serve(ctx, e)
		return
	}
}

func (lg *login) say(text string) bool {
	_, err := lg.conn.Write(resp.AppendError(nil, text))
	return err == nil
}

// next reads one request.
func (lg *login) next() ([][]byte, error) {
	for {
		args, n, _, err := resp.Request(lg.buf, nil, resp.Unauthenticated)
		if err != nil {
			return nil, err
		}
		if n > 0 {
			for i := range args {
				args[i] = slices.Clone(args[i])
			}
			lg.buf = lg.buf[n:]
			if len(args) == 0 {
				continue
			}
			return args, nil
		}
		b := make([]byte, chunk)
		m, err := lg.conn.Read(b)
		if m == 0 && err != nil {
			return nil, err
		}
		lg.buf = append(lg.buf, b[:m]...)
	}
}

const noAuth = "NOAUTH Authentication required. sluice: the user name is a connection of the gateway, the password your token."

// take reads one request of a client that is not logged in. Without an entry
// the answer is an error of that text.
func (lg *login) take(ctx context.Context, args [][]byte) (*entry, string) {
	var user, password string
	var hello [][]byte
	switch strings.ToUpper(string(args[0])) {
	case "AUTH":
		switch len(args) {
		case 2:
			password = string(args[1])
		case 3:
			user, password = string(args[1]), string(args[2])
		default:
			return nil, "ERR wrong number of arguments for 'auth' command"
		}
	case "HELLO":
		if len(args) > 1 && string(args[1]) != "2" && string(args[1]) != "3" {
			return nil, "NOPROTO unsupported protocol version"
		}
		for i := 0; i < len(args); i++ {
			if i >= 2 && strings.EqualFold(string(args[i]), "AUTH") && i+2 < len(args) {
				user, password = string(args[i+1]), string(args[i+2])
				i += 2
				continue
			}
			hello = append(hello, args[i])
		}
		if password == "" {
			return nil, "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time"
		}
	default:
		return nil, noAuth
	}
	if user == "" || user == "default" {
		user = lg.l.Connection
	}
	lg.client.User = user
	return lg.verify(ctx, user, password, hello)
}

func (lg *login) verify(ctx context.Context, connection, password string, hello [][]byte) (*entry, string) {
	p, err := lg.s.Verify(ctx, password)
	if err == nil {
		if connection == "" {
			connection = p.Connection // a session password names its own
		}
		err = p.For(connection)
	}
	if err != nil {
		lg.s.Gateway.Refused(ctx, "redis", connection, lg.client.Address, lg.client.User, "", err.Error())
		return nil, "WRONGPASS invalid username-password pair or user is disabled. sluice: the credential was not accepted: " + err.Error()
	}
	return &entry{principal: p, connection: connection, credential: sha256.Sum256([]byte(password)), hello: hello}, ""
}

// serve opens the session of a client that has proved who it is, and runs it.
func (lg *login) serve(ctx context.Context, e *entry) {
	g := lg.s.Gateway
	conn := g.Connection(e.connection)
	if conn == nil || conn.Protocol != "redis" {
		if conn != nil {
			conn.Generation.Release()
		}
		g.Refused(ctx, "redis", e.connection, lg.client.Address, lg.client.User, "", "no such connection")
		lg.say(fmt.Sprintf("WRONGPASS sluice: there is no connection %q: the user name names a connection of the gateway", e.connection))
		return
	}
	release := conn.Generation.Release
	defer func() { release() }()
	opts := conn.Options.(*Options)
	up, err := opts.enter(ctx)
	if err != nil {
		g.Logger.Warn("redis: the server cannot be entered", "connection", conn.Name, "address", opts.Address, "error", err)
		lg.say("ERR sluice: the resource cannot be entered. Nothing is wrong with your own log-in. Tell the operator.")
		return
	}
	defer up.Close()
	gs, err := g.Open(ctx, conn, e.principal, lg.client)
	if err != nil {
		lg.say("ERR sluice: the gateway cannot record anything: no session is opened. Try again later, or tell the operator.")
		return
	}
	release()
	release = func() {}
	if err := lg.conn.SetDeadline(time.Time{}); err != nil {
		return
	}
	m := newMachine(gs, opts, up.table)
	if e.hello == nil {
		m.toClient = append(m.toClient, "+OK\r\n"...)
	} else {
		m.request(e.hello, appendRequest(nil, e.hello))
	}
	m.fromClient = lg.buf
	gs.Close(newDriver(ctx, m, lg.conn, up).run())
}

func appendRequest(b []byte, args [][]byte) []byte {
	texts := make([]string, len(args))
	for i, a := range args {
		texts[i] = string(a)
	}
	return resp.Append(b, texts...)
}

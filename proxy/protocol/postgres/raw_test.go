package postgres_test

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"sluice.dev/proxy/protocol/postgres/wire"
	"sluice.dev/proxy/server/servertest"
)

// raw is a client that sends what a test wants, byte for byte, and keeps every
// byte that it receives.
type raw struct {
	t    testing.TB
	conn net.Conn
	in   *bufio.Reader
	seen *bytes.Buffer
	mu   *sync.Mutex // guards seen

	user        string // agent-7 when empty
	pid, secret uint32
	greeted     []byte // what had come before a test began
	params      map[string]string
}

// numbered is the number of a command in a text.
var numbered = regexp.MustCompile(`\[cmd [0-9A-Z]+\]`)

// hang bounds a read: nothing that is tested takes that long, but a gateway
// that hangs.
const hang = 90 * time.Second

// message is one message from the gateway.
type message struct {
	typ  byte
	body []byte
}

func (m message) String() string {
	if m.typ == 'E' || m.typ == 'N' {
		f := m.fields()
		return fmt.Sprintf("%c %s %s: %s DETAIL %s HINT %s", m.typ, f['S'], f['C'], f['M'], f['D'], f['H'])
	}
	return fmt.Sprintf("%c %q", m.typ, m.body)
}

// fields are those of an error or notice.
func (m message) fields() map[byte]string {
	out := map[byte]string{}
	for b := m.body; len(b) > 1; {
		text, rest, _ := bytes.Cut(b[1:], []byte{0})
		out[b[0]] = string(text)
		b = rest
	}
	return out
}

// newRaw is a client on an open connection.
func newRaw(t testing.TB, conn net.Conn) *raw {
	r := &raw{t: t, conn: conn, seen: &bytes.Buffer{}, mu: &sync.Mutex{}, params: map[string]string{}}
	r.in = bufio.NewReader(io.TeeReader(conn, &locked{r}))
	t.Cleanup(func() { conn.Close() })
	return r
}

type locked struct{ r *raw }

func (l *locked) Write(b []byte) (int, error) {
	l.r.mu.Lock()
	defer l.r.mu.Unlock()
	return l.r.seen.Write(b)
}

// dial opens a connection, in plain text or with TLS as the gateway wants it,
// up to where the start-up message is sent.
func dial(t testing.TB, g *servertest.Gateway) *raw {
	t.Helper()
	conn, err := net.Dial("tcp", g.Address)
	if err != nil {
		t.Fatal(err)
	}
	if g.CAFile == "" {
		return newRaw(t, conn)
	}
	if _, err := conn.Write(wire.AppendCode(nil, wire.CodeSSL)); err != nil {
		t.Fatal(err)
	}
	var answer [1]byte
	if _, err := io.ReadFull(conn, answer[:]); err != nil || answer[0] != 'S' {
		t.Fatalf("SSLRequest is answered with %q, %v", answer, err)
	}
	return newRaw(t, tls.Client(conn, trust(t, g)))
}

func trust(t testing.TB, g *servertest.Gateway) *tls.Config {
	t.Helper()
	pem, err := os.ReadFile(g.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	return &tls.Config{RootCAs: pool, ServerName: "127.0.0.1", MinVersion: tls.VersionTLS12}
}

// login is a client that has logged in.
func login(t testing.TB, g *servertest.Gateway, token string, settings ...string) *raw {
	t.Helper()
	r := dial(t, g)
	r.start(settings...)
	r.password(token)
	r.ready()
	return r
}

func (r *raw) start(settings ...string) {
	user := cmp.Or(r.user, "agent-7")
	params := []wire.Setting{{Name: "user", Value: user}, {Name: "database", Value: "orders"}}
	for i := 0; i+1 < len(settings); i += 2 {
		params = append(params, wire.Setting{Name: settings[i], Value: settings[i+1]})
	}
	r.send(wire.AppendStartup(nil, params))
}

func (r *raw) password(token string) {
	r.t.Helper()
	if m := r.next(); m.typ != 'R' || binary.BigEndian.Uint32(m.body) != 3 {
		r.t.Fatalf("asked for a password by %v", m)
	}
	r.send(msg('p', token+"\x00"))
}

// ready reads to the first ReadyForQuery of a session.
func (r *raw) ready() {
	r.t.Helper()
	for _, m := range r.until('Z') {
		switch m.typ {
		case 'K':
			r.pid, r.secret = binary.BigEndian.Uint32(m.body), binary.BigEndian.Uint32(m.body[4:])
		case 'S':
			name, value, _ := strings.Cut(strings.TrimSuffix(string(m.body), "\x00"), "\x00")
			r.params[name] = value
		case 'E':
			r.t.Fatalf("log-in: %v", m)
		}
	}
}

func (r *raw) send(parts ...[]byte) {
	r.t.Helper()
	r.conn.SetWriteDeadline(time.Now().Add(hang))
	if _, err := r.conn.Write(bytes.Join(parts, nil)); err != nil {
		r.t.Fatalf("send: %v", err)
	}
}

// read takes one message, or says that there is none any more.
func (r *raw) read() (message, error) {
	r.conn.SetReadDeadline(time.Now().Add(hang))
	var head [wire.HeaderSize]byte
	if _, err := io.ReadFull(r.in, head[:]); err != nil {
		return message{}, err
	}
	typ, n, err := wire.Header(head[:])
	if err != nil {
		return message{}, err
	}
	body := make([]byte, n)
	_, err = io.ReadFull(r.in, body)
	return message{typ, body}, err
}

func (r *raw) next() message {
	r.t.Helper()
	m, err := r.read()
	if err != nil {
		r.t.Fatalf("read: %v", err)
	}
	return m
}

// until reads up to and including the first message of a type.
func (r *raw) until(typ byte) []message {
	r.t.Helper()
	var out []message
	for {
		m, err := r.read()
		if err != nil {
			r.t.Fatalf("waiting for %q: %v, after %v", typ, err, out)
		}
		out = append(out, m)
		if m.typ == typ {
			return out
		}
	}
}

// rest reads to the end of the connection.
func (r *raw) rest() []message {
	r.t.Helper()
	var out []message
	for {
		m, err := r.read()
		if err != nil {
			var timeout net.Error
			if errors.As(err, &timeout) && timeout.Timeout() {
				r.t.Fatalf("the connection stays open after %v", out)
			}
			return out
		}
		out = append(out, m)
	}
}

// query runs a simple query.
func (r *raw) query(sql string) []message {
	r.t.Helper()
	r.send(query(sql))
	return r.until('Z')
}

// must runs a simple query which has to succeed.
func (r *raw) must(sql string) []message {
	r.t.Helper()
	out := r.query(sql)
	if e := errorOf(out); e != "" {
		r.t.Fatalf("%s: %s", sql, e)
	}
	return out
}

func (r *raw) all() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return bytes.Clone(r.seen.Bytes())
}

// cancel sends a CancelRequest for the session, on a connection of its own.
func (r *raw) cancel(g *servertest.Gateway) {
	r.t.Helper()
	c := dial(r.t, g)
	key := binary.BigEndian.AppendUint32(nil, r.secret)
	c.send(wire.CancelRequest(r.pid, key))
	c.rest()
}

// types are those of messages, in order.
func types(all []message) string {
	var b strings.Builder
	for _, m := range all {
		b.WriteByte(m.typ)
	}
	return b.String()
}

// errorOf is the first error: its SQLSTATE and message; "" for none.
func errorOf(all []message) string {
	for _, m := range all {
		if m.typ == 'E' {
			f := m.fields()
			return f['C'] + " " + f['M']
		}
	}
	return ""
}

// rows are the cells of all rows, joined by bars and commas.
func rows(all []message) string {
	var out []string
	for _, m := range all {
		if m.typ != 'D' {
			continue
		}
		cells, err := wire.Cells(nil, m.body)
		if err != nil {
			return err.Error()
		}
		var s []string
		for _, c := range cells {
			if c == nil {
				s = append(s, "NULL")
			} else {
				s = append(s, string(c))
			}
		}
		out = append(out, strings.Join(s, "|"))
	}
	return strings.Join(out, ",")
}

func msg(typ byte, body string) []byte {
	b, at := wire.Begin(nil, typ)
	return wire.End(append(b, body...), at)
}

func u16(n int) string { return string(binary.BigEndian.AppendUint16(nil, uint16(n))) }
func u32(n int) string { return string(binary.BigEndian.AppendUint32(nil, uint32(n))) }

func query(sql string) []byte             { return wire.Query(nil, sql) }
func parse(name, sql string) []byte       { return msg('P', name+"\x00"+sql+"\x00"+u16(0)) }
func describe(kind, name string) []byte   { return msg('D', kind+name+"\x00") }
func closing(kind, name string) []byte    { return msg('C', kind+name+"\x00") }
func execute(portal string, n int) []byte { return msg('E', portal+"\x00"+u32(n)) }

// bind binds text values, and asks for results in a format.
func bind(portal, statement string, format int, values ...string) []byte {
	s := portal + "\x00" + statement + "\x00" + u16(0) + u16(len(values))
	for _, v := range values {
		s += u32(len(v)) + v
	}
	return msg('B', s+u16(1)+u16(format))
}

var (
	syncing  = msg('S', "")
	flushing = msg('H', "")
)

// suite is a policy with all that these tests need: allows, a denial, a hold, a
// row limit.
const suite = `package base

allow if "crew" in input.principal.groups

deny contains {"reason": "DROP needs a migration", "hint": "Ask for one."} if input.command.flags.drop

hold contains {"approval": "change", "reason": "it deletes"} if "delete" in input.command.operations

limit contains {"rows": 1000} if input.session.client.application == "limited"
`

// startSuite starts a gateway with that policy.
func startSuite(t *testing.T, o servertest.Options) *servertest.Gateway {
	t.Helper()
	if o.Rego == nil && o.Policies == "" {
		o.Rego = map[string]string{"base": suite}
	}
	return servertest.Start(t, o)
}

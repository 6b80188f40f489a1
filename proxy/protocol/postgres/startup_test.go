package postgres_test

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"sluice.dev/proxy/protocol/postgres/wire"
	"sluice.dev/proxy/server/servertest"
	"sluice.dev/proxy/testenv"
)

// plain opens a connection without any encryption.
func plain(t testing.TB, g *servertest.Gateway) *raw {
	t.Helper()
	conn, err := net.Dial("tcp", g.Address)
	if err != nil {
		t.Fatal(err)
	}
	return newRaw(t, conn)
}

// byteOf reads one byte that is no message: the answer to SSLRequest and the
// like.
func (r *raw) byteOf() byte {
	r.t.Helper()
	r.conn.SetReadDeadline(time.Now().Add(hang))
	b, err := r.in.ReadByte()
	if err != nil {
		r.t.Fatal(err)
	}
	return b
}

// works checks that a session answers.
func (r *raw) works() {
	r.t.Helper()
	if got := rows(r.must("SELECT email FROM customers WHERE id = 1")); got != "a***@example.com" {
		r.t.Fatalf("got %q", got)
	}
}

func startup(version uint32, params string) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(8+len(params)))
	return append(binary.BigEndian.AppendUint32(b, version), params...)
}

const whoAmI = "user\x00agent-7\x00database\x00orders\x00"

func TestEncryption(t *testing.T) {
	g := startSuite(t, servertest.Options{TLS: true})
	direct := func(t *testing.T, protocols ...string) (*raw, error) {
		cfg := trust(t, g)
		cfg.NextProtos = protocols
		conn, err := net.Dial("tcp", g.Address)
		if err != nil {
			t.Fatal(err)
		}
		tc := tls.Client(conn, cfg)
		tc.SetDeadline(time.Now().Add(hang))
		return newRaw(t, tc), tc.Handshake()
	}
	t.Run("negotiated", func(t *testing.T) { login(t, g, g.Agent()).works() })
	t.Run("direct", func(t *testing.T) {
		r, err := direct(t, "postgresql")
		if err != nil {
			t.Fatal(err)
		}
		r.start()
		r.password(g.Agent())
		r.ready()
		r.works()
	})
	t.Run("direct without ALPN", func(t *testing.T) {
		r, err := direct(t)
		if err != nil {
			t.Fatal(err)
		}
		if got := errorOf(r.rest()); !strings.HasPrefix(got, "08P01") || !strings.Contains(got, "ALPN") {
			t.Fatalf("got %q", got)
		}
	})
	t.Run("direct with another ALPN", func(t *testing.T) {
		if _, err := direct(t, "h2"); err == nil || !strings.Contains(err.Error(), "no application protocol") {
			t.Fatalf("got %v", err)
		}
	})
	t.Run("GSSENCRequest, then SSLRequest", func(t *testing.T) {
		r := plain(t, g)
		r.send(wire.AppendCode(nil, wire.CodeGSSENC))
		if b := r.byteOf(); b != 'N' {
			t.Fatalf("answered %q", b)
		}
		r.send(wire.AppendCode(nil, wire.CodeSSL))
		if b := r.byteOf(); b != 'S' {
			t.Fatalf("answered %q", b)
		}
		s := newRaw(t, tls.Client(r.conn, trust(t, g)))
		s.start()
		s.password(g.Agent())
		s.ready()
		s.works()
	})
	for name, sent := range map[string][][]byte{
		"a start-up message in clear":  {startup(3<<16, whoAmI+"\x00")},
		"GSSENCRequest twice":          {wire.AppendCode(nil, wire.CodeGSSENC), wire.AppendCode(nil, wire.CodeGSSENC)},
		"a password in clear at once":  {startup(3<<16, whoAmI+"\x00"), msg('p', "token\x00")},
		"GSSENCRequest, then in clear": {wire.AppendCode(nil, wire.CodeGSSENC), startup(3<<16, whoAmI+"\x00")},
	} {
		t.Run(name, func(t *testing.T) {
			r := plain(t, g)
			r.send(sent...)
			if bytes.Equal(sent[0], wire.AppendCode(nil, wire.CodeGSSENC)) && r.byteOf() != 'N' {
				t.Fatal("not answered N")
			}
			out := r.rest()
			if types(out) != "E" || out[0].fields()['S'] != "FATAL" {
				t.Fatalf("got %v", out)
			}
		})
	}
	// What a client or someone between sends ahead of the handshake must never
	// count as sent inside it (CVE-2021-23222).
	for name, ahead := range map[string][]byte{
		"garbage after SSLRequest":         []byte("garbage, garbage, garbage"),
		"a start-up message ahead of TLS":  startup(3<<16, whoAmI+"\x00"),
		"a query ahead of TLS":             query("SELECT 1"),
		"a second SSLRequest ahead of TLS": wire.AppendCode(nil, wire.CodeSSL),
	} {
		t.Run(name, func(t *testing.T) {
			r := plain(t, g)
			r.send(wire.AppendCode(nil, wire.CodeSSL), ahead)
			if b := r.byteOf(); b != 'S' {
				t.Fatalf("answered %q", b)
			}
			tc := tls.Client(&prefixedConn{r.conn, r.in}, trust(t, g))
			tc.SetDeadline(time.Now().Add(hang))
			if err := tc.Handshake(); err == nil {
				t.Fatal("the handshake succeeds behind bytes in clear")
			}
			if bytes.Contains(r.all(), []byte("orders")) || bytes.ContainsAny(r.all(), "Z") {
				t.Fatalf("answered in clear: %q", r.all())
			}
		})
	}
	login(t, g, g.Agent()).works()
}

// prefixedConn reads through a buffer.
type prefixedConn struct {
	net.Conn
	in io.Reader
}

func (p *prefixedConn) Read(b []byte) (int, error) { return p.in.Read(b) }

func TestStartup(t *testing.T) {
	g := startSuite(t, servertest.Options{})
	t.Run("SSLRequest where there is no TLS", func(t *testing.T) {
		r := plain(t, g)
		r.send(wire.AppendCode(nil, wire.CodeSSL))
		if b := r.byteOf(); b != 'N' {
			t.Fatalf("answered %q", b)
		}
		r.start()
		r.password(g.Agent())
		r.ready()
		r.works()
	})
	t.Run("protocol 3.2", func(t *testing.T) {
		r := plain(t, g)
		r.send(startup(3<<16|2, whoAmI+"_pq_.cancel_more\x00on\x00\x00"))
		m := r.next()
		if want := u32(3<<16) + u32(1) + "_pq_.cancel_more\x00"; m.typ != 'v' || string(m.body) != want {
			t.Fatalf("got %v, want v %q", m, want)
		}
		r.password(g.Agent())
		r.ready()
		r.works()
	})
	t.Run("no database named", func(t *testing.T) {
		r := plain(t, g)
		r.send(startup(3<<16, "user\x00agent-7\x00\x00"))
		r.password(g.Agent())
		if got := errorOf(r.rest()); !strings.HasPrefix(got, "3D000") {
			t.Fatalf("got %q", got)
		}
	})
	for name, c := range map[string]struct {
		sent []byte
		code string
	}{
		"replication":            {startup(3<<16, whoAmI+"replication\x00database\x00\x00"), "0A000"},
		"physical replication":   {startup(3<<16, whoAmI+"replication\x00yes\x00\x00"), "0A000"},
		"protocol 2":             {startup(2<<16, whoAmI+"\x00"), "08P01"},
		"protocol 4":             {startup(4<<16, whoAmI+"\x00"), "08P01"},
		"no end of parameters":   {startup(3<<16, whoAmI), "08P01"},
		"a name without a value": {startup(3<<16, "user\x00"), "08P01"},
		"bytes behind the end":   {startup(3<<16, whoAmI+"\x00more"), "08P01"},
		"a length of 0":          {[]byte{0, 0, 0, 0}, "08P01"},
		"a length of 2 GB":       {[]byte{0x7f, 0xff, 0xff, 0xff}, "08P01"},
		"an HTTP request":        {[]byte("GET / HTTP/1.1\r\nHost: gw\r\n\r\n"), "08P01"},
		"a cancel without a key": {append([]byte{0, 0, 0, 8}, binary.BigEndian.AppendUint32(nil, wire.CodeCancel)...), "08P01"},
	} {
		t.Run(name, func(t *testing.T) {
			r := plain(t, g)
			r.send(c.sent)
			if got := errorOf(r.rest()); !strings.HasPrefix(got, c.code) {
				t.Fatalf("got %q, want %s", got, c.code)
			}
		})
	}
	for name, c := range map[string]struct{ settings, code string }{
		"a role":                    {"role\x00postgres\x00", "42501"},
		"another encoding":          {"client_encoding\x00LATIN1\x00", "42501"},
		"strings with backslashes":  {"options\x00-c standard_conforming_strings=off\x00", "42501"},
		"an option of the server's": {"options\x00-c log_statement=none\x00", "42501"},
		"options that are none":     {"options\x00-d 5\x00", "08P01"},
		"a session role in options": {"options\x00--session_authorization=postgres\x00", "42501"},
	} {
		t.Run(name, func(t *testing.T) {
			r := plain(t, g)
			r.send(startup(3<<16, whoAmI+c.settings+"\x00"))
			r.password(g.Agent())
			if got := errorOf(r.rest()); !strings.HasPrefix(got, c.code) {
				t.Fatalf("got %q, want %s", got, c.code)
			}
		})
	}
	t.Run("harmless settings", func(t *testing.T) {
		r := plain(t, g)
		r.send(startup(3<<16, whoAmI+"application_name\x00suite\x00options\x00-c statement_timeout=5000 --datestyle=German\x00search_path\x00pg_catalog\x00\x00"))
		r.password(g.Agent())
		r.ready()
		got := rows(r.must("SHOW application_name")) + " " + rows(r.must("SHOW statement_timeout")) + " " + rows(r.must("SHOW datestyle")) + " " + rows(r.must("SHOW search_path"))
		if got != "suite 5s German, DMY pg_catalog" {
			t.Fatalf("got %q", got)
		}
	})
	t.Run("a message that is no password", func(t *testing.T) {
		r := plain(t, g)
		r.start()
		if m := r.next(); m.typ != 'R' {
			t.Fatal(m)
		}
		r.send(query("SELECT email FROM customers"))
		if got := errorOf(r.rest()); !strings.HasPrefix(got, "08P01") {
			t.Fatalf("got %q", got)
		}
	})
	t.Run("a password of 1 GB", func(t *testing.T) {
		r := plain(t, g)
		r.start()
		if m := r.next(); m.typ != 'R' {
			t.Fatal(m)
		}
		r.send([]byte{'p', 0x40, 0, 0, 0})
		if got := errorOf(r.rest()); !strings.HasPrefix(got, "28P01") {
			t.Fatalf("got %q", got)
		}
	})
	t.Run("split at each byte", func(t *testing.T) {
		r := plain(t, g)
		for _, b := range startup(3<<16, whoAmI+"\x00") {
			r.send([]byte{b})
		}
		if m := r.next(); m.typ != 'R' {
			t.Fatal(m)
		}
		for _, b := range msg('p', g.Agent()+"\x00") {
			r.send([]byte{b})
		}
		r.ready()
		r.works()
	})
	t.Run("gone in the middle", func(t *testing.T) {
		whole := startup(3<<16, whoAmI+"\x00")
		for i := range whole {
			r := plain(t, g)
			r.send(whole[:i])
			r.conn.Close()
		}
	})
	login(t, g, g.Agent()).works()
}

func TestCredentials(t *testing.T) {
	g := startSuite(t, servertest.Options{})
	now := time.Now().Unix()
	claims := testenv.Claims{"sub": "analyst-3", "groups": []string{"crew"}}
	with := func(name string, v any) string {
		c := testenv.Claims{"sub": "analyst-3", "groups": []string{"crew"}}
		c[name] = v
		return g.OIDC.Issue(c)
	}
	bad := g.OIDC.Forged(claims)
	bad["expired"] = with("exp", now-3600)
	bad["not valid yet"] = with("nbf", now+3600)
	bad["for another audience"] = with("aud", "billing")
	bad["of another issuer"] = with("iss", "https://evil.example")
	bad["without an expiry"] = with("exp", nil)
	bad["without a subject"] = with("sub", nil)
	bad["no token"] = "hunter2"
	bad["the database's own password"] = servertest.Password
	bad["empty"] = ""
	bad["dots"] = ".."
	bad["not UTF-8"] = "\xff\xfe.\x00."
	for name, token := range bad {
		t.Run(name, func(t *testing.T) {
			r := dial(t, g)
			r.start()
			r.password(token)
			out := r.rest()
			if types(out) != "E" || out[0].fields()['S'] != "FATAL" || out[0].fields()['C'] != "28P01" {
				t.Fatalf("got %v", out)
			}
			if len(token) > 8 && bytes.Contains(r.all(), []byte(token)) || bytes.Contains(r.all(), []byte(servertest.Password)) {
				t.Fatalf("the error quotes a secret: %v", out)
			}
		})
	}
	if n := len(g.Records("session.open")); n != 0 {
		t.Errorf("%d sessions were opened", n)
	}
	t.Run("in no group that a policy allows", func(t *testing.T) {
		r := login(t, g, g.Token("stranger", "others"))
		if got := errorOf(r.query("SELECT 1")); !strings.HasPrefix(got, "42501") || !strings.Contains(got, "no policy allows it") {
			t.Fatalf("got %q", got)
		}
		if got := errorOf(r.query("BEGIN")); !strings.HasPrefix(got, "42501") {
			t.Fatalf("BEGIN: %q", got)
		}
	})
	login(t, g, g.Agent()).works()
	if bytes.Contains([]byte(g.Log.String()), []byte(servertest.Password)) {
		t.Error("the log shows the database's password")
	}
}

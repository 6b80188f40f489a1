package redis_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"sluice.dev/proxy/console"
	"sluice.dev/proxy/gate/protocoltest"
	"sluice.dev/proxy/protocol/redis/resp"
	"sluice.dev/proxy/server/api"
	"sluice.dev/proxy/server/servertest"
	"sluice.dev/proxy/testenv"
)

const policy = `package base

allow if "crew" in input.principal.groups

deny contains "not this list" if "effects-denied" in input.command.writes

deny contains "FLUSHALL needs a change" if input.command.redis.command == "flushall"

hold contains {"approval": "change", "reason": "it is to be looked at"} if "effects-held" in input.command.writes
`

// start starts a gateway in front of a real Redis.
func start(t *testing.T, o servertest.Options) (*servertest.Gateway, *testenv.RedisServer) {
	t.Helper()
	s := testenv.Redis(t, servertest.Password)
	o.Bare, o.Rego = true, map[string]string{"base": policy}
	o.Masks = "mask \"contact\" {\n  columns = [\"user:*.email\", \"session:*\"]\n  action = \"partial\"\n  except = [\"support-leads\"]\n}\n"
	o.More += fmt.Sprintf(`
listener "redis" "rd" {
  address    = "127.0.0.1:0"
  connection = "sessions"
  tls { insecure = true }
}
connection "redis" "sessions" {
  address  = %q
  user     = "default"
  password = file("password")
  labels   = { environment = "production" }
  tls { mode = "disable" }
  redis { databases = ["1"] }
}
`, s.Address())
	g := servertest.Start(t, o)
	for _, c := range []string{"SET greeting hello", "HSET user:1 name Ada email ada.brandt@example.com", "SET session:1 4111111111111111",
		"RPUSH effects" + strings.Repeat(" x", full), "RPUSH effects-denied" + strings.Repeat(" x", full), "RPUSH effects-held" + strings.Repeat(" x", full)} {
		do(t, s, c)
	}
	return g, s
}

// full is how long each list is of which commands take one element away.
const full = 200

func do(t *testing.T, s *testenv.RedisServer, command string) string {
	t.Helper()
	out, err := s.Do(command)
	if err != nil {
		t.Fatalf("%s: %v", command, err)
	}
	return out
}

func command(args ...string) []byte { return resp.Append(nil, args...) }

var numbered = regexp.MustCompile(`\[cmd [0-9A-Z]+\]`)

// TestSuite is Redis's table of what every protocol must do.
func TestSuite(t *testing.T) {
	protocoltest.Run(t, protocoltest.Protocol{
		Start:     startProtocol,
		Read:      command("GET", "greeting"),
		Write:     command("LTRIM", "effects", "1", "-1"),
		Denied:    command("LTRIM", "effects-denied", "1", "-1"),
		Held:      command("LTRIM", "effects-held", "1", "-1"),
		Masked:    command("HGETALL", "user:1"),
		Oversize:  []byte("*3\r\n$3\r\nSET\r\n$1\r\na\r\n$536870912\r\nx"),
		Canaries:  [][]byte{[]byte("ada.brandt@")},
		Shown:     []byte("a***@example.com"),
		Normalise: func(b []byte) []byte { return numbered.ReplaceAll(b, []byte("[cmd]")) },
	})
}

func startProtocol(t *testing.T, d protocoltest.Demand) protocoltest.Gateway {
	disk := servertest.NewDisk()
	o := servertest.Options{Files: disk}
	if d.Classifier != nil {
		o.More = plugin(t, d.Classifier)
	}
	g, s := start(t, o)
	seen := map[string]bool{}
	return protocoltest.Gateway{
		Open: func() protocoltest.Client {
			c := open(t, g, g.Addresses["rd"].String(), "AUTH", "sessions", g.Agent())
			c.seen = seen
			return c
		},
		Direct:  func() protocoltest.Client { return open(t, g, s.Address(), "AUTH", servertest.Password) },
		Approve: func(ticket string) { decide(t, g, ticket, true) },
		Deny:    func(ticket string) { decide(t, g, ticket, false) },
		Kill: func() {
			c := client(t, g, "root-1", "platform")
			all, err := c.Sessions(t.Context(), true)
			if err != nil {
				t.Fatal(err)
			}
			for _, one := range all {
				if err := c.Kill(t.Context(), one.ID, "suspicious"); err != nil {
					t.Fatal(err)
				}
			}
		},
		FillDisk: func() { disk.Fill() },
		Effects: func() int {
			n := 0
			for _, list := range []string{"effects", "effects-denied", "effects-held"} {
				left, err := strconv.Atoi(strings.TrimPrefix(do(t, s, "LLEN "+list), ":"))
				if err != nil {
					t.Fatal(err)
				}
				n += full - left
			}
			return n
		},
	}
}

func client(t *testing.T, g *servertest.Gateway, subject, group string) *api.Client {
	t.Helper()
	c, err := api.At(g.URL, g.Token(subject, group))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func decide(t *testing.T, g *servertest.Gateway, ticket string, approve bool) {
	t.Helper()
	c := client(t, g, "dba-2", "dba")
	var err error
	if approve {
		_, err = c.Approve(t.Context(), ticket, "looked at it")
	} else {
		_, err = c.Deny(t.Context(), ticket, "wrong list")
	}
	if err != nil {
		t.Fatal(err)
	}
}

// conn is a client that speaks bytes.
type conn struct {
	net.Conn
	t    *testing.T
	g    *servertest.Gateway
	all  []byte
	at   int // of all, what has been read as answers
	seen map[string]bool
}

func open(t *testing.T, g *servertest.Gateway, address string, login ...string) *conn {
	t.Helper()
	nc, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	c := &conn{Conn: nc, t: t, g: g, seen: map[string]bool{}}
	c.Send(command(login...))
	if v, ok := c.read(); !ok || v.Type == '-' {
		t.Fatalf("log-in: %q", c.all)
	}
	c.all, c.at = nil, 0
	return c
}

func (c *conn) Send(b []byte) {
	if _, err := c.Write(b); err != nil {
		c.t.Logf("send: %v", err)
	}
}

func (c *conn) read() (resp.Value, bool) {
	var s resp.Scanner
	end := c.at
	buf := make([]byte, 4096)
	for {
		n, done, err := s.Scan(c.all[end:])
		if err != nil {
			c.t.Fatal(err)
		}
		if end += n; done {
			v, err := resp.Parse(c.all[c.at:end])
			if err != nil {
				c.t.Fatal(err)
			}
			c.at = end
			return v, true
		}
		c.SetReadDeadline(time.Now().Add(time.Minute))
		n, err = c.Read(buf)
		c.all = append(c.all, buf[:n]...)
		if err != nil && n == 0 {
			return resp.Value{}, false
		}
	}
}

func (c *conn) Answer() protocoltest.Answer {
	v, ok := c.read()
	if !ok {
		return protocoltest.Answer{Ended: true}
	}
	a := protocoltest.Answer{Text: string(v.Text), Refused: v.Type == '-' && strings.Contains(string(v.Text), "sluice: ")}
	if strings.Contains(a.Text, "killed by") || strings.Contains(a.Text, "log has stopped") {
		_, more := c.read()
		a.Ended = !more
	}
	return a
}

// Notice asks the ledger: a client of Redis is not told until its wait is over.
func (c *conn) Notice() string {
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		holds, err := client(c.t, c.g, "dba-2", "dba").Holds(c.t.Context(), console.Filter{States: []console.State{console.Pending}})
		if err != nil {
			c.t.Fatal(err)
		}
		for _, h := range holds {
			if !c.seen[h.Ticket] {
				c.seen[h.Ticket] = true
				return h.Ticket
			}
		}
	}
	c.t.Fatal("no ticket")
	return ""
}

func (c *conn) Received() []byte { return bytes.Clone(c.all) }

func (c *conn) Close() { c.Conn.Close() }

func plugin(t *testing.T, module []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "classifier.wasm")
	if err := os.WriteFile(path, module, 0o600); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("plugin \"classifier\" {\n  module = %q\n  sha256 = \"%x\"\n}\n", path, sha256.Sum256(module))
}

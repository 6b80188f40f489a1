package redis_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"

	"sluice.dev/proxy/protocol/redis/resp"
	"sluice.dev/proxy/server/servertest"
)

// ask sends one command and returns the answer as it came.
func (c *conn) ask(args ...string) string {
	c.t.Helper()
	c.Send(command(args...))
	from := c.at
	if _, ok := c.read(); !ok {
		c.t.Fatalf("%v: the session ended", args)
	}
	return string(c.all[from:c.at])
}

// What is masked does not come by any other command either.
func TestMasks(t *testing.T) {
	g, _ := start(t, servertest.Options{})
	rd := g.Addresses["rd"].String()
	c := open(t, g, rd, "HELLO", "3", "AUTH", "sessions", g.Agent())
	c.ask("CONFIG", "RESETSTAT")
	for _, tt := range []struct{ command, want string }{
		{"GET session:1", "$7\r\n***1111\r\n"},
		{"MGET greeting session:1 none", "*3\r\n$5\r\nhello\r\n$7\r\n***1111\r\n_\r\n"},
		{"HGET user:1 email", "$16\r\na***@example.com\r\n"},
		{"HGET user:1 name", "$3\r\nAda\r\n"},
		{"HMGET user:1 name email", "*2\r\n$3\r\nAda\r\n$16\r\na***@example.com\r\n"},
		{"HGETALL user:1", "%2\r\n$4\r\nname\r\n$3\r\nAda\r\n$5\r\nemail\r\n$16\r\na***@example.com\r\n"},
		{"GETRANGE session:1 0 5", "$3\r\n***\r\n"},
		{"DUMP session:1", "$3\r\n***\r\n"},
		{"INCR session:1", ":0\r\n"},
		{"HVALS user:1", ""}, {"HSCAN user:1 0", ""}, {"HRANDFIELD user:1 2 WITHVALUES", ""}, {"GETEX session:1", ""}, {"SET session:1 new GET", ""},
		{"COPY session:1 mine", "-NOPERM sluice: denied"}, {"RENAME session:1 mine", "-NOPERM sluice: denied"}, {"RENAME user:1 mine", "-NOPERM"},
		{"SORT greeting BY nosort GET session:*", "-NOPERM sluice: denied"}, {"MOVE greeting 1", "-NOPERM"}, {"BITOP NOT mine session:1", "-NOPERM"},
		{"COPY session:1 session:2 DB 1", "-NOPERM"}, {"MONITOR", "-NOPERM"}, {"PSYNC ? -1", "-NOPERM"}, {"MULTI", "-NOPERM"}, {"SET a b", "-NOPERM sluice: denied: MULTI was refused"}, {"EXEC", "-NOPERM"}, {"GET a", "_\r\n"}, {"CLIENT REPLY OFF", "-NOPERM"},
		{"SUBSCRIBE a", "-NOPERM"}, {"SELECT 2", "-NOPERM"}, {"SELECT 1", "+OK"}, {"SELECT 0", "+OK"}, {"FLUSHALL", "-NOPERM sluice: denied by policy base: FLUSHALL needs a change"},
		{"SLOWLOG GET", "-NOPERM sluice: denied: it shows what others have sent"}, {"DEBUG OBJECT session:1", "-NOPERM"}, {"COMMAND COUNT", ":"},
		{"NOSUCH a", "-ERR sluice: unknown command"}, {"GET", "-ERR sluice: unknown command"}, {"HELLO 3 AUTH sessions x", "-NOPERM"},
	} {
		got := c.ask(strings.Fields(tt.command)...)
		if !strings.HasPrefix(got, tt.want) || strings.Contains(got, "ada.brandt") || strings.Contains(got, "41111111") {
			t.Errorf("%s: %q, want %q", tt.command, got, tt.want)
		}
	}
	if got := c.ask("EVAL", "return redis.call('GET', 'session:1')", "0"); !strings.HasPrefix(got, "-NOPERM") {
		t.Errorf("EVAL: %q", got)
	}
	lead := open(t, g, rd, "AUTH", "sessions", g.Token("lead-1", "crew", "support-leads"))
	if got := lead.ask("HGET", "user:1", "email"); !strings.Contains(got, "ada.brandt@example.com") {
		t.Errorf("whom no mask concerns reads %q", got)
	}
}

// A mask that comes with a reload concerns sessions that are open, and what they
// have said before.
func TestReloadedMasks(t *testing.T) {
	g, _ := start(t, servertest.Options{})
	c := open(t, g, g.Addresses["rd"].String(), "AUTH", "sessions", g.Agent())
	if got := c.ask("GET", "greeting"); got != "$5\r\nhello\r\n" {
		t.Fatalf("before: %q", got)
	}
	hcl, err := os.ReadFile(g.Config)
	if err != nil {
		t.Fatal(err)
	}
	hcl = bytes.Replace(hcl, []byte(`columns = ["user:*.email"`), []byte(`columns = ["greet*", "user:*.email"`), 1)
	if err := os.WriteFile(g.Config, hcl, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := client(t, g, "root-1", "platform").Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := c.ask("GET", "greeting"); strings.Contains(got, "hello") {
		t.Errorf("after: %q", got)
	}
}

// An answer that would have to be masked and is too large ends the session, which
// is hung up though its client says nothing more.
func TestMaskedAnswerTooLarge(t *testing.T) {
	g, s := start(t, servertest.Options{More: "limits {\n  message = \"1MiB\"\n}\n"})
	do(t, s, "SETRANGE session:2 2000000 x")
	c := open(t, g, g.Addresses["rd"].String(), "AUTH", "sessions", g.Agent())
	if got := c.ask("GET", "session:2"); !strings.HasPrefix(got, "-ERR sluice: the answer is larger than limits.message") {
		t.Errorf("got %.80q", got)
	}
	if n, err := c.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("and then %d bytes, %v", n, err)
	}
}

// A pipeline whose bytes the server is slow to take is answered whole.
func TestLongPipeline(t *testing.T) {
	g, _ := start(t, servertest.Options{More: "limits {\n  statement = \"16KiB\"\n  message = \"64KiB\"\n}\n"})
	c := open(t, g, g.Addresses["rd"].String(), "AUTH", "sessions", g.Agent())
	value := strings.Repeat("v", 30<<10)
	var all []byte
	for range 200 {
		all = append(all, command("SET", "mine", value)...)
	}
	c.Send(all)
	for i := range 200 {
		if v, ok := c.read(); !ok || v.Type != '+' {
			t.Fatalf("answer %d: %q", i, v.Raw)
		}
	}
}

func TestLogIn(t *testing.T) {
	g, _ := start(t, servertest.Options{})
	nc, err := net.Dial("tcp", g.Addresses["rd"].String())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	c := &conn{Conn: nc, t: t, g: g}
	for _, tt := range [][]string{{"-NOAUTH", "PING"}, {"-NOAUTH", "HELLO", "3"}, {"-NOPROTO", "HELLO", "4"}, {"-WRONGPASS", "AUTH", "sessions", "nonsense"},
		{"-WRONGPASS", "HELLO", "3", "AUTH", "sessions", "nonsense"}, {"+OK", "AUTH", g.Agent()}, {"+PONG", "PING"}} {
		if got := c.ask(tt[1:]...); !strings.HasPrefix(got, tt[0]) {
			t.Fatalf("%v: %q", tt[1:], got)
		}
	}
	// Pipelined, as clients that fall back send it.
	p, err := net.Dial("tcp", g.Addresses["rd"].String())
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	c = &conn{Conn: p, t: t, g: g}
	c.Send(append(append(command("HELLO", "3"), command("AUTH", "sessions", g.Agent())...), command("CLIENT", "SETNAME", "crew")...))
	for _, want := range []byte{'-', '+', '+'} {
		if v, ok := c.read(); !ok || v.Type != want {
			t.Fatalf("pipelined: %q", c.all)
		}
	}
	g.Stop()
	for _, r := range g.Records() {
		if strings.Contains(r.Action.Text, servertest.Password) {
			t.Error("the server's password is in a record")
		}
	}
}

// A big answer passes as it comes.
func TestBigAnswer(t *testing.T) {
	g, s := start(t, servertest.Options{})
	do(t, s, "SETRANGE big 20000000 x")
	c := open(t, g, g.Addresses["rd"].String(), "AUTH", "sessions", g.Agent())
	if got := c.ask("GET", "big"); len(got) != 20000001+len("$20000001\r\n\r\n") {
		t.Errorf("%d bytes", len(got))
	}
	big := strings.Repeat("y", 5<<20)
	if got := c.ask("SET", "mine", big); got != "+OK\r\n" {
		t.Errorf("got %.80q", got)
	}
	if got := c.ask("GET", "mine"); got != string(resp.AppendBulk(nil, []byte(big))) {
		t.Errorf("%d bytes", len(got))
	}
}

func TestRedisCLI(t *testing.T) {
	cli, err := exec.LookPath("redis-cli")
	if err != nil {
		t.Fatal("no redis-cli: run proxy/testenv/deps.sh redis")
	}
	g, _ := start(t, servertest.Options{})
	_, port, _ := net.SplitHostPort(g.Addresses["rd"].String())
	for _, proto := range []string{"-2", "-3"} {
		for _, tt := range [][]string{{"hello", "GET", "greeting"}, {"***1111", "GET", "session:1"}, {"sluice: denied by policy base", "FLUSHALL"}} {
			cmd := exec.CommandContext(t.Context(), cli, append([]string{proto, "-p", port, "--user", "sessions", "--pass", g.Agent(), "--no-auth-warning"}, tt[1:]...)...)
			if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), tt[0]) {
				t.Errorf("%s %v: %v: %s", proto, tt[1:], err, out)
			}
		}
	}
}

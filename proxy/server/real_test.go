package server_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"sluice.dev/proxy/console"
	"sluice.dev/proxy/gate/recorded"
	"sluice.dev/proxy/server"
	"sluice.dev/proxy/server/api"
	"sluice.dev/proxy/testenv"
)

// real is a gateway with a PostgreSQL server behind it and a provider beside it, nothing of them pretended.
type real struct {
	*testing.T
	pg      *testenv.PostgresServer
	idp     *testenv.OIDCServer
	dir     string
	address string // of the postgres listener
	url     string // of the console
}

const realConfig = `
gateway {
  name     = "test"
  data_dir = "./data"
}
listener "postgres" "main" {
  address = "127.0.0.1:0"
  tls { insecure = true }
}
listener "https" "web" {
  address = "%[1]s"
  tls { insecure = true }
}
identity "oidc" "corp" {
  issuer     = "%[2]s"
  audiences  = ["sluice"]
  kind_claim = "kind"
}
connection "postgres" "orders" {
  address  = "%[3]s"
  database = "orders"
  user     = "crew_app"
  password = file("pg.password")
  labels   = { environment = "production", data = "customer" }
  tls { mode = "disable" }
}
policy "guardrails" {
  path = "%[4]s/guardrails"
}
policy "agents" {
  path = "%[4]s/agents"
}
mask "contact" {
  columns = ["public.customers.email"]
  action  = "partial"
}
approval "change" {
  approvers = ["dba"]
  wait      = "60s"
}
console {
  url       = "http://%[1]s"
  identity  = "corp"
  client_id = "sluice-console"
  auditors  = ["audit"]
  operators = ["platform"]
}
`

func openReal(t *testing.T) *real {
	t.Helper()
	r := &real{T: t, idp: testenv.OIDC(t, testenv.OIDCOptions{}), dir: t.TempDir()}
	r.pg = testenv.Postgres(t, testenv.PostgresOptions{Init: []string{
		"CREATE ROLE crew_app LOGIN PASSWORD 'upstream-secret'",
		"ALTER ROLE crew_app SET log_min_messages = fatal",
		"CREATE DATABASE orders",
	}})
	super, err := pgx.Connect(t.Context(), r.pg.SuperDSN("orders"))
	if err != nil {
		t.Fatal(err)
	}
	defer super.Close(context.Background())
	if _, err := super.Exec(t.Context(), `CREATE TABLE customers (id int PRIMARY KEY, name text, email text, phone text, card text);
		INSERT INTO customers SELECT i, 'name ' || i, 'user' || i || '@example.com', '555-0100', '4111111111111111' FROM generate_series(1, 5) i;
		GRANT ALL ON customers TO crew_app`); err != nil {
		t.Fatal(err)
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	web := free.Addr().String()
	free.Close()
	r.url = "http://" + web
	policies, err := filepath.Abs("../../policies")
	if err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(r.dir, "sluice.hcl")
	for file, text := range map[string]string{config: fmt.Sprintf(realConfig, web, r.idp.Issuer, r.pg.Address(), policies), filepath.Join(r.dir, "pg.password"): "upstream-secret\n"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	ready, done := make(chan map[string]net.Addr, 1), make(chan error, 1)
	go func() {
		done <- server.Run(ctx, server.Options{Config: []string{config}, Version: "test", Drain: time.Second, Progress: io.Discard,
			Ready: func(a map[string]net.Addr) { ready <- a }}, nil)
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the gateway ended with %v", err)
		}
	})
	select {
	case a := <-ready:
		r.address = a["main"].String()
	case err := <-done:
		done <- nil
		t.Fatalf("the gateway did not start: %s", server.Explain(err))
	}
	return r
}

func (r *real) token(subject string, claims testenv.Claims) string {
	c := testenv.Claims{"sub": subject}
	for k, v := range claims {
		c[k] = v
	}
	return r.idp.Issue(c)
}

func (r *real) api(subject string, groups ...string) *api.Client {
	r.Helper()
	c, err := api.At(r.url, r.token(subject, testenv.Claims{"groups": groups, "kind": "human"}))
	if err != nil {
		r.Fatal(err)
	}
	return c
}

// agent connects as agent-7, which works for analyst-3.
func (r *real) agent() (*pgx.Conn, chan string) {
	r.Helper()
	config, err := pgx.ParseConfig("postgres://" + r.address + "/orders?sslmode=disable")
	if err != nil {
		r.Fatal(err)
	}
	notices := make(chan string, 10)
	config.User = "agent-7"
	config.Password = r.token("analyst-3", testenv.Claims{"groups": []string{"crew-support"}, "kind": "human", "act": map[string]any{"sub": "agent-7", "kind": "agent"}})
	config.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) { notices <- n.Message }
	conn, err := pgx.ConnectConfig(r.Context(), config)
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() { conn.Close(context.Background()) })
	return conn, notices
}

// TestConsoleOfARealGateway walks the approver's, the operator's and the auditor's way through a gateway that runs.
func TestConsoleOfARealGateway(t *testing.T) {
	r := openReal(t)
	ctx := t.Context()
	conn, notices := r.agent()
	var email string
	if err := conn.QueryRow(ctx, "SELECT email FROM customers WHERE id = 1").Scan(&email); err != nil || email == "user1@example.com" {
		t.Fatalf("read %q, %v", email, err)
	}
	deleted := make(chan error, 1)
	go func() {
		_, err := conn.Exec(ctx, "DELETE FROM customers WHERE id = $1", 4)
		deleted <- err
	}()
	var notice string
	select {
	case notice = <-notices:
	case err := <-deleted:
		t.Fatalf("the DELETE was not held: %v", err)
	}
	link := regexp.MustCompile(regexp.QuoteMeta(r.url) + `/t/(\S+)`).FindStringSubmatch(notice)
	if link == nil {
		t.Fatalf("no link in the notice %q", notice)
	}
	ticket := link[1]

	// The approver follows the link, logs in, reads, approves.
	jar, _ := cookiejar.New(nil)
	browser := &http.Client{Jar: jar, Transport: &http.Transport{}}
	defer browser.CloseIdleConnections()
	resp, err := r.idp.Login(ctx, browser, link[0], "dba-2")
	if err != nil {
		t.Fatal(err)
	}
	page := read(t, resp)
	for _, want := range []string{ticket, "agent-7", "analyst-3", "DELETE", "customers", "production", "Approve", "agents/agents.rego:", "<dt title=\"input.command.writes\">", "hold contains"} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q on the ticket's page:\n%s", want, page)
		}
	}
	csrf := regexp.MustCompile(`name="csrf" value="([^"]+)"`).FindStringSubmatch(page)
	if csrf == nil {
		t.Fatal("no form")
	}
	if resp, err = browser.PostForm(r.url+"/t/"+ticket+"/approve", url.Values{"csrf": {csrf[1]}, "reason": {"CRM-4711"}}); err != nil {
		t.Fatal(err)
	}
	if page = read(t, resp); !strings.Contains(page, "Your approval is recorded") {
		t.Errorf("approved:\n%s", page)
	}
	if err := <-deleted; err != nil {
		t.Fatal(err)
	}

	// A second one is denied by the API; the agent reads by whom and why, and its connection goes on.
	go func() {
		_, err := conn.Exec(ctx, "DELETE FROM customers WHERE id = $1", 5)
		deleted <- err
	}()
	second := regexp.MustCompile(`/t/(\S+)`).FindStringSubmatch(<-notices)[1]
	if _, err := r.api("analyst-3", "dba").Approve(ctx, second, ""); err == nil {
		t.Error("whom it is done for approved it")
	}
	if h, err := r.api("dba-2", "dba").Deny(ctx, second, "wrong customer"); err != nil || h.State != console.Denied {
		t.Errorf("deny: %s, %v", h.State, err)
	}
	var pgErr *pgconn.PgError
	if err := <-deleted; !errors.As(err, &pgErr) || pgErr.Code != "42501" || !strings.Contains(pgErr.Message, "denied by dba-2@corp: wrong customer") {
		t.Errorf("denied: %v", err)
	}
	rows, err := conn.Query(ctx, "SELECT id FROM customers ORDER BY id")
	if err != nil {
		t.Fatal(err)
	}
	if left, err := pgx.CollectRows(rows, pgx.RowTo[int]); err != nil || fmt.Sprint(left) != "[1 2 3 5]" {
		t.Errorf("%d rows are left, %v", left, err)
	}

	// The auditor asks why, by ticket and by command; nobody else may.
	acc, err := r.api("audit-1", "audit").Explain(ctx, second)
	if err != nil || acc.Verdict != "hold" || len(acc.Rules) == 0 || acc.Rules[0].Policy != "agents" || acc.Changed || strings.Contains(fmt.Sprint(acc), "upstream-secret") {
		t.Errorf("why %s: %+v, %v", second, acc, err)
	}
	decisions, err := r.api("audit-1", "audit").Decisions(ctx, recorded.Filter{Verdict: "hold"})
	if err != nil || len(decisions) != 2 || decisions[0].Ticket != second || decisions[1].Ticket != ticket {
		t.Errorf("held: %+v, %v", decisions, err)
	}
	if _, err := r.api("dba-2", "dba").Explain(ctx, second); err == nil {
		t.Error("an approver read a record")
	}

	// The operator at the socket, the auditor with a token.
	socket := api.Over(filepath.Join(r.dir, "data", server.SocketName))
	h, err := socket.Hold(ctx, ticket)
	if err != nil || h.State != console.Done || h.Outcome != "committed" || len(h.Votes()) != 1 {
		t.Errorf("the first hold is %s, %q, %+v, %v", h.State, h.Outcome, h.Votes(), err)
	}
	sessions, err := socket.Sessions(ctx, true)
	if err != nil || len(sessions) != 1 || sessions[0].Principal.Subject != "agent-7" {
		t.Fatalf("sessions: %+v, %v", sessions, err)
	}
	if st, err := socket.Status(ctx); err != nil || !st.Ready || st.LogDurable == 0 || !strings.HasPrefix(st.Generation, "sha256:") {
		t.Errorf("status: %+v, %v", st, err)
	}
	if _, err := socket.Reload(ctx); err != nil {
		t.Errorf("reload: %v", err)
	}
	if resp, err = browser.Get(r.url + "/holds"); err != nil {
		t.Fatal(err)
	}
	if page = read(t, resp); !strings.Contains(page, second) {
		t.Errorf("after a reload the approver is not logged in any more:\n%s", page)
	}
	if err := socket.Kill(ctx, sessions[0].ID, "the test is over"); err != nil {
		t.Error(err)
	}
	if _, err := conn.Exec(ctx, "SELECT 1"); err == nil {
		t.Error("a killed session goes on")
	}
	said := r.recording(sessions[0].ID)
	for _, want := range []string{"SELECT email FROM customers", "DELETE FROM customers", "wrong customer"} {
		if !strings.Contains(said, want) {
			t.Errorf("no %q in the recording:\n%s", want, said)
		}
	}
	for _, never := range []string{"user1@example.com", "upstream-secret"} {
		if strings.Contains(said, never) {
			t.Errorf("%q is in the recording:\n%s", never, said)
		}
	}
}

// recording is what an auditor reads once the session's last chunk is in the log, which is a moment after its end.
func (r *real) recording(session string) string {
	r.Helper()
	auditor := r.api("audit-1", "audit")
	for try := 0; ; try++ {
		frames, err := auditor.Replay(r.Context(), session)
		said := ""
		if err == nil {
			for f, broken := range frames {
				if err = broken; err != nil {
					break
				}
				said += f.Kind + " " + f.Text + " " + strings.Join(f.Cells, " | ") + "\n"
			}
		}
		if err == nil && strings.Contains(said, "wrong customer") {
			return said
		}
		if try == 300 {
			r.Fatalf("the recording does not come to its end: %v\n%s", err, said)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func read(t *testing.T, resp *http.Response) string {
	t.Helper()
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

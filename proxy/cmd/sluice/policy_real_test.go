package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"sluice.dev/proxy/gate/recorded"
	"sluice.dev/proxy/server"
	"sluice.dev/proxy/testenv"
)

const policyConfig = `
gateway {
  name     = "test"
  data_dir = "./data"
}
listener "postgres" "main" {
  address = "127.0.0.1:0"
  tls { insecure = true }
}
identity "oidc" "corp" {
  issuer     = "%[1]s"
  audiences  = ["sluice"]
  kind_claim = "kind"
}
connection "postgres" "orders" {
  address  = "%[2]s"
  database = "orders"
  user     = "crew_app"
  password = file("pg.password")
  labels   = { environment = "production", data = "customer" }
  tls { mode = "disable" }
}
policy "agents" {
  path = "%[3]s/agents"
}
policy "guardrails" {
  path = "%[3]s/guardrails"
}
policy "trial" {
  path = "trial"
  mode = "shadow"
}
policy "broken" {
  path = "broken"
  mode = "shadow"
}
mask "contact" {
  columns = ["public.customers.email"]
  action  = "partial"
}
approval "change" {
  approvers = ["dba"]
  mode      = "ticket"
}
`

const trial = `package trial

deny contains "customers are out of bounds" if "public.customers" in input.command.reads

hold contains {"approval": "change", "reason": "counting is odd"} if {
	some f in input.command.functions
	endswith(f, "count")
}

mask contains {"column": "public.customers.name", "action": "redact"} if true

limit contains {"rows": 1} if true
`

// It fails where a statement calls abs().
const broken = `package broken

deny contains "n" if {
	some f in input.command.functions
	endswith(f, "abs")
	to_number(input.session.client.application) > 3
}
`

// TestPoliciesOfARealGateway asks a gateway's log, through the command line,
// why commands were decided as they were, and what shadow policies would have
// done; none of which a client has seen.
func TestPoliciesOfARealGateway(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts a PostgreSQL server: not with -short")
	}
	dir, conn := policyGateway(t)
	config := "--config=" + filepath.Join(dir, "sluice.hcl")
	ctx := t.Context()

	// What the shadow policies say changes nothing of what the client gets.
	var names []string
	rows, err := conn.Query(ctx, "SELECT name FROM customers ORDER BY id")
	if err != nil {
		t.Fatal(err)
	}
	if names, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil || strings.Join(names, " ") != "ada bela cora" {
		t.Fatalf("read %v, %v", names, err)
	}
	var n int
	if err := conn.QueryRow(ctx, "SELECT count(*), abs(-1) FROM orders").Scan(&n, nil); err != nil {
		t.Fatal(err)
	}
	refused := func(sql, code string) *pgconn.PgError {
		t.Helper()
		_, err := conn.Exec(ctx, sql)
		var e *pgconn.PgError
		if !errors.As(err, &e) || e.Code != code {
			t.Fatalf("%s: %v, want %s", sql, err, code)
		}
		return e
	}
	dropped := commandID(t, refused("DROP TABLE orders", "42501").Detail)
	secret := commandID(t, refused("SELECT rolpassword FROM pg_authid", "42501").Detail)
	held := refused("DELETE FROM customers WHERE id = 3", "57014")
	ticket := regexp.MustCompile(`ticket (\S+)`).FindStringSubmatch(held.Message)
	if ticket == nil {
		t.Fatalf("no ticket in %q", held.Message)
	}

	say := func(code int, args ...string) string {
		t.Helper()
		var out, errs bytes.Buffer
		if got := run(ctx, append([]string{config, "policy"}, args...), &out, &errs); got != code {
			t.Fatalf("policy %v: exit %d\n%s%s", args, got, out.String(), errs.String())
		}
		return out.String() + errs.String()
	}
	wants := func(text string, want ...string) {
		t.Helper()
		for _, w := range want {
			if !strings.Contains(text, w) {
				t.Errorf("no %q in:\n%s", w, text)
			}
		}
	}
	text := say(0, "explain", dropped)
	wants(text, "Denied: agent-7 for analyst-3 on orders", "denied by policy agents: DROP needs a migration", place(t, "agents", `deny contains {"reason": "DROP`),
		`input.command.flags.drop = true`, `input.command.operations = ["drop"]`, "hint   Tell your human to open a change")
	if strings.Contains(text, "changed since") || strings.Contains(text, "shadow") {
		t.Errorf("nothing changed, and the shadow did not decide:\n%s", text)
	}
	text = say(0, "explain", ticket[1])
	wants(text, "Held: agent-7", "held by policy agents for approval change: delete on public.customers", place(t, "agents", `hold contains {"approval": "change", "reason": sprintf("%s on`),
		`input.connection.labels.environment = "production"`)
	// The record has the columns that the rule read.
	text = say(0, "explain", secret)
	wants(text, "denied by policy guardrails: ", place(t, "guardrails", `deny contains {"reason": sprintf("%s is one of the server`), `input.command.columns = ["pg_catalog.pg_authid.rolpassword"`)
	for _, never := range []string{"not recorded", "no rule says it now"} {
		if strings.Contains(text, never) {
			t.Errorf("%q in:\n%s", never, text)
		}
	}
	var acc recorded.Account
	if err := json.Unmarshal([]byte(say(0, "-o", "json", "explain", dropped)), &acc); err != nil || len(acc.Rules) != 1 || !strings.HasSuffix(acc.Rules[0].String(), place(t, "agents", `deny contains {"reason": "DROP`)) || acc.Changed {
		t.Errorf("%+v, %v", acc, err)
	}
	wants(say(1, "explain", "01J00000000000000000000000"), "no decision about")
	wants(say(1, "explain", "0"), "no decision about a command")

	// What the shadow would have done, by rule, principal and connection.
	var report recorded.ShadowReport
	if err := json.Unmarshal([]byte(say(0, "-o", "json", "shadow")), &report); err != nil || len(report.Policies) != 2 {
		t.Fatalf("%+v, %v", report, err)
	}
	b, p := report.Policies[0], report.Policies[1]
	if b.Policy != "broken" || b.Failed != 1 || p.Policy != "trial" || p.Failed != 0 {
		t.Errorf("%+v\n%+v", b, p)
	}
	changed := map[string]int{}
	for _, c := range p.Changes {
		changed[c.From+" "+c.To+" "+c.Who+" "+c.Connection] += c.Commands
	}
	who := " agent-7 for analyst-3 orders"
	if len(changed) != 3 || changed["allow deny"+who] != 1 || changed["allow hold"+who] != 1 || changed["hold deny"+who] != 1 {
		t.Errorf("%v", changed)
	}
	said := map[string]int{}
	for _, s := range p.Said {
		said[s.Says] = s.Commands
	}
	if said["deny: customers are out of bounds"] != 2 || said["hold change: counting is odd"] != 1 || said["mask public.customers.name=redact"] < 4 || said["limit rows=1"] < 4 {
		t.Errorf("%v", said)
	}
	for _, c := range p.Changes {
		if c.From == "hold" {
			wants(say(0, "explain", c.Example), "held by policy agents", "in shadow, denied by policy trial: customers are out of bounds", "trial.rego:3")
		}
	}
	text = say(0, "shadow", "trial")
	wants(text, "would decide 3 of them otherwise", "WOULD BE", "customers are out of bounds")
	if strings.Contains(text, "broken") {
		t.Errorf("only trial was asked for:\n%s", text)
	}

	// After an edit the rules are those of now, and it is said.
	if err := os.WriteFile(filepath.Join(dir, "trial", "trial.rego"), []byte(trial+"\n# edited\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	wants(say(0, "explain", dropped), "The configuration has changed since")
}

// place is file:line of the rule of the library that begins so.
func place(t *testing.T, policy, begins string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("../../../policies", policy, policy+".rego"))
	if err != nil {
		t.Fatal(err)
	}
	before, _, found := strings.Cut(string(data), "\n"+begins)
	if !found {
		t.Fatalf("%s has no rule that begins with %q", policy, begins)
	}
	return fmt.Sprintf("%s.rego:%d", policy, strings.Count(before, "\n")+2)
}

func commandID(t *testing.T, detail string) string {
	t.Helper()
	m := regexp.MustCompile(`\[cmd (\w+)\]`).FindStringSubmatch(detail)
	if m == nil {
		t.Fatalf("no command's id in %q", detail)
	}
	return m[1]
}

// policyGateway starts a gateway and logs agent-7 in.
func policyGateway(t *testing.T) (dir string, conn *pgx.Conn) {
	t.Helper()
	idp := testenv.OIDC(t, testenv.OIDCOptions{})
	pg := testenv.Postgres(t, testenv.PostgresOptions{Init: []string{
		"CREATE ROLE crew_app LOGIN PASSWORD 'upstream-secret'",
		"ALTER ROLE crew_app SET log_min_messages = fatal",
		"CREATE DATABASE orders",
	}})
	super, err := pgx.Connect(t.Context(), pg.SuperDSN("orders"))
	if err != nil {
		t.Fatal(err)
	}
	defer super.Close(context.Background())
	if _, err := super.Exec(t.Context(), `CREATE TABLE customers (id int PRIMARY KEY, name text, email text, card text);
		INSERT INTO customers VALUES (1, 'ada', 'a@example.com', '1'), (2, 'bela', 'b@example.com', '2'), (3, 'cora', 'c@example.com', '3');
		CREATE TABLE orders (id int PRIMARY KEY); GRANT ALL ON customers, orders TO crew_app`); err != nil {
		t.Fatal(err)
	}
	policies, err := filepath.Abs("../../../policies")
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	for name, text := range map[string]string{"sluice.hcl": fmt.Sprintf(policyConfig, idp.Issuer, pg.Address(), policies), "pg.password": "upstream-secret\n",
		"trial/trial.rego": trial, "broken/broken.rego": broken} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	ready, done := make(chan map[string]net.Addr, 1), make(chan error, 1)
	go func() {
		done <- server.Run(ctx, server.Options{Config: []string{filepath.Join(dir, "sluice.hcl")}, Version: "test", Drain: time.Second, Progress: io.Discard,
			Ready: func(a map[string]net.Addr) { ready <- a }}, nil)
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the gateway ended with %v", err)
		}
	})
	var address string
	select {
	case a := <-ready:
		address = a["main"].String()
	case err := <-done:
		done <- nil
		t.Fatalf("the gateway did not start: %s", server.Explain(err))
	}
	c, err := pgx.ParseConfig("postgres://" + address + "/orders?sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	c.User = "agent-7"
	c.Password = idp.Issue(testenv.Claims{"sub": "analyst-3", "groups": []string{"crew-support"}, "kind": "human", "act": map[string]any{"sub": "agent-7", "kind": "agent"}})
	if conn, err = pgx.ConnectConfig(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return dir, conn
}

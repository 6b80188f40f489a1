// Package servertest starts a whole gateway inside a test: a real PostgreSQL, a
// real OpenID provider, the shipped plugins, and server.Run on a configuration
// in a folder of its own.
package servertest

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"sluice.dev/proxy/audit"
	"sluice.dev/proxy/server"
	"sluice.dev/proxy/testenv"
)

// Options of a gateway under test. The zero value is of use.
type Options struct {
	// Init is SQL that runs in the database "orders", as its superuser, after
	// the role crew_app was made. Schema is what the tour uses, when empty.
	Init []string
	// Postgres are options of the database behind the gateway. Its major version
	// is SLUICE_POSTGRES_SERVER's when it is given neither here nor there.
	Postgres testenv.PostgresOptions
	// Connection, Masks, Policies and More are HCL: attributes and blocks
	// inside the connection block, the mask blocks, the policy blocks, and any
	// others. Empty Masks: the contact columns, partial; "-": none.
	Connection, Masks, Policies, More string
	// Rego are policies as text by name, each a policy block of its own, in
	// place of Policies. The default is AllowAll.
	Rego map[string]string
	// Plugins are the shipped plugins to load, with settings as HCL ("" for
	// none).
	Plugins map[string]string
	// Files is for a failing disk under the audit log.
	Files audit.Files
	// Lineage is the connection's; server when empty.
	Lineage string
	// Bare is a gateway without PostgreSQL: listeners and connections are in More.
	Bare bool
	// TLS serves PostgreSQL with TLS instead of plain text.
	TLS bool
}

// AllowAll is a policy that allows everything to group crew.
const AllowAll = "package base\n\nallow if \"crew\" in input.principal.groups\n"

// Schema is the default database.
const Schema = `
CREATE TABLE public.customers (id integer PRIMARY KEY, name text NOT NULL, email text NOT NULL, phone text, card text, city text NOT NULL, note text);
INSERT INTO public.customers VALUES
 (1, 'Ada Brandt', 'ada.brandt@example.com', '+49 30 5550 1234', '4111 1111 1111 1111', 'Berlin', 'prefers mornings'),
 (2, 'Bela Kovacs', 'bela@kovacs.example', '+36 1 555 0199', '5500 0000 0000 0004', 'Budapest', 'also b.kovacs@mail.example'),
 (3, 'Chidi Okafor', 'chidi.okafor@example.org', NULL, NULL, 'Lagos', NULL);
CREATE TABLE public.orders (id integer PRIMARY KEY, customer_id integer NOT NULL REFERENCES public.customers, item text NOT NULL, amount numeric(10,2) NOT NULL);
INSERT INTO public.orders SELECT i, 1 + i % 3, 'item ' || i, i * 1.5 FROM generate_series(1, 20) i;
ALTER TABLE public.customers OWNER TO crew_app;
ALTER TABLE public.orders OWNER TO crew_app;
`

// TB is the part of testing.TB that is used, so that benchmarks and programs
// may start a gateway too.
type TB interface {
	testenv.TB
	TempDir() string
}

// Gateway is one that runs in this process.
type Gateway struct {
	Dir     string // of the configuration; data is below it
	Config  string // its file: edit it, and it reloads
	Address string // of its PostgreSQL listener
	// Addresses are those of all listeners by name.
	Addresses map[string]net.Addr
	URL       string // of its console and API
	DB        *testenv.PostgresServer
	OIDC      *testenv.OIDCServer
	CAFile    string // with TLS
	Log       *Buffer

	password string
	opts     Options
	tb       TB
	stop     func()
}

// Buffer collects a log; safe for concurrent use.
type Buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *Buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// Password of crew_app, which nothing may ever show.
const Password = "the-databases-own-secret-9c41"

// Start starts one; it ends with the test.
func Start(tb TB, o Options) *Gateway {
	tb.Helper()
	g := &Gateway{Dir: tb.TempDir(), Log: &Buffer{}, opts: o, tb: tb, password: Password}
	if !o.Bare {
		g.startDatabase(o)
	}
	g.OIDC = testenv.OIDC(tb, testenv.OIDCOptions{})
	g.Config = filepath.Join(g.Dir, "sluice.hcl")
	g.must(os.WriteFile(filepath.Join(g.Dir, "password"), []byte(Password), 0o600))
	g.write("127.0.0.1:0", "127.0.0.1:0")
	g.Run()
	// From here on the addresses are fixed, so that a restart keeps them.
	g.write(g.Address, strings.TrimPrefix(g.URL, "http://"))
	tb.Cleanup(func() { g.Stop() })
	return g
}

// startDatabase starts the PostgreSQL behind the gateway, and fills it.
func (g *Gateway) startDatabase(o Options) {
	o.Postgres.Init = append(o.Postgres.Init, "CREATE ROLE crew_app LOGIN PASSWORD '"+Password+"'", "ALTER ROLE crew_app SET log_min_messages = fatal", "CREATE DATABASE orders")
	o.Postgres.Version = cmp.Or(o.Postgres.Version, os.Getenv("SLUICE_POSTGRES_SERVER"))
	g.DB = testenv.Postgres(g.tb, o.Postgres)
	init := o.Init
	if init == nil {
		init = []string{Schema}
	}
	for _, sql := range init {
		g.Direct(sql)
	}
}

func (g *Gateway) must(err error) {
	if err != nil {
		g.tb.Helper()
		g.tb.Fatalf("servertest: %v", err)
	}
}

// Run serves until Stop, and returns when it is ready.
func (g *Gateway) Run() {
	g.tb.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ready := make(chan map[string]net.Addr, 1)
	done := make(chan error, 1)
	go func() { // Stop waits for it
		done <- server.Run(ctx, server.Options{Config: []string{g.Config}, Version: "test", Progress: g.Log, Files: g.opts.Files,
			Logger: slog.New(slog.NewTextHandler(g.Log, &slog.HandlerOptions{Level: slog.LevelDebug})), Ready: func(a map[string]net.Addr) { ready <- a }, Drain: 3 * time.Second}, nil)
	}()
	select {
	case a := <-ready:
		g.Addresses, g.URL = a, "http://"+a["web"].String()
		if pg := a["pg"]; pg != nil {
			g.Address = pg.String()
		}
	case err := <-done:
		cancel()
		g.tb.Fatalf("servertest: the gateway did not start: %s\n%s", server.Explain(err), g.Log)
	case <-time.After(2 * time.Minute):
		cancel()
		g.tb.Fatalf("servertest: the gateway is not ready\n%s", g.Log)
	}
	var once sync.Once
	g.stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				g.Log.Write([]byte("server.Run: " + err.Error() + "\n")) //nolint:errcheck // a buffer
			}
		})
	}
}

// Stop ends the gateway and waits until it has.
func (g *Gateway) Stop() { g.stop() }

// write makes the configuration.
func (g *Gateway) write(pg, web string) {
	o := g.opts
	var b strings.Builder
	tls := "insecure = true"
	if o.TLS {
		ca, cert, key := certificate(g)
		g.CAFile = ca
		tls = fmt.Sprintf("cert_file = %q\n    key_file = %q", cert, key)
	}
	fmt.Fprintf(&b, `gateway {
  name     = "test"
  data_dir = "./data"
}
listener "https" "web" {
  address = %q
  tls { insecure = true }
}
identity "oidc" "corp" {
  issuer     = %q
  audiences  = ["sluice"]
  kind_claim = "kind"
}
approval "change" {
  approvers = ["dba"]
  wait      = "30s"
  tx_wait   = "20s"
}
console {
  url       = "http://127.0.0.1:1"
  identity  = "corp"
  client_id = "sluice-console"
  auditors  = ["audit"]
  operators = ["platform"]
}
`, web, g.OIDC.Issuer)
	if !o.Bare {
		fmt.Fprintf(&b, `listener "postgres" "pg" {
  address = %q
  tls {
    %s
  }
}
connection "postgres" "orders" {
  address  = %q
  database = "orders"
  user     = "crew_app"
  password = file("password")
  labels   = { environment = "production", data = "customer" }
  tls {
    mode = "disable"
  }
  postgres {
    lineage = %q
    driver  = %q
  }
  %s
}
`, pg, tls, g.DB.Address(), cmp.Or(o.Lineage, "server"), cmp.Or(os.Getenv("SLUICE_POSTGRES_DRIVER"), "plain"), o.Connection)
	}
	switch o.Masks {
	case "":
		b.WriteString("mask \"contact\" {\n  columns = [\"public.customers.email\", \"public.customers.phone\"]\n  action = \"partial\"\n  except = [\"support-leads\"]\n}\n")
	case "-":
	default:
		b.WriteString(o.Masks + "\n")
	}
	if o.Policies != "" {
		b.WriteString(o.Policies + "\n")
	} else {
		rego := o.Rego
		if rego == nil {
			rego = map[string]string{"base": AllowAll}
		}
		for name, text := range rego {
			g.must(os.WriteFile(filepath.Join(g.Dir, name+".rego"), []byte(text), 0o600))
			fmt.Fprintf(&b, "policy %q {\n  path = %q\n}\n", name, name+".rego")
		}
	}
	for name, settings := range o.Plugins {
		wasm := Plugin(g.tb, name)
		raw, err := os.ReadFile(wasm)
		g.must(err)
		sum := sha256.Sum256(raw)
		fmt.Fprintf(&b, "plugin %q {\n  module = %q\n  sha256 = %q\n", name, wasm, hex.EncodeToString(sum[:]))
		if settings != "" {
			fmt.Fprintf(&b, "  settings = %s\n", settings)
		}
		b.WriteString("}\n")
	}
	b.WriteString(o.More + "\n")
	g.must(os.WriteFile(g.Config, []byte(b.String()), 0o600))
}

// Token is a credential: claims beside issuer, audience and times.
func (g *Gateway) Token(subject string, groups ...string) string {
	return g.OIDC.Issue(testenv.Claims{"sub": subject, "groups": groups, "kind": "human"})
}

// Agent is the usual token: agent-7 for analyst-3, in group crew.
func (g *Gateway) Agent() string {
	return g.OIDC.Issue(testenv.Claims{"sub": "analyst-3", "groups": []string{"crew"}, "kind": "human",
		"act": map[string]any{"sub": "agent-7", "kind": "agent"}})
}

// DSN is a connection string through the gateway.
func (g *Gateway) DSN(token string) string {
	u := url.URL{Scheme: "postgresql", User: url.UserPassword("agent-7", token), Host: g.Address, Path: "/orders"}
	q := url.Values{"sslmode": {"disable"}}
	if g.CAFile != "" {
		q = url.Values{"sslmode": {"verify-full"}, "sslrootcert": {g.CAFile}}
	}
	u.RawQuery = q.Encode()
	return u.String()
}

var building sync.Mutex

// Plugin builds a shipped plugin, once a run, and returns its file.
func Plugin(tb testenv.TB, name string) string {
	tb.Helper()
	building.Lock()
	defer building.Unlock()
	root, err := exec.CommandContext(context.Background(), "go", "env", "GOMOD").Output()
	if err != nil {
		tb.Fatalf("servertest: %v", err)
	}
	top := filepath.Dir(strings.TrimSpace(string(root)))
	cache, err := os.UserCacheDir()
	if err != nil {
		tb.Fatalf("servertest: %v", err)
	}
	out := filepath.Join(cache, "sluice", "test-plugins", fmt.Sprintf("%s-%d.wasm", name, os.Getpid()))
	if _, err := os.Stat(out); err == nil {
		return out
	}
	cmd := exec.CommandContext(context.Background(), "go", "build", "-buildmode=c-shared", "-trimpath", "-ldflags=-s -w", "-o", out, "./plugins/"+name)
	cmd.Dir = top
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
	if b, err := cmd.CombinedOutput(); err != nil {
		tb.Fatalf("servertest: build plugin %s: %v\n%s", name, err, b)
	}
	tb.Cleanup(func() { os.Remove(out) })
	return out
}

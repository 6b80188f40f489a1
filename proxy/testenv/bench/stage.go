package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"sluice.dev/proxy/testenv"
)

//go:embed bench.hcl
var config string

const databasePassword = "bench-only"

// variant is one way from the client to the database.
type variant struct {
	name string
	dsn  string
	pid  int // of the process in between; 0: none
}

// stage is everything that is measured.
type stage struct {
	dir      string
	pg       *testenv.PostgresServer
	op       *testenv.OIDCServer
	bouncer  *testenv.PgBouncerServer
	children []*child
	gateway  *child
	variants []*variant
	newText  string // the file of that script
}

// variants by name, as the table calls them.
const (
	direct  = "direct"
	bare    = "relay"
	bouncer = "pgbouncer"
	plain   = "Sluice"
	masking = "Sluice, masks"
	finding = "Sluice, masks and pii"
	pooling = "Sluice, pool"
	looping = "Sluice, loop"
	looped  = "Sluice, loop, masks"
)

// child is a process of ours; a goroutine waits for it, and kill for that.
type child struct {
	cmd  *exec.Cmd
	done chan error
}

func (s *stage) spawn(cmd *exec.Cmd) (*child, error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM, Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	c := &child{cmd: cmd, done: make(chan error, 1)}
	go func() { c.done <- cmd.Wait() }()
	s.children = append(s.children, c)
	return c, nil
}

func setUp(ctx context.Context, o options) (s *stage, err error) {
	s = &stage{}
	if s.dir, err = os.MkdirTemp("", "sluice-bench-"); err != nil {
		return s, err
	}
	if s.pg, err = testenv.StartPostgres(ctx, testenv.PostgresOptions{
		Settings: map[string]string{"max_connections": "300", "shared_buffers": "256MB"},
		Init:     []string{"CREATE ROLE crew_app LOGIN PASSWORD '" + databasePassword + "'", "ALTER ROLE crew_app SET log_min_messages = fatal", "CREATE DATABASE orders OWNER crew_app"}}); err != nil {
		return s, err
	}
	s.newText = filepath.Join(s.dir, "new.sql")
	if err := os.WriteFile(s.newText, []byte(newText), 0o600); err != nil {
		return s, err
	}
	to := s.pg.DSN("orders", "crew_app", databasePassword)
	scale := "5"
	if o.short {
		scale = "1"
	}
	if out, err := exec.CommandContext(ctx, filepath.Join(s.pg.BinDir, "pgbench"), "-i", "-q", "-s", scale, to).CombinedOutput(); err != nil {
		return s, fmt.Errorf("pgbench -i: %w\n%s", err, out)
	}
	if err := s.schema(ctx, to, o.rows); err != nil {
		return s, err
	}
	s.add(direct, to, 0)
	if err := s.startRelay(ctx); err != nil {
		return s, err
	}
	if s.bouncer, err = testenv.StartPgBouncer(ctx, s.pg, "crew_app", databasePassword); err != nil {
		return s, err
	}
	s.add(bouncer, s.bouncer.DSN("orders"), s.bouncer.PID())
	return s, s.startGateway(ctx)
}

func (s *stage) add(name, dsn string, pid int) {
	s.variants = append(s.variants, &variant{name, dsn, pid})
}

// schema makes what pgbench does not: a wide table, a long one, and the
// customers that the policies speak of.
func (s *stage) schema(ctx context.Context, dsn string, rows int) error {
	conn, err := pgconn.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, fmt.Sprintf(`
CREATE TABLE customers (id integer PRIMARY KEY, name text, email text, phone text, card text);
INSERT INTO customers SELECT i, 'name ' || i, 'person.' || i || '@example.com', '+49 30 555 ' || i, '4111 1111 1111 1111' FROM generate_series(1, 100) i;
CREATE TABLE wide AS SELECT i AS c0, 'person.' || i || '@example.com' AS c1, i * 2 AS c2, 'some words of text ' || i AS c3, now() AS c4,
 i / 7.0 AS c5, i %% 2 = 0 AS c6, md5(i::text) AS c7, 'city ' || i %% 100 AS c8, i * 3 AS c9 FROM generate_series(1, 10000) i;
CREATE TABLE big AS SELECT i AS id, 'person.' || i || '@example.com' AS email, 'some words of text ' || i AS note FROM generate_series(1, %d) i;
ANALYZE;`, rows)).ReadAll()
	return err
}

func (s *stage) startRelay(ctx context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(self, relayWord, s.pg.Address()) //nolint:noctx // ended by takeDown
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	c, err := s.spawn(cmd)
	if err != nil {
		return err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return fmt.Errorf("the relay did not start: %w", err)
	}
	u, err := url.Parse(s.variants[0].dsn)
	if err != nil {
		return err
	}
	u.Host = strings.TrimSpace(line)
	s.add(bare, u.String(), c.cmd.Process.Pid)
	return ctx.Err()
}

// startGateway runs bin/sluice on three connections to the same database:
// nothing masked, columns masked, and columns masked with a plugin besides.
func (s *stage) startGateway(ctx context.Context) error {
	var err error
	if s.op, err = testenv.StartOIDC(testenv.OIDCOptions{}); err != nil {
		return err
	}
	top, err := os.Getwd()
	if err != nil {
		return err
	}
	ports := make([]string, 2)
	for i := range ports {
		var lc net.ListenConfig
		l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		ports[i] = l.Addr().String()
		l.Close()
	}
	values := []string{"PG_LISTEN", ports[0], "WEB_LISTEN", ports[1], "ISSUER", s.op.Issuer, "DATABASE", s.pg.Address(), "TOP", top}
	for _, p := range []string{"pii", "sqlrisk"} {
		raw, err := os.ReadFile(filepath.Join("bin", "plugins", p+".wasm"))
		if err != nil {
			return fmt.Errorf("%w: run make build first, and the benchmark from the checkout's top", err)
		}
		sum := sha256.Sum256(raw)
		values = append(values, "SHA256_"+strings.ToUpper(p), hex.EncodeToString(sum[:]))
	}
	file := filepath.Join(s.dir, "sluice.hcl")
	if err := os.WriteFile(file, []byte(strings.NewReplacer(values...).Replace(config)), 0o600); err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(s.dir, "gateway.log"))
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command("bin/sluice", "serve", "--config", file) //nolint:noctx // ended by takeDown
	cmd.Env = append(os.Environ(), "ORDERS_PASSWORD="+databasePassword)
	cmd.Stdout, cmd.Stderr = log, log
	if s.gateway, err = s.spawn(cmd); err != nil {
		return err
	}
	token := s.op.IssueSize(1500, testenv.Claims{"sub": "analyst-3", "groups": []string{"crew-support"}, "kind": "human", "exp": time.Now().Add(12 * time.Hour).Unix()})
	for _, v := range []struct{ name, connection string }{{plain, "plain"}, {looping, "loop"}, {pooling, "pooled"}, {masking, "masked"}, {looped, "looped"}, {finding, "scanned"}} {
		u := url.URL{Scheme: "postgresql", User: url.UserPassword("bench", token), Host: ports[0], Path: "/" + v.connection, RawQuery: "sslmode=disable"}
		s.add(v.name, u.String(), s.gateway.cmd.Process.Pid)
	}
	return s.ready(ctx, "http://"+ports[1]+"/readyz")
}

func (s *stage) ready(ctx context.Context, at string) error {
	for {
		select {
		case err := <-s.gateway.done:
			s.gateway.done <- err
			log, _ := os.ReadFile(filepath.Join(s.dir, "gateway.log"))
			return fmt.Errorf("the gateway ended: %w\n%s", err, log)
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, at, http.NoBody)
		if err != nil {
			return err
		}
		if resp, err := http.DefaultClient.Do(req); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
	}
}

func (s *stage) takeDown() {
	for _, c := range s.children {
		_ = c.cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-c.done: //nolint:errcheck // how it ended is in its log
		case <-time.After(10 * time.Second):
			_ = c.cmd.Process.Kill()
			<-c.done //nolint:errcheck // killed
		}
	}
	var errs []error
	if s.bouncer != nil {
		errs = append(errs, s.bouncer.Stop())
	}
	if s.op != nil {
		s.op.Stop()
	}
	if s.pg != nil {
		errs = append(errs, s.pg.Stop())
	}
	if s.dir != "" {
		errs = append(errs, os.RemoveAll(s.dir))
	}
	if err := errors.Join(errs...); err != nil {
		say("%v", err)
	}
}

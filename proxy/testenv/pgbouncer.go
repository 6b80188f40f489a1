package testenv

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// PgBouncerServer is a running pgbouncer: the yardstick of the benchmarks.
type PgBouncerServer struct {
	Host string // 127.0.0.1
	Port int

	user, password string
	dir            *scratch
	run            *process
}

// StartPgBouncer starts pgbouncer in front of the server, pooling by session, for one user with a password. Clients log
// in by SCRAM, as pgbouncer does at a server with Auth scram-sha-256 (the password is in its scratch folder).
func StartPgBouncer(ctx context.Context, to *PostgresServer, user, password string) (*PgBouncerServer, error) {
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		if program, err = exec.LookPath("/usr/sbin/pgbouncer"); err != nil {
			return nil, errors.New("testenv: no pgbouncer found: run proxy/testenv/deps.sh pgbouncer")
		}
	}
	who, err := unprivileged()
	if err != nil {
		return nil, err
	}
	dir, err := newScratch("pgbouncer")
	if err != nil {
		return nil, err
	}
	b := &PgBouncerServer{Host: "127.0.0.1", user: user, password: password, dir: dir}
	if b.Port, err = freePort(ctx); err == nil {
		err = b.start(ctx, program, who, to)
	}
	if err != nil {
		return nil, errors.Join(err, b.Stop())
	}
	return b, nil
}

func (b *PgBouncerServer) start(ctx context.Context, program string, who *user, to *PostgresServer) error {
	tls := "disable"
	if to.ca != nil {
		tls = "require"
	}
	ini := strings.Join([]string{
		"[databases]",
		fmt.Sprintf("* = host=%s port=%d", to.Host, to.Port),
		"[pgbouncer]",
		"listen_addr = 127.0.0.1", "listen_port = " + strconv.Itoa(b.Port), "unix_socket_dir =",
		"auth_type = scram-sha-256", "auth_file = users.txt",
		"pool_mode = session", "max_client_conn = 500", "default_pool_size = 150",
		"server_tls_sslmode = " + tls,
		"ignore_startup_parameters = extra_float_digits,options",
		"log_connections = 0", "log_disconnections = 0", "",
	}, "\n")
	quote := func(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }
	if err := who.write(b.dir.path("pgbouncer.ini"), ini); err != nil {
		return fmt.Errorf("testenv: pgbouncer: %w", err)
	}
	if err := who.write(b.dir.path("users.txt"), quote(b.user)+" "+quote(b.password)+"\n"); err != nil {
		return fmt.Errorf("testenv: pgbouncer: %w", err)
	}
	var err error
	if b.run, err = startProcess(b.dir.path("pgbouncer.log"), who, nil, program, b.dir.path("pgbouncer.ini")); err != nil {
		return fmt.Errorf("testenv: start pgbouncer: %w", err)
	}
	for {
		conn, err := pgx.Connect(ctx, b.DSN("postgres"))
		if err == nil {
			return conn.Close(ctx)
		}
		log, _ := os.ReadFile(b.dir.path("pgbouncer.log"))
		select {
		case <-ctx.Done():
			return fmt.Errorf("testenv: pgbouncer is not ready: %w; its log ends:\n%s", err, tail(string(log), 2048))
		case <-b.run.done:
			return fmt.Errorf("testenv: pgbouncer ended; its log ends:\n%s", tail(string(log), 2048))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Address is host and port.
func (b *PgBouncerServer) Address() string { return net.JoinHostPort(b.Host, strconv.Itoa(b.Port)) }

// PID is its process, whose CPU a benchmark counts.
func (b *PgBouncerServer) PID() int { return b.run.cmd.Process.Pid }

// DSN connects its user to a database.
func (b *PgBouncerServer) DSN(db string) string {
	u := url.URL{Scheme: "postgresql", Host: b.Address(), Path: "/" + db, User: url.UserPassword(b.user, b.password), RawQuery: "sslmode=disable"}
	return u.String()
}

// Stop ends it and removes all it left on the disk.
func (b *PgBouncerServer) Stop() error {
	if b.run != nil {
		b.run.stop(quitFast, 10*time.Second)
	}
	return b.dir.remove()
}

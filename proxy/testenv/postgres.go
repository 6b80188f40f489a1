package testenv

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// PostgresOptions say what server to start. The zero value is the system's PostgreSQL, SCRAM, no TLS.
type PostgresOptions struct {
	// BinDir has initdb and postgres. Empty: see FindPostgres.
	BinDir string
	// Version is the major version wanted, such as "18". Empty: the newest that came with client programs.
	Version string
	// Auth is how a user logs in over TCP: scram-sha-256 (the default), md5, password, trust or cert (which needs
	// TLS). The superuser on the Unix socket needs no password.
	Auth string
	// TLS offers TLS with a certificate for localhost and 127.0.0.1 from the server's own CA.
	TLS bool
	// RequireTLS refuses plain text over TCP. It implies TLS.
	RequireTLS bool
	// Init is SQL that the superuser runs in the database postgres at first, each entry in one go.
	Init []string
	// Settings are lines of postgresql.conf, by name. By default fsync is off: a crash
	// of the server loses nothing, a crash of the machine may.
	Settings map[string]string
}

// SuperUser is the superuser of every server.
const SuperUser = "postgres"

// PostgresServer is one running server. Its methods are not safe for concurrent use, but for the ones that only read.
type PostgresServer struct {
	Host string // 127.0.0.1
	Port int
	// SocketDir has the Unix socket. Only root and the server's own user can enter it.
	SocketDir     string
	SuperUser     string
	SuperPassword string
	Version       string // "15.18"
	BinDir        string
	CAFile        string // PEM, with TLS; else empty

	opts PostgresOptions
	dir  *scratch
	ca   *authority
	run  *process
}

// StartPostgres starts a server, which runs until Stop or until this process dies.
func StartPostgres(ctx context.Context, o PostgresOptions) (*PostgresServer, error) {
	if o.Auth == "" {
		o.Auth = "scram-sha-256"
	}
	if !slices.Contains([]string{"scram-sha-256", "md5", "password", "trust", "cert"}, o.Auth) {
		return nil, fmt.Errorf("testenv: PostgreSQL: unknown auth method %q", o.Auth)
	}
	o.TLS = o.TLS || o.RequireTLS || o.Auth == "cert"
	bin, version, err := findPostgres(ctx, o.BinDir, o.Version)
	if err != nil {
		return nil, err
	}
	who, err := unprivileged()
	if err != nil {
		return nil, err
	}
	dir, err := newScratch("postgres")
	if err != nil {
		return nil, err
	}
	s := &PostgresServer{
		Host: "127.0.0.1", SuperUser: SuperUser, SuperPassword: rand.Text(), Version: version, BinDir: bin,
		SocketDir: dir.path("socket"), opts: o, dir: dir,
	}
	if err := s.prepare(ctx, who); err != nil {
		return nil, errors.Join(err, dir.remove())
	}
	if err := s.start(ctx, who); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	if err := s.initialise(ctx); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

// prepare lays out data directory, certificates and configuration.
func (s *PostgresServer) prepare(ctx context.Context, who *user) error {
	if err := copyTemplate(ctx, s.BinDir, s.Version, who, s.dir.path("data")); err != nil {
		return err
	}
	if err := who.mkdir(s.SocketDir); err != nil {
		return err
	}
	if s.opts.TLS {
		ca, err := newAuthority(s.dir.path("tls"))
		if err != nil {
			return err
		}
		s.ca, s.CAFile = ca, ca.file
		if _, _, err := ca.issue("server", true); err != nil {
			return err
		}
		for _, f := range []string{"server.crt", "server.key", "ca.crt"} {
			if err := who.copy(s.dir.path("tls/"+f), s.dir.path("data/"+f)); err != nil {
				return err
			}
		}
	}
	if err := who.write(s.dir.path("data/pg_hba.conf"), s.hba()); err != nil {
		return err
	}
	return who.write(s.dir.path("data/postgresql.conf"), s.conf())
}

func (s *PostgresServer) hba() string {
	kind := "host"
	if s.opts.RequireTLS || s.opts.Auth == "cert" {
		kind = "hostssl"
	}
	// A user on the socket proves itself as over TCP, but for certificates, which a socket does not have.
	local := s.opts.Auth
	if local == "cert" {
		local = "reject"
	}
	return fmt.Sprintf("local all %s trust\nlocal all all %s\n%s all all 127.0.0.1/32 %s\n", SuperUser, local, kind, s.opts.Auth)
}

func (s *PostgresServer) conf() string {
	settings := map[string]string{
		"listen_addresses":           "127.0.0.1",
		"unix_socket_directories":    s.SocketDir,
		"unix_socket_permissions":    "0700",
		"max_connections":            "200",
		"shared_buffers":             "64MB",
		"dynamic_shared_memory_type": "posix",
		"fsync":                      "off",
		"full_page_writes":           "off",
		"timezone":                   "UTC",
		"log_timezone":               "UTC",
		"log_line_prefix":            "%m [%p] %q%u@%d ",
		"password_encryption":        "scram-sha-256",
	}
	if s.opts.Auth == "md5" {
		settings["password_encryption"] = "md5"
	}
	if s.opts.TLS {
		settings["ssl"], settings["ssl_cert_file"] = "on", "server.crt"
		settings["ssl_key_file"], settings["ssl_ca_file"] = "server.key", "ca.crt"
	}
	maps.Copy(settings, s.opts.Settings)
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(settings)) {
		fmt.Fprintf(&b, "%s = '%s'\n", k, strings.ReplaceAll(settings[k], "'", "''"))
	}
	return b.String()
}

// start runs postgres on a free port. Another process may take the port between our look and the server's bind, so
// a few are tried.
func (s *PostgresServer) start(ctx context.Context, who *user) error {
	for try := 0; ; try++ {
		port := s.Port
		if port == 0 {
			var err error
			if port, err = freePort(ctx); err != nil {
				return err
			}
		}
		run, err := startProcess(s.dir.path("server.log"), who, libraries(s.BinDir),
			filepath.Join(s.BinDir, "postgres"), "-D", s.dir.path("data"), "-p", strconv.Itoa(port))
		if err != nil {
			return fmt.Errorf("testenv: start PostgreSQL: %w", err)
		}
		s.run = run
		err = s.ready(ctx, port)
		if err == nil {
			s.Port = port
			return nil
		}
		taken := run.exited() && strings.Contains(s.Log(), "Address already in use")
		run.stop(quitNow, time.Second)
		if !taken || s.Port != 0 || try == 5 {
			return fmt.Errorf("testenv: PostgreSQL %s did not start: %w; its log ends:\n%s", s.Version, err, tail(s.Log(), 2048))
		}
	}
}

// libraries makes the extensions of a server that brings its own libpq (npm's do, Debian's do not) use that one; left
// alone they find the system's, of another major.
func libraries(binDir string) []string {
	lib := filepath.Join(filepath.Dir(binDir), "lib")
	if _, err := os.Stat(filepath.Join(lib, "libpq.so.5")); err != nil {
		return nil
	}
	if more := os.Getenv("LD_LIBRARY_PATH"); more != "" {
		lib += ":" + more
	}
	return []string{"LD_LIBRARY_PATH=" + lib}
}

// ready waits until the server answers the superuser on its socket.
func (s *PostgresServer) ready(ctx context.Context, port int) error {
	for {
		conn, err := pgx.Connect(ctx, s.socketDSN(port))
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-s.run.done:
			return errors.New("it exited")
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (s *PostgresServer) initialise(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, s.socketDSN(s.Port))
	if err != nil {
		return fmt.Errorf("testenv: PostgreSQL: %w", err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, fmt.Sprintf("ALTER ROLE %s PASSWORD '%s'", SuperUser, s.SuperPassword)); err != nil {
		return fmt.Errorf("testenv: PostgreSQL: %w", err)
	}
	for i, sql := range s.opts.Init {
		// The simple protocol: an entry may hold many statements.
		if _, err := conn.PgConn().Exec(ctx, sql).ReadAll(); err != nil {
			return fmt.Errorf("testenv: PostgreSQL: Init[%d]: %w", i, err)
		}
	}
	return nil
}

func (s *PostgresServer) socketDSN(port int) string {
	return fmt.Sprintf("host=%s port=%d user=%s dbname=postgres sslmode=disable", s.SocketDir, port, SuperUser)
}

// SocketDSN connects the superuser over the Unix socket.
func (s *PostgresServer) SocketDSN() string { return s.socketDSN(s.Port) }

// Address is host and port.
func (s *PostgresServer) Address() string { return net.JoinHostPort(s.Host, strconv.Itoa(s.Port)) }

// SuperDSN connects the superuser over TCP to a database.
func (s *PostgresServer) SuperDSN(db string) string { return s.DSN(db, SuperUser, s.SuperPassword) }

// DSN is a connection URL for a user over TCP, as libpq, pgx and SQLAlchemy read it (postgresql://): with TLS it verifies the server, and with
// Auth "cert" it names a client certificate made for the user.
func (s *PostgresServer) DSN(db, user, password string) string {
	u := url.URL{Scheme: "postgresql", Host: s.Address(), Path: "/" + db, User: url.User(user)}
	if password != "" {
		u.User = url.UserPassword(user, password)
	}
	q := url.Values{"sslmode": {"disable"}}
	if s.ca != nil {
		q = url.Values{"sslmode": {"verify-full"}, "sslrootcert": {s.CAFile}}
		if s.opts.Auth == "cert" {
			if crt, key, err := s.ca.issue(user, false); err == nil {
				q.Set("sslcert", crt)
				q.Set("sslkey", key)
			}
		}
	}
	u.RawQuery = q.Encode()
	return u.String()
}

// ClientCert makes (once) a certificate by which the user may log in with Auth "cert".
func (s *PostgresServer) ClientCert(user string) (certFile, keyFile string, err error) {
	if s.ca == nil {
		return "", "", errors.New("testenv: this PostgreSQL has no TLS")
	}
	return s.ca.issue(user, false)
}

// DataDir is the server's data directory, for tests that look into it.
func (s *PostgresServer) DataDir() string { return s.dir.path("data") }

// Log is what the server has logged so far.
func (s *PostgresServer) Log() string {
	b, _ := os.ReadFile(s.dir.path("server.log"))
	return string(b)
}

// Crash ends the server as a crash does (immediate shutdown: no goodbye to clients, recovery at the next start).
func (s *PostgresServer) Crash() { s.run.stop(quitNow, 10*time.Second) }

// Restart ends the server, if it runs, and starts it again on the same port with the same data.
func (s *PostgresServer) Restart(ctx context.Context) error {
	s.run.stop(quitFast, 10*time.Second)
	who, err := unprivileged()
	if err != nil {
		return err
	}
	return s.start(ctx, who)
}

// Freeze stops the server's main process and all its children from running, as a hung host would; Thaw undoes it.
func (s *PostgresServer) Freeze() error { return s.run.signalTree(freeze) }

// Thaw lets a frozen server run on.
func (s *PostgresServer) Thaw() error { return s.run.signalTree(thaw) }

// Stop ends the server and removes all it left on the disk. A second Stop does nothing.
func (s *PostgresServer) Stop() error {
	if s.run != nil {
		s.run.stop(quitFast, 10*time.Second)
	}
	return s.dir.remove()
}

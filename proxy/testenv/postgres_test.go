package testenv_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"go.uber.org/goleak"

	"sluice.dev/proxy/testenv"
)

// What net/http lets linger for half a second after an answer is no leak.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("net/http.(*conn).closeWriteAndWait"))
}

func one[T any](t *testing.T, dsn, sql string) T {
	t.Helper()
	var v T
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if err := conn.QueryRow(t.Context(), sql).Scan(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

const users = `CREATE ROLE app LOGIN PASSWORD 'app-password'; CREATE TABLE public.t (id int); INSERT INTO t VALUES (41), (42); GRANT SELECT ON t TO app;`

func TestEveryAuthMethod(t *testing.T) {
	for auth, password := range map[string]string{"scram-sha-256": "app-password", "md5": "app-password", "password": "app-password", "trust": "", "cert": ""} {
		t.Run(auth, func(t *testing.T) {
			t.Parallel()
			s := testenv.Postgres(t, testenv.PostgresOptions{Auth: auth, TLS: auth == "scram-sha-256", Init: []string{users}})
			if got := one[int](t, s.DSN("postgres", "app", password), "SELECT max(id) FROM t"); got != 42 {
				t.Errorf("max(id) = %d", got)
			}
			if got := one[bool](t, s.DSN("postgres", "app", password), "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"); got != (auth == "cert" || auth == "scram-sha-256") {
				t.Errorf("TLS in use: %v", got)
			}
			if auth == "trust" || auth == "cert" {
				return
			}
			_, err := pgx.Connect(t.Context(), s.DSN("postgres", "app", "wrong"))
			var pgErr *pgconn.PgError
			if !errors.As(err, &pgErr) || pgErr.Code != "28P01" {
				t.Errorf("a wrong password gave %v, want 28P01", err)
			}
			if got := one[string](t, s.SuperDSN("postgres"), "SELECT current_user"); got != testenv.SuperUser {
				t.Errorf("superuser is %q", got)
			}
		})
	}
}

func TestCrashAndRestartKeepThePort(t *testing.T) {
	s := testenv.Postgres(t, testenv.PostgresOptions{Init: []string{users}, Settings: map[string]string{"fsync": "on", "work_mem": "5MB"}})
	dsn := s.SuperDSN("postgres")
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	s.Crash()
	if err := conn.Ping(t.Context()); err == nil {
		t.Error("the connection outlived the crash")
	}
	if err := s.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := one[string](t, dsn, "SHOW work_mem"); got != "5MB" {
		t.Errorf("work_mem = %q", got)
	}
	if got := one[int](t, dsn, "SELECT count(*) FROM t"); got != 2 {
		t.Errorf("%d rows after the crash", got)
	}
}

func TestStopLeavesNothing(t *testing.T) {
	t.Setenv("TMPDIR", shortTemp(t))
	s, err := testenv.StartPostgres(t.Context(), testenv.PostgresOptions{TLS: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
	if err := s.Stop(); err != nil {
		t.Errorf("a second Stop: %v", err)
	}
	left, err := filepath.Glob(filepath.Join(os.TempDir(), "*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// A socket's path has room for 107 bytes, which t.TempDir with its test's name may use up; and the server's user must
// be able to pass through.
func shortTemp(t *testing.T) string {
	dir, err := os.MkdirTemp("/tmp", "te")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestBadInitSaysWhich(t *testing.T) {
	_, err := testenv.StartPostgres(t.Context(), testenv.PostgresOptions{Init: []string{"SELECT 1", "SELECT nonsense"}})
	if err == nil || !contains(err.Error(), "Init[1]", "nonsense") {
		t.Errorf("got %v", err)
	}
}

func TestMissingServerSaysWhatToDo(t *testing.T) {
	_, err := testenv.StartPostgres(t.Context(), testenv.PostgresOptions{Version: "9"})
	if !errors.Is(err, testenv.ErrNoPostgres) || !contains(err.Error(), "deps.sh postgres", "version 9") {
		t.Errorf("got %v", err)
	}
}

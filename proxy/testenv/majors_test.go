package testenv_test

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"sluice.dev/proxy/testenv"
)

// Each major is the one asked for, complete enough for the tests (extensions, XML, PL/pgSQL, TLS), and comes back after
// a crash.
func TestEveryMajor(t *testing.T) {
	testenv.EachMajor(t, func(t *testing.T, major string) {
		s := testenv.Postgres(t, testenv.PostgresOptions{Version: major, TLS: true, Init: []string{users, "CREATE EXTENSION postgres_fdw"}})
		got := one[string](t, s.DSN("postgres", "app", "app-password"), "SHOW server_version")
		if m, _, _ := strings.Cut(got, "."); m != major || !strings.HasPrefix(got, s.Version) {
			t.Errorf("the server says it is %s, testenv %s", got, s.Version)
		}
		for _, e := range []string{"plpgsql", "dblink", "tablefunc", "citext", "hstore", "pg_trgm", "pgcrypto", "xml2", "postgres_fdw", "pg_stat_statements"} {
			if one[int](t, s.SuperDSN("postgres"), "SELECT count(*) FROM pg_available_extensions WHERE name = '"+e+"'") != 1 {
				t.Errorf("no extension %s", e)
			}
		}
		if got := one[string](t, s.SuperDSN("postgres"), "SELECT query_to_xml('SELECT 1 AS a', false, true, '')::text"); !strings.Contains(got, "<a>1</a>") {
			t.Errorf("query_to_xml: %q", got)
		}
		// It loads libpq, which must be of the server's own major.
		if got := one[string](t, s.SuperDSN("postgres"), "SELECT fdwname FROM pg_foreign_data_wrapper"); got != "postgres_fdw" {
			t.Errorf("foreign data wrapper %q", got)
		}
		s.Crash()
		if err := s.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := one[int](t, s.SuperDSN("postgres"), "SELECT count(*) FROM t"); got != 2 {
			t.Errorf("%d rows after the crash", got)
		}
	})
}

// A pool's server outlives the subtest that started it, and is started once.
func TestPoolStartsOneServer(t *testing.T) {
	var p testenv.PostgresPool
	defer func() {
		if err := p.Stop(); err != nil {
			t.Error(err)
		}
	}()
	var dsn string
	t.Run("first", func(t *testing.T) { dsn = p.Get(t, "").SuperDSN("postgres") })
	t.Run("second", func(t *testing.T) {
		if again := p.Get(t, "").SuperDSN("postgres"); again != dsn {
			t.Errorf("%s, and before %s", again, dsn)
		}
		if one[int](t, dsn, "SELECT 1") != 1 {
			t.Error("SELECT 1 is not 1")
		}
	})
	if err := p.Stop(); err != nil {
		t.Error(err)
	}
	if conn, err := pgx.Connect(t.Context(), dsn); err == nil {
		t.Error("the server outlived Stop")
		conn.Close(context.Background())
	}
}

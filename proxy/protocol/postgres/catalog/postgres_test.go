package catalog_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"go.uber.org/goleak"

	"sluice.dev/proxy/protocol/postgres/catalog"
	"sluice.dev/proxy/testenv"
)

// pool has a server of each major; database gives each test a database of its own there.
var pool testenv.PostgresPool

func each(t *testing.T, f func(t *testing.T, pg *testenv.PostgresServer)) {
	t.Helper()
	testenv.EachMajor(t, func(t *testing.T, major string) { f(t, pool.Get(t, major)) })
}

func TestMain(m *testing.M) {
	code := m.Run()
	if err := pool.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// simple is a Querier over pgx's simple protocol.
type simple struct {
	conn *pgconn.PgConn
	pg   *testenv.PostgresServer
	db   string
}

func (s simple) Query(ctx context.Context, sql string) ([][][]byte, error) {
	results, err := s.conn.Exec(ctx, sql).ReadAll()
	if err != nil {
		return nil, err
	}
	return results[len(results)-1].Rows, nil
}

func connect(t testing.TB, pg *testenv.PostgresServer, db string) simple {
	t.Helper()
	conn, err := pgconn.Connect(t.Context(), pg.SuperDSN(db))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return simple{conn, pg, db}
}

// database makes a database from a script, and connects to it.
func database(t testing.TB, pg *testenv.PostgresServer, script string) simple {
	t.Helper()
	admin := connect(t, pg, "postgres")
	name := fmt.Sprintf("catalog_%d", os.Getpid()*1000+next())
	run(t, admin, "create database "+name)
	q := connect(t, pg, name)
	run(t, q, script)
	return q
}

var counter int

func next() int { counter++; return counter }

func run(t testing.TB, q simple, sql string) {
	t.Helper()
	if _, err := q.conn.Exec(t.Context(), sql).ReadAll(); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func load(t testing.TB, q simple) *catalog.Snapshot {
	t.Helper()
	s, err := catalog.Load(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

package lineage_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"go.uber.org/goleak"

	"sluice.dev/proxy/protocol/postgres/catalog"
	"sluice.dev/proxy/testenv"
)

var server *testenv.PostgresServer

const template = "evasions"

func TestMain(m *testing.M) {
	code := func() int {
		ctx := context.Background()
		var err error
		server, err = testenv.StartPostgres(ctx, testenv.PostgresOptions{Version: "15"})
		if err == nil {
			err = prepare(ctx)
		}
		code := 1
		if err == nil {
			code = m.Run()
		}
		if server != nil {
			if e := server.Stop(); err == nil {
				err = e
			}
		}
		if e := pool.Stop(); err == nil {
			err = e
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return code
	}()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// pool has the servers of other majors than 15, which TestMain starts.
var (
	pool  testenv.PostgresPool
	ready = make(map[string]bool)
)

// eachServer runs f against each major (see testenv.EachMajor), as server.
func eachServer(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	usual := server
	defer func() { server = usual }()
	testenv.EachMajor(t, func(t *testing.T, major string) {
		if server = usual; major != "15" {
			server = pool.Get(t, major)
			if !ready[major] {
				if err := prepare(t.Context()); err != nil {
					t.Fatal(err)
				}
				ready[major] = true
			}
		}
		f(t)
	})
}

// prepare makes the template database.
func prepare(ctx context.Context) error {
	schema, err := os.ReadFile(testdata("evasions_schema.sql"))
	if err != nil {
		return err
	}
	if err := super(ctx, "postgres", "create database "+template); err != nil {
		return err
	}
	return super(ctx, template, string(schema))
}

func testdata(name string) string { return filepath.Join("..", "testdata", name) }

// super runs SQL as the superuser.
func super(ctx context.Context, db, sql string) error {
	conn, err := pgconn.Connect(ctx, server.SuperDSN(db))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, sql).ReadAll()
	return err
}

// simple is a catalog.Querier over pgx's simple protocol.
type simple struct{ conn *pgconn.PgConn }

func (s simple) Query(ctx context.Context, sql string) ([][][]byte, error) {
	results, err := s.conn.Exec(ctx, sql).ReadAll()
	if err != nil {
		return nil, err
	}
	return results[len(results)-1].Rows, nil
}

func snapshot(t testing.TB, db string) *catalog.Snapshot {
	t.Helper()
	conn, err := pgconn.Connect(t.Context(), server.SuperDSN(db))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	s, err := catalog.Load(t.Context(), simple{conn})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var protectedColumns = []string{
	"public.customers.email", "public.customers.phone", "public.customers.card", "public.events.email",
}

// database is a copy of the template.
type database struct {
	t         *testing.T
	name      string
	snapshot  *catalog.Snapshot
	protected *catalog.Protected
	precise   bool // protected by lineage.Protect
}

var made int

func newDatabase(t *testing.T) *database {
	t.Helper()
	return copyDatabase(t, false)
}

// copyDatabase is newDatabase with the protected set of a mode.
func copyDatabase(t *testing.T, precise bool) *database {
	t.Helper()
	made++
	d := &database{t: t, name: fmt.Sprintf("evasions_%d", made), precise: precise}
	if err := super(t.Context(), "postgres", "create database "+d.name+" template "+template); err != nil {
		t.Fatal(err)
	}
	// The foreign server loops back into the copy.
	if err := super(t.Context(), d.name, "alter server loop options (set dbname '"+d.name+"')"); err != nil {
		t.Fatal(err)
	}
	d.reload()
	return d
}

func (d *database) drop() {
	if err := super(context.Background(), "postgres", "drop database "+d.name+" with (force)"); err != nil {
		d.t.Fatal(err)
	}
}

func (d *database) reload() {
	d.t.Helper()
	d.snapshot = snapshot(d.t, d.name)
	var errs []error
	d.protected, errs = protectedSet(d.snapshot, d.protected, d.precise)
	for _, err := range errs {
		d.t.Log(err)
	}
}

package facts_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"go.uber.org/goleak"

	"sluice.dev/proxy/protocol/postgres/facts"
	"sluice.dev/proxy/testenv"
)

// server starts with the first test that asks for it, and not for a fuzz worker.
var (
	started *testenv.PostgresServer
	server  = sync.OnceValues(func() (*testenv.PostgresServer, error) {
		var err error
		started, err = testenv.StartPostgres(context.Background(), testenv.PostgresOptions{Version: "15"})
		return started, err
	})
)

func TestMain(m *testing.M) {
	code := m.Run()
	if started != nil {
		if err := started.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// session is one connection to the server, and what its names mean now.
// As a resolver it asks the server itself, and follows nothing beyond the
// named relation: what remains is exactly what a statement's own text says.
type session struct {
	t         testing.TB
	conn      *pgconn.PgConn
	notices   []*pgconn.Notice
	relations map[string]*facts.Relation
	functions map[string]string
}

func open(t testing.TB, db, options string) *session {
	t.Helper()
	s := &session{t: t}
	pg, err := server()
	if err != nil {
		t.Fatal(err)
	}
	config, err := pgconn.ParseConfig(pg.SuperDSN(db))
	if err != nil {
		t.Fatal(err)
	}
	config.RuntimeParams["options"] = options
	config.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) { s.notices = append(s.notices, n) }
	s.conn, err = pgconn.ConnectConfig(context.Background(), config)
	if err != nil {
		t.Fatal(err)
	}
	s.forget()
	return s
}

func (s *session) close() { s.conn.Close(context.Background()) }

// forget drops what was looked up: the catalog may have changed.
func (s *session) forget() {
	s.relations, s.functions = map[string]*facts.Relation{}, map[string]string{}
}

func (s *session) exec(sql string) ([][][]byte, error) {
	results, err := s.conn.Exec(context.Background(), sql).ReadAll()
	if err != nil || len(results) == 0 {
		return nil, err
	}
	return results[len(results)-1].Rows, nil
}

func literal(s string) string {
	return "E'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}

func ident(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }

func (s *session) Relation(schema, name string) (facts.Relation, bool) {
	full := ident(name)
	if schema != "" {
		full = ident(schema) + "." + full
	}
	if rel, ok := s.relations[full]; ok {
		if rel == nil {
			return facts.Relation{}, false
		}
		return *rel, true
	}
	rows, err := s.exec(`SELECT c.oid, n.nspname, c.relname, c.relkind, array_to_string(array(
		SELECT pg_catalog.replace(attname::text, ',', '\') FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND attnum > 0 AND NOT attisdropped ORDER BY attnum), ','), c.relpersistence
		FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = pg_catalog.to_regclass(` + literal(full) + `)`)
	if err != nil || len(rows) == 0 {
		s.relations[full] = nil
		return facts.Relation{}, false
	}
	row := rows[0]
	rel := facts.Relation{Schema: string(row[1]), Name: string(row[2]), Kind: row[3][0], Temp: string(row[5]) == "t"}
	_, _ = fmt.Sscan(string(row[0]), &rel.OID)
	for _, c := range strings.Split(string(row[4]), ",") {
		rel.Columns = append(rel.Columns, strings.ReplaceAll(c, `\`, ","))
	}
	if len(row[4]) == 0 {
		rel.Columns = nil
	}
	rel.System = rel.Schema == "pg_catalog" || rel.Schema == "information_schema"
	if rel.Kind == 'v' {
		rel.Underlying = []string{rel.ID()}
	}
	s.relations[full] = &rel
	return rel, true
}

func (s *session) Function(schema, name string, _ int) (facts.Class, string) {
	key := schema + "\x00" + name
	full, ok := s.functions[key]
	if !ok {
		// A temporary function is never found by its bare name.
		where := "n.nspname = ANY (current_schemas(true)) AND n.nspname !~ '^pg_temp'"
		if schema != "" {
			where = "n.nspname = " + literal(schema)
		}
		rows, err := s.exec(`SELECT DISTINCT n.nspname, pg_catalog.array_position(current_schemas(true), n.nspname) AS place
			FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
			WHERE p.proname = ` + literal(name) + ` AND ` + where + ` ORDER BY place`)
		if err == nil && len(rows) > 0 {
			full = string(rows[0][0]) + "." + name
		}
		if len(rows) > 1 { // which one, only the types tell
			full = "?"
		}
		s.functions[key] = full
	}
	switch full {
	case "":
		return facts.Unknown, ""
	case "?":
		return facts.Opaque, name
	}
	return facts.Pure, full
}

func (s *session) Operator(string, string) facts.Class { return facts.Pure }
func (s *session) Type(string, string) facts.Class     { return facts.Pure }
func (s *session) CreateSchema() string                { return "public" }
func (s *session) EventTriggers() bool                 { return false }

package postgres_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sluice.dev/proxy/server/servertest"
	"sluice.dev/proxy/testenv"
)

// Clients that people use, unchanged but for endpoint and password: each does
// the same work on the database itself and through the gateway, with TLS and a
// token of 4 KB, and what it prints is compared.

// clientSchema is the usual database, owned by the gateway's role so that
// clients may make tables, with more for a dump to see.
var clientSchema = []string{servertest.Schema, "ALTER DATABASE orders OWNER TO crew_app",
	`CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE DOMAIN positive AS integer CHECK (VALUE > 0);
CREATE SEQUENCE tickets START 5;
CREATE TABLE parts (id bigint GENERATED ALWAYS AS IDENTITY, name text COLLATE "C" DEFAULT 'none', m mood, p positive, tags text[], raw bytea, j jsonb, twice integer GENERATED ALWAYS AS (2) STORED, PRIMARY KEY (id)) PARTITION BY RANGE (id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (1) TO (1000);
CREATE TABLE parts_2 PARTITION OF parts DEFAULT;
INSERT INTO parts (name, m, p, tags, raw, j) SELECT 'part ' || i, 'ok', i, ARRAY['a', NULL, 'tab	'], '\x00ff', '{"k": 1}' FROM generate_series(1, 50) i;
CREATE INDEX parts_name ON parts (lower(name)) WHERE p > 3;
CREATE VIEW cheap AS SELECT id, item FROM orders WHERE amount < 10;
CREATE MATERIALIZED VIEW per_customer AS SELECT customer_id, sum(amount) FROM orders GROUP BY 1;
CREATE FUNCTION add(a integer, b integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT a + b';
CREATE FUNCTION touched() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER orders_touched BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION touched();
CREATE AGGREGATE total (integer) (SFUNC = add, STYPE = integer, INITCOND = '0');
COMMENT ON TABLE orders IS 'what was bought';
GRANT SELECT ON orders TO PUBLIC;
ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
CREATE POLICY everyone ON orders USING (true);
ALTER TYPE mood OWNER TO crew_app; ALTER DOMAIN positive OWNER TO crew_app; ALTER SEQUENCE tickets OWNER TO crew_app;
ALTER TABLE parts OWNER TO crew_app; ALTER TABLE parts_1 OWNER TO crew_app; ALTER TABLE parts_2 OWNER TO crew_app;
ALTER VIEW cheap OWNER TO crew_app; ALTER MATERIALIZED VIEW per_customer OWNER TO crew_app;
ALTER FUNCTION add OWNER TO crew_app; ALTER FUNCTION touched OWNER TO crew_app; ALTER AGGREGATE total(integer) OWNER TO crew_app;`}

// startClients is a gateway as most of these tests want it.
func startClients(t *testing.T, o servertest.Options) *servertest.Gateway {
	t.Helper()
	o.Init, o.TLS = clientSchema, true
	return servertest.Start(t, o)
}

// longToken is a credential of 4 KB: as long as those that real providers make.
func longToken(g *servertest.Gateway, group string) string {
	return g.OIDC.IssueSize(4096, testenv.Claims{"sub": "analyst-3", "groups": []string{group}, "kind": "human",
		"act": map[string]any{"sub": "agent-7", "kind": "agent"}})
}

// databaseDSN is the connection string of the database itself, as the role that the
// gateway uses.
func databaseDSN(g *servertest.Gateway) string {
	return g.DB.DSN("orders", "crew_app", servertest.Password)
}

// run runs a client program and returns what it wrote; a failure ends the test.
func run(t *testing.T, env []string, name string, args ...string) (stdout, stderr string) {
	t.Helper()
	stdout, stderr, err := try(t, env, "", name, args...)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s\n%s", filepath.Base(name), strings.Join(args, " "), err, stderr, tailOf(stdout))
	}
	return stdout, stderr
}

// try runs a client program, which may fail, with an input.
func try(t *testing.T, env []string, stdin, name string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &errs
	cmd.Env = append(os.Environ(), "PGCONNECT_TIMEOUT=60", "LC_ALL=C.UTF-8", "PYTHONDONTWRITEBYTECODE=1", "PYTHONIOENCODING=utf-8")
	cmd.Env = append(cmd.Env, env...)
	err = cmd.Run()
	return out.String(), errs.String(), err
}

func tailOf(s string) string { return s[max(0, len(s)-2000):] }

// same compares two outputs line by line.
func same(t *testing.T, got, want string) {
	t.Helper()
	if got == want {
		return
	}
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range max(len(g), len(w)) {
		var a, b string
		if i < len(g) {
			a = g[i]
		}
		if i < len(w) {
			b = w[i]
		}
		if a != b {
			t.Errorf("line %d: through the gateway\n  %.600s\ndirect\n  %.600s", i+1, a, b)
			return
		}
	}
}

// python is the interpreter that has the drivers.
func python(t *testing.T) string {
	t.Helper()
	p, err := testenv.Dep("python")
	if err != nil {
		if testing.Short() {
			t.Skip("skipped with -short: " + err.Error())
		}
		t.Fatal(err)
	}
	return p
}

// drivers are the Python scripts, with their settings.
var drivers = []struct{ name, script, driver string }{
	{"psycopg3", "with_psycopg3.py", ""},
	{"psycopg2", "with_psycopg2.py", ""},
	{"asyncpg", "with_asyncpg.py", ""},
	{"sqlalchemy-psycopg", "with_sqlalchemy.py", "psycopg"},
	{"sqlalchemy-psycopg2", "with_sqlalchemy.py", "psycopg2"},
}

func TestPythonDrivers(t *testing.T) {
	for name, o := range map[string]struct {
		masks, strict string
	}{"nothing masked": {"-", "STRICT=0"}, "masked": {"", "STRICT=1"}} {
		t.Run(name, func(t *testing.T) { testDrivers(t, servertest.Options{Masks: o.masks}, o.strict) })
	}
}

func testDrivers(t *testing.T, o servertest.Options, strict string) {
	py := python(t)
	g := startClients(t, o)
	token := longToken(g, "crew")
	for _, d := range drivers {
		both := func(t *testing.T, mode string) (through, direct string) {
			script := filepath.Join("testdata", "clients", d.script)
			direct, _ = run(t, []string{"DSN=" + databaseDSN(g), "DRIVER=" + d.driver, strict}, py, script, mode)
			through, _ = run(t, []string{"DSN=" + g.DSN(token), "DRIVER=" + d.driver, strict}, py, script, mode)
			return through, direct
		}
		t.Run(d.name, func(t *testing.T) {
			through, direct := both(t, "same")
			same(t, through, direct)
		})
		t.Run(d.name+" customers", func(t *testing.T) {
			through, direct := both(t, "masked")
			if !strings.Contains(direct, "ada.brandt@") {
				t.Error("the direct run shows no address: nothing was tested")
			}
			if o.Masks == "" {
				direct = masked(direct)
			}
			same(t, through, direct)
		})
	}
}

// masked is what the mask "contact" makes of a text with the customers in it.
func masked(s string) string {
	return strings.NewReplacer("ada.brandt@example.com", "a***@example.com", "bela@kovacs.example", "b***@kovacs.example",
		"chidi.okafor@example.org", "c***@example.org", "+49 30 5550 1234", "***1234", "+36 1 555 0199", "***0199").Replace(s)
}

// With the shipped policies the statements that drivers send before and after
// the client's own are allowed, and a denial leaves the connection of use.
func TestDriversUnderShippedPolicies(t *testing.T) {
	py := python(t)
	library, err := filepath.Abs("../../../policies")
	if err != nil {
		t.Fatal(err)
	}
	var hcl strings.Builder
	for _, name := range []string{"agents", "guardrails"} {
		hcl.WriteString("policy \"" + name + "\" {\n  path = \"" + filepath.Join(library, name) + "\"\n}\n")
	}
	g := startClients(t, servertest.Options{Policies: hcl.String()})
	token := longToken(g, "crew-support")
	for _, d := range drivers {
		t.Run(d.name, func(t *testing.T) {
			out, _ := run(t, []string{"DSN=" + g.DSN(token), "DRIVER=" + d.driver}, py, filepath.Join("testdata", "clients", d.script), "policies")
			for _, want := range []string{"read 'item 3'", "denied '42501' 'sluice: denied by policy agents: DROP needs a migration'", "read 'item 4'"} {
				if !strings.Contains(out, want) {
					t.Errorf("no %q in\n%s", want, out)
				}
			}
		})
	}
	t.Run("psql", func(t *testing.T) {
		out, errs, err := try(t, []string{"PGPASSWORD=" + token}, "BEGIN;\nSELECT item FROM orders WHERE id = 3;\nCOMMIT;\nDROP TABLE orders;\nSELECT item FROM orders WHERE id = 4;\n\\d orders\n",
			filepath.Join(programs(t, g), "psql"), "-XAt", passwordless(g.DSN(token)))
		if err != nil {
			t.Fatalf("%v\n%s", err, errs)
		}
		for _, want := range []string{"item 3", "item 4", "customer_id|integer"} {
			if !strings.Contains(out, want) {
				t.Errorf("no %q in\n%s\n%s", want, out, errs)
			}
		}
		if !strings.Contains(errs, "DROP needs a migration") || strings.Count(errs, "ERROR") != 1 {
			t.Errorf("errors: %s", errs)
		}
	})
}

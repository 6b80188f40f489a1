package postgres_test

import (
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"sluice.dev/proxy/server/servertest"
)

// passwordless is a connection string without its password, which PGPASSWORD
// carries: an argument would show it to everybody.
func passwordless(dsn string) string {
	u, err := url.Parse(dsn)
	if err != nil {
		panic(err)
	}
	u.User = url.User(u.User.Username())
	return u.String()
}

// programs is the folder of the client programs of the database's own version.
func programs(t *testing.T, g *servertest.Gateway) string {
	t.Helper()
	if _, err := os.Stat(filepath.Join(g.DB.BinDir, "psql")); err != nil {
		t.Skipf("PostgreSQL %s came without client programs", g.DB.Version)
	}
	return g.DB.BinDir
}

// libpq runs one of PostgreSQL's programs directly and through the gateway.
type libpq struct {
	g     *servertest.Gateway
	token string
}

func (l libpq) both(t *testing.T, stdin, name string, args ...string) (through, direct [2]string) {
	t.Helper()
	program := filepath.Join(programs(t, l.g), name)
	out, errs, err := try(t, []string{"PGPASSWORD=" + servertest.Password}, stdin, program, append(args, passwordless(databaseDSN(l.g)))...)
	if err != nil {
		t.Fatalf("%s %v direct: %v\n%s", name, args, err, errs)
	}
	direct = [2]string{out, errs}
	out, errs, err = try(t, []string{"PGPASSWORD=" + l.token}, stdin, program, append(args, passwordless(l.g.DSN(l.token)))...)
	if err != nil {
		t.Errorf("%s %v through the gateway: %v\n%s", name, args, err, errs)
	}
	return [2]string{out, errs}, direct
}

func TestPsql(t *testing.T) {
	g := startClients(t, servertest.Options{})
	l := libpq{g, longToken(g, "crew")}
	file := filepath.Join(t.TempDir(), "out")
	scripts := map[string]string{
		"describe":  `\d` + "\n" + `\d orders` + "\n" + `\d customers` + "\n" + `\d+ parts` + "\n" + `\d+ parts_1` + "\n" + `\d cheap` + "\n" + `\d+ per_customer` + "\n" + `\d parts_name` + "\n" + `\d tickets`,
		"lists":     `\dt+` + "\n" + `\dv` + "\n" + `\di` + "\n" + `\ds` + "\n" + `\df` + "\n" + `\df+ add` + "\n" + `\da total` + "\n" + `\dT+` + "\n" + `\dD` + "\n" + `\dn+` + "\n" + `\dp` + "\n" + `\du` + "\n" + `\l` + "\n" + `\dx` + "\n" + `\dd` + "\n" + `\ddp` + "\n" + `\dC` + "\n" + `\do public.*` + "\n" + `\dm` + "\n" + `\dL` + "\n" + `\dS pg_class` + "\n" + `\drds` + "\n" + `\dRp` + "\n" + `\dF` + "\n" + `\dAc btree int4` + "\n" + `\dc pg_catalog.utf8*`,
		"source":    `\sf add` + "\n" + `\sv cheap` + "\n" + `\dconfig work_mem`,
		"variables": `\echo :USER :DBNAME` + "\n" + `\conninfo` + "\n" + `\encoding`,
		"results": "SELECT 1 AS one, NULL AS nothing, 'é' AS text;\n\\x\nSELECT * FROM orders WHERE id < 4 ORDER BY id;\n\\x\n\\pset format csv\nTABLE parts LIMIT 3;\n" +
			"SELECT 5 AS five \\gset\nSELECT :five + 1;\nSELECT format('SELECT %s', i) FROM generate_series(1, 3) i \\gexec\nSELECT 1 \\; SELECT 2;\nSELECT id, item FROM orders WHERE id < 3 \\gdesc\n\\crosstabview\n",
		"transactions": "BEGIN; CREATE TEMP TABLE scratch (a int);\nINSERT INTO scratch VALUES (1), (2) RETURNING a;\nSAVEPOINT s;\nSELECT 1/0;\nROLLBACK TO s;\nSELECT * FROM scratch;\nCOMMIT;\n" +
			"\\set AUTOCOMMIT off\nUPDATE orders SET item = item WHERE id = 1;\nROLLBACK;\n\\set ON_ERROR_ROLLBACK on\nBEGIN;\nSELECT 2/0;\nSELECT 'still here';\nCOMMIT;\n",
		"errors":  "\\set VERBOSITY verbose\nSELECT 1/0;\nINSERT INTO orders VALUES (1, 1, 'x', 1);\n\\errverbose\n",
		"cursor":  "\\set FETCH_COUNT 3\nSELECT id FROM orders ORDER BY id;\nBEGIN; DECLARE c CURSOR FOR SELECT id, item FROM orders ORDER BY id; FETCH 2 FROM c; MOVE 3 IN c; FETCH ALL FROM c; CLOSE c; COMMIT;\n",
		"copy":    "CREATE TEMP TABLE copied (LIKE orders);\n\\copy orders TO '" + file + "'\n\\copy copied FROM '" + file + "'\nSELECT count(*), sum(amount) FROM copied;\n\\copy (SELECT * FROM copied ORDER BY id) TO STDOUT WITH CSV HEADER\nCOPY copied (id, customer_id, item, amount) FROM STDIN;\n100\t1\ta\\tb\t1\n\\.\nSELECT item FROM copied WHERE id = 100;\n\\copy parts TO '" + file + "' (FORMAT binary)\n",
		"prepare": "PREPARE p (int) AS SELECT item FROM orders WHERE id = $1;\nEXECUTE p(3);\nEXECUTE p(4);\nDEALLOCATE p;\nEXPLAIN (COSTS off) SELECT * FROM orders WHERE id = 3;\nSET search_path = pg_catalog;\nSHOW search_path;\nRESET search_path;\nSELECT add(1, 2), total(id) FROM orders;\n",
	}
	for name, script := range scripts {
		t.Run(name, func(t *testing.T) {
			through, direct := l.both(t, script+"\n", "psql", "-X", "-P", "pager=off")
			// \conninfo names the endpoint, the user and TLS, and errors their origin by line of the server's own files.
			if name == "variables" {
				if !strings.Contains(through[0], `You are connected to database "orders" as user "agent-7"`) || !strings.Contains(through[0], "SSL connection") {
					t.Errorf("through the gateway: %s", through[0])
				}
				return
			}
			same(t, through[0], direct[0])
			same(t, through[1], direct[1])
			if direct[0]+direct[1] == "" {
				t.Error("the direct run printed nothing: nothing was tested")
			}
		})
	}
	t.Run("masked", func(t *testing.T) {
		through, direct := l.both(t, "TABLE customers ORDER BY id;\n\\copy customers TO STDOUT\nCOPY customers TO STDOUT (FORMAT csv, HEADER, FORCE_QUOTE *);\n\\set FETCH_COUNT 2\nSELECT email, phone FROM customers;\n", "psql", "-X", "-A")
		same(t, through[0], masked(direct[0]))
		same(t, through[1], direct[1])
	})
}

func TestPgDump(t *testing.T) {
	g := startClients(t, servertest.Options{})
	l := libpq{g, longToken(g, "crew")}
	const key = "--restrict-key=fixed" // else each dump has its own
	for name, args := range map[string][]string{
		"whole": {key}, "schema only": {"--schema-only", key}, "inserts": {"--inserts", "--rows-per-insert=7", key}, "data only": {"--data-only", "--column-inserts", key},
		"clean": {"--clean", "--if-exists", "--create", key}, "one table": {"--table=orders", "--table=parts*", key}, "serializable": {"--serializable-deferrable", "--quote-all-identifiers", key},
		"binary": {"--format=custom", "--compress=0", "--exclude-table=customers"},
	} {
		t.Run(name, func(t *testing.T) {
			through, direct := l.both(t, "", "pg_dump", args...)
			if name == "binary" { // dump files carry their time and the OIDs' order; what they restore is compared
				list := func(dump string) string {
					file := filepath.Join(t.TempDir(), "dump")
					if err := os.WriteFile(file, []byte(dump), 0o600); err != nil {
						t.Fatal(err)
					}
					out, _ := run(t, nil, filepath.Join(programs(t, g), "pg_restore"), key, "-f", "-", file)
					return out
				}
				through[0], direct[0] = list(through[0]), list(direct[0])
			}
			same(t, through[0], masked(direct[0]))
			same(t, through[1], direct[1])
			if name == "whole" && !strings.Contains(direct[0], "ada.brandt@") {
				t.Error("the direct dump has no address: nothing was tested")
			}
		})
	}
	t.Run("jobs", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "dump")
		run(t, []string{"PGPASSWORD=" + l.token}, filepath.Join(programs(t, g), "pg_dump"), "--format=directory", "--jobs=2", "--file="+dir, passwordless(g.DSN(l.token)))
		through, _ := run(t, nil, filepath.Join(programs(t, g), "pg_restore"), key, "-f", "-", dir)
		run(t, []string{"PGPASSWORD=" + servertest.Password}, filepath.Join(programs(t, g), "pg_dump"), "--format=custom", "--file="+dir+".custom", passwordless(databaseDSN(g)))
		want, _ := run(t, nil, filepath.Join(programs(t, g), "pg_restore"), key, "-f", "-", dir+".custom")
		same(t, through, masked(want))
	})
	t.Run("restore", func(t *testing.T) {
		// A dump goes back in through the gateway.
		dump, _ := run(t, []string{"PGPASSWORD=" + servertest.Password}, filepath.Join(programs(t, g), "pg_dump"), key, "--table=parts*", passwordless(databaseDSN(g)))
		const sums = "SELECT count(*), sum(p), md5(string_agg(parts::text, ',' ORDER BY id)) FROM parts"
		before := g.Direct(sums)
		_, errs, err := try(t, []string{"PGPASSWORD=" + l.token}, "DROP TABLE parts;\n"+dump, filepath.Join(programs(t, g), "psql"), "-Xq", "-v", "ON_ERROR_STOP=1", passwordless(g.DSN(l.token)))
		if err != nil {
			t.Fatalf("%v\n%s", err, errs)
		}
		if after := g.Direct(sums); after != before {
			t.Errorf("restored %s, dumped %s", after, before)
		}
	})
}

// Large objects come by the FunctionCall message.
func TestPgDumpOfLargeObjects(t *testing.T) {
	g := startClients(t, servertest.Options{Masks: "-"})
	l := libpq{g, longToken(g, "crew")}
	g.Direct("SELECT lo_from_bytea(4711, decode(repeat('00ff', 50000), 'hex')); ALTER LARGE OBJECT 4711 OWNER TO crew_app")
	through, direct := l.both(t, "", "pg_dump", "--blobs", "--restrict-key=fixed")
	same(t, through[0], direct[0])
	if !strings.Contains(direct[0], "lo_open('4711'") {
		t.Error("the direct dump has no large object: nothing was tested")
	}
}

func TestPgbench(t *testing.T) {
	g := startClients(t, servertest.Options{})
	token := longToken(g, "crew")
	dsn, env := passwordless(g.DSN(token)), []string{"PGPASSWORD=" + token}
	pgbench := filepath.Join(programs(t, g), "pgbench")
	for _, steps := range []string{"dtgvp", "dtGvpf"} { // rows made by the client with COPY, then by the server
		_, errs := run(t, env, pgbench, "-i", "-s", "1", "-q", "-I", steps, dsn)
		if !strings.Contains(errs, "done in") {
			t.Errorf("pgbench -i: %s", errs)
		}
		if n := g.Direct("SELECT count(*) FROM pgbench_accounts"); n != "100000" {
			t.Errorf("%s accounts", n)
		}
	}
	total := 0
	for _, mode := range []string{"simple", "extended", "prepared"} {
		for _, script := range []string{"select-only", "tpcb-like", "simple-update"} {
			t.Run(mode+"-"+script, func(t *testing.T) {
				out, errs := run(t, env, pgbench, "-n", "-M", mode, "-b", script, "-c", "4", "-j", "2", "-t", "25", dsn)
				if !strings.Contains(out, "number of transactions actually processed: 100/100") || strings.Contains(errs, "error") {
					t.Errorf("%s\n%s", out, errs)
				}
			})
			if script != "select-only" {
				total += 100
			}
		}
	}
	// Every transaction ran once: each left one row, and the sums agree.
	if n := g.Direct("SELECT count(*) FROM pgbench_history"); n != strconv.Itoa(total) {
		t.Errorf("%s rows of history, %d transactions", n, total)
	}
	if ok := g.Direct("SELECT (SELECT sum(abalance) FROM pgbench_accounts) = (SELECT sum(delta) FROM pgbench_history) AND (SELECT sum(bbalance) FROM pgbench_branches) = (SELECT sum(tbalance) FROM pgbench_tellers)"); ok != "t" {
		t.Error("the balances do not agree with the history")
	}
	t.Run("pipeline", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "pipeline.sql")
		script := "\\startpipeline\nBEGIN;\nSELECT abalance FROM pgbench_accounts WHERE aid = 1;\nUPDATE pgbench_accounts SET filler = 'x' WHERE aid = 2;\nEND;\n\\endpipeline\n"
		if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, mode := range []string{"extended", "prepared"} {
			out, errs := run(t, env, pgbench, "-n", "-M", mode, "-f", file, "-c", "2", "-t", "20", dsn)
			if !strings.Contains(out, "actually processed: 40/40") {
				t.Errorf("%s\n%s", out, errs)
			}
		}
	})
	t.Run("connect", func(t *testing.T) {
		out, errs := run(t, env, pgbench, "-n", "-C", "-S", "-c", "2", "-t", "10", dsn)
		if !strings.Contains(out, "actually processed: 20/20") {
			t.Errorf("%s\n%s", out, errs)
		}
	})
}

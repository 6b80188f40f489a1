package lineage_test

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	pgquery "github.com/wasilibs/go-pgquery"

	"sluice.dev/proxy/protocol/postgres/catalog"
	"sluice.dev/proxy/protocol/postgres/lineage"
)

// Backslash commands of psql, each of which asks the catalogs in its own way.
var backslash = []string{
	`\d`, `\d+`, `\d+ customers`, `\d+ events`, `\d+ v_mail`, `\d+ mv_mail`, `\d orders_pkey`, `\d sink_id_seq`, `\d+ far`, `\d noted`,
	`\dt+ *.*`, `\di+`, `\dv+`, `\dm+`, `\ds+`, `\dE+`, `\dP+`, `\da+`, `\df+`, `\dfn`, `\do+`, `\dC+`, `\dD+`, `\dT+`, `\dn+`, `\du+`, `\dg`,
	`\l+`, `\dp`, `\ddp`, `\dx+`, `\db+`, `\dF+`, `\dFd`, `\dFp`, `\dFt`, `\dL+`, `\dO+`, `\dc+`, `\dd`, `\dA+`, `\dAc`, `\dAf`, `\dAo`, `\dAp`,
	`\dew+`, `\des+`, `\det+`, `\dy+`, `\dRp+`, `\dX`, `\drds`, `\dconfig+`, `\sf twice`, `\sv v_mail`, `\z customers`, `\conninfo`, `\encoding`,
	`\dl`, `\dAp+`,
}

// TestClients lets psql, pg_dump and pgbench work on the database directly, takes the
// statements that they sent from the server's log, and judges each: none may
// be refused, and none but pg_dump's may have a masked column.
func TestClients(t *testing.T) {
	d := newDatabase(t)
	psql, dump, bench := harvested(t, d)
	judge := func(sql string) lineage.Verdict {
		tree, err := pgquery.Parse(sql)
		if err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		var vs []lineage.Verdict
		for _, s := range tree.Stmts {
			v := lineage.Strict(s.Stmt, d.snapshot.Session(catalog.SearchPath{Schemas: []string{"public"}}), d.protected)
			if v.Refuse != "" {
				t.Errorf("refused: %s\n%s", v.Refuse, sql)
			}
			vs = append(vs, v)
		}
		return lineage.Combine(vs)
	}
	for _, sql := range append(psql, bench...) {
		if v := judge(sql); v.Touches {
			t.Errorf("something is masked (%v): %s", v.Proven, sql)
		}
	}
	for _, sql := range dump {
		v := judge(sql)
		copying := strings.HasPrefix(sql, "COPY")
		if v.Touches && !v.System && !copying && !strings.HasPrefix(sql, "LOCK") && !strings.HasPrefix(sql, "EXECUTE") {
			t.Errorf("something is masked: %+v %s", v, sql)
		}
		if v.System {
			t.Logf("masked by position: %s", sql)
		}
	}
}

// harvested are the statements that psql, pg_dump and pgbench send.
func harvested(t *testing.T, d *database) (psql, dump, bench []string) {
	t.Helper()
	if err := super(t.Context(), "postgres", "alter role app set log_statement = 'all'"); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := super(t.Context(), "postgres", "alter role app reset log_statement"); err != nil {
			t.Error(err)
		}
	}()
	dsn := server.DSN(d.name, "app", "app")
	harvest := func(args ...string) []string {
		from := len(server.Log())
		cmd := exec.CommandContext(t.Context(), filepath.Join(server.BinDir, args[0]), args[1:]...)
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Run(); err != nil {
			t.Logf("%v: %v\n%s", args, err, out.String()[max(0, out.Len()-1000):])
		}
		return logged(server.Log()[from:])
	}
	script := []string{"psql", "-X", "-q", dsn}
	for _, b := range backslash {
		script = append(script, "-c", b)
	}
	psql = harvest(script...)
	dump = harvest("pg_dump", "--exclude-table=far", "--exclude-table=noted", dsn)
	bench = append(harvest("pgbench", "-i", "-I", "dtgvpf", "-q", dsn), harvest("pgbench", "-t", "2", dsn)...)
	d.reload() // its tables are there now
	if len(psql) < len(backslash) || len(dump) < 50 || len(bench) < 15 {
		t.Fatalf("only %d statements of psql, %d of pg_dump and %d of pgbench were logged", len(psql), len(dump), len(bench))
	}
	t.Logf("%d statements of psql, %d of pg_dump, %d of pgbench", len(psql), len(dump), len(bench))
	return psql, dump, bench
}

// logged finds the statements in a piece of the server's log.
func logged(text string) (out []string) {
	const mark = "LOG:  statement: "
	in := false
	for line := range strings.SplitSeq(text, "\n") {
		switch i := strings.Index(line, mark); {
		case i >= 0:
			out, in = append(out, line[i+len(mark):]), true
		case in && strings.HasPrefix(line, "\t"):
			out[len(out)-1] += "\n" + line[1:]
		default:
			in = false
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

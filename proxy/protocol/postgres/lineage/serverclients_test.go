package lineage_test

import (
	"strings"
	"testing"
	"time"

	pgquery "github.com/wasilibs/go-pgquery"

	"sluice.dev/proxy/protocol/postgres/lineage"
	"sluice.dev/proxy/protocol/postgres/tree"
)

// TestServerClients judges what psql, pg_dump and pgbench send by the server's
// own analysis: none is refused, and but for the columns of masking.md 6 that
// pg_dump reads nothing is masked.
func TestServerClients(t *testing.T) {
	d := copyDatabase(t, true)
	psql, dump, bench := harvested(t, d)
	s := newServerSession(t, d)
	var longest string
	judge := func(sql string) lineage.Verdict {
		parsed, err := pgquery.Parse(sql)
		if err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		if len(parsed.Stmts) != 1 {
			return lineage.Verdict{}
		}
		v, failed := s.serverJudge(parsed.Stmts[0].Stmt, sql)
		if failed != nil {
			t.Logf("%v: %s", failed, sql)
			return lineage.Verdict{}
		}
		if v.Refuse != "" {
			t.Errorf("refused: %s\n%s", v.Refuse, sql)
		}
		if len(s.tree) > len(longest) {
			longest = s.tree
		}
		return v
	}
	for _, sql := range append(psql, bench...) {
		if v := judge(sql); v.Touches {
			t.Errorf("something is masked (%v): %s", v.Outputs, sql)
		}
	}
	sensitive := 0
	for _, sql := range dump {
		v := judge(sql)
		if strings.HasPrefix(sql, "COPY") || strings.HasPrefix(sql, "LOCK") || strings.HasPrefix(sql, "EXECUTE") {
			continue
		}
		if v.System {
			sensitive++
		}
		if v.Touches && !v.System {
			t.Errorf("something is masked: %+v %s", v, sql)
		}
	}
	t.Logf("%d of pg_dump's read columns of masking.md 6", sensitive)
	start := time.Now()
	tr, err := tree.Parse(longest, s.major())
	if err != nil {
		t.Fatal(err)
	}
	parsed := time.Since(start)
	stmt := parse(t, "select 1")
	start = time.Now()
	lineage.Server(stmt, tr, d.snapshot.Session(public), d.protected)
	t.Logf("the largest tree has %d bytes: %s to read, %s to judge", len(longest), parsed, time.Since(start))
}

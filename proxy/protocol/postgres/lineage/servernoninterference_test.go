package lineage_test

import (
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	pgquery "github.com/wasilibs/go-pgquery"

	"sluice.dev/proxy/protocol/postgres/lineage"
	"sluice.dev/proxy/protocol/postgres/lineage/evasions"
)

// TestServerNonInterference is masking.md 15.1 with the server's own analysis.
// A and B differ in protected values alone, A' is a copy of A. For each random
// statement that is let through, and whose facts name no reason of masking.md
// 9, all that the client sees must be the same on A and B, unless it differs
// between A and A' too. SLUICE_RANDOM is the number of statements (600),
// SLUICE_SEED the first seed.
func TestServerNonInterference(t *testing.T) { eachServer(t, serverNonInterference) }

func serverNonInterference(t *testing.T) {
	t.Helper()
	count, seed := number(t, "SLUICE_RANDOM", 600), number(t, "SLUICE_SEED", 1)
	dbs := []*database{copyDatabase(t, true), copyDatabase(t, true), otherDatabase(t)}
	dbs[2].precise = true
	dbs[2].protected = nil
	dbs[2].reload()
	var ss []*session
	for _, d := range dbs {
		ss = append(ss, newServerSession(t, d))
	}
	refused, invalid, ran, failed, excused, noise, differs := 0, 0, 0, 0, 0, 0, 0
	for i := range count {
		g := &generator{r: rand.New(rand.NewPCG(uint64(seed), uint64(i))), free: true}
		sql := g.query(nil, 3, true)
		if _, err := pgquery.Parse(sql); err != nil {
			invalid++
			continue
		}
		var why [3]string
		var f lineage.Facts
		for k, s := range ss {
			s.seen, s.raw, s.failed, s.verdict = nil, nil, nil, lineage.Verdict{}
			s.must("begin") // so that all stay as they are
			s.must("set local statement_timeout = '10s'")
			for _, part := range wrapped(sql, i) {
				if r := s.run(part); r != "" && why[k] == "" {
					why[k] = r
				}
				f = f.Or(s.verdict.Facts)
			}
			s.must("rollback")
		}
		if why[0] != "" {
			refused++
			if why[2] == "" {
				t.Errorf("seed %d/%d: refused on one database alone: %s\n%s", seed, i, sql, why[0])
			}
			continue
		}
		ran++
		if ss[0].failed != nil {
			if os.Getenv("SLUICE_SHOW") != "" {
				t.Logf("%v: %s", ss[0].failed, sql)
			}
			failed++
		}
		for _, text := range ss[0].seen {
			if evasions.Leaks(text) {
				t.Errorf("seed %d/%d: the client reads %q: %s", seed, i, text, sql)
			}
		}
		if told(f) {
			excused++
			continue
		}
		if !slices.Equal(ss[0].seen, ss[1].seen) {
			noise++
			continue
		}
		if unmasked(ss[0].raw) != unmasked(ss[2].raw) {
			differs++
		}
		if !slices.Equal(ss[0].seen, ss[2].seen) {
			t.Errorf("seed %d/%d: the client can tell the databases apart: %s\n%.500q\n%.500q", seed, i, sql, ss[0].seen, ss[2].seen)
		}
	}
	t.Logf("%d statements: %d do not parse, %d refused, %d ran (%d into an error), %d of them with a reason of masking.md 9, %d noise; without masks %d of the others differ",
		count, invalid, refused, ran, failed, excused, noise, differs)
	if differs < count/20 {
		t.Error("the statements prove nothing")
	}
}

// wrapped puts some queries into a cursor or a prepared statement.
func wrapped(sql string, i int) []string {
	if strings.HasPrefix(sql, "select") || strings.HasPrefix(sql, "with") {
		switch i % 9 {
		case 3:
			return []string{"declare c cursor for " + sql, "fetch 5 from c", "fetch all from c", "close c"}
		case 5:
			return []string{"prepare p as " + sql, "execute p", "deallocate p"}
		case 7:
			return []string{"copy (" + sql + ") to stdout"}
		}
	}
	return []string{sql}
}

package lineage_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"sluice.dev/proxy/protocol/postgres/lineage"
	"sluice.dev/proxy/protocol/postgres/lineage/evasions"
)

// TestNonInterference is masking.md 15.1 for strict mode. Two databases differ
// in protected values alone. For each random statement that strict lets
// through, and whose facts name no reason of masking.md 9, all that the client
// sees must be the same on both. SLUICE_RANDOM is the number of statements
// (600), SLUICE_SEED the first seed.
func TestNonInterference(t *testing.T) {
	count, seed := number(t, "SLUICE_RANDOM", 600), number(t, "SLUICE_SEED", 1)
	a := newDatabase(t)
	b := otherDatabase(t)
	sa, sb := newSession(t, a, false), newSession(t, b, false)
	refused, ran, failed, excused, differs := 0, 0, 0, 0, 0
	for i := range count {
		g := &generator{r: rand.New(rand.NewPCG(uint64(seed), uint64(i)))}
		sql := g.query(nil, 3, true)
		va, vb := judged(t, sa, sql), judged(t, sb, sql)
		if va.Refuse != "" {
			refused++
			if vb.Refuse == "" {
				t.Errorf("seed %d/%d: refused on one database alone: %s", seed, i, sql)
			}
			continue
		}
		ran++
		if f := va.Facts; f.FiltersProtectedConst || f.FiltersOnOpaqueFunction {
			excused++
			continue
		}
		// In a transaction, so that both stay as they are.
		for _, s := range []*session{sa, sb} {
			s.seen, s.raw = nil, nil
			s.must("begin")
			s.must("set local statement_timeout = '10s'")
			s.run(sql)
			s.must("rollback")
		}
		if sa.failed != nil {
			failed++
		}
		if unmasked(sa.raw) != unmasked(sb.raw) {
			differs++
		}
		if !slices.Equal(sa.seen, sb.seen) {
			t.Errorf("seed %d/%d: the client can tell the databases apart: %s\n%.500q\n%.500q", seed, i, sql, sa.seen, sb.seen)
		}
		for _, text := range sa.seen {
			if evasions.Leaks(text) {
				t.Errorf("seed %d/%d: the client reads %q: %s", seed, i, text, sql)
			}
		}
	}
	t.Logf("%d statements: %d refused, %d ran (%d into an error), %d of them with a reason of masking.md 9; without masks %d of the others differ", count, refused, ran, failed, excused, differs)
	if differs == 0 || ran-excused < count/20 {
		t.Error("the statements prove nothing")
	}
}

func number(t *testing.T, name string, otherwise int) int {
	t.Helper()
	s := os.Getenv(name)
	if s == "" {
		return otherwise
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

func unmasked(cells []string) string { return strings.Join(cells, "\x00") }

func judged(t *testing.T, s *session, sql string) lineage.Verdict {
	t.Helper()
	return lineage.Strict(parse(t, sql), s.d.snapshot.Session(public), s.d.protected)
}

func (s *session) must(sql string) {
	s.t.Helper()
	if _, err := s.conn.Exec(context.Background(), sql).ReadAll(); err != nil {
		s.t.Fatalf("%s: %v", sql, err)
	}
}

// otherDatabase is evasions_schema.sql with other protected values, of other
// lengths and in another order.
func otherDatabase(t *testing.T) *database {
	t.Helper()
	schema, err := os.ReadFile(testdata("evasions_schema.sql"))
	if err != nil {
		t.Fatal(err)
	}
	text := string(schema)
	for _, r := range [][2]string{
		{"'canary'||i||'@hush.example'", "'a-canary'||(100-i)||'x@hush.example'"},
		{"'+49-canary-'||i", "'+1-canary-'||(i*37%50)"}, {"'4111-canary-'||i", "'5-canary'||i*3"},
		{"'canary101@hush.example'", "'b-canary@hush.example'"},
	} {
		if !strings.Contains(text, r[0]) {
			t.Fatalf("evasions_schema.sql does not have %s any more", r[0])
		}
		text = strings.ReplaceAll(text, r[0], r[1])
	}
	made++
	d := &database{t: t, name: fmt.Sprintf("evasions_%d", made)}
	if err := super(t.Context(), "postgres", "create database "+d.name); err != nil {
		t.Fatal(err)
	}
	if err := super(t.Context(), d.name, text); err != nil {
		t.Fatal(err)
	}
	d.reload()
	return d
}

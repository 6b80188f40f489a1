package facts_test

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"sluice.dev/proxy/protocol/postgres/facts"
)

// corpus reads PostgreSQL's regression SQL out of pglast's source distribution
// (it carries libpg_query's tests), by file name.
func corpus(t *testing.T) map[string]string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "sh", "corpus.sh").CombinedOutput(); err != nil {
		t.Fatalf("the corpus cannot be fetched: %v\n%s", err, out)
	}
	f, err := os.Open(filepath.Join(cache, "sluice", "sdist", "pglast-8.8.tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(h.Name, "postgres_regress/") && strings.HasSuffix(h.Name, ".sql") {
			b, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			files[strings.TrimSuffix(filepath.Base(h.Name), ".sql")] = string(b)
		}
	}
}

// notRun are files that would hang or harm the server, with the reason.
var notRun = map[string]string{
	"tablespace": "needs folders", "largeobject": "psql's own large-object commands", "subscription": "waits for servers",
	"stats": "waits for statistics", "misc": "needs compiled regress.so", "database": "renames the database",
	"infinite_recurse": "recurses until the stack ends", "vacuum_parallel": "slow", "guc": "changes the settings that the oracle rests on",
	"maintain_every": "of every table", "event_trigger": "its triggers refuse what follows", "psql": "psql's own commands",
}

type tally struct {
	equal, incomplete, wrong, total int
	skipped                         map[string]int
	why                             map[string]int
}

// Of every statement of PostgreSQL's regression tests that PostgreSQL 15 can
// analyse where it stands, what the server says it touches is what the facts
// say, or the facts are incomplete.
func TestOracleRegression(t *testing.T) {
	files := corpus(t)
	setup := open(t, "postgres", oracleOptions)
	defer setup.close()
	sum := tally{skipped: map[string]int{}, why: map[string]int{}}
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	sort.Strings(names)
	if _, err := setup.exec("CREATE DATABASE regression_base"); err != nil {
		t.Fatal(err)
	}
	// The files that others build upon, in the order of parallel_schedule.
	base := []string{"test_setup", "create_type", "create_table", "create_misc", "create_operator", "create_function_c",
		"create_index", "create_view", "inherit", "typed_table"}
	s := open(t, "regression_base", oracleOptions)
	for _, name := range base {
		if text, ok := files[name]; ok {
			run(s, name, text, &sum)
		}
	}
	s.close()
	for i, name := range names {
		if reason := notRun[name]; reason != "" {
			sum.skipped["file "+name+": "+reason]++
			continue
		}
		if slices.Contains(base, name) || testing.Short() && i%8 != 0 {
			continue
		}
		db := "r_" + name
		if _, err := setup.exec("CREATE DATABASE " + ident(db) + " TEMPLATE regression_base"); err != nil {
			t.Fatal(err)
		}
		s := open(t, db, oracleOptions)
		run(s, name, files[name], &sum)
		s.close()
		if _, err := setup.exec("DROP DATABASE " + ident(db) + " WITH (FORCE)"); err != nil {
			t.Logf("%s: %v", name, err)
		}
	}
	sum.report(t)
	if sum.equal < 1000 {
		t.Errorf("only %d statements compared: the oracle proves nothing", sum.equal)
	}
}

func (sum *tally) report(t *testing.T) {
	t.Helper()
	t.Logf("%d statements: %d equal, %d incomplete, %d wrong", sum.total, sum.equal, sum.incomplete, sum.wrong)
	for _, list := range []map[string]int{sum.skipped, sum.why} {
		var lines []string
		for reason, n := range list {
			lines = append(lines, fmt.Sprintf("%6d %s", n, reason))
		}
		sort.Sort(sort.Reverse(sort.StringSlice(lines)))
		t.Logf("\n%s", strings.Join(lines[:min(len(lines), 40)], "\n"))
	}
}

func run(s *session, file, text string, sum *tally) {
	for _, sql := range split(text) {
		sum.total++
		if s.conn.IsClosed() {
			sum.skipped["connection lost in "+file]++
			return
		}
		one(s, file, sql, sum)
	}
}

// one compares a statement, then runs it.
func one(s *session, file, sql string, sum *tally) {
	stmt, err := facts.Parse(sql)
	var f *facts.Facts
	switch {
	case err != nil:
		sum.skipped["the parser refuses it"]++
	case len(stmt.Stmts) != 1:
		sum.skipped["no statement"]++
	case s.conn.TxStatus() == 'E':
		sum.skipped["in a failed transaction"]++
	default:
		f = stmt.Facts(s)
		inner, ok := stmt.Analysable()
		if !ok {
			sum.skipped["utility statements, not analysed by the server: "+stmt.Stmts[0].Kind]++
			break
		}
		inside := s.conn.TxStatus() == 'T'
		if inside {
			_, _ = s.exec("SAVEPOINT sluice_oracle")
		}
		truth, err := s.analyse(inner)
		switch {
		case err != nil:
			sum.skipped["the server refuses it"]++
		case !f.Complete:
			sum.incomplete++
			for _, why := range f.Unsure {
				sum.why[general(why)]++
			}
		default:
			if wrong := compare(f, truth); wrong != "" {
				sum.wrong++
				s.t.Errorf("%s: %s\n%s", file, wrong, sql)
			} else {
				sum.equal++
			}
		}
		if inside {
			_, _ = s.exec("ROLLBACK TO sluice_oracle; RELEASE sluice_oracle")
		}
	}
	if f != nil && f.ReadOnly && !f.ChangesSettings && f.Transaction == "" || strings.Contains(sql, ":'") {
		return
	}
	upper := strings.ToUpper(sql)
	if strings.HasPrefix(upper, "COPY") || strings.Contains(upper, "PG_SLEEP") || strings.Contains(upper, "CLIENT_MIN_MESSAGES") {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	_, _ = s.conn.Exec(ctx, sql).ReadAll()
	s.notices = nil
	if f == nil || f.ChangesCatalog || f.ChangesPath || f.ChangesTemp || f.ChangesRole || !f.Complete || f.Flags.DDL {
		s.forget()
	}
}

// general takes names out of a reason, to count it.
func general(why string) string {
	words := strings.Fields(why)
	for i, w := range words {
		if strings.ContainsAny(w, "._0123456789") || i == 1 && len(words) > 2 {
			words[i] = "…"
		}
	}
	return strings.Join(words, " ")
}

// split cuts a psql script into statements: its own commands, COPY data and
// variables are taken out.
func split(text string) []string {
	var lines []string
	copying := false
	for _, line := range strings.Split(text, "\n") {
		trimmed := strings.TrimSpace(line)
		switch {
		case copying:
			copying = trimmed != `\.`
		case strings.HasPrefix(trimmed, `\`):
			lines = append(lines, ";")
		default:
			if i := strings.Index(line, ` \g`); i >= 0 {
				line = line[:i] + ";"
			}
			lines = append(lines, line)
			lower := strings.ToLower(trimmed)
			copying = strings.HasPrefix(lower, "copy ") && strings.Contains(lower, "from stdin") && strings.HasSuffix(lower, ";")
		}
	}
	return facts.Split(strings.Join(lines, "\n"))
}

package facts_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"sluice.dev/proxy/protocol/postgres/catalog"
	"sluice.dev/proxy/protocol/postgres/facts"
)

var update = flag.Bool("update", false, "write testdata/traps.txt anew; read every changed line")

// querier is a catalog.Querier.
type querier struct{ s *session }

func (q querier) Query(_ context.Context, sql string) ([][][]byte, error) { return q.s.exec(sql) }

// view makes a database from testdata/schema.sql and answers how the gateway's
// catalog sees it.
func view(t testing.TB) (*session, *catalog.View) {
	t.Helper()
	admin := open(t, "postgres", "")
	defer admin.close()
	if _, err := admin.exec("DROP DATABASE IF EXISTS traps WITH (FORCE)"); err != nil {
		t.Fatal(err)
	}
	if _, err := admin.exec("CREATE DATABASE traps"); err != nil {
		t.Fatal(err)
	}
	s := open(t, "traps", oracleOptions)
	t.Cleanup(s.close)
	schema, err := os.ReadFile("testdata/schema.sql")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.exec(string(schema)); err != nil {
		t.Fatal(err)
	}
	snapshot, err := catalog.Load(t.Context(), querier{s})
	if err != nil {
		t.Fatal(err)
	}
	return s, snapshot.Session(catalog.SearchPath{Schemas: []string{"public"}})
}

// The traps are statements that look like less, or more, than they are. Each
// stands in testdata/traps.txt with what the facts must say of it.
func TestTraps(t *testing.T) {
	_, v := view(t)
	want, err := os.ReadFile("testdata/traps.txt")
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	for _, block := range strings.Split(strings.TrimSpace(string(want)), "\n\n") {
		lines := strings.Split(block, "\n")
		var sql []string
		for _, line := range lines {
			if strings.HasPrefix(line, "  = ") {
				break
			}
			sql = append(sql, line)
		}
		text := strings.Join(sql, "\n")
		fmt.Fprintf(&got, "%s\n", text)
		for _, line := range summary(text, v) {
			fmt.Fprintf(&got, "  = %s\n", line)
		}
		got.WriteByte('\n')
	}
	out := bytes.TrimRight(got.Bytes(), "\n")
	out = append(out, '\n')
	if *update {
		if err := os.WriteFile("testdata/traps.txt", out, 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(out, want) {
		a, b := strings.Split(string(want), "\n"), strings.Split(string(out), "\n")
		for i := range min(len(a), len(b)) {
			if a[i] != b[i] {
				t.Fatalf("testdata/traps.txt:%d:\nwant %s\ngot  %s", i+1, a[i], b[i])
			}
		}
		t.Fatal("testdata/traps.txt: length differs")
	}
}

// With the gateway's catalog, facts name all that the server's rewritten tree
// names: what lies below views is there too. Children, cascades and triggers
// the server finds later; those may be more.
func TestOracleTraps(t *testing.T) {
	s, v := view(t)
	if _, err := s.exec("SET debug_print_rewritten = on"); err != nil {
		t.Fatal(err)
	}
	traps, err := os.ReadFile("testdata/traps.txt")
	if err != nil {
		t.Fatal(err)
	}
	equal, incomplete := 0, 0
	for _, block := range strings.Split(string(traps), "\n\n") {
		text, _, _ := strings.Cut(block, "\n  = ")
		stmt, err := facts.Parse(text)
		if err != nil || len(stmt.Stmts) != 1 {
			continue
		}
		f := stmt.Facts(v)
		sql, ok := stmt.Analysable()
		if !ok {
			continue
		}
		written, err := s.trees(sql, "parse tree")
		if err != nil {
			continue // the traps have errors among them
		}
		rewritten, err := s.trees(sql, "rewritten parse tree")
		if err != nil {
			t.Fatal(err)
		}
		if !f.Complete {
			incomplete++
			continue
		}
		equal++
		for _, tree := range []*truth{written, rewritten} {
			for what, names := range map[string][2]any{"reads": {f.Reads, tree.reads}, "columns": {f.Columns, tree.columns}} {
				for name := range names[1].(map[string]bool) {
					// Of a system view's own columns the server records no
					// dependency; the view and its relations are named.
					system := what == "columns" && strings.HasPrefix(name, "pg_catalog.") && tree == rewritten
					if !slices.Contains(names[0].([]string), name) && !system {
						t.Errorf("%s: %s lack %s", text, what, name)
					}
				}
			}
			for name := range tree.writes {
				if !slices.Contains(f.Writes, name) && !f.Flags.Lock {
					t.Errorf("%s: writes lack %s", text, name)
				}
			}
		}
	}
	t.Logf("%d compared, %d incomplete", equal, incomplete)
	if equal < 40 {
		t.Error("too few to prove anything")
	}
}

// summary is the facts of a text, a line for each kind.
func summary(text string, r facts.Resolver) (lines []string) {
	stmt, err := facts.Parse(text)
	if err != nil {
		return []string{"syntax error: " + err.Error()}
	}
	f := stmt.Facts(r)
	lines = append(lines, f.Description)
	add := func(name string, list []string) {
		if len(list) > 0 {
			lines = append(lines, name+": "+strings.Join(list, ", "))
		}
	}
	add("operations", f.Operations)
	add("reads", f.Reads)
	add("writes", f.Writes)
	add("columns", f.Columns)
	add("filters", f.Filters)
	add("functions", f.Functions)
	var flags []string
	for _, part := range []any{f.Flags, *f} {
		v := reflect.ValueOf(part)
		for i := range v.NumField() {
			if name := v.Type().Field(i).Name; v.Type().Field(i).IsExported() && v.Field(i).Kind() == reflect.Bool && v.Field(i).Bool() && name != "Complete" {
				flags = append(flags, name)
			}
		}
	}
	add("flags", flags)
	for _, l := range f.Literals {
		if len(l.Columns) > 0 || l.Secret || l.Code {
			line := "literal " + text[l.Start:l.End] + ": " + strings.Join(l.Columns, ", ")
			if l.Secret {
				line += " secret"
			}
			if l.Code {
				line += " code"
			}
			lines = append(lines, line)
		}
	}
	for i, columns := range f.ParamColumns {
		add(fmt.Sprintf("$%d", i+1), columns)
	}
	add("unsure", f.Unsure)
	for _, s := range f.Settings {
		lines = append(lines, fmt.Sprintf("setting %s = %q", s.Name, s.Value))
	}
	for _, in := range f.Inner {
		lines = append(lines, in.Kind+" "+in.Name)
	}
	if f.Transaction != "" {
		lines = append(lines, "transaction "+f.Transaction)
	}
	return lines
}

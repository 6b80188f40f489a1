package facts_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"sluice.dev/proxy/protocol/postgres/facts"
)

// A text that does not parse is refused with the message and place that the
// server would give.
func TestSyntaxErrors(t *testing.T) {
	s := open(t, "postgres", "")
	defer s.close()
	if err := facts.Warm(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		"select a from from t", "selec 1", "select 'é', ünïcode from where", "select (1", "select 1)", "drop tabel x", "select 'open",
		"select 1 -- é\n from from", "select \"open", "select /* open", "insert into t values (1, ",
	} {
		_, err := facts.Parse(text)
		var ours *facts.SyntaxError
		if !errors.As(err, &ours) {
			t.Errorf("%q: %v", text, err)
			continue
		}
		_, err = s.conn.Prepare(context.Background(), "", text, nil)
		var theirs *pgconn.PgError
		if !errors.As(err, &theirs) || theirs.Code != "42601" {
			t.Errorf("%q: the server says %v", text, err)
			continue
		}
		if ours.Message != theirs.Message || ours.Position != int(theirs.Position) {
			t.Errorf("%q: %s at %d, the server says %s at %d", text, ours.Message, ours.Position, theirs.Message, theirs.Position)
		}
	}
	for _, text := range []string{"select '\xff'", "select 1\x00; drop table x"} {
		if _, err := facts.Parse(text); err == nil {
			t.Errorf("%q passed", text)
		}
	}
}

// Large-object functions have the facts of their SQL form, under the OIDs that
// the server gives them.
func TestLargeObjectFunctions(t *testing.T) {
	s, v := view(t)
	rows, err := s.exec(`SELECT oid, proname, pronargs FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace AND proname ~ '^(lo_|loread|lowrite)'`)
	if err != nil || len(rows) < 15 {
		t.Fatal(err, len(rows))
	}
	for _, row := range rows {
		oid, nargs := 0, 0
		scan(t, row[0], &oid)
		scan(t, row[2], &nargs)
		name, ok := facts.LargeObjectFunction(uint32(oid))
		file := string(row[1]) == "lo_import" || string(row[1]) == "lo_export"
		if ok == file || ok && name != string(row[1]) {
			t.Errorf("%s (%d): %q, %v", row[1], oid, name, ok)
		}
		f, ok := facts.FunctionCall("pg_catalog", string(row[1]), nargs)
		if ok == file {
			t.Errorf("%s: call %v", row[1], ok)
			continue
		}
		if file {
			continue
		}
		if f.ReadOnly || len(f.Reads)+len(f.Writes) == 0 {
			t.Errorf("%s: %+v", row[1], f)
		}
	}
	if _, ok := facts.FunctionCall("public", "lo_get", 1); ok {
		t.Error("a user's function passed")
	}
	stmt, err := facts.Parse("SELECT pg_catalog.lo_unlink($1)")
	if err != nil {
		t.Fatal(err)
	}
	if f := stmt.Facts(v); !f.Complete || f.ReadOnly || len(f.Writes) != 1 {
		t.Errorf("%+v", f)
	}
}

// EXECUTE is what was prepared, with its arguments where the parameters are.
func TestWithInner(t *testing.T) {
	_, v := view(t)
	of := func(text string) *facts.Facts {
		stmt, err := facts.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		return stmt.Facts(v)
	}
	prepared := of("PREPARE p AS SELECT id FROM customers WHERE email = $1 AND city = $2")
	alone := of("EXECUTE p ('a@b', 'c')")
	if alone.Complete || alone.ReadOnly {
		t.Errorf("EXECUTE of something not known: %+v", alone)
	}
	f := alone.WithInner(prepared)
	if !f.Complete || !f.ReadOnly || f.Flags.Dynamic || !slices.Equal(f.Operations, []string{"execute", "select"}) {
		t.Errorf("%+v", f)
	}
	for i, want := range []string{"public.customers.email", "public.customers.city"} {
		if !slices.Equal(f.Literals[i].Columns, []string{want}) {
			t.Errorf("argument %d meets %v", i+1, f.Literals[i].Columns)
		}
	}
	if alone.Literals[0].Columns != nil {
		t.Error("shared facts were changed")
	}
	f = of("EXECUTE p ('x', 'y')").WithInner(of("PREPARE p AS DELETE FROM items"))
	if !f.Complete || f.ReadOnly || !slices.Equal(f.Writes, []string{"public.items"}) {
		t.Errorf("%+v", f)
	}
	f = of("SELECT 'z'; EXECUTE p ('x', 'y')").WithInner(prepared)
	if len(f.Literals) != 3 || len(f.Literals[0].Columns) != 0 || !slices.Equal(f.Literals[1].Columns, []string{"public.customers.email"}) {
		t.Errorf("%+v", f.Literals)
	}
	f = of("DEALLOCATE p; EXECUTE p ('x', 'y')").WithInner(prepared)
	if f.Complete {
		t.Error("EXECUTE behind DEALLOCATE is sure of itself")
	}
	if f = of("EXECUTE p"); f.WithInner().Complete {
		t.Error("nothing given, and complete")
	}
}

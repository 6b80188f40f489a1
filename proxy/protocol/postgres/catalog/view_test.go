package catalog_test

import (
	"fmt"
	"strings"
	"testing"

	"sluice.dev/proxy/protocol/postgres/catalog"
	"sluice.dev/proxy/testenv"
)

// TestNamesAsTheServerResolvesThem compares every name under many settings of
// search_path with to_regclass and to_regtype on the server.
func TestNamesAsTheServerResolvesThem(t *testing.T) {
	each(t, func(t *testing.T, pg *testenv.PostgresServer) {
		q := database(t, pg, `
create schema one; create schema two; create schema "Three, really";
create table one.a (x int); create table two.a (x int); create table "Three, really".a (x int);
create table one.b (x int); create table public.c (x int); create table two.pg_class (x int); create table two."B" (x int);
create domain one.int4 as text; create domain two.mine as int; create type one.mine as enum ('a');
create temp table a (x int); create temp table pg_proc (x int);`)
		rows, err := q.Query(t.Context(), "select nspname from pg_namespace where oid = pg_my_temp_schema()")
		if err != nil {
			t.Fatal(err)
		}
		temp := string(rows[0][0])
		s := load(t, q)
		names := [][2]string{}
		for _, schema := range []string{"", "one", "two", "Three, really", "public", "pg_catalog", "pg_temp", temp, "nowhere"} {
			for _, name := range []string{"a", "b", "B", "c", "pg_class", "pg_proc", "pg_views", "nothing"} {
				names = append(names, [2]string{schema, name})
			}
		}
		for _, path := range [][]string{
			{"public"}, {"one", "two"}, {"two", "one"}, {"Three, really", "one"}, {}, {"nowhere", "two"}, {"two", "pg_catalog"},
			{"pg_catalog", "two"}, {"one", "pg_temp"}, {"two", "pg_catalog", "pg_temp"}, {temp, "one"}, {"one", temp},
		} {
			quoted := make([]string, len(path))
			for i, p := range path {
				quoted[i] = `"` + p + `"`
			}
			setting := strings.Join(quoted, ", ")
			if len(path) == 0 {
				setting = "''"
			}
			run(t, q, "set search_path = "+setting)
			v := s.Session(catalog.SearchPath{Schemas: path, TempSchema: temp, Temp: []string{"a", "pg_proc"}})
			for _, n := range names {
				text := `"` + n[1] + `"`
				if n[0] != "" {
					text = `"` + n[0] + `".` + text
				}
				rows, err := q.Query(t.Context(), fmt.Sprintf("select to_regclass('%s')::oid, to_regtype('%s')::oid", text, text))
				if err != nil {
					t.Fatal(err)
				}
				got := ""
				if r, ok := v.Lookup(n[0], n[1]); ok {
					got = fmt.Sprint(r.OID)
				}
				if got != string(rows[0][0]) {
					t.Errorf("search_path %s: relation %s is %q, the server says %q", setting, text, got, rows[0][0])
				}
				got = ""
				if r, ok := v.LookupType(n[0], n[1]); ok {
					got = fmt.Sprint(r.OID)
				}
				if got != string(rows[0][1]) {
					t.Errorf("search_path %s: type %s is %q, the server says %q", setting, text, got, rows[0][1])
				}
			}
			for _, name := range []string{"int4", "mine", "text"} {
				rows, err := q.Query(t.Context(), fmt.Sprintf(`select to_regtype('"%s"')::oid`, name))
				if err != nil {
					t.Fatal(err)
				}
				got := ""
				if r, ok := v.LookupType("", name); ok {
					got = fmt.Sprint(r.OID)
				}
				if got != string(rows[0][0]) {
					t.Errorf("search_path %s: type %s is %q, the server says %q", setting, name, got, rows[0][0])
				}
			}
			rows, err := q.Query(t.Context(), "select current_schema()")
			if err != nil {
				t.Fatal(err)
			}
			if got, want := v.CreateSchema(), string(rows[0][0]); got != want {
				t.Errorf("search_path %s: CREATE goes to %q, the server says %q", setting, got, want)
			}
		}
	})
}

func TestUnsureNamesDoNotResolve(t *testing.T) {
	each(t, func(t *testing.T, pg *testenv.PostgresServer) {
		s := load(t, database(t, pg, "create table a (x int)"))
		for what, path := range map[string]catalog.SearchPath{
			"unknown path":       {Schemas: []string{"public"}, Unknown: true},
			"unknown temporary":  {Schemas: []string{"public"}, TempUnknown: true},
			"temporary not seen": {Schemas: []string{"public"}, Temp: []string{"a"}},
		} {
			v := s.Session(path)
			if _, ok := v.Lookup("", "a"); ok {
				t.Errorf("%s: a resolves", what)
			}
			if _, ok := v.Relation("", "a"); ok {
				t.Errorf("%s: a resolves for facts", what)
			}
			if _, ok := v.Lookup("public", "a"); !ok {
				t.Errorf("%s: public.a does not resolve", what)
			}
		}
		v := s.Session(catalog.SearchPath{Schemas: []string{"public", "pg_temp"}, TempUnknown: true})
		if _, ok := v.Lookup("", "a"); !ok {
			t.Error("a does not resolve though pg_temp comes after its schema")
		}
		if c, _ := s.Session(catalog.SearchPath{Unknown: true}).Function("", "upper", 1); c.String() != "unknown" {
			t.Errorf("upper is %v under an unknown search_path", c)
		}
	})
}

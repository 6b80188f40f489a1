package catalog_test

import (
	"testing"

	"sluice.dev/proxy/protocol/postgres/catalog"
	"sluice.dev/proxy/testenv"
)

func TestHashChangesWithDefinitionsOnly(t *testing.T) {
	each(t, func(t *testing.T, pg *testenv.PostgresServer) {
		q := database(t, pg, `create table t(id int primary key, v text); insert into t select i, 'x' from generate_series(1,100) i`)
		s := load(t, q)
		same := func(why string, want bool) {
			t.Helper()
			h, err := catalog.Hash(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			if (h == s.Fingerprint) != want {
				t.Errorf("%s: hash unchanged is %v, want %v", why, !want, want)
			}
			s = load(t, q)
		}
		same("nothing", true)
		run(t, q, "update t set v = 'y'")
		same("rows updated", true)
		run(t, q, "analyze t")
		same("analyze", true)
		run(t, q, "vacuum t")
		same("vacuum", true)
		for _, sql := range []string{
			"create function f() returns int language sql as 'select 1'",
			"create or replace function f() returns int language sql as 'select 2'",
			"alter table t add column w int",
			"alter table t alter w set default 7",
			"create table child() inherits (t)",
			"create view v as select id from t",
			"create or replace view v as select id + 0 as id from t",
			"create rule r as on delete to v do instead nothing",
			"create table u(t int references t)",
			"create domain d as int check (value > 0)",
			"create policy p on t using (id > 3)",
			"create index on t (lower(v))",
			"create schema elsewhere",
			"create aggregate total(int) (sfunc = int4pl, stype = int)",
			"create operator === (function = int4eq, leftarg = int, rightarg = int)",
			"alter table t rename v to vv",
			"drop table u",
		} {
			run(t, q, sql)
			same(sql, false)
		}
	})
}

func TestLoadInsideSeesTheTransaction(t *testing.T) {
	each(t, func(t *testing.T, pg *testenv.PostgresServer) {
		q := database(t, pg, "create table old (x int); create schema other")
		run(t, q, "set search_path = other; begin; create table public.fresh (x int); alter table public.old rename to renamed")
		s, err := catalog.LoadInside(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string]bool{"fresh": true, "renamed": true, "old": false} {
			if _, ok := s.Named("public", name); ok != want {
				t.Errorf("%s is there: %v", name, ok)
			}
		}
		rows, err := q.Query(t.Context(), "show search_path")
		if err != nil || string(rows[0][0]) != "other" {
			t.Errorf("the search_path is %s now (%v)", rows, err)
		}
		run(t, q, "rollback")
		if _, ok := load(t, q).Named("public", "fresh"); ok {
			t.Error("the transaction did not end")
		}
		if _, err := catalog.LoadInside(t.Context(), q); err == nil {
			t.Error("LoadInside outside of a transaction succeeds")
		}
		if _, err := q.Query(t.Context(), "select 1"); err != nil {
			t.Error(err)
		}
	})
}

func TestLoadSaysWhatIsWrong(t *testing.T) {
	each(t, func(t *testing.T, pg *testenv.PostgresServer) {
		q := database(t, pg, "select 1")
		run(t, q, "begin")
		run(t, q, "savepoint s")
		if _, err := q.Query(t.Context(), "select 1/0"); err == nil {
			t.Fatal("no error")
		}
		if _, err := catalog.LoadInside(t.Context(), q); err == nil {
			t.Error("loads in an aborted transaction")
		}
		run(t, q, "rollback")
	})
}

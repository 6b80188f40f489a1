package catalog_test

import (
	"reflect"
	"testing"

	"sluice.dev/proxy/protocol/postgres/catalog"
	"sluice.dev/proxy/protocol/postgres/facts"
	"sluice.dev/proxy/testenv"
)

func TestWhatWritesBringAbout(t *testing.T) {
	each(t, func(t *testing.T, pg *testenv.PostgresServer) {
		s := load(t, database(t, pg, `
create table top (id int primary key);
create table mid (id int primary key, t int references top on delete cascade on update set null);
create table low (m int references mid on delete set default);
create table aside (t int references top);
create function f() returns trigger language plpgsql as 'begin return new; end';
create table fires (id int);
create trigger f before insert on fires for each row execute function f();
create trigger s before update on fires for each row execute function suppress_redundant_updates_trigger();
create table logs (id int);
create table ruled (id int);
create rule r as on delete to ruled do also insert into logs select id from top;
create table counted (id serial);
create function g() returns int language sql as 'select 1';
create table defaulted (id int default g());
create table parent (id int); create table child () inherits (parent);
create view shows as select id from fires;
create view deep as select s.id from shows s, top;
create view calls as select g();
create domain d as int check (value = g());
create table typed (x d);`))
		v := s.Session(catalog.SearchPath{Schemas: []string{"public"}})
		rel := func(name string) facts.Relation {
			t.Helper()
			r, ok := v.Relation("", name)
			if !ok {
				t.Fatalf("%s is not found", name)
			}
			return r
		}
		check := func(what string, got, want any) {
			t.Helper()
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%s: %v, want %v", what, got, want)
			}
		}
		check("delete top", rel("top").OnDelete, facts.Effects{Writes: []string{"public.low", "public.mid"}})
		check("update top", rel("top").OnUpdate, facts.Effects{Writes: []string{"public.mid"}})
		check("insert top", rel("top").OnInsert, facts.Effects{})
		check("truncate top cascade", rel("top").Cascade, []string{"public.aside", "public.low", "public.mid"})
		check("insert with trigger", rel("fires").OnInsert.Opaque, true)
		check("update with a system trigger", rel("fires").OnUpdate, facts.Effects{})
		check("delete without trigger", rel("fires").OnDelete, facts.Effects{})
		check("delete with rule", rel("ruled").OnDelete.Opaque, true)
		check("delete with rule reads", rel("ruled").OnDelete.Reads, []string{"public.logs", "public.ruled", "public.top"})
		check("serial", rel("counted").OnInsert, facts.Effects{})
		check("default of a user", rel("defaulted").OnInsert.Opaque, true)
		check("domain of a user", rel("typed").OnInsert.Opaque, true)
		check("children", rel("parent").Children, []string{"public.child"})
		check("delete with children", rel("parent").OnDelete.Writes, []string{"public.child"})
		check("view", rel("shows").Underlying, []string{"public.fires"})
		check("view of view", rel("deep").Underlying, []string{"public.fires", "public.shows", "public.top"})
		check("view's columns", rel("deep").UnderlyingColumns, []string{"public.fires.id", "public.shows.id"})
		check("write through a view", rel("shows").OnInsert, facts.Effects{Writes: []string{"public.fires"}, Opaque: true})
		check("opaque view", rel("calls").Opaque, true)
		check("plain view", rel("shows").Opaque, false)
		stats, _ := v.Relation("pg_catalog", "pg_stats")
		check("pg_stats", []bool{stats.Sensitive, stats.System, stats.Opaque}, []bool{true, true, false})
		class, _ := v.Relation("", "pg_class")
		check("pg_class", []bool{class.Sensitive, class.System}, []bool{false, true})
		for name, want := range map[string]facts.Class{"upper": facts.Pure, "nextval": facts.Volatile, "pg_sleep": facts.Volatile,
			"g": facts.Opaque, "query_to_xml": facts.Opaque, "nothing": facts.Unknown} {
			if got, _ := v.Function("", name, -1); got != want {
				t.Errorf("function %s is %v, want %v", name, got, want)
			}
		}
		check("type d", v.Type("", "d"), facts.Opaque)
		check("type int4", v.Type("pg_catalog", "int4"), facts.Pure)
		check("operator =", v.Operator("", "="), facts.Pure)
		check("operator none", v.Operator("", "@@@@@"), facts.Unknown)
	})
}

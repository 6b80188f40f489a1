package catalog_test

import (
	"slices"
	"strings"
	"testing"

	"sluice.dev/proxy/protocol/postgres/catalog"
	"sluice.dev/proxy/testenv"
)

const closureSchema = `
create extension if not exists postgres_fdw;
create table people (id int primary key, mail text unique, pan text, city text,
  host text generated always as (split_part(mail, '@', 2)) stored);
create table staff (badge int) inherits (people);
create table parts (id int, mail text) partition by list (id);
create table parts_1 partition of parts for values in (1);
create table parts_1_sub partition of parts for values in (2) partition by list (id);
create table parts_2 partition of parts_1_sub for values in (2);
create table visits (id int, who text references people(mail), at date);
create table copies (who text references people(mail), pan text);
create table plain (id int primary key, mail text);
create table refers (plain int references plain(id));
create view seen as select id, city from people;
create view seen2 as select * from seen;
create materialized view kept as select count(*) as n from visits;
create view open as select * from plain;
create view stats as select attname from pg_stats;
create function opaque() returns text language sql as 'select mail from people limit 1';
create view odd as select opaque() as x;
create view odder as select 1 as y where opaque() is not null;
create server s foreign data wrapper postgres_fdw;
create foreign table far (a int, b text) server s;
create view over_far as select a from far;`

func protect(t testing.TB, s *catalog.Snapshot, previous *catalog.Protected, columns ...string) *catalog.Protected {
	t.Helper()
	p, errs := s.Protected(columns, previous)
	for _, err := range errs {
		t.Fatal(err)
	}
	return p
}

// protectedColumns lists "schema.table.column=origins" of one schema.
func protectedColumns(s *catalog.Snapshot, p *catalog.Protected, relations ...string) (out []string) {
	for _, name := range relations {
		r, ok := s.Named("public", name)
		if !ok {
			out = append(out, name+": gone")
			continue
		}
		for _, n := range r.Live() {
			if origins, ok := p.Column(r.OID, n); ok {
				out = append(out, name+"."+r.Columns[n-1].Name+"="+strings.Join(origins, ","))
			}
		}
	}
	slices.Sort(out)
	return out
}

func same(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%s:\ngot  %q\nwant %q", what, got, want)
	}
}

func TestClosure(t *testing.T) {
	each(t, func(t *testing.T, pg *testenv.PostgresServer) {
		q := database(t, pg, closureSchema)
		s := load(t, q)
		p := protect(t, s, nil, "public.people.mail", "public.people.pan", "public.parts_2.mail")
		const mail, pan, part = "public.people.mail", "public.people.pan", "public.parts_2.mail"
		of := func(relations ...string) []string { return protectedColumns(s, p, relations...) }

		same(t, "the table", of("people"), "people.mail="+mail, "people.pan="+pan, "people.host="+mail)
		same(t, "a child", of("staff"), "staff.mail="+mail, "staff.pan="+pan, "staff.host="+mail)
		same(t, "partitions, up and down", of("parts", "parts_1", "parts_1_sub", "parts_2"),
			"parts.mail="+part, "parts_1.mail="+part, "parts_1_sub.mail="+part, "parts_2.mail="+part)
		same(t, "foreign keys", of("visits", "copies"), "visits.who="+mail, "copies.who="+mail)
		all := "=" + mail + "," + pan
		same(t, "views, in every column", of("seen", "seen2"), "seen.id"+all, "seen.city"+all, "seen2.id"+all, "seen2.city"+all)
		same(t, "a materialized view", of("kept"), "kept.n="+mail)
		same(t, "views of opaque functions", of("odd", "odder"), "odd.x=", "odder.y=")
		same(t, "foreign tables", of("far", "over_far"), "far.a=", "far.b=", "over_far.a=")
		same(t, "a view of statistics", of("stats"), "stats.attname=")
		same(t, "what is not protected", of("plain", "refers", "open"))

		stats, _ := s.Named("pg_catalog", "pg_stats")
		for _, n := range stats.Live() {
			_, ok := p.Column(stats.OID, n)
			name := stats.Columns[n-1].Name
			want := !slices.Contains([]string{"schemaname", "tablename", "attname", "inherited", "null_frac", "n_distinct"}, name)
			if ok != want {
				t.Errorf("pg_stats.%s protected is %v", name, ok)
			}
		}
		people, _ := s.Named("public", "people")
		for _, c := range []struct {
			relation uint32
			number   int16
			want     bool
		}{{people.OID, people.Column("city"), true}, {people.OID, people.Column("mail"), false}, {people.OID, 0, false},
			{people.OID, -1, true}, {people.OID, 99, false}, {0, 0, false}, {4_000_000_000, 1, false}} {
			if got := p.Passes(c.relation, c.number); got != c.want {
				t.Errorf("origin (%d, %d) passes is %v", c.relation, c.number, got)
			}
		}
	})
}

// Both ends of a foreign key hold the same values, whichever is configured.
func TestClosureFromReferencingColumn(t *testing.T) {
	each(t, func(t *testing.T, pg *testenv.PostgresServer) {
		q := database(t, pg, closureSchema)
		s := load(t, q)
		p := protect(t, s, nil, "public.visits.who")
		same(t, "closure", protectedColumns(s, p, "visits", "people", "copies"), "visits.who=public.visits.who",
			"people.mail=public.visits.who", "people.host=public.visits.who", "copies.who=public.visits.who")
	})
}

func TestMissingColumns(t *testing.T) {
	each(t, func(t *testing.T, pg *testenv.PostgresServer) {
		q := database(t, pg, closureSchema)
		s := load(t, q)
		for _, name := range []string{"public.people.nothing", "public.nothing.mail", "nothing.people.mail", "mail", "people.mail", ""} {
			p, errs := s.Protected([]string{name}, nil)
			if len(errs) != 1 || !slices.Equal(p.Missing(), []string{name}) {
				t.Errorf("%q: errors %v, missing %q", name, errs, p.Missing())
			}
			if p.Empty() {
				t.Errorf("%q: the set is empty, though something is configured", name)
			}
		}
	})
}

// What was protected stays so while it lives, whatever happens to its name or
// to what tied it to the configured column.
func TestProtectionOutlivesDefinitions(t *testing.T) {
	each(t, func(t *testing.T, pg *testenv.PostgresServer) {
		q := database(t, pg, closureSchema)
		s := load(t, q)
		first := protect(t, s, nil, "public.people.mail")

		run(t, q, "alter table people rename mail to harmless; alter table visits drop constraint visits_who_fkey; alter table staff no inherit people")
		s = load(t, q)
		p, errs := s.Protected([]string{"public.people.mail"}, first)
		if len(errs) != 1 {
			t.Errorf("a renamed column: %v", errs)
		}
		got := protectedColumns(s, p, "people", "visits", "staff")
		const mail = "public.people.mail"
		same(t, "renamed", got, "people.harmless="+mail, "people.host="+mail, "visits.who="+mail, "staff.harmless="+mail, "staff.host="+mail)

		// Without the old set, nobody could know.
		blank, _ := s.Protected([]string{"public.people.mail"}, nil)
		same(t, "without memory", protectedColumns(s, blank, "people", "visits", "staff"))

		// A column that is no longer configured is let go, with its copies.
		p = protect(t, s, p, "public.plain.mail")
		same(t, "let go", protectedColumns(s, p, "people", "visits", "staff", "plain"), "plain.mail=public.plain.mail")

		run(t, q, "drop table people cascade")
		s = load(t, q)
		p, _ = s.Protected([]string{"public.people.mail"}, first)
		same(t, "dropped", protectedColumns(s, p, "visits", "staff"), "visits.who="+mail, "staff.harmless="+mail, "staff.host="+mail)
	})
}

func TestEmpty(t *testing.T) {
	each(t, func(t *testing.T, pg *testenv.PostgresServer) {
		s := load(t, database(t, pg, closureSchema))
		if p := protect(t, s, nil); !p.Empty() {
			t.Error("nothing is configured, and the set is not empty")
		}
		var none *catalog.Protected
		if !none.Empty() || none.Relation(1) {
			t.Error("no set is not an empty set")
		}
	})
}

func TestCopiers(t *testing.T) {
	each(t, func(t *testing.T, pg *testenv.PostgresServer) {
		s := load(t, database(t, pg, closureSchema+`
create function audit() returns trigger language plpgsql as 'begin return new; end';
create trigger audit after update on people for each row execute function audit();
create trigger audit after update on plain for each row execute function audit();
create trigger quiet before update on people for each row execute function suppress_redundant_updates_trigger();`))
		same(t, "copiers", protect(t, s, nil, "public.people.mail").Copiers(), "public.people: public.audit")
	})
}

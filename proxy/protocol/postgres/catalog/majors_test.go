package catalog_test

import (
	"slices"
	"strings"
	"testing"

	"sluice.dev/proxy/protocol/postgres/catalog"
	"sluice.dev/proxy/testenv"
)

// since keeps the statements that a major understands: those after a line
// "-- N" need major N.
func since(t *testing.T, pg *testenv.PostgresServer, script string) string {
	t.Helper()
	major, _, _ := strings.Cut(pg.Version, ".")
	var out []string
	keep := true
	for line := range strings.Lines(script) {
		if n, ok := strings.CutPrefix(line, "-- "); ok {
			keep = major >= strings.TrimSpace(n)
		} else if keep {
			out = append(out, line)
		}
	}
	return strings.Join(out, "")
}

// Where a value is turned into a domain and no node says so: the type stands
// in a column list, in a RETURNING, or inside another type.
func TestTypesThatNoCastNames(t *testing.T) {
	each(t, func(t *testing.T, pg *testenv.PostgresServer) {
		script := since(t, pg, `
create table people (id int, mail text);
create function leaks(text) returns boolean language plpgsql as $$ begin return not exists (select from people where mail = $1); end $$;
create domain leaky as text check (leaks(value));
create domain harmless as text check (value <> '');
create type pair as (a int, b leaky);
create type span as range (subtype = leaky);
create type tame as range (subtype = harmless);
create table plain (doc xml, js jsonb);
create view o_xmltable as select x.a from plain, xmltable('/r' passing doc columns a leaky path '.') x;
create view o_record as select x.a from plain, jsonb_to_record(js) as x(a leaky);
create view o_rows as select x.b from plain, rows from (jsonb_to_recordset(js) as (a int, b leaky)) x;
create view o_null as select coalesce(null::leaky, null::leaky) is null as n;
create view o_pair as select jsonb_populate_record(null::pair, js) is null as n from plain;
create view o_array as select '{}'::leaky[] as a;
create view o_span as select '[a,b]'::span is null as n;
create view o_multi as select null::span_multirange is null as n;
create view o_named as select domain_in('x', 'leaky'::regtype, -1) is null as n;
create view c_xmltable as select x.a from plain, xmltable('/r' passing doc columns a harmless path '.') x;
create view c_record as select x.a from plain, jsonb_to_record(js) as x(a harmless);
create view c_span as select '[a,b]'::tame is null as n;
create view c_array as select '{}'::harmless[] as a;
-- 16
create view o_valid as select pg_input_is_valid('x', 'leaky') as ok;
create view o_json_array as select json_array(select mail from people returning text) is null as n;
create view c_json_object as select json_object('a': 1 returning text) as o;
-- 17
create view o_json_table as select x.a from plain, json_table(js, '$' columns (a leaky path '$.a')) x;
create view o_json_nested as select x.a from plain, json_table(js, '$' columns (nested path '$[*]' columns (a leaky path '$.a'))) x;
create view o_json_value as select json_value(js, '$.a' returning leaky) is null as n from plain;
create view o_json_query as select json_query(js, '$.a' returning leaky) is null as n from plain;
create view o_default as select json_value(js, '$.a' returning text default leaks('x')::text on error) as n from plain;
create view c_json_table as select x.a from plain, json_table(js, '$' columns (a harmless path '$.a')) x;
create view c_json_value as select json_value(js, '$.a' returning harmless) as n from plain;
create view c_json_exists as select json_exists(js, '$.a') as n from plain;
`)
		s := load(t, database(t, pg, script))
		p := protect(t, s, nil, "public.people.mail")
		seen := 0
		for _, name := range relationsOf(s) {
			kind, _, ok := strings.Cut(name, "_")
			if !ok || len(kind) != 1 {
				continue
			}
			seen++
			r, _ := s.Named("public", name)
			if got := p.Relation(r.OID); got != (kind == "o") {
				t.Errorf("%s is covered: %v", name, got)
			}
		}
		if want := strings.Count(script, "create view"); seen != want {
			t.Errorf("%d views were seen, not %d", seen, want)
		}
	})
}

// relationsOf lists the relations of schema public.
func relationsOf(s *catalog.Snapshot) []string {
	var names []string
	for oid := uint32(16384); oid < 17384; oid++ {
		if r, ok := s.Relation(oid); ok && r.Schema == "public" {
			names = append(names, r.Name)
		}
	}
	slices.Sort(names)
	return names
}

// Generated columns that are computed when read (18), and foreign keys and
// not-null constraints in their newer forms.
func TestClosureOfNewerForms(t *testing.T) {
	each(t, func(t *testing.T, pg *testenv.PostgresServer) {
		const script = `
create extension if not exists btree_gist;
create table people (id int primary key, mail text not null unique);
create table parted (id int, mail text, primary key (id)) partition by hash (id);
create table parted_0 partition of parted for values with (modulus 1, remainder 0);
create table keeps (who text references people(mail) on delete set null);
-- 15
create table parts (a int, who text references people(mail) on delete set null (who));
create table distinct_nulls (who text unique nulls not distinct references people(mail));
-- 18
create table virtual (id int, mail text, host text generated always as (split_part(mail, '@', 2)) virtual, plain int generated always as (id + 1));
create view over_virtual as select host from virtual;
create table unenforced (who text references people(mail) not enforced);
create table periods (id int, during daterange, mail text, primary key (id, during without overlaps));
create table within (id int, during daterange, foreign key (id, period during) references periods (id, period during));`
		s := load(t, database(t, pg, since(t, pg, script)))
		configured := []string{"public.people.mail", "public.parted.mail"}
		want := []string{"keeps.who=public.people.mail", "parted_0.mail=public.parted.mail"}
		relations := []string{"keeps", "parted_0"}
		if pg.Version >= "15" {
			relations = append(relations, "parts", "distinct_nulls")
			want = append(want, "parts.who=public.people.mail", "distinct_nulls.who=public.people.mail")
		}
		if pg.Version >= "18" {
			configured = append(configured, "public.virtual.mail", "public.within.id", "public.within.during")
			relations = append(relations, "virtual", "over_virtual", "unenforced", "periods")
			want = append(want, "virtual.mail=public.virtual.mail", "virtual.host=public.virtual.mail", "over_virtual.host=public.virtual.mail",
				"unenforced.who=public.people.mail", "periods.id=public.within.id", "periods.during=public.within.during")
		}
		p := protect(t, s, nil, configured...)
		same(t, "closure", protectedColumns(s, p, relations...), want...)
	})
}

// The names of masking.md 6 that a major has are found there, spelled right.
func TestSystemObjectsOfEachMajor(t *testing.T) {
	each(t, func(t *testing.T, pg *testenv.PostgresServer) {
		s := load(t, database(t, pg, `
create extension if not exists pg_stat_statements; create extension if not exists dblink; create extension if not exists tablefunc;
create extension if not exists xml2; create extension if not exists pgcrypto; create extension if not exists citext; create extension if not exists hstore;
create extension if not exists pg_trgm; create extension if not exists pageinspect; create extension if not exists pg_visibility;
create extension if not exists lo; create extension if not exists postgres_fdw; create extension if not exists pgstattuple;
create extension if not exists pgrowlocks; create extension if not exists tcn; create table people (id int, mail text)`))
		p := protect(t, s, nil, "public.people.mail")
		v := s.Session(catalog.SearchPath{Schemas: []string{"public"}})
		for name, first := range map[string]string{
			"pg_read_file": "14", "pg_ls_dir": "14", "pg_ls_logicalsnapdir": "15", "query_to_xml": "14", "dblink": "14", "crosstab": "14", "connectby": "14", "xpath_table": "14",
			"get_raw_page": "14", "pg_wal_summary_contents": "17", "pg_ls_summariesdir": "18", "pg_restore_attribute_stats": "18", "pg_clear_relation_stats": "18",
		} {
			class(t, pg, v, p, name, first, catalog.Denied)
		}
		for name, first := range map[string]string{
			"pg_stat_get_activity": "14", "pg_cursor": "14", "pg_stat_statements": "14", "lo_get": "14", "domain_in": "14", "pg_input_is_valid": "16", "pg_input_error_info": "16",
			"pg_stat_get_wal_receiver": "14", "pg_column_toast_chunk_id": "17", "pg_visibility": "14", "pgstattuple": "14", "postgres_fdw_handler": "14",
		} {
			class(t, pg, v, p, name, first, catalog.Opaque)
		}
		for name, first := range map[string]string{
			"upper": "14", "similarity": "14", "crypt": "14", "akeys": "14", "any_value": "16", "array_shuffle": "16", "random_normal": "16", "json_agg_strict": "16",
			"to_bin": "17", "jsonb_populate_record_valid": "17", "uuidv7": "18", "array_sort": "18", "casefold": "18", "crc32": "18",
		} {
			class(t, pg, v, p, name, first, catalog.Pure)
		}
		for relation, columns := range map[string]string{
			"pg_stats": "most_common_vals histogram_bounds", "pg_stat_activity": "query", "pg_authid": "rolpassword", "pg_shadow": "passwd",
			"pg_stats_ext": "most_common_vals", "pg_stats_ext_exprs": "histogram_bounds", "pg_backend_memory_contexts": "ident", "pg_largeobject": "data",
			"pg_user_mapping": "umoptions", "pg_subscription": "subconninfo", "pg_stat_wal_receiver": "conninfo", "pg_prepared_statements": "statement",
		} {
			r, ok := s.Named("pg_catalog", relation)
			if !ok {
				t.Errorf("there is no %s", relation)
				continue
			}
			for c := range strings.FieldsSeq(columns) {
				if !p.Sensitive(r.OID, r.Column(c)) {
					t.Errorf("%s.%s is not sensitive", relation, c)
				}
			}
		}
	})
}

func class(t *testing.T, pg *testenv.PostgresServer, v *catalog.View, p *catalog.Protected, name, first string, want catalog.Class) {
	t.Helper()
	fs := v.FunctionsNamed("", name, -1)
	if major, _, _ := strings.Cut(pg.Version, "."); (len(fs) > 0) != (major >= first) {
		t.Errorf("%s: there are %d in %s", name, len(fs), pg.Version)
	}
	for _, f := range fs {
		if got := p.Class(f.OID); got != want {
			t.Errorf("%s is %v, want %v", f.ID(), got, want)
		}
	}
}

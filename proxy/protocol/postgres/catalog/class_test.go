package catalog_test

import (
	"testing"

	"sluice.dev/proxy/protocol/postgres/catalog"
	"sluice.dev/proxy/testenv"
)

const functionsSchema = `
create extension if not exists citext;
create extension if not exists dblink;
create table people (id int, mail text);
create table "Cust omers" (mail text);
create table other (id int);
create function adds(int) returns int language sql as 'select $1 + 1';
create function calls_adds(int) returns int language plpgsql as $$ begin return adds($1) + (select count(*) from other); end $$;
create function recursive(n int) returns int language plpgsql as $$ begin if n > 0 then return recursive(n - 1); end if; return 0; end $$;
create function even(int) returns int language plpgsql as $$ begin return odd($1); end $$;
create function odd(int) returns int language plpgsql as $$ begin return even($1); end $$;
create function reads() returns text language sql as 'select mail from people limit 1';
create function reads_upper() returns text language sql as 'SELECT MAIL FROM PEOPLE LIMIT 1';
create function reads_quoted() returns text language sql as 'select mail from "people" limit 1';
create function reads_blank() returns text language sql as 'select mail from "Cust omers" limit 1';
create function reads_comment() returns text language sql as 'select 1::text /* people */';
create function calls_reads() returns text language sql as 'select reads()';
create function calls_calls() returns text language sql as 'select calls_reads()';
create function executes() returns int language plpgsql as $$ begin execute 'select 1'; return 1; end $$;
create function runs_xml() returns xml language sql as $$ select query_to_xml('select 1', true, true, '') $$;
create function escapes() returns int language sql as $$ select 1 as U&"a" $$;
create function does() returns int language plpgsql as $$ begin do 'begin end'; return 1; end $$;
create function upserts() returns int language sql as $$ insert into other values (1) on conflict do nothing; select 1 $$;
create function atomic_reads() returns text language sql begin atomic select mail from people limit 1; end;
create function atomic_clean() returns int language sql begin atomic select 1; end;
create function defaulted(x text default reads()) returns text language sql as 'select x';
create function clean_defaulted(x int default 1) returns int language sql as 'select x';
create aggregate clean_agg(int) (sfunc = int4pl, stype = int);
create function step(text, int) returns text language sql as 'select mail from people limit 1';
create aggregate opaque_agg(int) (sfunc = step, stype = text);
create function uses_opaque_agg() returns text language sql as 'select opaque_agg(id) from other';
create procedure proc() language sql as 'select 1';`

func TestFunctionClasses(t *testing.T) {
	each(t, func(t *testing.T, pg *testenv.PostgresServer) {
		s := load(t, database(t, pg, functionsSchema))
		p := protect(t, s, nil, "public.people.mail", `public.Cust omers.mail`)
		v := s.Session(catalog.SearchPath{Schemas: []string{"public"}})
		for name, want := range map[string]catalog.Class{
			"upper": catalog.Pure, "count": catalog.Pure, "nextval": catalog.Pure, "citext_eq": catalog.Pure,
			"adds": catalog.Bounded, "calls_adds": catalog.Bounded, "recursive": catalog.Bounded, "even": catalog.Bounded, "odd": catalog.Bounded,
			"upserts": catalog.Bounded, "atomic_clean": catalog.Bounded, "clean_defaulted": catalog.Bounded, "proc": catalog.Bounded,
			"clean_agg": catalog.Pure,
			"reads":     catalog.Opaque, "reads_upper": catalog.Opaque, "reads_quoted": catalog.Opaque, "reads_blank": catalog.Opaque,
			"reads_comment": catalog.Opaque, "calls_reads": catalog.Opaque, "calls_calls": catalog.Opaque, "executes": catalog.Opaque,
			"runs_xml": catalog.Opaque, "escapes": catalog.Opaque, "does": catalog.Opaque, "atomic_reads": catalog.Opaque,
			"defaulted": catalog.Opaque, "opaque_agg": catalog.Opaque, "uses_opaque_agg": catalog.Opaque,
			"table_to_xml": catalog.Opaque, "lo_get": catalog.Opaque,
			"query_to_xml": catalog.Denied, "pg_read_file": catalog.Denied, "dblink": catalog.Denied, "lo_export": catalog.Denied,
		} {
			fs := v.FunctionsNamed("", name, -1)
			if len(fs) == 0 {
				t.Errorf("%s: not found", name)
			}
			for _, f := range fs {
				if got := p.Class(f.OID); got != want {
					t.Errorf("%s is %v, want %v", f.ID(), got, want)
				}
			}
		}
		if p.Class(4_000_000_000) != catalog.Opaque {
			t.Error("a function that nobody knows is not opaque")
		}
		if open := protect(t, s, nil, "public.other.id"); open.Class(v.FunctionsNamed("", "reads", -1)[0].OID) != catalog.Bounded {
			t.Error("reads is opaque although people is not protected")
		}
	})
}

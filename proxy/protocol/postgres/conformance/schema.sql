-- What the suite works on. The owner of the database runs it once, in one go;
-- {{role}} is the role that the gateway logs in as, quoted: it owns everything,
-- as an application's role does, so that definitions can be tried as well as
-- queries. data.sql fills the tables, again and again, with data sets A and B.
set client_min_messages = warning;
set lock_timeout = '10s';
drop schema if exists conformance cascade;
drop schema if exists conformance_shadow cascade;
drop schema if exists conformance_mine cascade;
create schema conformance authorization {{role}};
create schema conformance_shadow authorization {{role}};
-- Extensions are tried if they are there: what needs one that is not fails on
-- both sides and counts as invalid.
do $$ declare e text; begin
  foreach e in array array['postgres_fdw', 'dblink', 'tablefunc', 'citext', 'pgcrypto', 'hstore'] loop
    begin execute format('create extension if not exists %I schema public', e); exception when others then null; end;
  end loop;
  begin grant pg_read_all_stats, pg_read_all_settings to {{role}}; exception when others then null; end;
  begin execute format('grant create, temporary on database %I to {{role}}', current_database()); exception when others then null; end;
end $$;
set role {{role}};
set search_path = conformance, public;

create table people (id int primary key, mail text unique, pan text, city text check (city <> 'nowhere'), extra jsonb);
create table visits (id int primary key, person int references people(id), place text, at timestamptz, minutes int);

create table customers (
  id int primary key, name text not null, email text unique, phone text, card text,
  city text check (city <> 'nowhere'), vip bool default false, age int, extra jsonb,
  domain text generated always as (split_part(email, '@', 2)) stored);
create table customers_eu (vat text) inherits (customers);
create table orders (
  id int primary key, customer_id int references customers(id) on delete cascade, total numeric,
  customer_email text references customers(email) on update cascade, note text);
create table events (id int, at date, email text, kind text) partition by range (id);
create table events_1 partition of events for values from (0) to (1000);
-- The same column names, not protected.
create table contacts (id int primary key, email text, phone text, city text);
create table nums (n int primary key);
create table sink (id serial primary key, t text, j jsonb);
create table log (t text);
-- Another schema with the same name.
create table conformance_shadow.customers (id int, email text, city text);
create table conformance_shadow.orders (id int, email text);
create table conformance_shadow.people (id int, mail text, city text);

create view v_all as select * from customers;
create view v_mail as select id, upper(email) as m, city from customers;
create view vv as select m as renamed, city from v_mail;
create view v_union as select email as x from customers union select city from customers;
create view v_count as select count(*) as n from customers;
create view v_rows as select id, to_jsonb(c) as j from customers c;
create view v_public as select id, email from contacts;
create view v_stats as select tablename, attname, histogram_bounds::text as h from pg_stats;
create view v_activity as select pid, query as q from pg_stat_activity;
create view v_people as select id as mail, mail as id, city from people;
create view v_visits as select p.mail as who, v.place, v.minutes from people p join visits v on v.person = p.id;
create materialized view mv_mail as select id, email as contact from customers;
create materialized view mv_agg as select city, string_agg(email, ',' order by id) as all_mails from customers group by city;

-- Functions: of every reach.
create function leak(int) returns text language sql stable as 'select email from conformance.customers where id = $1';
create function leak_all() returns setof text language sql stable as 'select email from conformance.customers';
create function leak_rows() returns setof customers language sql stable as 'select * from conformance.customers';
create function leak_dynamic(q text) returns text language plpgsql as $$ declare r text; begin execute q into r; return r; end $$;
create function leak_view() returns text language sql stable as 'select m from v_mail limit 1';
create function leak_indirect() returns text language sql stable as 'select leak(1)';
create function leak_unicode() returns text language sql stable as $$ select U&"em\0061il" from U&"\0063ustomers" limit 1 $$;
create function leak_notice() returns int language plpgsql as $$ begin raise notice 'it is %', (select email from customers limit 1); return 1; end $$;
create function leak_error() returns int language plpgsql as $$ begin raise exception 'it is %', (select email from customers limit 1); return 1; end $$;
create function leak_atomic() returns text language sql stable begin atomic select email from customers limit 1; end;
create function leak_definer() returns text language sql security definer stable as 'select card from conformance.customers limit 1';
create function leak_immutable() returns text language sql immutable as 'select email from conformance.customers limit 1';
create function leak_cursor() returns refcursor language plpgsql as $$ declare c refcursor := 'opened'; begin open c for select email from customers; return c; end $$;
create function leak_notify() returns void language plpgsql as $$ begin perform pg_notify('chan', (select email from customers limit 1)); end $$;
create function leak_out(out a int, out b text) language sql stable as 'select id, mail from conformance.people order by id limit 1';
create function leak_table() returns table (city int, id text) language sql stable as 'select id, pan from conformance.people';
create function leak_json(int) returns jsonb language plpgsql stable as $$ declare r jsonb; begin select to_jsonb(p) into r from people p where id = $1; return r; end $$;
create function leak_setting() returns text language plpgsql as $$ begin perform set_config('my.kept', (select mail from people order by id limit 1), false); return 'done'; end $$;
create function leak_temp() returns text language plpgsql as $$ begin execute 'create temp table if not exists kept as select mail from conformance.people'; return 'done'; end $$;
create function leak_sink() returns text language plpgsql as $$ begin insert into sink(t) select mail from people; return 'done'; end $$;
create function leak_lo() returns oid language plpgsql as $$ declare o oid; begin select lo_from_bytea(0, convert_to(mail, 'UTF8')) into o from people order by id limit 1; return o; end $$;
create function leak_status() returns text language plpgsql as $$ begin perform set_config('application_name', (select mail from people order by id limit 1), false); return 'done'; end $$;
create function leak_code() returns int language plpgsql as $$ begin raise exception using message = 'x', errcode = upper(substr(md5((select mail from people order by id limit 1)), 1, 5)), column = (select mail from people order by id limit 1); end $$;
create function leak_default(a int, b text default leak(1)) returns text language sql stable as 'select $2';
create function leak_variadic(variadic int[]) returns text language sql stable as 'select leak($1[1])';
create function leak_poly(anyelement) returns anyelement language plpgsql as $$ begin raise notice '%', leak(1); return $1; end $$;
create procedure leak_call(inout x text) language plpgsql as $$ begin select mail into x from people order by id limit 1; end $$;
create procedure nothing() language plpgsql as $$ begin null; end $$;
create function forge(text) returns int language plpgsql as $$ begin raise log 'rewritten parse tree:' using detail = $1; raise log '%', 'parse tree:'; return 1; end $$;
create function twice(int) returns int language sql immutable as 'select $1 * 2';
create function polite(text) returns text language plpgsql immutable as $$ begin return 'dear ' || $1; end $$;
create function spy(text, text) returns bool language plpgsql as $$ begin raise notice 'comparing % and %', $1, $2; return $1 = $2; end $$;
create function store(text) returns text language plpgsql as $$ begin insert into log values ($1); return $1; end $$;
create operator === (function = spy, leftarg = text, rightarg = text);
create aggregate gather(text) (sfunc = textcat, stype = text, initcond = '');
create function step(text, text) returns text language plpgsql as $$ begin raise notice 'step %', $2; return $1 || $2; end $$;
create aggregate spy_agg(text) (sfunc = step, stype = text, initcond = '');
create function leak_step(text, int) returns text language sql stable as $$ select $1 || (select email from conformance.customers where id = $2) $$;
create aggregate leak_agg(int) (sfunc = leak_step, stype = text, initcond = '');
create operator <#> (function = leak_step, leftarg = text, rightarg = int);
create type wrapped as (v text);
create function to_wrapped(text) returns wrapped language sql stable as $$ select row((select email from conformance.customers limit 1))::wrapped $$;
create cast (text as wrapped) with function to_wrapped(text) as assignment;
create function checker(text) returns bool language plpgsql as $$ begin raise notice 'checked beside %', (select email from customers limit 1); return true; end $$;
create domain dom as text check (checker(value));
create table domained (id int, d dom);
create table hinted (id int, hint text default leak(1));
create table derived (id int, copy text generated always as (null::text) stored);
create view v_leak as select leak(1) as x, n from nums where n < 3;
create materialized view mv_leak as select leak(2) as x;
-- Functions that hide behind the names of built-in ones, when conformance_shadow
-- comes first in the search path.
create function conformance_shadow.upper(text) returns text language sql stable as 'select mail from conformance.people order by id limit 1';
create function conformance_shadow.twice(int) returns text language sql stable as 'select mail from conformance.people where id = $1';
create operator conformance_shadow.|| (function = conformance.leak_step, leftarg = text, rightarg = int);
create view conformance_shadow.pg_class as select mail as relname from conformance.people;

-- Triggers and rules.
create function tell() returns trigger language plpgsql as $$ begin raise notice 'row %', new; return new; end $$;
create trigger tell before insert or update on customers for each row execute function tell();
create function fill() returns trigger language plpgsql as $$ begin new.t := (select email from customers limit 1); return new; end $$;
create table filled (id int, t text);
create trigger fill before insert on filled for each row execute function fill();
create table touched (id int primary key, t text, updated timestamptz);
create function stamp() returns trigger language plpgsql as $$ begin new.updated := now(); return new; end $$;
create trigger stamp before insert or update on touched for each row execute function stamp();
create table audited (id int primary key, t text);
create function copied() returns trigger language plpgsql as $$ begin insert into log select mail from people; return null; end $$;
create trigger copied after insert on audited for each statement execute function copied();
create table ruled (id int, t text);
create rule show as on update to ruled do instead select email from customers;
create view v_instead as select id, city from people;
create function instead() returns trigger language plpgsql as $$ begin new.city := (select mail from people order by id limit 1); return new; end $$;
create trigger instead instead of update on v_instead for each row execute function instead();
create table noted (id int, t text);
alter table noted enable row level security;
alter table noted force row level security;
create policy p on noted using (leak_notice() = 1);
create table guarded (id int, t text);
alter table guarded enable row level security;
alter table guarded force row level security;
create policy p on guarded using (id <= (select count(*) from people where mail > 'b'));
create table "Weird Table" ("E Mail" text, "select" int);
-- Identifiers that a reader of trees may stumble over.
create table "{QUERY :x <>}" (":relid 1259" int, "\" text, "a b ( ) { } \\ : <>" text, "(((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((" int);
create view v_braces as select id as "{VAR :varno 1", mail as ":varattno 1}", city as "\}", pan as "((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((" from people;
create type mood as enum ('sad', 'ok', 'happy');
create type pair as (a int, b text);
create domain zip as text check (value ~ '^[0-9a-z]+$');

-- One protected column of each type, and the same type unprotected.
create table formats (id int primary key, note text,
  p_text text, p_varchar varchar(40), p_bpchar char(20), p_name name, p_xml xml, p_json json, p_jsonb jsonb, p_bytea bytea,
  p_texts text[], p_ints int[], p_int2 int2, p_int4 int4, p_int8 int8, p_numeric numeric, p_float4 float4, p_float8 float8,
  p_bool bool, p_date date, p_time time, p_timetz timetz, p_timestamp timestamp, p_timestamptz timestamptz, p_interval interval,
  p_uuid uuid, p_inet inet, p_cidr cidr, p_macaddr macaddr, p_int4range int4range, p_tstzrange tstzrange, p_bit bit(8), p_varbit varbit,
  p_point point, p_box box, p_path path, p_circle circle, p_money money, p_oid oid, p_tsvector tsvector, p_tsquery tsquery, p_jsonpath jsonpath,
  p_lsn pg_lsn, p_mood mood, p_pair pair, p_zip zip, p_moods mood[], p_pairs pair[], p_dates date[]);
create view v_formats as select * from formats;
do $$ declare t text; begin
  for t in select format('%I.%I', schemaname, tablename) from pg_tables where schemaname like 'conformance%' loop
    begin execute 'alter table ' || t || ' set (autovacuum_enabled = false)'; exception when others then null; end;
  end loop;
end $$;
reset role;

-- A loop back into this very database, if it may be made.
do $$ begin
  if exists (select from pg_foreign_server where srvname = 'conformance_loop') then drop server conformance_loop cascade; end if;
  execute format('create server conformance_loop foreign data wrapper postgres_fdw options (host %L, port %L, dbname %L)',
    split_part(current_setting('unix_socket_directories'), ',', 1), current_setting('port'), current_database());
  create user mapping for public server conformance_loop options (user 'postgres', password_required 'false');
  create foreign table conformance.far (id int, email text) server conformance_loop options (schema_name 'conformance', table_name 'customers');
  grant usage on foreign server conformance_loop to {{role}};
  grant all on conformance.far to {{role}};
exception when others then null;
end $$;

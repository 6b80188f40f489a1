-- The database that evasions.sql and precision.sql run against. A superuser
-- runs this in an empty database; the statements then come from the role app,
-- which owns nothing but shadow.customers. Every protected value contains the word canary.
-- Protected: public.customers.email, public.customers.phone,
-- public.customers.card, public.events.email.
create extension if not exists postgres_fdw;
create extension if not exists dblink;
create extension if not exists tablefunc;
create extension if not exists citext;
create extension if not exists pgcrypto;
create extension if not exists hstore;
do $$ begin if not exists (select from pg_roles where rolname = 'app') then create role app login password 'app'; end if; end $$;
grant pg_read_all_stats to app;

create table customers (
  id int primary key, name text not null, email text unique, phone text, card text,
  city text check (city <> 'nowhere'), vip bool default false, age int, extra jsonb,
  domain text generated always as (split_part(email, '@', 2)) stored);
insert into customers(id, name, email, phone, card, city, vip, age, extra)
select i, 'name'||i, 'canary'||i||'@hush.example', '+49-canary-'||i, '4111-canary-'||i, (array['Berlin','Paris','Rome'])[1+i%3], i%2=0, 20+i, '{"a": 1}'
from generate_series(1, 20) i;
create table customers_eu (vat text) inherits (customers);
insert into customers_eu(id, name, email, city, vat) values (101, 'eu', 'canary101@hush.example', 'Wien', 'VAT1');
create table orders (
  id int primary key, customer_id int references customers(id) on delete cascade, total numeric,
  customer_email text references customers(email) on update cascade, note text);
insert into orders select i, i, i*10, 'canary'||i||'@hush.example', 'note'||i from generate_series(1, 10) i;
create table events (id int, at date, email text, kind text) partition by range (id);
create table events_1 partition of events for values from (0) to (1000);
insert into events select i, '2024-01-01', 'canary'||i||'@hush.example', 'kind'||i from generate_series(1, 10) i;
-- The same column names, not protected.
create table contacts (id int primary key, email text, phone text, city text);
insert into contacts select i, 'open'||i||'@public.example', '+1-'||i, 'Oslo' from generate_series(1, 5) i;
create table nums (n int primary key);
insert into nums select generate_series(0, 130);
create table sink (id serial primary key, t text, j jsonb);
create table log (t text);
-- Another schema with the same name.
create schema shadow;
create table shadow.customers (id int, email text, city text);
insert into shadow.customers values (1, 'open@shadow.example', 'Lima');
create table shadow.orders (id int, email text);

create view v_all as select * from customers;
create view v_mail as select id, upper(email) as m, city from customers;
create view vv as select m as renamed, city from v_mail;
create view v_union as select email as x from customers union select city from customers;
create view v_count as select count(*) as n from customers;
create view v_rows as select id, to_jsonb(c) as j from customers c;
create view v_public as select id, email from contacts;
create view v_stats as select tablename, attname, histogram_bounds::text as h from pg_stats;
create view v_activity as select pid, query as q from pg_stat_activity;
create materialized view mv_mail as select id, email as contact from customers;
create materialized view mv_agg as select city, string_agg(email, ',') as all_mails from customers group by city;

-- Functions: of every reach.
create function leak(int) returns text language sql stable as 'select email from public.customers where id = $1';
create function leak_all() returns setof text language sql stable as 'select email from public.customers';
create function leak_rows() returns setof customers language sql stable as 'select * from public.customers';
create function leak_dynamic(q text) returns text language plpgsql as $$ declare r text; begin execute q into r; return r; end $$;
create function leak_view() returns text language sql stable as 'select m from v_mail limit 1';
create function leak_indirect() returns text language sql stable as 'select leak(1)';
create function leak_unicode() returns text language sql stable as $$ select U&"em\0061il" from U&"\0063ustomers" limit 1 $$;
create function leak_notice() returns int language plpgsql as $$ begin raise notice 'it is %', (select email from customers limit 1); return 1; end $$;
create function leak_error() returns int language plpgsql as $$ begin raise exception 'it is %', (select email from customers limit 1); return 1; end $$;
create function leak_atomic() returns text language sql stable begin atomic select email from customers limit 1; end;
create function leak_definer() returns text language sql security definer stable as 'select card from public.customers limit 1';
create function leak_cursor() returns refcursor language plpgsql as $$ declare c refcursor := 'opened'; begin open c for select email from customers; return c; end $$;
create function leak_notify() returns void language plpgsql as $$ begin perform pg_notify('chan', (select email from customers limit 1)); end $$;
create function twice(int) returns int language sql immutable as 'select $1 * 2';
create function polite(text) returns text language plpgsql immutable as $$ begin return 'dear ' || $1; end $$;
create function spy(text, text) returns bool language plpgsql as $$ begin raise notice 'comparing % and %', $1, $2; return $1 = $2; end $$;
create function store(text) returns text language plpgsql as $$ begin insert into log values ($1); return $1; end $$;
create operator === (function = spy, leftarg = text, rightarg = text);
create aggregate gather(text) (sfunc = textcat, stype = text, initcond = '');
create function step(text, text) returns text language plpgsql as $$ begin raise notice 'step %', $2; return $1 || $2; end $$;
create aggregate spy_agg(text) (sfunc = step, stype = text, initcond = '');
create function leak_step(text, int) returns text language sql stable as $$ select $1 || (select email from public.customers where id = $2) $$;
create aggregate leak_agg(int) (sfunc = leak_step, stype = text, initcond = '');
create operator <#> (function = leak_step, leftarg = text, rightarg = int);
create type wrapped as (v text);
create function to_wrapped(text) returns wrapped language sql stable as $$ select row((select email from public.customers limit 1))::wrapped $$;
create cast (text as wrapped) with function to_wrapped(text) as assignment;
create function checker(text) returns bool language plpgsql as $$ begin raise notice 'checked beside %', (select email from customers limit 1); return true; end $$;
create domain dom as text check (checker(value));
create table domained (id int, d dom);
create table hinted (id int, hint text default leak(1));
create table derived (id int, copy text generated always as (null::text) stored);
create view v_leak as select leak(1) as x, n from nums where n < 3;
create materialized view mv_leak as select leak(2) as x;

-- Triggers and rules.
create function tell() returns trigger language plpgsql as $$ begin raise notice 'row %', new; return new; end $$;
create trigger tell before insert or update on customers for each row execute function tell();
create function fill() returns trigger language plpgsql as $$ begin new.t := (select email from customers limit 1); return new; end $$;
create table filled (id int, t text);
create trigger fill before insert on filled for each row execute function fill();
create table touched (id int primary key, t text, updated timestamptz);
create function stamp() returns trigger language plpgsql as $$ begin new.updated := now(); return new; end $$;
create trigger stamp before insert or update on touched for each row execute function stamp();
create table ruled (id int, t text);
create rule show as on update to ruled do instead select email from customers;
create table noted (id int, t text);
alter table noted enable row level security;
create policy p on noted using (leak_notice() = 1);
insert into noted values (1, 'n');

-- A loop back into this very database.
do $$ begin
  execute format('create server loop foreign data wrapper postgres_fdw options (host %L, port %L, dbname %L)',
    split_part(current_setting('unix_socket_directories'), ',', 1), current_setting('port'), current_database());
end $$;
create user mapping for public server loop options (user 'postgres', password_required 'false');
create foreign table far (id int, email text) server loop options (schema_name 'public', table_name 'customers');
create table "Weird Table" ("E Mail" text, "select" int);
insert into "Weird Table" values ('plain@public.example', 1);

grant usage on schema shadow to app;
grant create on schema public, shadow to app;
alter table shadow.customers owner to app;
grant all on all tables in schema public, shadow to app;
grant all on all sequences in schema public to app;
grant pg_read_all_settings to app;
grant usage on foreign server loop to app;
analyze;

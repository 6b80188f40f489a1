-- Ordinary statements, against the database of evasions_schema.sql. After the
-- name stand the result columns that masks change, in order, or "nothing".
-- None may be refused, and no other column may be masked.

--- driver version: nothing
select version();
select pg_catalog.version();
--- current schema: nothing
select current_schema();
--- show: nothing
show transaction isolation level;
show standard_conforming_strings;
show server_version;
--- sqlalchemy hstore oids: nothing
SELECT t.oid, typarray FROM pg_type t JOIN pg_namespace ns ON typnamespace = ns.oid WHERE typname = 'hstore';
--- psycopg type info: nothing
SELECT typname AS name, oid, typarray AS array_oid, oid::regtype::text AS regtype, typdelim AS delimiter FROM pg_type t WHERE t.oid = to_regtype('hstore') ORDER BY t.oid;
--- sqlalchemy has table: nothing
SELECT pg_catalog.pg_class.relname FROM pg_catalog.pg_class JOIN pg_catalog.pg_namespace ON pg_catalog.pg_namespace.oid = pg_catalog.pg_class.relnamespace WHERE pg_catalog.pg_class.relname = 'customers' AND pg_catalog.pg_class.relkind = ANY (ARRAY['r','p','f','v','m']) AND pg_catalog.pg_table_is_visible(pg_catalog.pg_class.oid) AND pg_catalog.pg_namespace.nspname != 'pg_catalog';
--- sqlalchemy columns: nothing
SELECT pg_catalog.pg_attribute.attname AS name, pg_catalog.format_type(pg_catalog.pg_attribute.atttypid, pg_catalog.pg_attribute.atttypmod) AS format_type, (SELECT pg_catalog.pg_get_expr(pg_catalog.pg_attrdef.adbin, pg_catalog.pg_attrdef.adrelid) AS pg_get_expr_1 FROM pg_catalog.pg_attrdef WHERE pg_catalog.pg_attrdef.adrelid = pg_catalog.pg_attribute.attrelid AND pg_catalog.pg_attrdef.adnum = pg_catalog.pg_attribute.attnum AND pg_catalog.pg_attribute.atthasdef) AS "default", pg_catalog.pg_attribute.attnotnull AS not_null, pg_catalog.pg_class.relname AS table_name, pg_catalog.pg_description.description AS comment FROM pg_catalog.pg_class LEFT OUTER JOIN pg_catalog.pg_attribute ON pg_catalog.pg_class.oid = pg_catalog.pg_attribute.attrelid AND pg_catalog.pg_attribute.attnum > 0 AND NOT pg_catalog.pg_attribute.attisdropped LEFT OUTER JOIN pg_catalog.pg_description ON pg_catalog.pg_description.objoid = pg_catalog.pg_attribute.attrelid AND pg_catalog.pg_description.objsubid = pg_catalog.pg_attribute.attnum JOIN pg_catalog.pg_namespace ON pg_catalog.pg_namespace.oid = pg_catalog.pg_class.relnamespace WHERE pg_catalog.pg_class.relkind = ANY (ARRAY['r', 'p']) AND pg_catalog.pg_table_is_visible(pg_catalog.pg_class.oid) ORDER BY pg_catalog.pg_class.relname, pg_catalog.pg_attribute.attnum;
--- crewai tables: nothing
SELECT table_name FROM information_schema.tables WHERE table_schema = 'public';
--- crewai columns: nothing
SELECT column_name, data_type FROM information_schema.columns WHERE table_name = 'customers';
--- information schema star: nothing
SELECT * FROM information_schema.columns WHERE table_name = 'customers';
--- information schema keys: nothing
SELECT tc.constraint_name, kcu.column_name, ccu.table_name AS foreign_table FROM information_schema.table_constraints tc JOIN information_schema.key_column_usage kcu USING (constraint_schema, constraint_name) JOIN information_schema.constraint_column_usage ccu USING (constraint_schema, constraint_name) WHERE tc.constraint_type = 'FOREIGN KEY';
--- asyncpg introspection: nothing
WITH RECURSIVE typeinfo_tree(oid, ns, name, kind, basetype, elemtype, elemdelim, range_subtype, attrtypoids, attrnames, depth) AS (SELECT ti.oid, ti.ns, ti.name, ti.kind, ti.basetype, ti.elemtype, ti.elemdelim, ti.range_subtype, ti.attrtypoids, ti.attrnames, 0 FROM (SELECT t.oid AS oid, ns.nspname AS ns, t.typname AS name, t.typtype AS kind, (CASE WHEN t.typtype = 'd' THEN (WITH RECURSIVE typebases(oid, depth) AS (SELECT t2.typbasetype AS oid, 0 AS depth FROM pg_type t2 WHERE t2.oid = t.oid UNION ALL SELECT t2.typbasetype AS oid, tb.depth + 1 AS depth FROM pg_type t2, typebases tb WHERE tb.oid = t2.oid AND t2.typbasetype != 0) SELECT oid FROM typebases ORDER BY depth DESC LIMIT 1) ELSE NULL END) AS basetype, t.typelem AS elemtype, elem_t.typdelim AS elemdelim, range_t.rngsubtype AS range_subtype, (CASE WHEN t.typtype = 'c' THEN (SELECT array_agg(ia.atttypid ORDER BY ia.attnum) FROM pg_attribute ia INNER JOIN pg_class c ON (ia.attrelid = c.oid) WHERE ia.attnum > 0 AND NOT ia.attisdropped AND c.reltype = t.oid) ELSE NULL END) AS attrtypoids, (CASE WHEN t.typtype = 'c' THEN (SELECT array_agg(ia.attname::text ORDER BY ia.attnum) FROM pg_attribute ia INNER JOIN pg_class c ON (ia.attrelid = c.oid) WHERE ia.attnum > 0 AND NOT ia.attisdropped AND c.reltype = t.oid) ELSE NULL END) AS attrnames FROM pg_catalog.pg_type AS t INNER JOIN pg_catalog.pg_namespace ns ON (ns.oid = t.typnamespace) LEFT JOIN pg_type elem_t ON (t.typlen = -1 AND t.typelem != 0 AND t.typelem = elem_t.oid) LEFT JOIN pg_range range_t ON (t.oid = range_t.rngtypid)) AS ti WHERE ti.oid = any(ARRAY[25]::oid[]) UNION ALL SELECT ti.oid, ti.ns, ti.name, ti.kind, ti.basetype, ti.elemtype, ti.elemdelim, ti.range_subtype, ti.attrtypoids, ti.attrnames, tt.depth + 1 FROM (SELECT t.oid AS oid, ns.nspname AS ns, t.typname AS name, t.typtype AS kind, t.typbasetype AS basetype, t.typelem AS elemtype, t.typdelim AS elemdelim, 0::oid AS range_subtype, NULL::oid[] AS attrtypoids, NULL::text[] AS attrnames FROM pg_type t INNER JOIN pg_namespace ns ON ns.oid = t.typnamespace) ti, typeinfo_tree tt WHERE (tt.elemtype IS NOT NULL AND ti.oid = tt.elemtype)) SELECT DISTINCT *, basetype::regtype::text AS basetype_name, elemtype::regtype::text AS elemtype_name FROM typeinfo_tree ORDER BY depth DESC;
--- rails attributes: nothing
SELECT a.attname, format_type(a.atttypid, a.atttypmod), pg_get_expr(d.adbin, d.adrelid), a.attnotnull, a.atttypid, a.atttypmod, c.collname, col_description(a.attrelid, a.attnum) AS comment FROM pg_attribute a LEFT JOIN pg_attrdef d ON a.attrelid = d.adrelid AND a.attnum = d.adnum LEFT JOIN pg_type t ON a.atttypid = t.oid LEFT JOIN pg_collation c ON a.attcollation = c.oid AND a.attcollation <> t.typcollation WHERE a.attrelid = '"customers"'::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum;
--- django tables: nothing
SELECT c.relname, CASE WHEN c.relispartition THEN 'p' WHEN c.relkind IN ('m', 'v') THEN 'v' ELSE 't' END, obj_description(c.oid, 'pg_class') FROM pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('f', 'm', 'p', 'r', 'v') AND n.nspname NOT IN ('pg_catalog', 'pg_toast') AND pg_catalog.pg_table_is_visible(c.oid);
--- jdbc columns: nothing
SELECT * FROM (SELECT n.nspname,c.relname,a.attname,a.atttypid,a.attnotnull OR (t.typtype = 'd' AND t.typnotnull) AS attnotnull,a.atttypmod,a.attlen,t.typtypmod,row_number() OVER (PARTITION BY a.attrelid ORDER BY a.attnum) AS attnum, nullif(a.attidentity, '') as attidentity,nullif(a.attgenerated, '') as attgenerated,pg_catalog.pg_get_expr(def.adbin, def.adrelid) AS adsrc,dsc.description,t.typbasetype,t.typtype FROM pg_catalog.pg_namespace n JOIN pg_catalog.pg_class c ON (c.relnamespace = n.oid) JOIN pg_catalog.pg_attribute a ON (a.attrelid=c.oid) JOIN pg_catalog.pg_type t ON (a.atttypid = t.oid) LEFT JOIN pg_catalog.pg_attrdef def ON (a.attrelid=def.adrelid AND a.attnum = def.adnum) LEFT JOIN pg_catalog.pg_description dsc ON (c.oid=dsc.objoid AND a.attnum = dsc.objsubid) WHERE c.relkind in ('r','p','v','f','m') and a.attnum > 0 AND NOT a.attisdropped AND c.relname LIKE 'customers') c WHERE true ORDER BY nspname,c.relname,attnum;
--- prisma enums: nothing
SELECT t.typname as name, e.enumlabel as value, n.nspname as namespace FROM pg_type t JOIN pg_enum e ON t.oid = e.enumtypid JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace WHERE n.nspname = ANY('{public}') ORDER BY e.enumsortorder;
--- sequences: nothing
select nextval('sink_id_seq'), currval('sink_id_seq'), setval('sink_id_seq', 100);
--- unprotected table: nothing
select * from contacts;
--- same column names elsewhere: nothing
select upper(email), count(*) from contacts where email like 'open%' group by 1 order by 1;
--- shadow schema: nothing
select upper(email) from shadow.customers;
--- view of unprotected: nothing
select lower(email) from v_public order by email;
--- weird names: nothing
select "E Mail", "select" as "from" from "Weird Table" where "E Mail" like 'p%';
--- aggregates elsewhere: nothing
select count(*), sum(n), avg(n), max(n) filter (where n > 3), array_agg(n order by n desc), string_agg(n::text, ',') from nums;
--- window elsewhere: nothing
select n, row_number() over (order by n), lag(n, 1, 0) over w from nums window w as (order by n rows between 1 preceding and current row) order by 1 limit 5;
--- set operations elsewhere: nothing
select city from contacts union select city from shadow.customers except select 'x' order by city;
--- recursive elsewhere: nothing
with recursive t(n) as (values (1) union all select n + 1 from t where n < 10) select sum(n) from t;
--- lateral elsewhere: nothing
select k.id, x.w from contacts k cross join lateral regexp_split_to_table(k.email, '@') as x(w);
--- json elsewhere: nothing
select row_to_json(k), jsonb_build_object('a', k.email), k.id from contacts k;
--- bounded functions: nothing
select twice(n), polite('x'), n from nums limit 3;
--- extension functions: nothing
select crypt('a', gen_salt('md5')) is not null, 'A'::citext = 'a'::citext, hstore('a', 'b') -> 'a';
--- generate series: nothing
select g, g * 2 from generate_series(1, 5) g;
--- dates: nothing
select extract(year from d), date_trunc('month', d), d + interval '1 day', to_char(d, 'YYYY'), age(d, d), d at time zone 'UTC' from (select timestamptz '2024-01-01' as d) x;
--- insert returning: nothing
insert into sink(t) values ('a'), ('b') returning id, t, upper(t);
--- insert select: nothing
insert into sink(t) select city from contacts returning *;
--- upsert: nothing
insert into contacts(id, email) values (1, 'n@public.example') on conflict (id) do update set email = excluded.email, city = contacts.city || '!' returning id, email, city;
--- update from: nothing
update contacts k set city = n.n::text from nums n where n.n = k.id returning k.id, k.city, n.n;
--- delete using: nothing
delete from contacts k using nums n where n.n = k.id and k.id = 5 returning *;
--- trigger elsewhere: nothing
insert into touched(id, t) values (1, 'x') returning *;
--- merge elsewhere: nothing
merge into contacts k using nums n on n.n = k.id when matched and k.id = 2 then update set city = 'm' when not matched and n.n = 50 then insert (id, city) values (n.n, 'new');
--- create and use: nothing
create table fresh (id serial primary key, v varchar(10) not null default 'd', w int check (w > 0), at timestamptz default now());
insert into fresh(w) values (1) returning id, v, w;
create index on fresh (lower(v));
alter table fresh add column z int default 3;
create view fresh_view as select id, upper(v) as u from fresh;
select * from fresh_view;
create materialized view fresh_mat as select v from fresh;
refresh materialized view fresh_mat;
comment on table fresh is 'x';
analyze fresh;
truncate fresh;
drop table fresh cascade;
--- temporary: nothing
create temp table scratch as select id, city from contacts;
select * from scratch order by city;
update scratch set city = upper(city);
drop table scratch;
--- transaction: nothing
begin;
savepoint a;
select 1;
rollback to savepoint a;
release savepoint a;
commit;
--- settings: nothing
set application_name = 'x';
set statement_timeout = 5000;
set local_preload_libraries = '';
reset statement_timeout;
select set_config('application_name', 'y', false), current_setting('application_name');
discard all;
--- prepared elsewhere: nothing
prepare p(int) as select n, n + $1 from nums where n < 3;
execute p(5);
deallocate p;
--- cursor elsewhere: nothing
begin;
declare c scroll cursor for select n, n * n from nums order by n;
fetch 5 from c;
fetch last from c;
close c;
commit;
--- explain elsewhere: nothing
explain select * from nums where n = 3;
--- advisory lock: nothing
select pg_advisory_lock(7), pg_advisory_unlock(7), pg_backend_pid() > 0;
--- sizes: nothing
select pg_size_pretty(pg_total_relation_size('contacts')), relname from pg_class where relname = 'contacts';
--- activity without query: nothing
select pid, usename, state, wait_event, now() - query_start as age from pg_stat_activity where datname = current_database() order by query_start;
--- activity with query: query
select pid, state, query from pg_stat_activity;
--- activity, everything: query
select * from pg_stat_activity;
--- statistics without samples: nothing
select relname, n_live_tup, seq_scan from pg_stat_user_tables order by 1;
select schemaname, tablename, attname, null_frac, n_distinct from pg_stats order by 1, 2, 3 limit 5;
--- attributes star: attmissingval
select * from pg_attribute where attrelid = 'contacts'::regclass and attnum > 0;
--- locks: nothing
select l.pid, l.mode, c.relname from pg_locks l left join pg_class c on c.oid = l.relation;
--- roles: nothing
select rolname, rolsuper from pg_roles order by 1;
--- customers star: email,phone,card,domain
select * from customers order by id;
--- customers without secrets: nothing
select id, name, city from customers where city = 'Berlin' and id > 3 order by name, id limit 10;
--- customers counted: nothing
select count(*) from customers;
--- customers grouped: nothing
select city, count(*), avg(age), max(upper(name)) from customers group by city having count(*) > 1 order by 2 desc, city;
--- customers computed: email
select upper(name), id * 2 as double, email, case when vip then 'v' else 'n' end from customers;
--- orm select: email,phone
SELECT "t0"."id", "t0"."name", "t0"."email", "t0"."phone" FROM "public"."customers" AS "t0" WHERE ("t0"."id" = 3 AND 1=1) ORDER BY "t0"."id" ASC LIMIT 1 OFFSET 0;
--- orm join: email,customer_email
SELECT o.id, o.total, c.name, c.email, o.customer_email FROM orders AS o INNER JOIN customers AS c ON c.id = o.customer_id WHERE o.total >= 20 ORDER BY o.id;
--- orm subquery load: email
SELECT anon_1.customers_id, customers.email, orders.id FROM (SELECT customers.id AS customers_id FROM customers WHERE customers.city = 'Rome') AS anon_1 JOIN customers ON customers.id = anon_1.customers_id JOIN orders ON orders.customer_id = anon_1.customers_id ORDER BY anon_1.customers_id;
--- orm exists: email
SELECT c.id, c.email FROM customers c WHERE EXISTS (SELECT 1 FROM orders o WHERE o.customer_id = c.id) AND c.vip IS NOT NULL;
--- report with cte: nothing
with t as (select customer_id, sum(total) as s from orders group by customer_id) select c.name, t.s, rank() over (order by t.s desc) from t join customers c on c.id = t.customer_id;
--- login look-up: email
select id, email from customers where email = 'canary1@hush.example';
--- update customers: nothing
update customers set city = 'Bonn', age = age + 1 where id = 2;
--- update by key and value: nothing
update customers set email = 'n@hush.example', name = upper(name) where id = 2 and email = 'canary2@hush.example';
--- insert customers: email
insert into customers (id, name, email, phone, city) values (500, 'N', 'n500@hush.example', '+1', 'Bern') returning id, email, name;
--- delete customers: nothing
delete from customers where id = 20;
--- insert from customers: nothing
insert into sink(t) select name from customers where city = 'Rome' returning id, t;
--- copy of the system: attmissingval
copy (select attname, attmissingval, upper(attname) from pg_attribute where attrelid = 'contacts'::regclass) to stdout;
--- missing value by case, as pg_dump: attmissingval
select a.attname, format_type(a.atttypid, a.atttypmod), case when a.atthasmissing and not a.attisdropped then a.attmissingval else null end as attmissingval from unnest('{1259}'::pg_catalog.oid[]) as src(tbloid) join pg_catalog.pg_attribute a on (src.tbloid = a.attrelid) where a.attnum > 0;
--- copy from customers: nothing
copy (select id, city from customers order by id) to stdout;

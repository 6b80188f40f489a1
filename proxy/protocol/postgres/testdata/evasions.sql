-- Ways to a protected value. Each block begins with a line "--- name: word",
-- where the word is what strict mode does: refuse (at least one statement is
-- refused) or run (none is; the masks must hold). Statements end with ; at the
-- end of a line, and run in order, on one connection, in a database of
-- evasions_schema.sql. Whatever the word, no value with "canary" in it may
-- reach the client: not in cells, errors, notices or notifications.

--- plain: run
select email from customers;
--- star: run
select * from customers;
--- table command: run
table customers;
--- alias: run
select c.email as harmless, c.phone x from customers as c;
--- column aliases: run
select a, b, d from customers as c(a, b, d, e, f) limit 3;
--- column aliases hide: run
select city from customers as c(id, name, city) limit 3;
--- qualified: run
select public.customers.email from public.customers;
--- database qualified: refuse
select elsewhere.public.customers.email from customers;
--- quoted: run
select "email" from "public"."customers";
--- unicode identifier: run
select U&"em\0061il" from U&"\0063ustomers";
--- unicode with uescape: run
select U&"em!0061il" UESCAPE '!' from customers;
--- upper case: run
SELECT EMAIL FROM CUSTOMERS;
--- comments: run
select/**/email/* x */from--y
 customers;
--- limit and offset: run
select email from customers order by id limit 1 offset 3;
--- cte: run
with x as (select * from customers) select * from x;
--- cte renamed: run
with x(a, b, c) as (select id, name, email from customers) select c as name from x;
--- cte of a cte: run
with x as (select email e from customers), y as (select e f from x) select f from y;
--- cte shadows a table: run
with contacts as (select email from customers) select email from contacts;
--- cte materialized: run
with x as materialized (select email from customers) select email from x;
--- recursive: refuse
with recursive r(n, e) as (select 1, email from customers union all select n+1, e from r where n < 2) select e from r;
--- recursive swaps: refuse
with recursive r(a, b, n) as (select 'x'::text, leak(1), 1 union all select b, a, n+1 from r where n < 3) select a from r join nums on nums.n = ascii(r.a);
--- recursive search: refuse
with recursive r(e) as (select email from customers union all select e from r where false) search depth first by e set o select o from r;
--- subselect in from: run
select s.e from (select email as e from customers) s;
--- subselect twice: run
select y from (select x as y from (select email as x from customers) a) b;
--- lateral: run
select l.email from nums, lateral (select email from customers where customers.id = nums.n) l;
--- lateral values: refuse
select v from customers c, lateral (values (c.email)) x(v);
--- lateral select: run
select v from customers c, lateral (select c.email as v) x;
--- scalar subquery: refuse
select (select email from customers where id = 1);
--- scalar subquery in from-less union: refuse
select 'x' union select (select card from customers where id = 1);
--- array of subquery: refuse
select array(select email from customers);
--- in subquery: refuse
select n from nums where exists (select 1 from customers where ascii(email) = n);
--- in list: refuse
select id from customers where email in (select email from orders, contacts where true);
--- exists oracle by like: refuse
select exists(select from customers where email like 'canary1@%');
--- concat: refuse
select 'x' || email from customers;
--- upper: refuse
select upper(email) from customers;
--- cast: refuse
select email::varchar(50) from customers;
--- no-op cast: refuse
select email::text from customers;
--- cast function: refuse
select text(email) from customers;
--- collate: refuse
select email collate "C" from customers;
--- coalesce: refuse
select coalesce(email, 'x') from customers;
--- case: refuse
select case when true then email end from customers;
--- case condition: refuse
select case when email like 'canary1%' then 1 else 0 end from customers;
--- equality in result: refuse
select email = 'canary1@hush.example' from customers;
--- nullif: refuse
select nullif(email, 'x') from customers;
--- greatest: refuse
select greatest(email, 'a') from customers;
--- substring: refuse
select substring(email from 1 for 3), email from customers;
--- array constructor: refuse
select array[email] from customers;
--- row constructor: refuse
select row(email) from customers;
--- row star: refuse
select row(c.*) from customers c;
--- whole row: refuse
select c from customers c;
--- whole row of table name: refuse
select customers from customers;
--- whole row as text: refuse
select c::text from customers c;
--- whole row through subquery: refuse
select s::text from (select * from customers) s;
--- row_to_json: refuse
select row_to_json(c) from customers c;
--- row_to_json star: refuse
select row_to_json(customers.*) from customers;
--- to_jsonb: refuse
select to_jsonb(c) from customers c;
--- json_agg: refuse
select json_agg(c) from customers c;
--- json_agg of subquery: refuse
select json_agg(s) from (select id, email from customers) s;
--- json_build_object: refuse
select json_build_object('e', email) from customers;
--- array_agg row: refuse
select array_agg(c) from customers c;
--- string_agg: refuse
select string_agg(email, ',') from customers;
--- min: refuse
select min(email) from customers;
--- count of column: refuse
select count(email) from customers;
--- count distinct: refuse
select count(distinct email) from customers;
--- hstore of row: refuse
select hstore(c) from customers c;
--- field of row: run
select (c).email from customers c;
--- field of subquery row: refuse
select (s.c).email from (select c from customers c) s;
--- star of row: refuse
select (c).* from customers c;
--- functional notation: refuse
select email(c) from customers c;
--- functional notation qualified: refuse
select c.upper from customers c;
--- functional attribute of row: refuse
select name(c) from customers c;
--- union: refuse
select email from customers union all select city from customers;
--- union other way: refuse
select city from customers union all select email from customers;
--- union of stars: refuse
select * from customers union all select * from customers;
--- union in subquery: refuse
select x from (select city x from customers union select phone from customers) u;
--- nested set operation with stars: refuse
select a from ((select * from (select city a from customers) q1) union all (select * from (select email a from customers) q2)) u;
--- intersect: refuse
select email from customers intersect select 'canary1@hush.example';
--- except: refuse
select 'canary1@hush.example' except select email from customers;
--- values: refuse
values ((select email from customers limit 1));
--- values in from: refuse
select * from (values (1, (select phone from customers limit 1))) v;
--- distinct: refuse
select distinct email from customers;
--- distinct on: refuse
select distinct on (email) id from customers;
--- group by: refuse
select count(*) from customers group by email;
--- group by position: refuse
select email, count(*) from customers group by 1;
--- group by alias: refuse
select email as e, count(*) from customers group by e;
--- grouping sets: refuse
select count(*) from customers group by grouping sets ((email), ());
--- rollup: refuse
select count(*) from customers group by rollup (city, email);
--- group by primary key: run
select id, email, count(*) from customers group by id;
--- group by expression: refuse
select count(*) from customers group by left(email, 7);
--- having: refuse
select city from customers group by city having max(email) > 'canary5';
--- order by: refuse
select id from customers order by email;
--- order by position: refuse
select email from customers order by 1;
--- order by alias: refuse
select email as city from customers order by city;
--- order by alias in expression: refuse
select id from customers order by upper(email);
--- order by using: refuse
select id from customers order by phone using <;
--- window partition: refuse
select row_number() over (partition by email) from customers;
--- window order: refuse
select id, rank() over (order by card) from customers;
--- named window: refuse
select id, rank() over w from customers window w as (order by card);
--- lag: refuse
select lag(email) over (order by id) from customers;
--- filter like: refuse
select id from customers where email like 'canary1%';
--- filter greater: refuse
select id from customers where email > 'canary5';
--- filter between: refuse
select id from customers where email between 'a' and 'canary5';
--- filter regex: refuse
select id from customers where email ~ '^canary1';
--- filter in list: refuse
select id from customers where email in ('canary1@hush.example', 'canary2@hush.example');
--- filter any array: refuse
select id from customers where email = any(array['canary1@hush.example']);
--- filter is null: refuse
select id from customers where email is null;
--- filter not equal: refuse
select id from customers where email <> 'x';
--- filter is distinct: refuse
select id from customers where email is distinct from 'x';
--- filter function: refuse
select id from customers where length(email) = 20;
--- filter equality: run
select id, email, city from customers where email = 'canary3@hush.example';
--- filter equality reversed: run
select id from customers where 'canary3@hush.example' = email and city = 'Berlin';
--- filter equality of itself: refuse
select id from customers where email = email;
--- filter equality with column: refuse
select id from customers where email = city;
--- filter equality with subquery: refuse
select id from customers where email = (select email from contacts where id = 1);
--- filter equality with function: refuse
select id from customers where email = concat('canary', '1@hush.example');
--- filter row equality: refuse
select id from customers where (email, city) = ('canary1@hush.example', 'Paris');
--- filter boolean: refuse
select id from customers where (email = 'x') is not true;
--- decoder join: refuse
select c.id, g from customers c join nums g on ascii(substr(c.email, 1, 1)) = g.n;
--- decoder generate_series: refuse
select g from customers c, generate_series(32, 126) g where ascii(substr(email, 2, 1)) = g;
--- decoder by row count: refuse
select g from customers c, generate_series(1, ascii(c.email)) g where c.id = 1;
--- decoder by limit: refuse
select n from nums order by n limit (select ascii(email) from customers where id = 1);
--- decoder by offset: refuse
select n from nums order by n offset (select length(email) from customers where id = 1);
--- decoder by tablesample: refuse
select n from nums tablesample bernoulli ((select length(email) from customers where id = 1));
--- join on: refuse
select c.id from customers c join contacts k on c.email = k.email;
--- join using: refuse
select email from customers join contacts using (email);
--- join using protected both: refuse
select id from customers join events using (email);
--- natural join: refuse
select id from customers natural join contacts;
--- join using alias: refuse
select u.email from customers join contacts using (email) as u;
--- full join using other: run
select c.email, id from customers c full join contacts k using (id);
--- join alias hides: run
select j.email from (customers c join nums on c.id = nums.n) as j;
--- join alias renames: run
select j.d from (customers c join nums on c.id = nums.n) as j(a, b, d);
--- self join on key: run
select a.email, b.phone from customers a join customers b on a.id = b.id;
--- left join: run
select n, c.email from nums left join customers c on c.id = nums.n and c.email = 'canary2@hush.example';
--- correlated: run
select n, (select count(*) from customers c where c.id = nums.n and c.email = 'canary2@hush.example') from nums;
--- correlated decoder: refuse
select n from nums where n = (select ascii(email) from customers where id = 1);
--- fk copy: run
select customer_email from orders;
--- fk copy computed: refuse
select lower(customer_email) from orders;
--- fk copy joined: refuse
select o.id from orders o join contacts k on o.customer_email = k.email;
--- inheritance child: run
select email, vat from customers_eu;
--- inheritance only: run
select email from only customers;
--- inheritance child computed: refuse
select md5(email) from customers_eu;
--- partition: run
select email from events_1;
--- partitioned: run
select email, kind from events;
--- partition computed: refuse
select reverse(email) from events_1;
--- generated column: run
select domain, id from customers;
--- generated column grouped: refuse
select domain, count(*) from customers group by domain;
--- view: run
select * from v_all;
--- view of expression: run
select m from v_mail;
--- view of view: run
select renamed from vv;
--- view of union: run
select x from v_union;
--- view with json: run
select j from v_rows;
--- view json drilled: refuse
select j->>'email' from v_rows;
--- view computed: refuse
select upper(m) from v_mail;
--- view aggregate: refuse
select string_agg(m, ',') from v_mail;
--- matview: run
select * from mv_mail;
--- matview aggregate: run
select city, all_mails from mv_agg;
--- matview split: refuse
select unnest(string_to_array(all_mails, ',')) from mv_agg;
--- foreign table: run
select id, email from far;
--- foreign table computed: refuse
select 'x' || email from far;
--- opaque function: run
select leak(1);
--- opaque function of column: run
select id, leak(id) from customers;
--- opaque function concatenated: run
select 'it is ' || leak(2);
--- opaque in from: run
select * from leak_all();
--- opaque in from with columns: run
select email, x.city from leak_rows() x;
--- opaque in from rows: run
select x from leak_rows() x;
--- opaque rows from: run
select * from rows from (leak_all(), generate_series(1, 3)) as r(a, b);
--- opaque cross nums: refuse
select n from nums, leak_all() l where ascii(l) = n;
--- opaque decoder scalar: refuse
select n from nums where n = ascii(leak(1));
--- opaque decoder using: refuse
select n from nums join (select ascii(leak(1)) as n) x using (n);
--- opaque decoder in: refuse
select n from nums where n in (select ascii(leak(1)));
--- opaque decoder except: refuse
select n from nums except select ascii(leak(1));
--- opaque decoder series: refuse
select g from generate_series(1, ascii(leak(1))) g;
--- opaque decoder limit: refuse
select n from nums limit ascii(leak(1));
--- opaque sort key: refuse
select id, name from customers order by leak(id);
--- opaque sort key by position: refuse
select leak(id), id from customers order by 1;
--- opaque group key: refuse
select count(*) from nums group by leak(n);
--- opaque distinct: refuse
select distinct leak(n % 3) from nums;
--- opaque union: refuse
select leak(1) union select leak(2);
--- opaque window key: refuse
select id, rank() over (order by leak(id)) from customers;
--- opaque named window: refuse
select id, rank() over w from customers window w as (partition by leak(id));
--- opaque in a view's row: run
select c.id, v.renamed from customers c join vv v on true where c.id = 1 limit 2;
--- opaque dynamic: run
select leak_dynamic('select email from customers limit 1');
--- opaque through view name: run
select leak_view();
--- opaque in a view: run
select x, n from v_leak;
--- opaque in a view, computed: refuse
select lower(x) from v_leak;
--- opaque in a materialized view: run
select * from mv_leak;
--- opaque indirect: run
select leak_indirect();
--- opaque unicode: run
select leak_unicode();
--- opaque atomic body: run
select leak_atomic();
--- opaque security definer: run
select leak_definer();
--- opaque notice: run
select leak_notice();
--- opaque error: run
select leak_error();
--- opaque cursor: refuse
begin;
select leak_cursor();
fetch all in opened;
--- opaque notify: run
listen chan;
select leak_notify();
--- opaque into setting: refuse
select set_config('my.x', leak(1), false);
select current_setting('my.x');
--- opaque into notify: refuse
listen chan;
select pg_notify('chan', leak(1));
--- opaque stored: refuse
insert into sink(t) values (leak(1));
select t from sink;
--- opaque stored by select: refuse
insert into sink(t) select leak(id) from nums_view;
--- opaque stored by update: refuse
update contacts set city = leak(1);
--- opaque decides effect: refuse
select case when leak(1) like 'canary%' then nextval('sink_id_seq') end;
--- bounded with protected argument: refuse
select polite(email) from customers;
--- storing function: refuse
select store(email) from customers;
--- user operator on protected: refuse
select id from customers where email === 'x';
--- user operator opaque: run
select 'x'::text <#> 1;
--- user operator qualified: run
select 'x'::text operator(public.<#>) 1;
--- user aggregate on protected: refuse
select gather(email) from customers;
--- spying aggregate: refuse
select spy_agg(email) from customers;
--- opaque aggregate: run
select leak_agg(n) from nums where n = 1;
--- cast to opaque type: run
select 'x'::wrapped;
--- cast as opaque type: run
select cast('x'::text as wrapped);
--- cast field: run
select ('x'::text::wrapped).v;
--- domain with opaque check: run
select 'x'::dom;
--- domain in a table: run
insert into domained values (1, 'x');
--- domain array: run
select array['x']::dom[];
--- domain by json: run
select * from json_to_record('{"a": "x"}') as r(a dom);
--- domain by json table type: run
select * from json_populate_record(null::domained, '{"id": 1, "d": "x"}');
--- default opaque: run
insert into hinted(id) values (1) returning hint;
--- trigger fills: run
insert into filled(id) values (1) returning *;
--- trigger tells: run
update customers set city = 'Bonn' where id = 1;
--- check failure prints the row: run
update customers set city = 'nowhere' where id = 1;
--- not null failure prints the row: run
update customers set name = null where id = 2;
--- not null failure in a child: run
update customers set name = null where id = 101;
--- unique failure prints the key: run
update customers set email = 'canary3@hush.example' where id = 2;
--- insert unique failure: run
insert into customers(id, name, email) values (900, 'x', 'canary3@hush.example');
--- foreign key failure: run
update customers set email = 'gone@hush.example' where email = 'canary4@hush.example';
--- foreign key failure of child: run
insert into orders(id, customer_email) values (900, 'nobody@hush.example');
--- cascade to a check: run
delete from customers where id = 3;
--- deferred failure at commit: run
begin;
update customers set city = 'x' where id = 4;
commit;
--- cast error prints: refuse
select email::int from customers;
--- division error: refuse
select 1 / (length(email) - 20) from customers;
--- date error: refuse
select to_date(phone, 'YYYY') from customers;
--- returning: run
update customers set city = 'Ulm' where id = 5 returning email, city;
--- returning star: run
delete from customers where id = 6 returning *;
--- returning expression: refuse
update customers set city = 'Ulm' where id = 5 returning upper(email);
--- returning other column: refuse
update customers set city = email where id = 5 returning city;
--- update from: refuse
update contacts set city = c.email from customers c where c.id = contacts.id returning contacts.city;
--- update row: refuse
update customers set (city, name) = (email, phone) where id = 5 returning city;
--- update row from select: refuse
update contacts set (city, phone) = (select email, phone from customers where id = 1);
--- update jsonb: refuse
update customers set extra = jsonb_set(extra, '{e}', to_jsonb(email)) returning extra;
--- update subscript: refuse
update customers set extra['e'] = to_jsonb(email) where id = 1 returning extra;
--- update protected from protected: refuse
update customers set email = phone where id = 1;
--- update protected by constant: run
update customers set email = 'new@hush.example', phone = null, card = default where id = 18 returning id, email;
--- update protected from clean: refuse
update customers set email = city where id = 1;
--- update where like: refuse
update customers set city = 'x' where email like 'canary1@%';
--- insert select: refuse
insert into sink(t) select email from customers;
--- insert select star: refuse
insert into contacts select id + 100, email, phone, city from customers;
--- insert select returning: refuse
insert into sink(t) select card from customers returning t;
--- insert whole row: refuse
insert into sink(j) select to_jsonb(c) from customers c;
--- insert clean columns: run
insert into sink(t) select city from customers where id = 1 returning t;
--- insert with cte: refuse
with x as (select email e from customers) insert into sink(t) select e from x;
--- cte insert: refuse
with x as (insert into sink(t) select email from customers returning t) select t from x;
--- cte update returning: run
with x as (update customers set city = 'Kiel' where id = 7 returning *) select email, city from x;
--- cte delete returning computed: refuse
with x as (delete from customers where id = 7 returning email e) select upper(e) from x;
--- on conflict excluded: refuse
insert into customers(id, name, email) values (1, 'n', 'e@hush.example') on conflict (id) do update set city = excluded.email returning city;
--- on conflict old: refuse
insert into customers(id, name, email) values (1, 'n', 'e@hush.example') on conflict (id) do update set city = customers.email returning city;
--- on conflict where: refuse
insert into contacts(id) values (1) on conflict (id) do update set city = 'x' where (select email from customers limit 1) like 'c%';
--- on conflict by email: run
insert into customers(id, name, email) values (700, 'n', 'canary1@hush.example') on conflict (email) do nothing;
--- merge: refuse
merge into contacts k using customers c on k.id = c.id when matched then update set city = c.email;
--- merge insert: refuse
merge into contacts k using customers c on k.id = c.id + 1000 when not matched then insert values (c.id + 500, c.email, null, null);
--- merge on protected: refuse
merge into contacts k using customers c on k.email = c.email when matched then delete;
--- merge when: refuse
merge into contacts k using customers c on k.id = c.id when matched and c.email like 'canary1%' then delete;
--- rule that selects: run
update ruled set t = 'x';
--- row security with opaque function: run
select * from noted;
--- select into: refuse
select email into copied from customers;
--- create table as: refuse
create table copied as select email from customers;
--- create temp table as: refuse
create temp table copied as select email from customers;
--- create table as table: refuse
create table copied as table customers;
--- create view: refuse
create view mine as select email from customers;
--- create temp view: refuse
create temp view mine as select * from v_mail;
--- create materialized view: refuse
create materialized view mine as select email from customers;
--- create recursive view: refuse
create recursive view mine(e) as select email from customers union all select e from mine where false;
--- create function: refuse
create function mine() returns text language sql as 'select email from customers limit 1';
--- do block: refuse
do $$ begin raise notice '%', (select email from customers limit 1); end $$;
--- do with escapes: refuse
do E'begin raise notice \'%\', (select email from \x63ustomers limit 1); end';
--- call: refuse
call nothing();
--- create schema with view: refuse
create schema mine create view w as select email from public.customers;
--- create trigger: refuse
create trigger mine before update on customers for each row execute function tell();
--- create rule: refuse
create rule mine as on insert to sink do also select email from customers;
--- create operator: refuse
create operator ~~~ (function = textcat, leftarg = text, rightarg = text);
--- create index expression: refuse
create index on customers (upper(email));
--- create statistics: refuse
create statistics mine on email, city from customers;
--- alter column: refuse
alter table customers alter city type text using email;
--- rename column: refuse
alter table customers rename email to harmless;
--- rename table: refuse
alter table customers rename to harmless;
--- set schema: refuse
alter table customers set schema shadow;
--- detach: refuse
alter table customers_eu no inherit customers;
--- attach: refuse
alter table events detach partition events_1;
--- alter using opaque: refuse
alter table contacts alter city type text using leak(1);
--- add column with opaque default: refuse
alter table contacts add c text default leak(1);
--- foreign schema: refuse
import foreign schema public from server loop into shadow;
--- publication: refuse
create publication mine for table customers;
--- listen: run
listen chan;
unlisten *;
--- cursor: run
begin;
declare c cursor for select email, city from customers;
fetch 3 from c;
move 1 in c;
fetch prior from c;
close c;
commit;
--- cursor computed: refuse
begin;
declare c cursor for select upper(email) from customers;
--- cursor opaque: run
begin;
declare c scroll cursor for select leak(1), id from customers;
fetch first from c;
fetch last from c;
--- cursor hold: run
declare h cursor with hold for select card from customers where id < 3;
fetch all from h;
--- cursor unknown: refuse
fetch all from nobody;
--- prepare: run
prepare p as select email from customers where id = $1;
execute p(1);
--- prepare computed: refuse
prepare p as select upper(email) from customers;
--- prepare opaque: run
prepare p(int) as select leak($1);
execute p(2);
--- execute with function: refuse
prepare p(text) as select $1;
execute p(leak(1));
--- execute unknown: refuse
execute nobody(1);
--- prepare before shadowing: run
prepare p as select email from contacts;
execute p;
--- prepare, then another search path: refuse
set search_path = shadow;
prepare p as select upper(email) from customers;
set search_path = public;
execute p;
--- prepare, then a table shadows no more: refuse
create temp table customers (id int, email text);
prepare p as select upper(email) from customers;
drop table customers;
execute p;
--- create table as execute: refuse
prepare p as select email from customers;
create table copied as execute p;
--- explain: run
explain select email from customers where email = 'canary1@hush.example';
--- explain analyze: run
explain (analyze, verbose, costs off, timing off) select leak(1);
--- explain verbose json: run
explain (verbose, format json) select * from v_mail;
--- explain create table: refuse
explain analyze create table copied as select email from customers;
--- explain execute: refuse
prepare p as select email from customers;
explain analyze execute p;
--- copy table: run
copy customers to stdout;
--- copy columns csv: run
copy customers (id, email, city) to stdout (format csv, header);
--- copy quoted csv: run
copy customers (email, name) to stdout with (format csv, force_quote *, quote '|', escape '\', null 'NIL', delimiter ';');
--- copy query: run
copy (select city, email from customers) to stdout;
--- copy query renamed: run
copy (select email as id, id as email from customers) to stdout csv;
--- copy query star: run
copy (select * from v_all) to stdout;
--- copy query computed: refuse
copy (select upper(email) from customers) to stdout;
--- copy opaque: run
copy (select leak(1), id from nums, customers where n = id) to stdout;
--- copy returning: run
copy (update customers set city = 'Jena' where id = 9 returning email, city) to stdout;
--- copy fk: run
copy orders to stdout;
--- copy file: refuse
copy customers to '/tmp/out';
--- copy program: refuse
copy customers to program 'cat';
--- copy from file: refuse
copy sink(t) from '/etc/passwd';
--- copy encoding: refuse
copy customers to stdout (encoding 'SJIS');
--- copy matview through query: run
copy (select * from mv_mail) to stdout;
--- copy catalog statistics: run
copy (select most_common_vals, histogram_bounds from pg_stats where tablename = 'customers') to stdout;
--- pg_stats: run
select * from pg_stats where tablename = 'customers';
--- pg_stats computed: run
select most_common_vals::text, histogram_bounds::text from pg_stats where attname = 'email';
--- pg_stats unnested: refuse
select x from pg_stats, unnest(histogram_bounds::text::text[]) x where attname = 'email';
--- pg_stats through a view: run
select * from v_stats where tablename = 'customers';
--- pg_statistic: run
select stavalues1 from pg_statistic;
--- pg_statistic row: run
select s::text from pg_statistic s;
--- pg_stats row: run
select s::text from pg_stats s where attname = 'email';
--- pg_stats json: run
select to_jsonb(s) from pg_stats s where attname = 'email';
--- pg_stats stored: refuse
create table copied as select histogram_bounds::text from pg_stats;
--- pg_stats inserted: refuse
insert into sink(t) select histogram_bounds::text from pg_stats;
--- activity: run
select query, pid from pg_stat_activity;
--- activity through a view: run
select q from v_activity;
--- activity function: run
select query from pg_stat_get_activity(null);
--- backend activity: run
select pg_stat_get_backend_activity(1);
--- prepared statements: run
prepare p as select 'canary' from customers where email = 'canary1@hush.example';
select statement from pg_prepared_statements;
--- cursors catalog: run
begin;
declare c cursor for select email from customers where email = 'canary1@hush.example';
select statement from pg_cursors;
--- toast: refuse
select chunk_data from pg_toast.pg_toast_99;
--- missing value: run
select attmissingval from pg_attribute;
--- table_to_xml: run
select table_to_xml('customers', true, false, '');
--- query_to_xml: refuse
select query_to_xml('select email from customers', true, false, '');
--- schema_to_xml: run
select schema_to_xml('public', true, false, '');
--- cursor_to_xml: refuse
select cursor_to_xml('c', 1, true, false, '');
--- xmltable: refuse
select x.* from xmltable('/table/row' passing table_to_xml('customers', true, false, '') columns email text) x;
--- xpath of table: run
select xpath('//email/text()', table_to_xml('customers', true, false, ''));
--- ts_stat: refuse
select word from ts_stat('select to_tsvector(email) from customers');
--- dblink: refuse
select * from dblink('dbname=' || current_database(), 'select email from customers') as t(e text);
--- crosstab: refuse
select * from crosstab('select id, city, email from customers') as t(a int, b text);
--- connectby: refuse
select * from connectby('customers', 'id', 'email', '1', 0) as t(a int, b text, c int);
--- read file: refuse
select pg_read_file('PG_VERSION');
--- list files: refuse
select pg_ls_dir('.');
--- lo_import: refuse
select lo_import('/etc/passwd');
--- lo_from_bytea: refuse
select lo_from_bytea(0, email::bytea) from customers;
--- lo_put opaque: refuse
select lo_put(1, 0, leak(1)::bytea);
--- large object: run
select data from pg_largeobject;
--- set_config: refuse
select set_config('my.x', (select email from customers limit 1), false);
--- set_config of column: refuse
select set_config('my.x', email, false) from customers;
--- notify of column: refuse
select pg_notify('chan', email) from customers;
--- advisory lock: refuse
select pg_advisory_lock(hashtext(email)) from customers;
--- sleep: refuse
select pg_sleep(case when email like 'canary1%' then 0.01 else 0 end) from customers;
--- nextval guarded: refuse
select case when email like 'canary1%' then nextval('sink_id_seq') end from customers;
--- search path: run
set search_path = shadow, public;
select email from customers;
--- search path back: run
set search_path = shadow;
select email from public.customers;
--- search path quoted: run
set search_path to 'public';
select email from customers;
--- local search path: run
begin;
set local search_path = shadow;
select email from customers;
commit;
select email from customers;
--- catalog last: run
set search_path = public, pg_catalog;
select email, leak(1) from customers;
--- definitions of an open transaction: refuse
set search_path = shadow, public;
begin;
alter table shadow.customers rename to away;
select upper(email) from customers;
--- definitions of an open transaction, masked: run
set search_path = shadow, public;
begin;
drop table shadow.customers;
select email from customers;
rollback;
select email from customers;
--- definitions undone: run
set search_path = shadow, public;
begin;
savepoint a;
drop table shadow.customers;
select email from customers;
rollback to savepoint a;
select upper(email) from customers;
commit;
--- temp table of an open transaction: run
begin;
create temp table customers (id int, email text) on commit drop;
insert into customers values (1, 'mine@public.example');
select upper(email) from customers;
commit;
select email from customers;
--- temp table shadows: run
create temp table customers (id int, email text);
insert into customers values (1, 'mine@public.example');
select email from customers;
select email from public.customers;
drop table customers;
select email from customers;
--- temp table of its own: run
create temp table t (id int, v text);
insert into t values (1, 'x');
select v from t;
--- temp insert: refuse
create temp table t (v text);
insert into t select email from customers;
--- like table: run
create table likewise (like customers);
select email from likewise;
--- drop foreign key source: run
select customer_email from orders;
--- dollar quoting: run
select email from customers where email = $$canary1@hush.example$$;
--- escape string: run
select email from customers where email = E'canary1\x40hush.example';
--- typed constant: run
select id, email from customers where email = text 'canary1@hush.example';
--- cast parameter: run
select id, email from customers where email = cast('canary1@hush.example' as varchar);
--- values order: run
select email from customers where id in (values (1), (2));
--- tableoid and ctid: run
select tableoid, ctid, xmin, email from customers limit 2;
--- only unprotected, computed: run
select upper(city), count(*) from customers group by upper(city);
--- nested exists: run
select n from nums where exists (select email from customers c where c.id = nums.n);
--- any subquery: refuse
select 'canary1@hush.example' = any (select email from customers);
--- all subquery: refuse
select 'x' > all (select email from customers);
--- row in subquery: refuse
select ('canary1@hush.example', 1) in (select email, id from customers);
--- not in: refuse
select 'x' not in (select email from customers);
--- xml functions: refuse
select xmlelement(name e, email) from customers;
--- xmlforest: refuse
select xmlforest(email, phone) from customers;
--- xmlagg: refuse
select xmlagg(xmlelement(name e, c.phone)) from customers c;
--- format: refuse
select format('%s', email) from customers;
--- format star: refuse
select format('%s', c.*) from customers c;
--- concat row: refuse
select concat(c.*) from customers c;
--- unnest array: refuse
select unnest(array[email, phone]) from customers;
--- jsonb_each: refuse
select k.* from customers c, jsonb_each(to_jsonb(c)) k;
--- jsonb_each_text: refuse
select value from customers c, lateral jsonb_each_text(to_jsonb(c)) as k(key, value);
--- json_populate: refuse
select (json_populate_record(c, '{}')).email from customers c;
--- pgp encrypt: refuse
select encrypt(email::bytea, 'k', 'aes') from customers;
--- digest: refuse
select digest(email, 'md5') from customers;
--- md5: refuse
select md5(email) from customers;
--- citext comparison: refuse
select id from customers where email::citext = 'CANARY1@hush.example';
--- similarity by tsvector: refuse
select id from customers where to_tsvector(email) @@ 'canary1';
--- for update: run
select id, email from customers where id = 1 for update;
--- multiple stars: run
select c.*, o.* from customers c join orders o on o.customer_id = c.id;
--- star twice in subquery: run
select s.* from (select c.*, 1 as one from customers c) s;
--- star into alias list: run
select q.c3 from (select * from customers) as q(c1, c2, c3);
--- lock: run
begin;
lock table customers in share mode;
--- truncate: run
truncate orders;
--- drop reveals nothing: run
drop table if exists nobody;
--- grant: run
grant select on nums to public;

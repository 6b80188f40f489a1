-- Ways to a protected value that the server's own analysis has to stop, besides
-- ../../testdata/evasions.sql. The word says what server lineage does: refuse,
-- mask (it runs, and no result column passes but those named k), or facts (it
-- runs with a fact of masking.md 9, which a policy decides on).

--- count rows of a set-returning function: mask
select count(*) from customers, regexp_split_to_table(email, '') x where id = 1;
--- sum ones over a set-returning function: mask
select sum(1) from customers, generate_series(1, ascii(email)) g where id = 1;
--- count in a subquery of rows: mask
select count(*) from (select regexp_split_to_table(email, '') from customers where id = 1) s;
--- compare a count of rows: refuse
select n from nums where n = (select count(*) from customers, generate_series(1, ascii(email)) g where id = 1);
--- exists of a series: refuse
select n from nums where exists (select from generate_series(n, (select ascii(email) from customers where id = 1)));
--- array of a series: refuse
select array_length(array(select 1 from generate_series(1, (select ascii(email) from customers where id = 1))), 1);
--- rows of a grouped query: refuse
select count(*) from customers, regexp_split_to_table(email, '') x group by id;
--- rows of the empty grouping set: refuse
select count(*) from customers, regexp_split_to_table(email, '') x group by ();
--- row number over a series: refuse
select row_number() over () from customers, generate_series(1, ascii(email)) g where id = 1;
--- limit over a series, aggregated: mask
select max(k) from (select row_number() over () as k from customers, generate_series(1, ascii(email)) g where id = 1) s;
--- several columns at once: refuse
update contacts set (email, city) = (select email, phone from customers where id = 1) where id = 1;
--- several columns from a row: refuse
update contacts set (email, city) = (select 'x', c.card from customers c where c.id = contacts.id);
--- another protected column: refuse
update customers set phone = email;
--- piece by piece through its own mask: refuse
update customers set email = substr(email, 2);
--- swap protected columns: refuse
update customers set email = phone, phone = email;
--- bulk candidates on conflict: refuse
insert into customers(id, name, email) select n + 5000, 'x', 'canary' || n || '@hush.example' from nums on conflict (email) do nothing returning id;
--- effect in a lazy query of WITH: refuse
with x as (select nextval('sink_id_seq') v) select case when email like 'canary1%' then (select v from x) end from customers;
--- effect in a subquery: refuse
select case when email like 'canary1%' then (select nextval('sink_id_seq')) end from customers;
--- effect behind coalesce: refuse
select coalesce(email, nextval('sink_id_seq')::text) from customers;
--- effect behind and: refuse
select id from customers where email like 'canary1%' and nextval('sink_id_seq') > 0;
--- effect in a join condition: refuse
select id from customers join nums on email like 'canary1%' and pg_advisory_lock(n) is not null;
--- row of pg_attribute: refuse
select n from nums, (select information_schema._pg_truetypid(r, t) k from (select jsonb_populate_record(null::pg_attribute, jsonb_build_object('atttypid', ascii(email))) r from customers where id = 1 offset 0) s, pg_type t where t.oid = 25) x where n = k::int8;
--- recursive counter: refuse
with recursive r(k, v) as (select 0, ascii(email) from customers where id = 1 union all select k + 1, v - 1 from r where v > 0) select max(k) from r;
--- recursive distinct: refuse
with recursive r(v) as (select ascii(email) from customers where id = 1 union select greatest(v - 1, 0) from r) select count(*) from r;
--- recursive multiples: refuse
with recursive r(k, s) as (select 1, email from customers where id = 1 union all select k + 1, s || 'x' from r where k < 50) select k from r where length(s) > 40;
--- recursive numbers made tainted: refuse
with recursive r(k, v) as (select 1, ascii(email) * 0 from customers where id = 1 union all select k + 1, v + 1 from r where k < 130) select k from r, customers c where c.id = 1 and ascii(c.email) = v;
--- recursive cycle: refuse
with recursive r(v) as (select ascii(email) from customers where id = 1 union all select greatest(v - 1, 0) from r) cycle v set c using p select count(*) from r;
--- sort by distance to the row number: refuse
select row_number() over () k from nums, customers c where c.id = 1 order by abs(ascii(c.email) - row_number() over ()) limit 1;
--- sort by distance to a series: refuse
select generate_series(1, 130) g from customers where id = 1 order by abs(ascii(email) - generate_series(1, 130)) limit 1;
--- sort by distance to a column: refuse
select n from nums, customers c where c.id = 1 order by abs(ascii(c.email) - n) limit 1;
--- having with a number of rows: refuse
select n from nums, customers c, generate_series(1, 200) g where g <= n and c.id = 1 group by n having max(ascii(c.email)) = sum(1);
--- having with multiples: refuse
select n from nums, customers c, generate_series(1, 200) g where g <= n and c.id = 1 group by n having sum(ascii(c.email)) > 1000;
--- having with grouping: refuse
select grouping(id, name, city, vip, age) from customers where id = 1 group by cube (id, name, city, vip, age) having max(ascii(email)) % 32 = grouping(id, name, city, vip, age);
--- bits of exists: refuse
select n from nums, customers c where c.id = 1 and ascii(c.email) = (exists (select 1 where nums.n & 1 = 1))::int + 98;
--- multiples in an array: refuse
select n from nums where length(array_to_string(array(select email from customers c, generate_series(1, nums.n) g where c.id = 1), '')) > 100;
--- row comparison: refuse
select n from nums, customers where (email, n) > ('canary5', 3);
--- row comparison with a subquery: refuse
select n from nums where (n, 'x') = (select ascii(email), 'x' from customers where id = 1);
--- null by nullif: refuse
select n from nums, customers where nullif(n, ascii(email)) is null;
--- boolean test: refuse
select n from nums, customers where (ascii(email) = n) is true;
--- case of candidates: refuse
select n from nums, customers c where c.id = 1 and ascii(c.email) = case n when 1 then 97 when 2 then 99 end;
--- pattern of candidates: refuse
select n from nums, customers c where c.id = 1 and c.email like chr(n) || '%';
--- lateral values of candidates: refuse
select v.x from customers c, lateral (values ('a'), ('c')) v(x) where left(c.email, 1) = v.x;
--- union of candidates: refuse
select left(email, 1) from customers union select chr(n) from nums;
--- distinct rows with candidates: refuse
select distinct coalesce(left(email, 1), city) from customers;
--- window by candidates: refuse
select n, rank() over (partition by n = ascii(email)) from nums, customers;
--- window frame: refuse
select n, count(*) over (order by n rows (select ascii(email) from customers where id = 1) preceding) from nums order by n + count(*) over (order by n rows (select ascii(email) from customers where id = 1) preceding);
--- window over protected: mask
select rank() over (order by email) from customers;
--- rank of a candidate: mask
select rank('m') within group (order by email), percentile_disc(0.5) within group (order by email) from customers;
--- filtered count: mask
select count(*) filter (where email like 'canary1%') from customers;
--- aggregate sorted by protected: mask
select array_agg(id order by email), string_agg(city, ',' order by phone) from customers;
--- names with line breaks: refuse
with "a b" as (select 'open'::text x), "a
b" as (select email x from customers) select x from "a
b";
--- shadowed query of WITH: mask
with a as (select email x from customers) select x from (with a as (select phone x from customers) select x from a) s;
--- field of a constructed row: mask
select (row(email, 1)).f1 from customers;
--- field of a row of a subquery: mask
select (s.r).email from (select c r from customers c) s;
--- array subscript: mask
select (array[email])[1], (array[email])[1:1] from customers;
--- json path: mask
select jsonb_path_query_first(to_jsonb(c), '$.email') from customers c;
--- json path with a filter: refuse
select jsonb_path_query(to_jsonb(c), '$.email ? (@ starts with "c")') from customers c;
--- xml of rows: mask
select xmlelement(name a, xmlattributes(email as b)), xmlforest(phone) from customers;
--- xml table: refuse
select x.a from customers c, xmltable('/a' passing xmlelement(name a, c.email) columns a text path '.') x;
--- error by division: mask
select 1 / (ascii(email) - 97) from customers;
--- cursor over what fails: refuse
begin;
declare c cursor for select id, 1 / (ascii(email) - 98) from customers order by id;
--- sample size: refuse
select n from nums tablesample system ((select length(email) from customers where id = 1));
--- with ties: facts
select id from customers order by email fetch first 1 rows with ties;
--- protected with protected: facts
select a.id from customers a join customers b on a.email = b.email;
--- not in: facts
select id from customers where email not in ('a', 'b');
--- in a query of protected: facts
select id from customers where email in (select email from events);
--- insert by filter: facts
insert into sink(t) select name from customers where email like 'canary1%';
--- equality of a domain: facts
select id from customers where email::varchar = 'canary1@hush.example';
--- view of all: mask
create view evil as select id as k, email as harmless, 'x' || phone as city from customers;
select harmless, city from evil;
select to_jsonb(e) from evil e;
--- view, stored: refuse
create view evil as select email as harmless from customers;
create table copied as select harmless from evil;
--- materialized view of a view: refuse
create view evil as select email as harmless from customers;
create materialized view copied as select harmless from evil;
--- temporary copy: refuse
create temp table copied as select lower(email) from customers;
--- returning of a swap: mask
update customers set email = email where id = 1 returning email, customers;
--- delete returning: mask
with d as (delete from customers where id = 20 returning *) select email, upper(phone) from d;
--- whole row in order: refuse
select id from customers c order by c;
--- whole row in a filter: refuse
select id from customers c where c::text like '%canary1@%';
--- grouped by a row: refuse
select count(*) from customers c group by c;
--- concatenated whole table: mask
select string_agg(c::text, '') from customers c;
--- copy of a view: mask
copy (select m, contact from v_mail join mv_mail using (id)) to stdout;
--- prepared: mask
prepare p(text) as select email || $1 from customers;
execute p('x');
--- explained: mask
explain (verbose, costs off) select id from customers where email = 'canary1@hush.example';
--- tablesample of protected: mask
select email from customers tablesample bernoulli (100);
--- join alias: mask
select j.a from (customers c(x, y, a) join contacts k(z, b) on c.x = k.z) as j(x, y, a, p, q, r, s, t, u, v, w, b);
--- full join using: refuse
select email from customers full join contacts using (email);
--- nested set operations with stars: mask
select a from ((select * from (select city a from contacts) q1) union all (select * from (select email a from customers) q2)) u;
--- opaque number: refuse
select n from nums where n = ascii(leak(1));
--- opaque beside protected: mask
select leak(id) || email from customers;
--- opaque stored: refuse
update contacts set city = leak(id);
--- opaque in set_config: refuse
select set_config('a.b', leak(1), false);
--- protected in set_config: refuse
select set_config('a.b', email, false) from customers limit 1;
--- notify by column: refuse
select pg_notify('c', email) from customers;
--- lock by column: refuse
select pg_try_advisory_lock(ascii(email)) from customers;
--- seed: refuse
select setseed(ascii(email) / 200.0) from customers where id = 1;
--- log: refuse
select pg_logical_emit_message(false, 'a', email) from customers;

-- Ordinary statements that only the server's own analysis lets pass with
-- nothing but the named columns masked: as ../../testdata/precision.sql.

--- computed beside: u
select id, upper(city) as c, upper(email) as u, length(name) as l from customers;
--- concatenation: label
select id, name || ' <' || email || '>' as label from customers;
--- count of a protected column: nothing
select count(email), count(*), count(distinct city) from customers;
--- count of distinct: nothing
select count(distinct email) from customers;
--- grouped by protected: email
select email, count(*) from customers group by email order by count(*) desc;
--- sorted by protected: nothing
select id, name from customers order by email limit 5;
--- filter by pattern: nothing
select id, name from customers where email like 'canary1%';
--- filter by list: email
select id, email from customers where email in ('canary1@hush.example', 'canary2@hush.example');
--- filter not null: nothing
select id from customers where email is not null and phone is not null;
--- exists on key: nothing
select n from nums where exists (select 1 from customers c where c.id = nums.n);
--- json of other columns: nothing
select json_build_object('id', id, 'name', name) from customers;
--- json of the row: j
select id, to_jsonb(c) as j from customers c;
--- row: c
select c from customers c where id = 1;
--- aggregates: a,b
select city, max(age), string_agg(email, ',') as a, array_agg(phone) as b, sum(id) from customers group by city;
--- cte and join: email
with x as (select id, email from customers where city = 'Rome') select x.id, x.email, o.total from x join orders o on o.customer_id = x.id;
--- lateral: m
select c.id, l.m, l.n from customers c, lateral (select lower(c.email) as m, c.name as n) l;
--- union all: e
select id, email as e from customers union all select id, customer_email from orders;
--- view columns: m
select id, m, city from v_mail;
--- matview columns: contact
select id, contact from mv_mail;
--- matview aggregate: all_mails
select city, all_mails from mv_agg;
--- view count: nothing
select n from v_count;
--- view json: j
select id, j from v_rows;
--- scalar subquery: mail
select o.id, (select email from customers c where c.id = o.customer_id) as mail, (select name from customers c where c.id = o.customer_id) as name from orders o;
--- window: r
select id, name, row_number() over (order by id), rank() over (order by email) as r from customers;
--- case on protected: has
select id, case when email is null then 'no' else 'yes' end as has, case when vip then 'v' end as v from customers;
--- coalesce: e
select id, coalesce(email, 'none') as e from customers;
--- distinct: email
select distinct email from customers;
--- join on protected: nothing
select c.id, e.id from customers c join events e on e.email = c.email;
--- update by key: nothing
update customers set email = 'new@hush.example' where id = 1 and email = 'canary1@hush.example';
--- update keeps: email
update customers set email = email, city = 'Ulm' where id = 1 returning id, email, city;
--- upsert: email
insert into customers(id, name, email) values (1, 'n', 'x@hush.example'), (2, 'm', 'y@hush.example') on conflict (id) do update set email = excluded.email returning id, name, email;
--- insert select of clean: nothing
insert into sink(t) select name || city from customers;
--- delete by protected: nothing
delete from customers where email = 'canary20@hush.example';
--- opaque column beside: leak
select id, name, leak(id) as leak from customers;
--- opaque filter: nothing
select id, name from customers where leak(id) is not null;
--- explain of clean: nothing
explain select id, city from customers where city = 'Rome';
--- create as of clean: nothing
create table cities as select distinct city from customers;
select * from cities order by city;
--- view of everything: email
create view mine as select id, email from customers;
select id, email from mine;
--- cursor: e
begin;
declare c cursor for select id, upper(email) as e from customers;
fetch 3 from c;
close c;
commit;
--- prepared: email
prepare p(int) as select id, email from customers where id = $1;
execute p(3);
--- copy computed: u
copy (select id, upper(email) as u from customers order by id) to stdout;
--- copy of a table: email,phone,card
copy customers to stdout (format csv, header);
--- psql columns: nothing
select a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), (select pg_catalog.pg_get_expr(d.adbin, d.adrelid, true) from pg_catalog.pg_attrdef d where d.adrelid = a.attrelid and d.adnum = a.attnum and a.atthasdef) from pg_catalog.pg_attribute a where a.attrelid = 'customers'::regclass and a.attnum > 0 order by a.attnum;
--- activity counted: nothing
select state, count(*) from pg_stat_activity group by state order by 1;
--- replication: nothing
select pid, application_name, state from pg_stat_replication;
--- user mappings: umoptions
select umid, srvname, umoptions from pg_user_mappings;
--- user mapping options: option_value
select option_name, option_value from information_schema.user_mapping_options;
--- recursive over protected: e
with recursive r(n, e) as (select 1, email from customers where id = 1 union all select n + 1, e from r where n < 3) select n, e from r;
--- temporary table of clean: nothing
create temp table t as select id, name from customers;
select * from t order by id;
--- except: email
select email from customers except select customer_email from orders;
--- tablesample: email
select id, email from customers tablesample bernoulli (100);
--- for update: email
select id, email from customers where id = 1 for update;
--- array element: first
select id, (array[email, phone])[1] as first from customers;
--- in subquery on key: nothing
select id, name from customers where id in (select customer_id from orders where total > 50);
--- grouping sets: nothing
select city, vip, count(*), grouping(city) from customers group by grouping sets ((city), (vip), ()) order by 1, 2;

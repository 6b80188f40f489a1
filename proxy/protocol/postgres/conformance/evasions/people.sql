-- Ways to people.mail and people.pan: expressions, relations, writes. The
-- grammar is told at Read in case.go; [word] after a name is the question that
-- masks cannot stop (README.md).

--- people plain
select mail, pan from people;
--- people only
select only.mail from only people as only;
--- people parenthesized
select (people).mail, ((people)).pan from people;
--- composite star in subquery
select (s.p).* from (select p from people p) s;
--- composite cast and back
select ((p::text)::people).mail from people p;
--- composite field by update
update people set city = 'Ulm' where id = 1 returning (people).mail;
--- composite in array
select (array_agg(p))[1] from people p;
--- composite in array, field
select ((array_agg(p))[1]).mail from people p;
--- composite compared in result
select p = p, p is null from people p;
--- composite as argument of coalesce
select (coalesce(p, null)).mail from people p;
--- row expression field
select (row(mail, pan)).f1 from people;
--- row through values
select x.column1 from people p, lateral (values (p)) x;
--- row through json and back
select (jsonb_populate_record(null::people, to_jsonb(p))).mail from people p;
--- row by jsonb_to_record
select r.mail from people p, jsonb_to_record(to_jsonb(p)) as r(mail text);
--- json path
select jsonb_path_query(to_jsonb(p), '$.mail') from people p;
--- json path first
select jsonb_path_query_first(to_jsonb(p), '$.*.type()') from people p;
--- json path filter [filter]
select id from people p where to_jsonb(p) @? '$.mail ? (@ starts with "canary1")';
--- json subscript
select (to_jsonb(p))['mail'] from people p;
--- json concatenation
select extra || jsonb_build_object('m', mail) from people;
--- json keys of values
select jsonb_object_agg(mail, id) from people where id < 3;
--- json object of arrays
select json_object(array_agg(id::text order by id), array_agg(mail order by id)) from people;
--- json strip and pretty
select jsonb_pretty(to_jsonb(p) - 'id') from people p;
--- json array elements text
select e from people p, jsonb_array_elements_text(jsonb_build_array(p.mail, p.pan)) e;
--- json object keys by value
select k from people p, jsonb_object_keys(jsonb_build_object(p.mail, 1)) k;
--- sql json constructor
select json_object('m' value mail) from people;
--- sql json arrayagg
select json_arrayagg(mail order by id) from people;
--- sql json table
select t.* from people p, json_table(to_jsonb(p), '$' columns (m text path '$.mail')) t;
--- sql json value
select json_value(to_jsonb(p), '$.mail') from people p;
--- xml element
select xmlelement(name m, xmlattributes(mail as a), pan) from people;
--- xml concat
select xmlconcat(xmlelement(name a, mail), xmlcomment(pan)) from people where mail not like '%--%';
--- xml forest and serialize
select xmlserialize(content xmlforest(mail, pan) as text) from people;
--- xml query
select (xpath('/m/text()', xmlelement(name m, mail)))[1]::text from people;
--- xml table of people
select x.m from people p, xmltable('/r' passing xmlelement(name r, xmlelement(name m, p.mail)) columns m text) x;
--- xml exists [filter]
select id from people where xmlexists('/m[starts-with(text(), "canary1")]' passing xmlelement(name m, mail));
--- query to xml of people
select query_to_xml('select mail from conformance.people', true, false, '');
--- table to xml and schema
select table_to_xml_and_xmlschema('conformance.people', true, false, '');
--- database to xml
select database_to_xml(true, false, '');
--- string to array
select string_to_array(mail, '@') from people;
--- string to table
select t from people p, string_to_table(p.mail, '@') t;
--- regexp matches
select regexp_matches(mail, '(.)(.)') from people;
--- regexp split
select regexp_split_to_array(mail, '[a-m]') from people;
--- overlay and translate
select overlay(mail placing 'x' from 1 for 1), translate(mail, 'ab', 'xy') from people;
--- encode
select encode(convert_to(mail, 'UTF8'), 'base64'), encode(mail::bytea, 'hex'), encode(mail::bytea, 'escape') from people;
--- get byte
select get_byte(convert_to(mail, 'UTF8'), 0) from people;
--- bit by bit
select get_bit(convert_to(mail, 'UTF8'), n) from people, nums where n < 8;
--- sha
select sha256(convert_to(mail, 'UTF8')) from people;
--- hash
select hashtext(mail), hash_record(row(mail)) from people;
--- quote literal
select quote_literal(mail), quote_ident(mail), quote_nullable(pan) from people;
--- length only
select length(mail), octet_length(pan), char_length(mail) from people;
--- null test
select mail is null, pan is not distinct from null from people;
--- boolean result
select mail > 'b', mail ~ '^c', starts_with(mail, 'canary1') from people;
--- width bucket
select width_bucket(length(mail), 0, 100, 50) from people;
--- text search
select to_tsvector('simple', mail), ts_headline('simple', mail, to_tsquery('simple', 'canary1')) from people;
--- tsvector to array
select tsvector_to_array(to_tsvector('simple', coalesce(pan, ''))) from people;
--- range of values
select textrange from (select int4range(0, length(mail)) as textrange from people) s;
--- array slice
select (array[mail, pan])[1:2] from people;
--- array position
select array_position(array[mail], 'canary1@hush.example') from people;
--- array to string
select array_to_string(array_agg(mail order by id), ',') from people;
--- array of rows unnested
select u.mail from (select array_agg(p) as a from people p) s, unnest(s.a) u;
--- unnest with ordinality
select u, o from people p, unnest(array[p.mail, p.pan]) with ordinality x(u, o);
--- ordered set aggregate
select percentile_disc(0.5) within group (order by mail) from people;
--- mode aggregate
select mode() within group (order by mail) from people;
--- hypothetical aggregate
select rank('canary5@hush.example') within group (order by mail) from people;
--- aggregate filter
select count(*) filter (where mail like 'canary1%') from people;
--- aggregate order
select string_agg(city, ',' order by mail) from people;
--- aggregate distinct
select count(distinct pan), array_agg(distinct mail) from people;
--- bool aggregate
select bool_and(mail like 'c%'), every(pan > '3') from people;
--- sum of ascii
select sum(ascii(mail)), avg(length(mail)), stddev(ascii(pan)) from people;
--- window values
select first_value(mail) over w, nth_value(pan, 2) over w from people window w as (order by id);
--- window frame by value
select sum(id) over (order by length(mail) range between 1 preceding and current row) from people;
--- window offset by value
select lag(city, length(mail)) over (order by id) from people;
--- window count filter
select count(*) filter (where mail < 'd') over () from people;
--- grouping by whole row [group]
select count(*) from people p group by p;
--- cube [group]
select grouping(mail), count(*) from people group by cube (mail);
--- distinct on whole row [group]
select distinct p from people p;
--- order by whole row [order]
select id from people p order by p.mail, p;
--- order by collation [order]
select id from people order by mail collate "C" desc nulls first;
--- limit with ties [order]
select id from people order by mail fetch first 1 row with ties;
--- limit by value
select id from people order by id limit (select length(mail) from people where id = 1) / 3;
--- offset by value
select n from nums order by n offset (select ascii(pan) from people where id = 1);
--- generate series by value
select count(*) from people p, generate_series(1, length(p.mail));
--- repeat by value
select repeat('x', length(mail)) from people;
--- decoder lateral
select p.id, n from people p, nums where ascii(substr(p.mail, 3, 1)) = n;
--- decoder by join using
select id, n from (select id, ascii(mail) as n from people) p join nums using (n);
--- decoder by in
select n from nums where n in (select ascii(mail) from people);
--- decoder by any array
select n from nums where n = any (array(select ascii(mail) from people));
--- decoder by not exists
select n from nums where not exists (select from people where ascii(mail) = n);
--- decoder by intersect
select n from nums intersect select ascii(mail) from people;
--- decoder by left join
select n, p.id from nums left join people p on ascii(p.mail) = n;
--- decoder by case
select case when ascii(mail) = n then n end from people, nums where people.id = 1;
--- decoder by row comparison
select n from nums, people p where (n, 1) = (ascii(p.mail), 1);
--- decoder by between
select max(n) from nums where n < (select ascii(mail) from people where id = 1);
--- decoder by having
select n from nums, people group by n having bool_or(ascii(mail) = n);
--- decoder by jsonb containment
select n from nums where (select jsonb_agg(ascii(mail)) from people) @> to_jsonb(n);
--- decoder by range
select n from nums where (select int4range(0, ascii(mail)) from people where id = 1) @> n;
--- decoder by array index
select (array['a','b','c','d'])[1 + length(mail) % 4] from people;
--- decoder by substring of alphabet
select substr('abcdefghijklmnopqrstuvwxyz', ascii(mail) - 96, 1) from people where id = 1;
--- decoder by update
update contacts set city = 'found' where id = (select length(mail) % 5 + 1 from people where id = 1) returning id;
--- decoder by delete
delete from contacts where id in (select length(mail) % 5 + 1 from people) returning id;
--- decoder by recursion
with recursive r(i, c) as (select 1, substr(mail, 1, 1) from people where id = 1 union all select i + 1, substr((select mail from people where id = 1), i + 1, 1) from r where i < length((select mail from people where id = 1))) select count(*), string_agg(c, '') from r;
--- recursive length
with recursive r(i) as (select 1 union all select i + 1 from r where i < (select length(mail) from people where id = 1)) select max(i) from r;
--- cycle clause
with recursive r(m, i) as (select mail, 1 from people union all select m, i + 1 from r where i < 2) cycle m set seen using path select seen, path from r;
--- tablesample by value
select count(*) from nums tablesample bernoulli (100) repeatable ((select length(mail) from people where id = 1));
--- view with swapped names
select mail, id, city from v_people order by mail;
--- view with swapped names, computed
select upper(id) from v_people;
--- view of a join
select * from v_visits;
--- view of a join, other name
select substr(who, 2) as place from v_visits;
--- view in view made here
begin;
create temp view w1 as select id as a, mail as b from people;
create temp view w2 as select b as a, a as b from w1;
select a, b from w2;
rollback;
--- view replaced
begin;
create temp view w1 as select city as a from people;
select a from w1;
create or replace temp view w1 as select mail as a from people;
select a from w1;
rollback;
--- updatable view returning
update v_people set city = 'Ulm' where mail = 1 returning id, city;
--- instead of trigger returning
update v_instead set city = 'x' where id = 1 returning city;
--- temp table as
create temp table kept as select id, mail as city from people;
select * from kept;
select upper(city) from kept;
--- temp table then permanent
create temp table kept as select id, mail from people;
create table conformance.copied as select * from kept;
select * from copied;
--- temp table inserted
create temp table kept (v text);
insert into kept select mail from people;
select v from kept;
--- temp table altered
create temp table kept as select id, mail from people;
alter table kept rename column mail to city;
select city from kept;
--- temp table recreated
create temp table kept as select id, mail as v from people;
drop table kept;
create temp table kept as select id, city as v from people;
select v from kept order by id;
--- temp table of temp table
create temp table one as select mail from people;
create temp table two as select mail as v from one;
drop table one;
select v from two;
--- temp table, dropped column
create temp table kept as select id, city, mail from people;
alter table kept drop column city;
select * from kept;
--- temp table, committed and read elsewhere in the session
begin;
create temp table kept on commit preserve rows as select pan from people;
commit;
copy kept to stdout;
--- temp table rolled back
begin;
create temp table kept as select city as v from people;
savepoint s;
drop table kept;
create temp table kept as select mail as v from people;
rollback to s;
select v from kept order by 1;
rollback;
--- temp table in a temp view
create temp table kept as select mail from people;
create temp view seen as select mail as v from kept;
select v from seen;
--- temp sequence by value
create temp sequence s;
select setval('s', length(mail)) from people where id = 1;
select last_value from s;
--- update own from own
update people set city = substr(mail, 1, 3) where id = 1 returning city;
--- update protected from protected of the row
update people set pan = mail where id = 1 returning pan, city;
--- update by subquery
update people set extra = (select to_jsonb(q) from people q where q.id = people.id) where id < 3 returning extra;
--- update by from
update visits set place = p.mail from people p where p.id = visits.person returning place;
--- insert from returning
with gone as (delete from people where id = 12 and false returning mail) insert into sink(t) select mail from gone returning t;
--- insert default values of a view
insert into contacts(id, city) values (90, (select mail from people where id = 1)) returning city;
--- insert overriding on conflict
insert into people(id, mail, city) values (1, 'x', 'y') on conflict (id) do update set city = people.mail returning city;
--- on conflict constraint by value [error]
insert into people(id, mail) values (99, 'canary1@hush.example');
--- on conflict do nothing by value [filter]
insert into people(id, mail) values (99, 'canary1@hush.example') on conflict do nothing returning id;
--- merge returns
merge into sink s using people p on s.id = p.id when not matched then insert (t) values (p.mail);
--- merge condition [filter]
merge into visits v using people p on v.person = p.id when matched and p.mail like 'canary1%' then update set place = 'x';
--- delete using
delete from visits v using people p where v.person = p.id and p.id = 3 returning p.mail, v.place;
--- check failure prints people
update people set city = 'nowhere' where id = 2;
--- unique failure prints people [error]
update people set mail = 'canary3@hush.example' where id = 2;
--- cast failure to enum
select mail::mood from people;
--- cast failure to date
select pan::date from people where id = 1;
--- cast failure to json
select mail::json from people where id = 1;
--- cast failure to uuid in where
select id from people where mail::uuid is null;
--- cast failure to inet guarded [filter]
select id from people where case when mail like 'canary1%' then 1 / 0 = 1 else true end;
--- division by length [error]
select 1 / (length(mail) - 20) from people where id = 1;
--- numeric overflow by value
select (length(mail) * 2000000000)::int from people where id = 1;
--- array out of memory by value
select repeat('x', 100)::varchar(10) || mail from people;
--- regexp failure prints
select 'x' ~ (mail || '(') from people;
--- to_number failure
select to_number(pan, '999') from people where id = 1;
--- set returning in select list by value
select generate_series(1, length(mail)), id from people where id < 3;
--- set returning of split
select unnest(string_to_array(mail, 'a')) from people where id < 3;
--- sleep by value
select pg_sleep(length(mail) / 10000.0) from people where id = 1;
--- explain analyze of people
explain (analyze, costs off, timing off, summary off) select * from people where mail like 'canary1%';
--- explain generic of people [filter]
explain select * from people where mail > 'd';
--- explain verbose of function
explain (verbose, costs off) select leak_immutable();
--- explain format xml
explain (format xml, costs off) select mail from people where mail = leak_immutable();
--- row lock
select mail from people where id = 1 for update;
--- bind names of columns
select mail as "id", id as "mail" from people order by 2;
--- using join alias
select j.mail from people p join conformance_shadow.people q using (id) as j, lateral (select p.mail) k;
--- natural join over keys
select * from (select id, mail from people) a natural join (select id, city from people) b;
--- natural full join on protected
select * from (select mail from people) a natural full join (select mail from conformance_shadow.people) b;
--- lateral aggregate
select l.m from visits v, lateral (select max(mail) m from people p where p.id = v.person) l;
--- exists in result
select exists (select from people where mail like 'canary1%');
--- scalar in values
values (1, (select pan from people where id = 1));
--- scalar in limit of values
select * from (values (1), (2), (3)) v(x) limit (select length(mail) % 3 from people where id = 1);
--- table function with ordinality
select * from rows from (leak_all(), generate_series(1, 2)) with ordinality as t(a, b, o);

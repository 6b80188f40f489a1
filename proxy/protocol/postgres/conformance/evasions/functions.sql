-- Ways through the code of users: functions of each kind, operators, casts,
-- triggers, rules, policies, and what they leave behind.

--- out parameters
select * from leak_out();
--- out parameter field
select (leak_out()).b;
--- out parameter in where [filter]
select 1 where (leak_out()).b like 'canary1%';
--- table function with misleading names
select city, id from leak_table();
--- table function joined to clean keys
select p.city, l.id from people p join leak_table() l on l.city = p.id;
--- function of json
select leak_json(1) ->> 'mail';
--- function of json in from
select k, v from jsonb_each_text(leak_json(1)) as j(k, v);
--- immutable function
select leak_immutable();
--- immutable function folded in a limit
select n from nums order by n limit length(leak_immutable());
--- immutable function in explain
explain (costs off) select * from people where city = leak_immutable();
--- function by default argument
select leak_default(1);
--- function variadic
select leak_variadic(1, 2, 3);
--- function variadic array
select leak_variadic(variadic array[2]);
--- function polymorphic
select leak_poly(1);
--- function by named argument
select leak_default(a => 3);
--- function by schema
select conformance.leak(1), "conformance"."leak"(2);
--- function of unicode name
select U&"l\0065ak"(1);
--- function through operator of schema
select 'x'::text operator(conformance.<#>) 2;
--- function shadows a built-in
set search_path = conformance_shadow, conformance, pg_catalog;
select upper(city) from conformance.people;
--- function shadows another
set search_path = conformance_shadow, conformance;
select twice(1);
--- operator shadows a built-in
set search_path = conformance_shadow, conformance, pg_catalog;
select 'x'::text || 1;
--- catalog shadowed by a view
set search_path = conformance_shadow, pg_catalog;
select relname from pg_class;
--- setting kept by a function [copy]
select leak_setting();
select current_setting('my.kept', true);
--- setting kept by a function, shown [copy]
select leak_setting();
show my.kept;
--- setting kept by a function, listed [copy]
select leak_setting();
select setting from pg_settings where name = 'my.kept';
--- setting reported by the server [copy]
select leak_status();
select current_setting('application_name');
--- setting reported in activity [copy]
select leak_status();
select application_name from pg_stat_activity where pid = pg_backend_pid();
--- temporary table made by a function
select leak_temp();
select * from kept;
--- temporary table made by a function, computed
select leak_temp();
select upper(mail) from kept;
--- table filled by a function [copy]
select leak_sink();
select t from sink;
--- large object made by a function [copy]
begin;
select leak_lo();
select lo_get(oid) from pg_largeobject_metadata order by oid desc limit 1;
rollback;
--- large object made here
begin;
select lo_from_bytea(424242, convert_to(mail, 'UTF8')) from people where id = 1;
select lo_get(424242);
rollback;
--- sqlstate by value
select leak_code();
--- call with inout
call leak_call('x');
--- call with inout, extended
\parse s call leak_call('x');
\run s
--- do with notice
do $$ declare r record; begin for r in select * from people loop raise notice '%', r.mail; end loop; end $$;
--- do with exception
do $$ begin raise exception '%', (select mail from people where id = 1); end $$;
--- do with notify
listen chan;
do $$ begin perform pg_notify('chan', (select mail from people where id = 1)); end $$;
select 1;
unlisten *;
--- notify across sessions
\second listen chan;
select pg_notify('chan', (select mail from people where id = 1));
\second select 1;
--- notify by function across sessions
\second listen chan;
select leak_notify();
\second select 1;
--- notify plain
listen chan;
notify chan, 'nothing secret';
select 1;
--- trigger copies to a log [copy]
insert into audited values (1, 'x');
select t from log;
--- trigger copies, returning
insert into audited values (1, 'x') returning t;
--- row security by value [filter]
select * from guarded;
--- row security by value, counted [filter]
select count(*) from guarded;
--- row security notices
select * from noted;
update noted set t = 'x';
--- rule returns
update ruled set t = 'y' where id = 1;
--- rule made here
create rule mine as on insert to visits do also select mail from people;
insert into visits(id) values (900);
drop rule mine on visits;
--- trigger made here
create trigger mine before insert on visits for each row execute function fill();
insert into visits(id) values (901) returning place;
drop trigger mine on visits;
--- policy made here
create policy mine on visits using (leak_notice() = 1);
alter table visits enable row level security;
alter table visits force row level security;
select count(*) from visits;
--- default made here
alter table contacts alter city set default leak(1);
insert into contacts(id) values (77) returning city;
--- generated column made here
alter table people add column copy text generated always as (upper(mail)) stored;
select copy from people;
--- column type changed here
alter table people alter mail type varchar(200);
select mail from people;
--- column renamed here
alter table people rename mail to harmless;
select harmless from people;
--- table renamed here
alter table people rename to harmless;
select mail from harmless;
--- table moved here
alter table conformance_shadow.people rename to away;
alter table people set schema conformance_shadow;
select mail from conformance_shadow.people;
--- inheritance made here
create table heirs () inherits (people);
insert into heirs(id, mail) values (500, 'mine');
select mail from heirs;
select mail from people;
--- parent made here
create table parent (mail text, city text);
alter table people inherit parent;
select mail from parent;
--- partition made here
create table split (id int, email text, at date, kind text) partition by range (id);
alter table events detach partition events_1;
select email from events_1;
--- foreign key made here
create table refers (m text references people(mail));
select m from refers;
--- materialized view made here
create materialized view conformance.mine as select mail as v from people;
select v from mine;
--- view made here
create view conformance.mine as select mail as v, id from people;
select v from mine;
select upper(v) from mine;
--- function made here
create function conformance.mine() returns text language sql as 'select mail from conformance.people limit 1';
select mine();
--- function replaced here
create or replace function twice(int) returns int language sql as 'select length(mail) from conformance.people where id = $1';
select twice(1);
--- polite replaced here
create or replace function polite(text) returns text language sql as 'select mail from conformance.people where id = 1';
select polite('x');
--- procedure made here
create procedure conformance.mine() language plpgsql as $$ begin raise notice '%', (select mail from conformance.people limit 1); end $$;
call mine();
--- operator made here
create operator conformance.@#@ (function = leak, rightarg = int);
select @#@ 1;
--- cast made here
create function conformance.mood_text(mood) returns text language sql as 'select mail from conformance.people limit 1';
create cast (mood as text) with function mood_text(mood) as implicit;
select 'ok'::mood || '';
--- domain made here
create domain conformance.watched as int check (leak_notice() = 1);
select 1::watched;
--- aggregate made here
create aggregate conformance.mine(int) (sfunc = leak_step, stype = text, initcond = '');
select mine(1);
--- type input made here
create type conformance.mine as (m text);
select (select row(mail)::mine from people limit 1);
--- event trigger made here
create event trigger mine on ddl_command_start execute function fill();
--- statistics made here
create statistics conformance.mine on mail, pan from people;
analyze people;
select stxdmcv from pg_statistic_ext_data;
--- statistics views
select * from pg_stats_ext;
select * from pg_stats_ext_exprs;
--- index made here
create index mine on people (upper(mail));
select indexdef from pg_indexes where indexname = 'mine';
select tablename, attname, histogram_bounds from pg_stats where tablename = 'mine';
--- index statistics after analyze
create index mine on people ((substr(mail, 1, 3)));
analyze people;
select histogram_bounds, most_common_vals from pg_stats where tablename = 'mine';
--- partial index by value
create index mine on people (id) where mail > 'd';
select reltuples from pg_class where relname = 'mine';
--- owner changes
alter table people owner to current_user;
select mail from people;
--- comment by value
do $$ begin execute format('comment on table contacts is %L', (select mail from conformance.people where id = 1)); end $$;
select obj_description('contacts'::regclass);
--- extension functions
select * from dblink('dbname=' || current_database(), 'select mail from conformance.people') as t(m text);
--- crosstab of people
select * from crosstab('select 1, id, mail from conformance.people order by 1, 2') as t(a int, b text, c text);
--- foreign table to itself
select email from far where id = 1;
--- cursor from a function
begin;
select leak_cursor();
fetch 2 from opened;
rollback;
--- cursor from a function, extended
begin;
select leak_cursor();
\parse f fetch all from opened
\run f binary
rollback;
--- forged tree
select forge('({QUERY :commandType 1 :querySource 0 :canSetTag true :utilityStmt <> :resultRelation 0 :hasAggs false :rtable <> :jointree {FROMEXPR :fromlist <> :quals <>} :targetList ({TARGETENTRY :expr {CONST :consttype 25} :resno 1 :resname mail :ressortgroupref 0 :resorigtbl 0 :resorigcol 0 :resjunk false})})'), mail, upper(mail) from people;
--- forged tree, then a query
select forge('({QUERY :commandType 1 :targetList <>})');
select upper(mail) from people;
--- forged tree in a pipeline
\pipe
select forge('({QUERY :commandType 1 :targetList <>})');
select upper(mail) from people;
\sync
--- forged tree at planning
prepare p as select forge('({QUERY :commandType 1 :targetList <>})') + n, (select upper(mail) from people limit 1) from nums where n < 2;
execute p;
--- raise chooses names and an sqlstate, as a notice
create function conformance.mine(t text) returns text language plpgsql as $$ begin raise notice using message = 'x', errcode = upper(substr(md5(t), 1, 5)), column = t, constraint = t, table = t, schema = t, datatype = t; return 'x'; end $$;
select conformance.mine(mail) from people;
--- raise chooses names and an sqlstate, as an error
create function conformance.mine(t text) returns text language plpgsql as $$ begin raise exception using message = 'x', errcode = upper(substr(md5(t), 1, 5)), column = t, constraint = t, table = t, schema = t, datatype = t; end $$;
select conformance.mine(mail) from people where id = 1;
--- raise in a function that reads by itself
create function conformance.mine() returns text language plpgsql as $$ declare t text; begin select mail into t from conformance.people where id = 1; raise exception using message = 'x', errcode = upper(substr(md5(t), 1, 5)), constraint = t; end $$;
select conformance.mine();
--- raise in a trigger
create function conformance.mine() returns trigger language plpgsql as $$ begin raise warning using message = 'x', errcode = upper(substr(md5(old.mail), 1, 5)), column = old.mail; return new; end $$;
create trigger mine before update on people for each row execute function conformance.mine();
update people set id = id where id = 1;
--- an error whose kind a function chooses by a value
create function conformance.mine() returns text language plpgsql as $$ declare t text; begin select mail into t from conformance.people where id = 1; case when t > 'd' then perform 1 / 0; else perform 'x'::int; end case; return ''; end $$;
select conformance.mine();
--- an object's name that a function made of a value
create function conformance.mine() returns text language plpgsql as $$ declare t text; begin select mail into t from conformance.people where id = 1; execute format('create temp table made (a int constraint %I check (a > 0))', t); insert into made values (0); return ''; end $$;
select conformance.mine();

-- Ways through the session: switching the analysis off, names that change their
-- meaning, prepared statements, cursors, pipelines and several statements in
-- one message.

--- settings off by set
set debug_print_rewritten = off;
select upper(mail) from people;
--- settings off by reset
reset debug_print_rewritten;
select upper(mail) from people;
--- settings off by set local
begin;
set local debug_print_rewritten = off;
select upper(mail) from people;
rollback;
--- settings off by set_config
select set_config('debug_print_rewritten', 'off', false);
select upper(mail) from people;
--- settings off by update of pg_settings
update pg_settings set setting = 'off' where name = 'debug_print_rewritten';
select upper(mail) from people;
--- settings off by dynamic name
select set_config(name, 'off', false) from pg_settings where name = 'debug_print_rewritten';
select upper(mail) from people;
--- messages off by set
set client_min_messages = error;
select upper(mail) from people;
--- messages off by set_config
select set_config('client_min_messages', 'error', false);
select upper(mail), leak(1) from people;
--- messages off by quoted name
set "client_min_messages" to 'error';
select upper(mail) from people;
--- messages off in upper case
SET Client_Min_Messages = PANIC;
select upper(mail) from people;
--- messages off by session characteristics
set session client_min_messages to 'error';
select upper(mail) from people;
--- pretty print on
set debug_pretty_print = on;
select upper(mail) from people;
--- rewrite printed by parse
set debug_print_parse = on;
select upper(mail) from people;
--- settings by discard
discard all;
set search_path = conformance;
select upper(mail) from people;
--- settings by reset all
reset all;
set search_path = conformance;
select upper(mail) from people;
--- settings by rollback
begin;
set client_min_messages = error;
rollback;
select upper(mail) from people;
--- settings by rollback to savepoint
begin;
savepoint s;
set client_min_messages = error;
rollback to s;
select upper(mail) from people;
rollback;
--- settings by role
alter role current_user set client_min_messages = error;
select upper(mail) from people;
alter role current_user reset client_min_messages;
--- settings by database
do $$ begin execute format('alter database %I set client_min_messages = error', current_database()); end $$;
select upper(mail) from people;
\direct do $$ begin execute format('alter database %I reset client_min_messages', current_database()); end $$;
--- settings by function attribute
create function conformance.mine() returns text language sql set client_min_messages = error as 'select mail from conformance.people limit 1';
select mine();
--- settings by session authorization
set session authorization default;
select upper(mail) from people;
--- settings by role switch
set role none;
select mail from people;
--- strings not standard
set standard_conforming_strings = off;
select 'a\'' || mail || '\'' from people;
--- strings not standard, hidden statement
set standard_conforming_strings = off;
select '\'; select mail from people; --';
--- backslash quote
set backslash_quote = on;
select mail from people;
--- encoding of the client
set client_encoding = 'LATIN1';
select mail, upper(pan) from people;
--- encoding of the client, odd
set client_encoding = 'SJIS';
select mail from people;
--- names of the client
set names 'LATIN1';
select mail from people;
--- bytea output
set bytea_output = escape;
select convert_to(mail, 'UTF8'), p_bytea from people, formats where formats.id = 1;
--- datestyle
set datestyle = 'German';
select p_date, p_timestamp from formats;
--- interval style
set intervalstyle = iso_8601;
select p_interval from formats;
--- extra digits
set extra_float_digits = 3;
select p_float4, p_float8 from formats;
--- xml option
set xmloption = document;
select p_xml from formats;
--- row security off
set row_security = off;
select * from guarded;
--- transform nulls
set transform_null_equals = on;
select id from people where mail = null;
--- array nulls
set array_nulls = off;
select array[mail] from people;
--- escape warnings
set escape_string_warning = on;
select mail from people where mail = 'a\b';
--- plan cache
set plan_cache_mode = force_generic_plan;
prepare p(int) as select mail from people where id = $1;
execute p(1);
--- jit and friends
set enable_seqscan = off;
select id, mail from people where mail is not null order by id;
--- search path of people
set search_path = conformance_shadow, conformance;
select mail from people;
select upper(mail) from people;
set search_path = conformance, conformance_shadow;
select mail from people;
select upper(mail) from people;
--- search path by set_config
select set_config('search_path', 'conformance', false);
select upper(mail) from people;
--- search path by set_config of shadow
select set_config('search_path', 'conformance_shadow', false);
select upper(mail) from people;
select set_config('search_path', 'conformance', false);
select upper(mail) from people;
--- search path by update of pg_settings
set search_path = conformance_shadow, pg_catalog;
update pg_settings set setting = 'conformance' where name = 'search_path';
select upper(mail) from people;
--- search path rolled back
begin;
set search_path = conformance_shadow;
select upper(mail) from people;
rollback;
select upper(mail) from people;
--- search path to a savepoint
set search_path = conformance_shadow;
begin;
savepoint s;
set local search_path = conformance;
rollback to s;
select upper(mail) from people;
commit;
--- search path of temporary objects
create temp table people (id int, mail text);
insert into people values (1, 'mine');
select upper(mail) from people;
set search_path = conformance, pg_temp;
select upper(mail) from people;
--- search path of the user
set search_path = "$user", conformance;
select upper(mail) from people;
--- prepared, then the search path
set search_path = conformance_shadow;
\parse s select mail, upper(mail) from people
\run s
set search_path = conformance;
\run s
\run s binary
--- prepared by SQL, then the search path
set search_path = conformance_shadow;
prepare p as select mail, upper(mail) from people;
execute p;
set search_path = conformance;
execute p;
--- prepared, then a temporary table goes
create temp table people (id int, mail text, pan text, city text, extra jsonb);
\parse s select upper(mail) from people
\run s
drop table people;
\run s
--- prepared, then a temporary table comes
\parse s select city from people order by id
\run s
create temp table people as select id, mail as city from conformance.people;
\run s
--- prepared, then a view is replaced
create temp view v as select city as x from people;
\parse s select upper(x) from v
\run s
create or replace temp view v as select mail as x from people;
\run s
--- prepared, then another session replaces the view
create view conformance.mine as select city as x from people;
\parse s select upper(x) from mine
\run s
\second create or replace view conformance.mine as select mail as x from people;
\run s
--- prepared, then the owner replaces the view
\direct create view conformance.mine as select city as x from people; grant select on conformance.mine to public;
\parse s select upper(x) from mine
\run s
\direct create or replace view conformance.mine as select mail as x from people;
\run s
select upper(x) from mine;
--- prepared, then the owner renames columns
\parse s select upper(city) from people
\run s
\direct alter table people rename city to town; alter table people rename mail to city;
\run s
select upper(city) from people;
--- prepared, then the owner swaps tables
\parse s select upper(mail) from conformance_shadow.people
\run s
\direct alter table conformance_shadow.people rename to away; create view conformance_shadow.people as select id, mail, city from conformance.people; grant select on conformance_shadow.people to public;
\run s
select upper(mail) from conformance_shadow.people;
--- prepared, then the owner replaces a function
\parse s select twice(1)
\run s
\direct create or replace function twice(int) returns int language sql as 'select length(mail) from conformance.people where id = $1';
select 1;
--- prepared in a transaction that ends
begin;
\parse s select mail from people
rollback;
\run s
--- prepared twice under a name
prepare p as select city from people;
deallocate p;
prepare p as select mail from people;
execute p;
--- prepared by both protocols
prepare p as select upper(mail) from people;
\run p
\run p binary
--- parsed, executed by SQL
\parse s select mail, upper(pan) from people
execute s;
--- execute with an argument by value
prepare p(text) as select $1 || 'x';
execute p((select mail from people where id = 1));
--- execute with an opaque argument
prepare p(text) as select $1;
execute p(leak(1));
--- explain execute of people
prepare p as select mail from people where mail = leak_immutable();
explain (costs off) execute p;
--- create table as execute of people
prepare p as select mail as v from people;
create temp table kept as execute p;
select v from kept;
--- prepared statements listed
prepare p as select 'x' from people where mail = 'canary5@hush.example';
\second select statement from pg_prepared_statements;
select name, statement from pg_prepared_statements;
--- cursor binary
begin;
declare c binary cursor for select mail, p_int4 from people, formats where formats.id = 1;
fetch all from c;
rollback;
--- cursor with hold
begin;
declare h cursor with hold for select mail, upper(city) from people order by id;
commit;
fetch 3 from h;
fetch backward 2 from h;
close h;
--- cursor moved
begin;
declare c scroll cursor for select mail from people order by id;
move 3 in c;
fetch relative 1 from c;
fetch absolute 2 from c;
rollback;
--- cursor where current of
begin;
declare c cursor for select id, mail from people order by id for update;
fetch 1 from c;
update people set city = 'Ulm' where current of c returning mail, city;
rollback;
--- cursor under another name
begin;
declare "c""; select" cursor for select mail from people;
fetch all from "c""; select";
rollback;
--- cursor declared in one protocol, fetched in another
begin;
declare c cursor for select mail, upper(mail) from people;
\parse f fetch 2 from c
\run f
\run f binary
rollback;
--- cursor by execute of a portal of that name
begin;
\parse s select mail from people
declare s cursor for select upper(mail) from people;
\run s rows=1
fetch all from s;
rollback;
--- cursor listed
begin;
declare c cursor for select 1 from people where mail = 'canary5@hush.example';
select name, statement from pg_cursors;
rollback;
--- portal with a limit over what raises [error]
\parse s select 100 / (ascii(mail) - 99), id from people order by id
\run s rows=1
--- portal with a limit
\parse s select id, mail, length(pan) from people order by id
\run s rows=2
\run s binary rows=1
--- pipeline of statements
\pipe
select city from people where id = 1;
select mail from people where id = 1;
select upper(mail) from people where id = 1;
select pan from people where id = 1;
\sync
--- pipeline with an error
\pipe
select mail from people where id = 1;
select 1 / 0;
select pan from people where id = 1;
\sync
select mail from people where id = 1;
--- pipeline that changes the search path
\pipe
set search_path = conformance_shadow;
select upper(mail) from people;
set search_path = conformance;
select upper(mail) from people;
\sync
--- pipeline that parses first and shadows later
\pipe
\parse s select upper(mail) from people
create temp table people as select id, city as mail from conformance.people;
\run s
drop table people;
\run s
\sync
--- pipeline that makes and reads
\pipe
create temp table kept as select mail as v from people;
select upper(v) from kept;
\sync
--- several statements in a message
\simple select 1; select mail from people; select upper(mail) from people
--- several statements, the first makes what the second reads
\simple create temp table kept as select mail as v from people; select v from kept; select upper(v) from kept
--- several statements, the search path between
\simple set search_path = conformance_shadow; select upper(mail) from people; set search_path = conformance; select upper(mail) from people
--- several statements, a transaction between
\simple begin; set local search_path = conformance_shadow; commit; set search_path = conformance; select upper(mail) from people
--- several statements with an error
\simple select mail from people where id = 1; select 1/0; select pan from people
--- several statements and comments
\simple /* ; */ select mail /* ; from */ from people; select '; select 1' || mail from people; select $a$ ; $b$ ; $a$ || pan from people
--- several statements with empty ones
\simple ;;; select mail from people;;
--- nested comments
select /* /* ' */ " */ mail from people;
--- dollar quotes that nest
select $x$ $y$ ' $y$ $x$ || mail from people;
--- unicode escapes
select U&'\0063anary' || mail from people;
--- unicode identifiers with another escape
select U&"m!0061il" uescape '!' from U&"p!0065ople" uescape '!';
--- begin without end
begin;
select mail from people where id = 1;
savepoint a;
select upper(mail) from people where id = 1;
rollback to a;
select mail from people where id = 1;
--- aborted transaction
begin;
select 1 / 0;
select mail from people;
rollback;
select mail from people;
--- two-phase
begin;
update people set city = 'x' where id = 1 returning mail;
prepare transaction 'mine';
rollback prepared 'mine';
--- read only
begin read only;
select mail, upper(mail) from people;
commit;
--- snapshot exported
begin isolation level repeatable read;
select length(pg_export_snapshot()) > 0, mail from people where id = 1;
rollback;
--- other session sees no literal [filter]
\second select mail from people where mail = 'canary7@hush.example';
select query from pg_stat_activity where query like '%hush%';
--- activity of others by function [filter]
\second select 1 from people where mail = 'canary7@hush.example';
select query from pg_stat_get_activity(null);
--- locks of people
begin;
lock table people;
select relation::regclass, mode from pg_locks where relation = 'people'::regclass;
rollback;
--- copy in and out
begin;
copy people (id, city) from stdin;
rollback;
copy people to stdout;
--- copy binary
copy people to stdout (format binary);
--- copy csv with header
copy people (id, mail, pan) to stdout with csv header quote '"' force quote mail;
--- copy text with options
copy people (mail, id) to stdout (delimiter '|', null '<null>');
--- copy with an escape
copy (select mail, E'a\tb\\' from people) to stdout;
--- copy of a partitioned table
copy (select * from events) to stdout csv;
--- copy of a view
copy (select * from v_people) to stdout;
--- copy from what was copied
copy (select to_jsonb(p) from people p) to stdout;
--- copy with a where
copy (select id from people where mail like 'zzz%') to stdout;
--- copy of an update
copy (update people set city = 'Ulm' where id = 2 returning id, mail, upper(city)) to stdout;
--- copy in another encoding
copy people to stdout (encoding 'UTF16');

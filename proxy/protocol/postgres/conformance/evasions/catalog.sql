-- Ways through the catalog, statistics and odd names.

--- braces as names
select * from "{QUERY :x <>}";
--- braces as names of protected columns
select * from v_braces;
--- braces as names, computed
select upper(":varattno 1}"), "((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((" || 'x' from v_braces;
--- braces as aliases
select mail as "}) :targetList <> ({", pan as ":resorigtbl 0" from people as "{RTE :relid 1}";
--- backslashes as aliases
select mail as "\", pan as "\\", city as "\{" from people as "\";
--- parentheses as aliases
select upper(mail) as "))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))" from people;
--- constants like trees
select '{VAR :varno 1 :varattno 1}' || mail, '\' , '(', '<>', '{' from people;
--- spaces as names
select mail as " ", pan as "	", city as "
" from people;
--- long alias
select mail as "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" from people;
--- many columns
select mail, mail, mail, mail, mail, mail, mail, mail, mail, mail, mail, mail, mail, mail, mail, mail, mail, mail, mail, mail, city, pan from people;
--- deep nesting
select ((((((((((((((((((((((((((((((((((((((((mail)))))))))))))))))))))))))))))))))))))))) from people;
--- deep expression
select upper(lower(upper(lower(upper(lower(upper(lower(upper(lower(upper(lower(upper(lower(upper(lower(mail)))))))))))))))) from people;
--- wide information schema
select c.column_name, t.table_type, p.mail from information_schema.columns c join information_schema.tables t using (table_schema, table_name), people p where c.table_name = 'people' and p.id = 1 and c.table_schema = 'conformance';
--- information schema joined to itself
select count(*), max(p.mail) from information_schema.columns a join information_schema.key_column_usage b using (table_name), information_schema.table_constraints d, people p where a.table_name = 'nothing';
--- statistics of people
select attname, most_common_vals::text, histogram_bounds::text, correlation from pg_stats where tablename = 'people';
--- statistics by to_jsonb
select to_jsonb(s) from pg_stats s where tablename = 'people';
--- statistics by row
select s from pg_stats s where tablename = 'people' and attname = 'mail';
--- statistics width
select avg_width from pg_stats where tablename = 'people' and attname = 'mail';
--- statistics correlation
select correlation from pg_stats where tablename = 'people' and attname = 'mail';
--- statistics distinct [group]
select n_distinct from pg_stats where tablename = 'people' and attname in ('mail', 'pan');
--- statistics in a filter [filter]
select attname from pg_stats where tablename = 'people' and histogram_bounds::text like '%canary1%';
--- statistics unnested
select u from pg_stats, unnest(histogram_bounds::text::text[]) u where tablename = 'people' and attname = 'mail';
--- statistics decoder
select n from nums, pg_stats where tablename = 'people' and attname = 'mail' and avg_width = n;
--- statistics of an expression index
select pg_get_indexdef(indexrelid) from pg_index where indrelid = 'people'::regclass;
--- statistics table
select stawidth, stanumbers1, stavalues1 from pg_statistic where starelid = 'conformance.people'::regclass;
--- sizes of values
select pg_column_size(mail), pg_column_size(p) from people p;
--- compression of values
select pg_column_compression(mail) from people;
--- type of values
select pg_typeof(mail), pg_typeof(p) from people p;
--- plans by planner function
select leak_dynamic('explain select * from conformance.people where mail > ''d''');
--- toast name
select reltoastrelid::regclass::text from pg_class where relname = 'people';
--- missing values
select attname, attmissingval from pg_attribute where attrelid = 'people'::regclass and attnum > 0;
--- column default text
select column_default from information_schema.columns where table_name = 'people' order by ordinal_position;
--- view definition
select pg_get_viewdef('v_people'::regclass);
--- function definition
select prosrc from pg_proc where proname = 'leak';
--- system columns
select ctid, cmin, tableoid::regclass, mail from people;
--- system columns in filter
select mail from people where ctid = '(0,1)';
--- page inspection
select * from heap_page_items(get_raw_page('people', 0));
--- logical decoding
select * from pg_logical_slot_peek_changes('none', null, null);
--- current query [filter]
select current_query(), mail from people where mail = 'canary1@hush.example';
--- event of another session
select wait_event, query from pg_stat_activity where query ilike '%people%';
--- prepared transactions
select * from pg_prepared_xacts;
--- settings listed
select name, setting from pg_settings where name like 'my.%';
--- file settings
select * from pg_file_settings;
--- user mappings
select umoptions from pg_user_mappings;
--- large objects listed
select loid, data from pg_largeobject;
--- inherited
select tableoid::regclass, email from customers where id > 100;
--- inherited, column added
select c.*, tableoid::regclass from customers_eu c;
--- partition by name
select email from events_1 where id = 1;
--- partition, whole row
select e::text from events_1 e;
--- partition, union of parent and child
select email from events union all select email from events_1;
--- generated column, renamed
select domain as city from customers;
--- generated column in json
select jsonb_build_object('d', domain) from customers;
--- foreign key column, whole row
select o::text from orders o;
--- foreign key column by view
create temp view v as select customer_email as c from orders;
select c, upper(c) from v;
--- formats all
select * from formats;
--- formats by view
select * from v_formats;
--- formats as text
select f::text from formats f;
--- formats as json
select to_jsonb(f) from formats f;
--- formats arrays unnested
select unnest(p_texts), unnest(p_ints) from formats;
--- formats composite field
select (p_pair).b, (p_pair).a from formats;
--- formats composite array field
select (p_pairs[1]).b from formats;
--- formats json fields
select p_json #>> '{}', p_jsonb -> 'k', p_jsonb ->> 'k' from formats;
--- formats json exploded
select k, v from formats, jsonb_each(p_jsonb) as j(k, v);
--- formats numbers computed
select p_int4 + 1, p_numeric * 2, sqrt(p_float8), p_int8 % 7 from formats;
--- formats dates computed
select extract(year from p_date), p_timestamp + interval '1 day', age(p_timestamptz, '2000-01-01'), to_char(p_date, 'YYYY') from formats;
--- formats ranges computed
select lower(p_int4range), upper(p_tstzrange), isempty(p_int4range) from formats;
--- formats network computed
select host(p_inet), masklen(p_cidr), trunc(p_macaddr) from formats;
--- formats geometry computed
select p_point[0], area(p_box), center(p_circle), npoints(p_path) from formats;
--- formats boolean as condition [filter]
select id from formats where p_bool;
--- formats enum computed
select p_mood::text, enum_range(null, p_mood), p_moods[1] from formats;
--- formats bits computed
select p_bit & B'11111111', length(p_varbit), get_bit(p_bit, 0) from formats;
--- formats money computed
select p_money::numeric, p_money * 2 from formats;
--- formats oid as name
select p_oid::regclass, p_oid::regtype from formats;
--- formats in a decoder
select n from nums, formats where p_int2 = n;
--- formats null tests
select p_text is null, p_int4 is not null, p_pair is null from formats;
--- formats sorted [order]
select id from formats order by p_int4 desc;
--- formats binary cast
select p_int4::bit(32), p_bytea::text, p_uuid::text from formats;

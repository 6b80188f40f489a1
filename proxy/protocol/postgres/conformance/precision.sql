-- Ordinary statements, as tools and drivers send them. After the name stand the
-- result columns that masks change, in any order, or "nothing"; " or refused"
-- after that allows a refusal.

--- people star: mail,pan
select * from people order by id;
--- people one by key: mail
select id, mail, city from people where id = 3;
--- people page: mail
select id, mail, city from people where city in ('Berlin', 'Rome') order by city, id limit 5 offset 2;
--- people without secrets: nothing
select p.id, p.city, p.extra, p.extra ->> 'a' as a from people p order by p.city desc, p.id;
--- people joined: mail
select v.id, v.place, v.minutes, p.mail, p.city from visits v join people p on p.id = v.person where v.minutes > 20 order by v.id;
--- people left joined: pan
select p.id, p.pan, count(v.id) as visits, sum(v.minutes) as minutes from people p left join visits v on v.person = p.id group by p.id order by p.id;
--- people counted by city: nothing
select city, count(*) as n, min(id) as first, max(id) as last, array_agg(id order by id) as ids from people group by city order by n desc, city;
--- visits report: nothing
select date_trunc('week', at) as week, place, count(*) as n, sum(minutes) as total, avg(minutes)::numeric(10, 2) as mean from visits group by 1, 2 having count(*) > 0 order by 1, 2;
--- visits window: nothing
select id, person, minutes, sum(minutes) over (partition by person order by at) as running, rank() over (order by minutes desc) as place_of, lag(minutes) over (order by id) as before from visits order by id;
--- visits pivot: nothing
select person, count(*) filter (where place = 'place1') as one, count(*) filter (where place = 'place2') as two, percentile_cont(0.5) within group (order by minutes) as median from visits group by person order by person;
--- visits cte: nothing
with busy as (select person, sum(minutes) as total from visits group by person), ranked as (select person, total, dense_rank() over (order by total desc) as r from busy) select person, total, r from ranked where r <= 3 order by r, person;
--- visits cohort: nothing
select p.city, extract(month from v.at)::int as month, count(distinct v.person) as people, string_agg(distinct v.place, ',' order by v.place) as places from visits v join people p on p.id = v.person group by 1, 2 order by 1, 2;
--- visits latest of each: mail
select distinct on (v.person) v.person, v.at, v.place, p.mail from visits v join people p on p.id = v.person order by v.person, v.at desc;
--- visits lateral top: mail
select p.id, p.mail, t.place, t.minutes from people p cross join lateral (select place, minutes from visits where person = p.id order by minutes desc, id limit 1) t order by p.id;
--- visits grouping sets: nothing
select person, place, sum(minutes) as total, grouping(person) as g1, grouping(place) as g2 from visits group by grouping sets ((person), (place), ()) order by 1, 2, 3;
--- visits union: nothing
select 'short' as kind, count(*) as n from visits where minutes < 50 union all select 'long', count(*) from visits where minutes >= 50 order by 1;
--- visits json api: nothing
select json_build_object('id', v.id, 'place', v.place, 'at', v.at) as doc, to_jsonb(v) - 'at' as rest from visits v order by v.id limit 3;
--- visits calendar: nothing
select d::date as day, coalesce(sum(v.minutes), 0) as total from generate_series(timestamptz '2024-01-01', timestamptz '2024-01-10', interval '1 day') d left join visits v on v.at >= d and v.at < d + interval '1 day' group by d order by d;
--- people with an exists: mail
select p.id, p.mail from people p where exists (select 1 from visits v where v.person = p.id and v.minutes > 100) and p.city is not null order by p.id;
--- people not in visits: pan
select p.id, p.pan from people p where p.id not in (select person from visits where person is not null) order by p.id;
--- django select: mail,pan
SELECT "people"."id", "people"."mail", "people"."pan", "people"."city", "people"."extra" FROM "people" WHERE ("people"."city" = 'Rome' AND NOT ("people"."id" = 2)) ORDER BY "people"."id" ASC LIMIT 21;
--- django count: nothing
SELECT COUNT(*) AS "__count" FROM "people" WHERE "people"."city" = 'Rome';
--- django exists: nothing
SELECT 1 AS "a" FROM "people" WHERE "people"."id" = 1 LIMIT 1;
--- django prefetch: nothing
SELECT "visits"."id", "visits"."person", "visits"."place", "visits"."at", "visits"."minutes" FROM "visits" WHERE "visits"."person" IN (1, 2, 3) ORDER BY "visits"."id";
--- django annotate: mail
SELECT "people"."id", "people"."mail", COUNT("visits"."id") AS "n" FROM "people" LEFT OUTER JOIN "visits" ON ("people"."id" = "visits"."person") GROUP BY "people"."id" ORDER BY "people"."id";
--- rails find: mail,pan
SELECT "people".* FROM "people" WHERE "people"."id" = 4 LIMIT 1;
--- rails includes: mail
SELECT "people"."id" AS t0_r0, "people"."mail" AS mail, "visits"."id" AS t1_r0, "visits"."place" AS t1_r1 FROM "people" LEFT OUTER JOIN "visits" ON "visits"."person" = "people"."id" WHERE "visits"."minutes" > 30 ORDER BY "people"."id", "visits"."id";
--- rails pluck: nothing
SELECT "people"."id", "people"."city" FROM "people" ORDER BY "people"."id" ASC LIMIT 10;
--- hibernate: mail
select p1_0.id, p1_0.city, p1_0.mail as mail, v1_0.person, v1_0.id, v1_0.place from people p1_0 left join visits v1_0 on p1_0.id = v1_0.person where p1_0.id = 5 order by v1_0.id;
--- hibernate fetch first: mail
select p1_0.id, p1_0.mail from people p1_0 order by p1_0.id offset 0 rows fetch first 3 rows only;
--- typeorm: nothing
SELECT DISTINCT "distinctAlias"."User_id" AS "ids_User_id" FROM (SELECT "User"."id" AS "User_id", "User"."mail" AS "User_mail" FROM "people" "User") "distinctAlias" ORDER BY "User_id" ASC LIMIT 1;
--- prisma: mail
SELECT "public_t"."id", "public_t"."mail" FROM "people" AS "public_t" WHERE "public_t"."id" IN (1, 2) OFFSET 0;
--- sequelize: mail
SELECT "Person"."id", "Person"."mail", "visits"."id" AS "visits.id", "visits"."minutes" AS "visits.minutes" FROM "people" AS "Person" LEFT OUTER JOIN "visits" AS "visits" ON "Person"."id" = "visits"."person" ORDER BY "Person"."id", "visits"."id";
--- sqlalchemy orm: people_mail
SELECT people.id AS people_id, people.mail AS people_mail, people.city AS people_city FROM people WHERE people.id = 1;
--- sqlalchemy joined: mail_1
SELECT people_1.id AS id_1, people_1.mail AS mail_1, visits.id, visits.place FROM visits LEFT OUTER JOIN people AS people_1 ON people_1.id = visits.person ORDER BY visits.id LIMIT 5;
--- insert as orm: nothing
INSERT INTO visits (id, person, place, at, minutes) VALUES (700, 1, 'new', now(), 5) RETURNING visits.id;
--- update as orm: nothing
UPDATE people SET city = 'Bern', extra = '{"b": 2}' WHERE people.id = 1;
--- update returning as orm: mail
UPDATE people SET city = 'Bern' WHERE id = 1 RETURNING id, city, mail;
--- delete as orm: nothing
DELETE FROM visits WHERE visits.id = 3;
--- insert of a secret: mail
INSERT INTO people (id, mail, pan, city) VALUES (700, 'new@x.example', '42', 'Bonn') RETURNING id, mail, city;
--- upsert as orm: nothing
INSERT INTO visits (id, person, place) VALUES (1, 2, 'again') ON CONFLICT (id) DO UPDATE SET place = EXCLUDED.place, minutes = visits.minutes + 1 RETURNING id, place, minutes;
--- pgbench select: nothing
SELECT minutes FROM visits WHERE id = 12;
--- pgbench tpcb: nothing
BEGIN;
UPDATE visits SET minutes = minutes + 7 WHERE id = 2;
SELECT minutes FROM visits WHERE id = 2;
INSERT INTO log (t) VALUES ('7');
END;
--- psql describe, relation: nothing
SELECT c.oid, n.nspname, c.relname FROM pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relname OPERATOR(pg_catalog.~) '^(people)$' COLLATE pg_catalog.default AND pg_catalog.pg_table_is_visible(c.oid) ORDER BY 2, 3;
--- psql describe, kind: nothing
SELECT c.relchecks, c.relkind, c.relhasindex, c.relhasrules, c.relhastriggers, c.relrowsecurity, c.relforcerowsecurity, false AS relhasoids, c.relispartition, pg_catalog.array_to_string(c.reloptions || array(select 'toast.' || x from pg_catalog.unnest(tc.reloptions) x), ', '), c.reltablespace, CASE WHEN c.reloftype = 0 THEN '' ELSE c.reloftype::pg_catalog.regtype::pg_catalog.text END, c.relpersistence, c.relreplident, am.amname FROM pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_class tc ON (c.reltoastrelid = tc.oid) LEFT JOIN pg_catalog.pg_am am ON (c.relam = am.oid) WHERE c.oid = 'people'::regclass;
--- psql describe, columns: nothing
SELECT a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), (SELECT pg_catalog.pg_get_expr(d.adbin, d.adrelid, true) FROM pg_catalog.pg_attrdef d WHERE d.adrelid = a.attrelid AND d.adnum = a.attnum AND a.atthasdef), a.attnotnull, (SELECT c.collname FROM pg_catalog.pg_collation c, pg_catalog.pg_type t WHERE c.oid = a.attcollation AND t.oid = a.atttypid AND a.attcollation <> t.typcollation) AS attcollation, a.attidentity, a.attgenerated FROM pg_catalog.pg_attribute a WHERE a.attrelid = 'people'::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum;
--- psql describe, indexes: nothing
SELECT c2.relname, i.indisprimary, i.indisunique, i.indisclustered, i.indisvalid, pg_catalog.pg_get_indexdef(i.indexrelid, 0, true), pg_catalog.pg_get_constraintdef(con.oid, true), contype, condeferrable, condeferred, i.indisreplident, c2.reltablespace FROM pg_catalog.pg_class c, pg_catalog.pg_class c2, pg_catalog.pg_index i LEFT JOIN pg_catalog.pg_constraint con ON (conrelid = i.indrelid AND conindid = i.indexrelid AND contype IN ('p','u','x')) WHERE c.oid = 'people'::regclass AND c.oid = i.indrelid AND i.indexrelid = c2.oid ORDER BY i.indisprimary DESC, c2.relname;
--- psql describe, checks: nothing
SELECT r.conname, pg_catalog.pg_get_constraintdef(r.oid, true) FROM pg_catalog.pg_constraint r WHERE r.conrelid = 'people'::regclass AND r.contype = 'c' ORDER BY 1;
--- psql describe, foreign keys: nothing
SELECT true as sametable, conname, pg_catalog.pg_get_constraintdef(r.oid, true) as condef, conrelid::pg_catalog.regclass AS ontable FROM pg_catalog.pg_constraint r WHERE r.conrelid = 'visits'::regclass AND r.contype = 'f' AND conparentid = 0 ORDER BY conname;
--- psql describe, referenced by: nothing
SELECT conname, conrelid::pg_catalog.regclass AS ontable, pg_catalog.pg_get_constraintdef(oid, true) AS condef FROM pg_catalog.pg_constraint c WHERE confrelid IN (SELECT pg_catalog.pg_partition_ancestors('people'::regclass) UNION ALL VALUES ('people'::regclass::oid)) AND contype = 'f' AND conparentid = 0 ORDER BY conname;
--- psql describe, policies: nothing
SELECT pol.polname, pol.polpermissive, CASE WHEN pol.polroles = '{0}' THEN NULL ELSE pg_catalog.array_to_string(array(select rolname from pg_catalog.pg_roles where oid = any (pol.polroles) order by 1), ',') END, pg_catalog.pg_get_expr(pol.polqual, pol.polrelid), pg_catalog.pg_get_expr(pol.polwithcheck, pol.polrelid), CASE pol.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' END AS cmd FROM pg_catalog.pg_policy pol WHERE pol.polrelid = 'guarded'::regclass ORDER BY 1;
--- psql describe, triggers: nothing
SELECT t.tgname, pg_catalog.pg_get_triggerdef(t.oid, true), t.tgenabled, t.tgisinternal FROM pg_catalog.pg_trigger t WHERE t.tgrelid = 'customers'::regclass AND (NOT t.tgisinternal OR (t.tgisinternal AND t.tgenabled = 'D')) ORDER BY 1;
--- psql describe, inherits: nothing
SELECT c.oid::pg_catalog.regclass FROM pg_catalog.pg_class c, pg_catalog.pg_inherits i WHERE c.oid = i.inhparent AND i.inhrelid = 'customers_eu'::regclass AND c.relkind != 'p' AND c.relkind != 'I' ORDER BY inhseqno;
--- psql describe, statistics: nothing
SELECT oid, stxrelid::pg_catalog.regclass, stxnamespace::pg_catalog.regnamespace::pg_catalog.text AS nsp, stxname, pg_catalog.pg_get_statisticsobjdef_columns(oid) AS columns, 'd' = any(stxkind) AS ndist_enabled FROM pg_catalog.pg_statistic_ext WHERE stxrelid = 'people'::regclass ORDER BY nsp, stxname;
--- psql describe, publications: nothing
SELECT pubname, NULL, NULL FROM pg_catalog.pg_publication p JOIN pg_catalog.pg_publication_rel pr ON p.oid = pr.prpubid WHERE pr.prrelid = 'people'::regclass ORDER BY 1;
--- psql list tables: nothing
SELECT n.nspname as "Schema", c.relname as "Name", CASE c.relkind WHEN 'r' THEN 'table' WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'i' THEN 'index' WHEN 'S' THEN 'sequence' WHEN 'p' THEN 'partitioned table' END as "Type", pg_catalog.pg_get_userbyid(c.relowner) as "Owner", pg_catalog.pg_size_pretty(pg_catalog.pg_table_size(c.oid)) as "Size", pg_catalog.obj_description(c.oid, 'pg_class') as "Description" FROM pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r','p','v','m','') AND n.nspname !~ '^pg_toast' AND n.nspname <> 'pg_catalog' AND n.nspname <> 'information_schema' AND pg_catalog.pg_table_is_visible(c.oid) ORDER BY 1, 2;
--- psql list schemas: nothing
SELECT n.nspname AS "Name", pg_catalog.pg_get_userbyid(n.nspowner) AS "Owner", pg_catalog.array_to_string(n.nspacl, E'\n') AS "Access privileges", pg_catalog.obj_description(n.oid, 'pg_namespace') AS "Description" FROM pg_catalog.pg_namespace n WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' ORDER BY 1;
--- psql list functions: nothing
SELECT n.nspname as "Schema", p.proname as "Name", pg_catalog.pg_get_function_result(p.oid) as "Result data type", pg_catalog.pg_get_function_arguments(p.oid) as "Argument data types", CASE p.prokind WHEN 'a' THEN 'agg' WHEN 'w' THEN 'window' WHEN 'p' THEN 'proc' ELSE 'func' END as "Type" FROM pg_catalog.pg_proc p LEFT JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace WHERE pg_catalog.pg_function_is_visible(p.oid) AND n.nspname <> 'pg_catalog' AND n.nspname <> 'information_schema' ORDER BY 1, 2, 4;
--- psql function source: nothing
SELECT pg_catalog.pg_get_functiondef(p.oid), p.prosrc, l.lanname, p.provolatile FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_language l ON l.oid = p.prolang WHERE p.proname = 'twice' ORDER BY p.oid;
--- psql list types: nothing
SELECT n.nspname as "Schema", pg_catalog.format_type(t.oid, NULL) AS "Name", t.typname AS "Internal name", CASE WHEN t.typrelid != 0 THEN CAST('tuple' AS pg_catalog.text) WHEN t.typlen < 0 THEN CAST('var' AS pg_catalog.text) ELSE CAST(t.typlen AS pg_catalog.text) END AS "Size", pg_catalog.array_to_string(ARRAY(SELECT e.enumlabel FROM pg_catalog.pg_enum e WHERE e.enumtypid = t.oid ORDER BY e.enumsortorder), E'\n') AS "Elements" FROM pg_catalog.pg_type t LEFT JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace WHERE (t.typrelid = 0 OR (SELECT c.relkind = 'c' FROM pg_catalog.pg_class c WHERE c.oid = t.typrelid)) AND NOT EXISTS(SELECT 1 FROM pg_catalog.pg_type el WHERE el.oid = t.typelem AND el.typarray = t.oid) AND n.nspname = 'conformance' ORDER BY 1, 2;
--- psql list databases: nothing
SELECT d.datname as "Name", pg_catalog.pg_get_userbyid(d.datdba) as "Owner", pg_catalog.pg_encoding_to_char(d.encoding) as "Encoding", d.datcollate as "Collate", d.datctype as "Ctype", pg_catalog.array_to_string(d.datacl, E'\n') AS "Access privileges" FROM pg_catalog.pg_database d ORDER BY 1;
--- psql list roles: nothing
SELECT r.rolname, r.rolsuper, r.rolinherit, r.rolcreaterole, r.rolcreatedb, r.rolcanlogin, r.rolconnlimit, r.rolvaliduntil, r.rolreplication, r.rolbypassrls FROM pg_catalog.pg_roles r WHERE r.rolname !~ '^pg_' ORDER BY 1;
--- psql privileges: nothing
SELECT n.nspname as "Schema", c.relname as "Name", pg_catalog.array_to_string(c.relacl, E'\n') AS "Access privileges" FROM pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r','v','m','S','f','p') AND n.nspname = 'conformance' ORDER BY 1, 2;
--- psql extensions: nothing
SELECT e.extname AS "Name", e.extversion AS "Version", n.nspname AS "Schema", c.description AS "Description" FROM pg_catalog.pg_extension e LEFT JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace LEFT JOIN pg_catalog.pg_description c ON c.objoid = e.oid AND c.classoid = 'pg_catalog.pg_extension'::pg_catalog.regclass ORDER BY 1;
--- psql completion: nothing
SELECT c.relname, NULL::pg_catalog.text FROM pg_catalog.pg_class c WHERE c.relkind IN ('r', 'S', 'v', 'm', 'f', 'p') AND (c.relname) LIKE 'peo%' AND pg_catalog.pg_table_is_visible(c.oid) AND c.relnamespace <> (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = 'pg_catalog') ORDER BY 1 LIMIT 1000;
--- sqlalchemy reflection, tables: nothing
SELECT pg_catalog.pg_class.relname FROM pg_catalog.pg_class JOIN pg_catalog.pg_namespace ON pg_catalog.pg_namespace.oid = pg_catalog.pg_class.relnamespace WHERE pg_catalog.pg_class.relkind = ANY (ARRAY['r', 'p']) AND pg_catalog.pg_class.relpersistence != 't' AND pg_catalog.pg_table_is_visible(pg_catalog.pg_class.oid) AND pg_catalog.pg_namespace.nspname != 'pg_catalog' ORDER BY 1;
--- sqlalchemy reflection, columns: nothing
SELECT pg_catalog.pg_attribute.attname AS name, pg_catalog.format_type(pg_catalog.pg_attribute.atttypid, pg_catalog.pg_attribute.atttypmod) AS format_type, (SELECT pg_catalog.pg_get_expr(pg_catalog.pg_attrdef.adbin, pg_catalog.pg_attrdef.adrelid) AS pg_get_expr_1 FROM pg_catalog.pg_attrdef WHERE pg_catalog.pg_attrdef.adrelid = pg_catalog.pg_attribute.attrelid AND pg_catalog.pg_attrdef.adnum = pg_catalog.pg_attribute.attnum AND pg_catalog.pg_attribute.atthasdef) AS "default", pg_catalog.pg_attribute.attnotnull AS not_null, pg_catalog.pg_class.relname AS table_name, pg_catalog.pg_description.description AS comment, pg_catalog.pg_attribute.attgenerated AS generated FROM pg_catalog.pg_class LEFT OUTER JOIN pg_catalog.pg_attribute ON pg_catalog.pg_class.oid = pg_catalog.pg_attribute.attrelid AND pg_catalog.pg_attribute.attnum > 0 AND NOT pg_catalog.pg_attribute.attisdropped LEFT OUTER JOIN pg_catalog.pg_description ON pg_catalog.pg_description.objoid = pg_catalog.pg_attribute.attrelid AND pg_catalog.pg_description.objsubid = pg_catalog.pg_attribute.attnum JOIN pg_catalog.pg_namespace ON pg_catalog.pg_namespace.oid = pg_catalog.pg_class.relnamespace WHERE pg_catalog.pg_class.relkind = ANY (ARRAY['r', 'p', 'f', 'v', 'm']) AND pg_catalog.pg_table_is_visible(pg_catalog.pg_class.oid) AND pg_catalog.pg_namespace.nspname != 'pg_catalog' AND pg_catalog.pg_class.relname IN ('people', 'visits') ORDER BY pg_catalog.pg_class.relname, pg_catalog.pg_attribute.attnum;
--- sqlalchemy reflection, constraints: nothing
SELECT attr.conrelid, array_agg(CAST(attr.attname AS TEXT) ORDER BY attr.ord) AS cols, attr.conname, min(attr.description) AS description FROM (SELECT con.conrelid AS conrelid, con.conname AS conname, con.ord AS ord, a.attname AS attname, con.description FROM pg_catalog.pg_attribute a JOIN (SELECT c.conrelid, c.conname, unnest(c.conkey) AS attnum, generate_subscripts(c.conkey, 1) AS ord, d.description FROM pg_catalog.pg_constraint c LEFT OUTER JOIN pg_catalog.pg_description d ON d.objoid = c.oid WHERE c.contype = 'p' AND c.conrelid IN ('people'::regclass, 'visits'::regclass)) AS con ON a.attnum = con.attnum AND a.attrelid = con.conrelid) AS attr GROUP BY attr.conrelid, attr.conname ORDER BY attr.conrelid, attr.conname;
--- sqlalchemy reflection, enums: nothing
SELECT t.typname AS name, pg_catalog.pg_type_is_visible(t.oid) AS visible, n.nspname AS schema, lbl.labels AS labels FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace LEFT OUTER JOIN (SELECT e.enumtypid, array_agg(CAST(e.enumlabel AS TEXT) ORDER BY e.enumsortorder) AS labels FROM pg_catalog.pg_enum e GROUP BY e.enumtypid) AS lbl ON t.oid = lbl.enumtypid WHERE t.typtype = 'e' ORDER BY n.nspname, t.typname;
--- sqlalchemy connect: nothing
select pg_catalog.version();
select current_schema();
show standard_conforming_strings;
--- crewai tables and columns: nothing
SELECT table_name FROM information_schema.tables WHERE table_schema = 'conformance' ORDER BY 1;
SELECT column_name, data_type FROM information_schema.columns WHERE table_name = 'people' ORDER BY ordinal_position;
--- langchain samples: mail,pan
SELECT * FROM people LIMIT 3;
--- jdbc types: nothing
SELECT n.nspname = ANY(current_schemas(true)) AS visible, n.nspname, t.typname FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON t.typnamespace = n.oid WHERE t.oid = 25;
--- jdbc type search: nothing
SELECT pg_type.oid, typname FROM pg_catalog.pg_type LEFT JOIN (select ns.oid as nspoid, ns.nspname, r.r from pg_namespace as ns join (select s.r, (current_schemas(false))[s.r] as nspname from generate_series(1, array_upper(current_schemas(false), 1)) as s(r)) as r using (nspname)) as sp ON sp.nspoid = typnamespace WHERE typname = 'jsonb' ORDER BY sp.r, pg_type.oid DESC;
--- jdbc tables: nothing
SELECT NULL AS TABLE_CAT, n.nspname AS TABLE_SCHEM, c.relname AS TABLE_NAME, CASE n.nspname ~ '^pg_' OR n.nspname = 'information_schema' WHEN true THEN 'SYSTEM TABLE' ELSE CASE c.relkind WHEN 'r' THEN 'TABLE' WHEN 'v' THEN 'VIEW' ELSE NULL END END AS TABLE_TYPE, d.description AS REMARKS, '' as TYPE_CAT FROM pg_catalog.pg_namespace n, pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_description d ON (c.oid = d.objoid AND d.objsubid = 0 and d.classoid = 'pg_class'::regclass) WHERE c.relnamespace = n.oid AND c.relname LIKE 'p%' AND n.nspname = 'conformance' ORDER BY TABLE_TYPE, TABLE_SCHEM, TABLE_NAME;
--- jdbc primary keys: nothing
SELECT result.TABLE_NAME, result.COLUMN_NAME, result.KEY_SEQ, result.PK_NAME FROM (SELECT ct.relname AS TABLE_NAME, a.attname AS COLUMN_NAME, (information_schema._pg_expandarray(i.indkey)).n AS KEY_SEQ, ci.relname AS PK_NAME, information_schema._pg_expandarray(i.indkey) AS KEYS, a.attnum AS A_ATTNUM FROM pg_catalog.pg_class ct JOIN pg_catalog.pg_attribute a ON (ct.oid = a.attrelid) JOIN pg_catalog.pg_namespace n ON (ct.relnamespace = n.oid) JOIN pg_catalog.pg_index i ON (a.attrelid = i.indrelid) JOIN pg_catalog.pg_class ci ON (ci.oid = i.indexrelid) WHERE ct.relname = 'people' AND n.nspname = 'conformance' AND i.indisprimary) result WHERE result.A_ATTNUM = (result.KEYS).x ORDER BY result.TABLE_NAME, result.PK_NAME, result.KEY_SEQ;
--- npgsql types: nothing
SELECT ns.nspname, t.oid, t.typname, t.typtype, t.typnotnull, t.elemtypoid FROM (SELECT typ.oid, typ.typnamespace, typ.typname, typ.typtype, typ.typrelid, typ.typnotnull, typ.relkind, elemtyp.oid AS elemtypoid FROM (SELECT typ.oid, typnamespace, typname, typrelid, typnotnull, relkind, typelem AS elemoid, CASE WHEN proc.proname = 'array_recv' THEN 'a' ELSE typ.typtype END AS typtype FROM pg_type AS typ LEFT JOIN pg_class AS cls ON (cls.oid = typ.typrelid) LEFT JOIN pg_proc AS proc ON proc.oid = typ.typreceive LEFT JOIN pg_range ON (pg_range.rngtypid = typ.oid)) AS typ LEFT JOIN pg_type AS elemtyp ON elemtyp.oid = elemoid) AS t JOIN pg_namespace AS ns ON (ns.oid = typnamespace) WHERE typtype IN ('b', 'r', 'm', 'e', 'd') ORDER BY t.oid LIMIT 50;
--- psycopg composite: nothing
SELECT t.typname AS name, t.oid AS oid, t.typarray AS array_oid, t.oid::regtype::text AS regtype, coalesce(a.fnames, '{}') AS field_names, coalesce(a.ftypes, '{}') AS field_types FROM pg_type t LEFT JOIN (SELECT attrelid, array_agg(attname) AS fnames, array_agg(atttypid) AS ftypes FROM (SELECT a.attrelid, a.attname, a.atttypid FROM pg_attribute a JOIN pg_type t ON t.typrelid = a.attrelid WHERE t.oid = to_regtype('pair') AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum) x GROUP BY attrelid) a ON a.attrelid = t.typrelid WHERE t.oid = to_regtype('pair');
--- pgadmin dashboard: query
SELECT pid, datname, usename, application_name, client_addr, backend_start, state, wait_event, query FROM pg_stat_activity ORDER BY pid;
--- pgadmin statistics: nothing
SELECT st.relname, n_tup_ins, n_tup_upd, n_tup_del, n_live_tup, seq_scan, idx_scan FROM pg_stat_all_tables st WHERE schemaname = 'conformance' ORDER BY relname;
--- metabase sync: nothing
select c.column_name as name, c.udt_name as type, c.ordinal_position - 1 as position, c.table_schema as s, c.table_name as t, pk.column_name is not null as pk from information_schema.columns c left join (select tc.table_schema, tc.table_name, kc.column_name from information_schema.table_constraints tc join information_schema.key_column_usage kc on tc.constraint_name = kc.constraint_name and tc.table_schema = kc.table_schema where tc.constraint_type = 'PRIMARY KEY') pk on c.table_schema = pk.table_schema and c.table_name = pk.table_name and c.column_name = pk.column_name where c.table_schema = 'conformance' and c.table_name in ('people', 'visits') order by 5, 3;
--- metabase sample: nothing
SELECT substring("source"."place", 1, 3) AS "substring1", "source"."minutes" AS "minutes", "source"."at" AS "at" FROM "visits" AS "source" ORDER BY "source"."id" LIMIT 10;
--- grafana series: nothing
SELECT floor(extract(epoch from at) / 86400) * 86400 AS "time", place AS metric, avg(minutes) AS value FROM visits WHERE at BETWEEN '2024-01-01T00:00:00Z' AND '2024-01-20T00:00:00Z' GROUP BY 1, 2 ORDER BY 1, 2;
--- flyway history: nothing
SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'conformance' AND c.relname = 'flyway_schema_history' AND c.relkind = 'r');
--- dump, attributes: attmissingval
SELECT a.attnum, a.attname, a.attstattarget, a.attstorage, t.typstorage, a.attnotnull, a.atthasdef, a.attisdropped, a.attlen, a.attalign, a.attislocal, pg_catalog.format_type(t.oid, a.atttypmod) AS atttypname, a.attmissingval FROM pg_catalog.pg_attribute a LEFT JOIN pg_catalog.pg_type t ON a.atttypid = t.oid WHERE a.attrelid = 'visits'::regclass AND a.attnum > 0 ORDER BY a.attnum;
--- shadow tables of the same names: nothing
select id, mail, upper(mail) as up, mail || city as both from conformance_shadow.people where mail like 'open%' order by mail;
--- same names in a temp table: nothing
create temp table people (id int, mail text, pan text);
insert into people values (1, 'a', 'b') returning *;
select upper(mail), pan from people where mail > 'A' order by pan;
--- formats clean columns: nothing
select f.id, f.note, upper(f.note) as up, length(f.note) as n from formats f order by f.note desc;
--- casts and functions of clean data: nothing
select id::text, minutes::numeric / 7 as share, at::date as day, to_char(at, 'YYYY-MM') as month, coalesce(place, '-') as p, nullif(minutes, 7) as m, greatest(minutes, 50) as g, md5(place) as h, regexp_replace(place, '[0-9]', '#') as r, case when minutes > 50 then 'long' else 'short' end as kind from visits order by id;
--- arrays and unnest of clean data: nothing
select person, unnest(array_agg(place order by id)) as place, array_length(array_agg(id), 1) as n from visits group by person order by 1, 2;
--- recursive of clean data: nothing
with recursive chain(id, depth, path) as (select id, 1, array[id] from visits where id = 1 union all select v.id, c.depth + 1, c.path || v.id from visits v join chain c on v.id = c.id + 1 where c.depth < 5) select id, depth, path from chain order by depth;
--- cursor of people: mail
begin;
declare c cursor for select id, mail from people order by id;
fetch 3 from c;
fetch 3 from c;
close c;
commit;
--- prepared of people: mail
prepare p(int) as select id, mail, city from people where id = $1;
execute p(1);
execute p(2);
deallocate p;
--- view of people: mail_of
create temp view w as select id, mail as mail_of, city from people;
select * from w order by id;
--- swapped view: id
select mail, id, city from v_people order by mail;
--- joined view: who
select place, minutes, who from v_visits order by minutes, place;

-- Data sets A and B are this script with {{set}} replaced: they differ in
-- protected values alone, in length, first letter, order and which are equal,
-- never in which are NULL.
begin;
set local client_min_messages = warning;
set search_path = conformance, public;
create function pg_temp.secret(kind text, i int) returns text language sql as $$
  select case when '{{set}}' = 'A' then
    case kind when 'mail' then 'canary' || i || '@hush.example' when 'phone' then '+49-canary-' || i else '4111-canary-' || i end
  else
    case kind when 'mail' then substr(md5('m' || i), 1, 5 + i % 11) || 'zq@' || substr(md5('d' || i % 4), 1, 4 + i % 3) || '.wxy'
      when 'phone' then '0' || substr(md5('p' || i / 2), 1, 6 + i / 2 % 7) else (9 - i % 7) || 'jk' || substr(md5('c' || i / 3), 1, 7 + i / 3 % 9) end
  end $$;
truncate people, visits, customers, customers_eu, orders, events, contacts, nums, sink, log, conformance_shadow.customers,
  conformance_shadow.orders, conformance_shadow.people, domained, hinted, derived, filled, touched, audited, ruled, noted, guarded,
  "Weird Table", "{QUERY :x <>}", formats restart identity;
alter table customers disable trigger user;
insert into people select i, case when i <> 11 then pg_temp.secret('mail', i) end, case when i % 6 <> 0 then pg_temp.secret('card', i) end,
  (array['Berlin', 'Paris', 'Rome'])[1 + i % 3], jsonb_build_object('a', i) from generate_series(1, 12) i;
insert into visits select i, 1 + i % 12, 'place' || i % 5, timestamptz '2024-01-01 00:00:00+00' + i * interval '1 day', i * 7 from generate_series(1, 24) i;
insert into customers(id, name, email, phone, card, city, vip, age, extra)
  select i, 'name' || i, pg_temp.secret('mail', i), pg_temp.secret('phone', i), pg_temp.secret('card', i),
  (array['Berlin', 'Paris', 'Rome'])[1 + i % 3], i % 2 = 0, 20 + i, '{"a": 1}' from generate_series(1, 20) i;
insert into customers_eu(id, name, email, city, vat) values (101, 'eu', pg_temp.secret('mail', 101), 'Wien', 'VAT1');
insert into orders select i, i, i * 10, pg_temp.secret('mail', i), 'note' || i from generate_series(1, 10) i;
insert into events select i, '2024-01-01', pg_temp.secret('mail', i), 'kind' || i from generate_series(1, 10) i;
insert into contacts select i, 'open' || i || '@conformance.example', '+1-' || i, 'Oslo' from generate_series(1, 5) i;
insert into nums select generate_series(0, 130);
insert into conformance_shadow.customers values (1, 'open@shadow.example', 'Lima');
insert into conformance_shadow.people values (1, 'open@shadow.example', 'Lima');
insert into noted values (1, 'n');
insert into guarded select i, 'g' || i from generate_series(1, 20) i;
insert into ruled values (1, 'r');
insert into "Weird Table" values ('plain@conformance.example', 1);
insert into "{QUERY :x <>}" values (1, 'b', 'c', 4);
insert into formats values
  (1, 'first', pg_temp.secret('mail', 1), pg_temp.secret('mail', 2), pg_temp.secret('phone', 3), pg_temp.secret('card', 4), xmlparse(content '<a>' || pg_temp.secret('card', 5) || '</a>'),
   to_json(pg_temp.secret('card', 6)), jsonb_build_object('k', pg_temp.secret('card', 7)), convert_to(pg_temp.secret('card', 8), 'UTF8'),
   array[pg_temp.secret('card', 9), 'x'], case when '{{set}}' = 'A' then '{1,2,3}' else '{404142}' end::int[],
   case when '{{set}}' = 'A' then 12 else 30001 end, case when '{{set}}' = 'A' then 1234 else 77712345 end, case when '{{set}}' = 'A' then 99 else 123456789012 end,
   case when '{{set}}' = 'A' then 1.5 else 99887.766 end, case when '{{set}}' = 'A' then 2.5 else 88.25 end, case when '{{set}}' = 'A' then 3.5 else 7e20 end,
   '{{set}}' = 'A', case when '{{set}}' = 'A' then '2001-02-03' else '1987-06-05' end::date, case when '{{set}}' = 'A' then '01:02:03' else '21:22:23.5' end::time,
   case when '{{set}}' = 'A' then '01:02:03+00' else '21:22:23+02' end::timetz, case when '{{set}}' = 'A' then '2001-02-03 01:02:03' else '1987-06-05 04:03:02.1' end::timestamp,
   case when '{{set}}' = 'A' then '2001-02-03 01:02:03+00' else '1987-06-05 04:03:02+00' end::timestamptz, case when '{{set}}' = 'A' then '1 day' else '3 years 2 hours' end::interval,
   md5('{{set}}')::uuid, case when '{{set}}' = 'A' then '10.1.2.3' else '2001:db8::9' end::inet, case when '{{set}}' = 'A' then '10.1.0.0/16' else '192.168.7.0/24' end::cidr,
   case when '{{set}}' = 'A' then '08:00:2b:01:02:03' else 'ff:00:2b:99:98:97' end::macaddr, case when '{{set}}' = 'A' then '[1,5)' else '[7,900)' end::int4range,
   case when '{{set}}' = 'A' then '[2001-01-01,2002-01-01)' else '(,1999-01-01)' end::tstzrange, case when '{{set}}' = 'A' then '10101010' else '11110000' end::bit(8),
   case when '{{set}}' = 'A' then '101' else '1111000011' end::varbit, case when '{{set}}' = 'A' then '(1,2)' else '(7.5,8)' end::point,
   case when '{{set}}' = 'A' then '(1,1),(0,0)' else '(9,9),(3,3)' end::box, case when '{{set}}' = 'A' then '[(0,0),(1,1)]' else '[(0,0),(5,1),(7,7)]' end::path,
   case when '{{set}}' = 'A' then '<(0,0),1>' else '<(4,4),9>' end::circle, case when '{{set}}' = 'A' then '1.50' else '98765.43' end::numeric::money,
   case when '{{set}}' = 'A' then 11 else 9999 end, to_tsvector('simple', pg_temp.secret('card', 10)), plainto_tsquery('simple', pg_temp.secret('card', 11)),
   case when '{{set}}' = 'A' then '$.a' else '$.other.path' end::jsonpath, case when '{{set}}' = 'A' then '0/1' else 'AB/CD' end::pg_lsn,
   case when '{{set}}' = 'A' then 'ok' else 'sad' end::mood, row(case when '{{set}}' = 'A' then 1 else 22 end, pg_temp.secret('card', 12))::pair,
   case when '{{set}}' = 'A' then '12345' else '987xyz' end, case when '{{set}}' = 'A' then '{ok}' else '{sad,happy}' end::mood[],
   array[row(1, pg_temp.secret('card', 13))::pair], case when '{{set}}' = 'A' then '{2001-01-01}' else '{1999-09-09,1998-08-08}' end::date[]),
  (2, 'second', null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null,
   null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null);
alter table customers enable trigger user;
drop function pg_temp.secret(text, int);
refresh materialized view mv_mail;
refresh materialized view mv_agg;
refresh materialized view mv_leak;
commit;
analyze people, visits, customers, customers_eu, orders, events_1, contacts, nums, formats, mv_mail, mv_agg, mv_leak;

package lineage_test

import (
	"fmt"
	"strings"
)

// What the generator makes besides, where protected columns may stand in
// expressions.

func (g *generator) freeText(sc []visible, depth int) string {
	t := func() string { return g.text(sc, depth-1) }
	n := func() string { return g.number(sc, depth-1) }
	switch g.r.IntN(16) {
	case 0:
		return "substr(" + t() + ", " + fmt.Sprint(1+g.r.IntN(4)) + ", 2)"
	case 1:
		return "(array[" + t() + ", " + t() + "])[" + fmt.Sprint(1+g.r.IntN(2)) + "]"
	case 2:
		return "json_build_object('k', " + t() + ", 'n', " + n() + ")::text"
	case 3:
		return "concat(" + t() + ", " + n() + ")"
	case 4:
		return "nullif(" + t() + ", 't3')"
	case 5:
		return "greatest(" + t() + ", " + t() + ")"
	case 6:
		return "(select string_agg(" + t() + " || left(n::text, 0), ',') from nums where n < 2)"
	case 7:
		return "(select x.a from (values (" + t() + "), ('v')) x(a) limit 1)"
	case 8:
		if len(sc) > 0 {
			return "to_jsonb(" + sc[g.r.IntN(len(sc))].alias + ")::text"
		}
	case 9:
		return "(select r.e from (with recursive w(i, e) as (select 1, " + t() + " union all select i + 1, e from w where i < 2) select e from w limit 1) r)"
	case 10:
		return "(exists (select 1 from nums where n < 2 and " + g.condition(sc, depth-1) + "))::text"
	case 11:
		return "array_to_string(array(select " + t() + " from nums where n < 2), ',')"
	case 12:
		return "coalesce(" + t() + ", " + t() + ")"
	case 13:
		return "polite(" + t() + ")"
	case 14:
		return "replace(" + t() + ", 'canary', " + t() + ")"
	}
	return "lpad(" + t() + ", 4)"
}

func (g *generator) freeNumber(sc []visible, depth int) string {
	t := func() string { return g.text(sc, depth-1) }
	n := func() string { return g.number(sc, depth-1) }
	switch g.r.IntN(10) {
	case 0:
		return "(select count(" + t() + " || n::text) from nums where n < 3)"
	case 1:
		return "(case when " + g.condition(sc, depth-1) + " then 1 else 2 end)"
	case 2:
		return "(select sum(length(" + t() + ") + 0 * n) from nums where n < 3)::int"
	case 3:
		return "coalesce(" + n() + ", 0)"
	case 4:
		return "(select count(*) from regexp_split_to_table(" + t() + ", '') x)"
	case 5:
		return "(select max(g) from generate_series(1, least(" + n() + ", 9)) g)"
	case 6:
		return "position('a' in " + t() + ")"
	case 7:
		return "(select count(*) filter (where n >= 0 and " + g.condition(sc, depth-1) + ") from nums where n < 3)"
	case 8:
		return "(length(" + t() + ") / nullif(" + n() + ", 0))"
	}
	return "jsonb_array_length(to_jsonb(array[" + t() + "]))"
}

func (g *generator) freeQuery(q string, outer []visible, depth, width int) string {
	names := []string{"c1", "c2", "c3"}[:width]
	s := "(" + q + " limit 30) as s(" + strings.Join(names, ", ") + ")"
	switch g.r.IntN(14) {
	case 0:
		return "select s.c1, count(*) from " + s + " group by s.c1"
	case 1:
		return "select to_jsonb(s), count(*) over () from " + s
	case 2:
		return "select array_agg(s.c1::text), count(*), count(s.c1) from " + s
	case 3:
		return "select s.*, row_number() over (order by s.c1) from " + s
	case 4:
		return "select n, s.c1 from nums left join " + s + " on s.c1::text = n::text where n < 5"
	case 5:
		return "select k.id, k.email from contacts k where exists (select 1 from " + s + " where s.c1::text = k.city)"
	case 6:
		return "select x from " + s + ", lateral regexp_split_to_table(s.c1::text, 'a') x"
	case 7:
		return "select count(*), min(x) from " + s + ", lateral regexp_split_to_table(s.c1::text, 'a') x"
	case 8:
		return "select count(*), max(u.c1::text) from (select c1::text from " + s + " union all select email from contacts) u(c1)"
	case 9:
		return "update contacts k set city = 'u' from " + s + " where k.id = 1 returning k.id, s.c1"
	case 10:
		return "with w as materialized (" + q + ") select w1.*, (select count(*) from w) from w w1 limit 10"
	case 11:
		return "select distinct on (1) 1, s.c1 from " + s
	case 12:
		return "update customers c set email = s.c1::text from " + s + " where c.id = 1 returning c.id, c.city, s.c1"
	}
	return "select max(s.c1::text), bool_and(s.c1 is null) from " + s
}

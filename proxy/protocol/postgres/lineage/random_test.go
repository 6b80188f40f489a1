package lineage_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// generator makes random queries over evasions_schema.sql: mostly valid, with
// protected columns where they may stand and, less often, where they may not.
type generator struct {
	r     *rand.Rand
	fresh int
	// free: protected columns in expressions too, and more shapes; secrets is how
	// often, in percent, a protected column stays where one was picked.
	free    bool
	secrets int
}

func (g *generator) some() int {
	if g.free {
		return g.secrets
	}
	return 2
}

type visible struct {
	alias string
	cols  []typed
}

type typed struct {
	name   string
	number bool
	secret bool
}

var relations = map[string][]typed{
	"customers":    {{"id", true, false}, {"name", false, false}, {"email", false, true}, {"phone", false, true}, {"city", false, false}, {"age", true, false}},
	"customers_eu": {{"id", true, false}, {"email", false, true}, {"vat", false, false}},
	"orders":       {{"id", true, false}, {"customer_id", true, false}, {"customer_email", false, true}, {"note", false, false}},
	"events":       {{"id", true, false}, {"email", false, true}, {"kind", false, false}},
	"contacts":     {{"id", true, false}, {"email", false, false}, {"phone", false, false}, {"city", false, false}},
	"nums":         {{"n", true, false}},
	"v_mail":       {{"id", true, true}, {"m", false, true}, {"city", false, true}},
	"v_public":     {{"id", true, false}, {"email", false, false}},
	"mv_mail":      {{"id", true, true}, {"contact", false, true}},
}

var relationNames = []string{"customers", "customers", "customers", "customers_eu", "orders", "events", "contacts", "nums", "v_mail", "v_public", "mv_mail"}

func (g *generator) chance(percent int) bool { return g.r.IntN(100) < percent }

func (g *generator) name() string {
	g.fresh++
	if g.chance(30) { // names that mislead
		return []string{"email", "city", "id", "customers", "phone", "n"}[g.r.IntN(6)]
	}
	return fmt.Sprintf("x%d", g.fresh)
}

// pick chooses a column; secret ones are rare unless wanted.
func (g *generator) pick(sc []visible, number bool, secrets int) (string, typed, bool) {
	for range 8 {
		if len(sc) == 0 {
			break
		}
		if g.free && secrets >= 45 && g.chance(60) { // look for a protected one first
			v := sc[g.r.IntN(len(sc))]
			if i := slices.IndexFunc(v.cols, func(c typed) bool { return c.secret && c.number == number }); i >= 0 {
				return v.alias + "." + v.cols[i].name, v.cols[i], true
			}
		}
		v := sc[g.r.IntN(len(sc))]
		if len(v.cols) == 0 {
			continue
		}
		c := v.cols[g.r.IntN(len(v.cols))]
		if c.number == number && (!c.secret || g.chance(secrets)) {
			return v.alias + "." + c.name, c, true
		}
	}
	return "", typed{}, false
}

func (g *generator) text(sc []visible, depth int) string {
	if g.free && depth > 0 && g.chance(25) {
		return g.freeText(sc, depth)
	}
	if c, _, ok := g.pick(sc, false, g.some()); ok && g.chance(60) {
		return c
	}
	if depth <= 0 {
		return fmt.Sprintf("'t%d'", g.r.IntN(9))
	}
	switch g.r.IntN(9) {
	case 0:
		return "upper(" + g.text(sc, depth-1) + ")"
	case 1:
		return "(" + g.text(sc, depth-1) + " || " + g.text(sc, depth-1) + ")"
	case 2:
		return "md5(" + g.text(sc, depth-1) + ")"
	case 3:
		return "case when " + g.condition(sc, depth-1) + " then " + g.text(sc, depth-1) + " else 'e' end"
	case 4:
		return g.number(sc, depth-1) + "::text"
	case 5:
		return "coalesce(" + g.text(sc, depth-1) + ", 'z')"
	case 6:
		return "leak((" + g.number(sc, depth-1) + ")::int)"
	case 7:
		if g.free { // an aggregate of the inner query, whatever it is over
			return "(select min(" + g.text(sc, depth-1) + " || left(n::text, 0)) from nums where n < 3)"
		}
		return "(select min(" + g.text(sc, depth-1) + ") from nums where n < 3)"
	}
	return fmt.Sprintf("'t%d'", g.r.IntN(9))
}

func (g *generator) number(sc []visible, depth int) string {
	if g.free && depth > 0 && g.chance(25) {
		return g.freeNumber(sc, depth)
	}
	if c, _, ok := g.pick(sc, true, g.some()); ok && g.chance(70) {
		return c
	}
	if depth <= 0 {
		return fmt.Sprint(g.r.IntN(20))
	}
	switch g.r.IntN(5) {
	case 0:
		return "length(" + g.text(sc, depth-1) + ")"
	case 1:
		return "(" + g.number(sc, depth-1) + " + " + g.number(sc, depth-1) + ")"
	case 2:
		return "(select count(*) from contacts k where k.id < " + g.number(sc, depth-1) + ")"
	case 3:
		return "ascii(" + g.text(sc, depth-1) + ")"
	}
	return fmt.Sprint(g.r.IntN(20))
}

func (g *generator) condition(sc []visible, depth int) string {
	defer func(n int) { g.secrets = n }(g.secrets)
	g.secrets = 4
	switch g.r.IntN(7) {
	case 0:
		return "(" + g.condition(sc, depth-1) + " or " + g.number(sc, depth-1) + " = 3)"
	case 1:
		return g.text(sc, depth-1) + " like 'c%'"
	case 2:
		return g.text(sc, depth-1) + " = " + g.text(sc, depth-1)
	case 3:
		return "exists (" + g.query(sc, depth-1, false) + ")"
	}
	return g.number(sc, depth-1) + " " + []string{"<", ">", "=", "<>"}[g.r.IntN(4)] + " " + g.number(sc, depth-1)
}

// from makes FROM and what it lets be seen.
func (g *generator) from(outer []visible, depth int) (string, []visible) {
	var parts []string
	var sc []visible
	for range 1 + g.r.IntN(2) {
		alias := fmt.Sprintf("a%d", g.fresh)
		g.fresh++
		if depth > 0 && g.chance(35) {
			names := []string{g.name() + "_" + fmt.Sprint(g.fresh), g.name() + "_" + fmt.Sprint(g.fresh+1)}
			lateral, seen := "", []visible(nil)
			if g.chance(30) {
				lateral, seen = "lateral ", append(append([]visible(nil), outer...), sc...)
			}
			q, cols := g.body(seen, depth-1, 2)
			for i := range cols {
				cols[i].name = names[i]
			}
			parts = append(parts, lateral+"("+q+") as "+alias+"("+strings.Join(names, ", ")+")")
			sc = append(sc, visible{alias, cols})
			continue
		}
		rel := relationNames[g.r.IntN(len(relationNames))]
		parts = append(parts, rel+" as "+alias)
		sc = append(sc, visible{alias, relations[rel]})
	}
	if len(parts) == 2 && g.chance(40) {
		return parts[0] + " left join " + parts[1] + " on " + g.number(sc, 1) + " = " + g.number(sc, 1), sc
	}
	return strings.Join(parts, ", "), sc
}

// body is SELECT … with a given number of columns.
func (g *generator) body(outer []visible, depth, width int) (string, []typed) {
	from, sc := g.from(outer, depth)
	all := append(append([]visible(nil), outer...), sc...)
	var list []string
	var cols []typed
	defer func(n int) { g.secrets = n }(g.secrets)
	g.secrets = 70
	for range width {
		number := g.chance(40)
		if c, t, ok := g.pick(sc, number, 60); ok && g.chance(75) {
			list, cols = append(list, c), append(cols, t)
			continue
		}
		if number {
			list = append(list, g.number(all, depth))
		} else {
			list = append(list, g.text(all, depth))
		}
		cols = append(cols, typed{number: number, secret: g.free && g.chance(50)})
	}
	q := "select "
	if g.chance(8) {
		q += "distinct "
	}
	q += strings.Join(list, ", ") + " from " + from
	if g.chance(60) && (!g.free || g.chance(30)) {
		q += " where " + g.condition(all, depth)
	}
	return q, cols
}

func (g *generator) query(outer []visible, depth int, top bool) string {
	depth = max(depth, 0)
	width := 1 + g.r.IntN(3)
	q, _ := g.body(outer, depth, width)
	if !top {
		return q
	}
	if g.free && g.chance(35) {
		return g.freeQuery(q, outer, depth, width)
	}
	switch g.r.IntN(12) {
	case 0:
		other, _ := g.body(outer, depth, width)
		q += []string{" union all ", " union ", " except "}[g.r.IntN(3)] + other
	case 1:
		return "with w as (" + q + ") select * from w"
	case 2:
		return "with w(" + strings.Join([]string{"email", "id", "city"}[:width], ", ") + ") as (" + q + ") select w.email, count(*) over () from w"
	case 3:
		return "select s::text from (" + q + ") s"
	case 4:
		return "copy (" + q + " limit 30) to stdout"
	case 5:
		return "explain (costs off) " + q
	case 6:
		return "insert into sink(t) select s.c1::text from (" + q + ") as s(c1) limit 3 returning t, upper(t)"
	case 7:
		return "select count(*), max(s.c1::text) from (" + q + ") as s(c1)"
	}
	if g.chance(40) {
		q += " order by 1"
	}
	return q + " limit 40"
}

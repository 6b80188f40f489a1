package conformance

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// generator makes random statements over schema.sql: mostly valid, with
// protected columns wherever a value may stand and, rarely, where they decide
// which rows there are. It knows which questions a statement asks, since it
// asked them.
type generator struct {
	r       *rand.Rand
	fresh   int
	asks    map[string]bool
	curious bool // this statement may ask
}

// kind of an expression.
type kind int

const (
	text kind = iota
	number
	boolean
	document
)

// known to a query: a relation and its columns.
type visible struct {
	alias string
	cols  []seen
}

type seen struct {
	name   string
	kind   kind
	secret bool
}

var relations = map[string][]seen{
	"people":                    {{"id", number, false}, {"mail", text, true}, {"pan", text, true}, {"city", text, false}, {"extra", document, false}},
	"visits":                    {{"id", number, false}, {"person", number, false}, {"place", text, false}, {"minutes", number, false}},
	"customers":                 {{"id", number, false}, {"name", text, false}, {"email", text, true}, {"phone", text, true}, {"card", text, true}, {"city", text, false}, {"vip", boolean, false}, {"age", number, false}, {"extra", document, false}, {"domain", text, true}},
	"customers_eu":              {{"id", number, false}, {"email", text, true}, {"vat", text, false}},
	"orders":                    {{"id", number, false}, {"customer_id", number, false}, {"customer_email", text, true}, {"note", text, false}},
	"events":                    {{"id", number, false}, {"email", text, true}, {"kind", text, false}},
	"contacts":                  {{"id", number, false}, {"email", text, false}, {"phone", text, false}, {"city", text, false}},
	"nums":                      {{"n", number, false}},
	"v_people":                  {{"mail", number, false}, {"id", text, true}, {"city", text, false}},
	"v_visits":                  {{"who", text, true}, {"place", text, false}, {"minutes", number, false}},
	"v_mail":                    {{"id", number, false}, {"m", text, true}, {"city", text, false}},
	"v_public":                  {{"id", number, false}, {"email", text, false}},
	"mv_mail":                   {{"id", number, false}, {"contact", text, true}},
	"conformance_shadow.people": {{"id", number, false}, {"mail", text, false}, {"city", text, false}},
}

// Relations that matter most come most often.
var relationNames = []string{"people", "people", "people", "people", "visits", "customers", "customers", "customers_eu", "orders", "events",
	"contacts", "nums", "v_people", "v_visits", "v_mail", "v_public", "mv_mail", "conformance_shadow.people"}

// misleading are names that columns get again and again.
var misleading = []string{"mail", "pan", "city", "id", "email", "people", "extra", "n"}

func (g *generator) chance(percent int) bool { return g.r.IntN(100) < percent }

func pick[T any](g *generator, list ...T) T { return list[g.r.IntN(len(list))] }

func (g *generator) name() string {
	g.fresh++
	return fmt.Sprintf("x%d", g.fresh)
}

// names are n different ones.
func (g *generator) names(n int) []string {
	var out []string
	used := map[string]bool{}
	for len(out) < n {
		name := g.name()
		if g.chance(50) {
			name = pick(g, misleading...)
		}
		if !used[name] {
			used[name] = true
			out = append(out, name)
		}
	}
	return out
}

// column chooses one of a kind; with clean set, none that is protected.
func (g *generator) column(sc []visible, k kind, clean bool) (string, bool, bool) {
	for range 10 {
		if len(sc) == 0 {
			break
		}
		v := sc[g.r.IntN(len(sc))]
		if len(v.cols) == 0 {
			continue
		}
		c := v.cols[g.r.IntN(len(v.cols))]
		if c.kind == k && (!clean || !c.secret) {
			return v.alias + "." + c.name, c.secret, true
		}
	}
	return "", false, false
}

// source is an element of FROM.
func (g *generator) source(outer []visible, depth int) (string, visible) {
	g.fresh++
	alias := fmt.Sprintf("a%d", g.fresh)
	if depth > 0 && g.chance(40) {
		switch {
		case g.chance(25) && len(outer) > 0: // what comes before is seen in LATERAL
			e, secret := g.expression(text, outer, depth-1, false)
			n, ns := g.expression(number, outer, depth-1, false)
			names := g.names(2)
			return fmt.Sprintf("lateral (values (%s, %s)) as %s(%s)", e, n, alias, strings.Join(names, ", ")),
				visible{alias, []seen{{names[0], text, secret}, {names[1], number, ns}}}
		case g.chance(20):
			a, as := g.body(depth-1, 2, []kind{text, number})
			b, bs := g.body(depth-1, 2, []kind{text, number})
			names := g.names(2)
			return fmt.Sprintf("(%s union all %s) as %s(%s)", a, b, alias, strings.Join(names, ", ")),
				visible{alias, []seen{{names[0], text, as[0] || bs[0]}, {names[1], number, as[1] || bs[1]}}}
		}
		kinds := []kind{g.kind(), g.kind()}
		q, secrets := g.body(depth-1, 2, kinds)
		names := g.names(2)
		return fmt.Sprintf("(%s) as %s(%s)", q, alias, strings.Join(names, ", ")),
			visible{alias, []seen{{names[0], kinds[0], secrets[0]}, {names[1], kinds[1], secrets[1]}}}
	}
	rel := pick(g, relationNames...)
	return rel + " as " + alias, visible{alias, relations[rel]}
}

func (g *generator) kind() kind { return pick(g, text, text, text, number, number, boolean, document) }

// from makes FROM and what it lets be seen. Joins are on unprotected keys.
func (g *generator) from(depth int) (string, []visible) {
	first, v := g.source(nil, depth)
	sc := []visible{v}
	if !g.chance(45) {
		return first, sc
	}
	second, w := g.source(sc, depth)
	sc = append(sc, w)
	if g.chance(35) {
		// All pairs, but not too many.
		return first + ", " + second, sc
	}
	return fmt.Sprintf("%s %s %s on %s", first, pick(g, "join", "left join", "join"), second, g.condition(sc, 1)), sc
}

// body is SELECT … with columns of given kinds, and says which depend on
// protected values.
func (g *generator) body(depth, width int, kinds []kind) (string, []bool) {
	from, all := g.from(depth)
	list, secrets := make([]string, width), make([]bool, width)
	grouped := g.chance(12)
	group := ""
	if grouped {
		var ok bool
		if group, _, ok = g.column(all, text, true); !ok {
			grouped = false
		}
	}
	for i := range width {
		switch {
		case grouped && kinds[i] == text && g.chance(50):
			list[i] = group
		case grouped:
			list[i], secrets[i] = g.aggregate(kinds[i], all, depth)
		default:
			list[i], secrets[i] = g.expression(kinds[i], all, depth, false)
		}
	}
	q := "select "
	if !grouped && g.chance(6) {
		q += "distinct "
		for _, s := range secrets {
			if s {
				g.asks["group"] = true
			}
		}
	}
	q += strings.Join(list, ", ") + " from " + from
	if g.chance(55) {
		q += " where " + g.condition(all, depth)
	}
	if grouped {
		q += " group by " + group
	}
	return q, secrets
}

// statement is a whole query, with an order where rows have one.
func (g *generator) statement() (string, []bool) {
	width := 1 + g.r.IntN(3)
	kinds := make([]kind, width)
	for i := range kinds {
		kinds[i] = g.kind()
	}
	q, secrets := g.body(pick(g, 0, 1, 1, 2, 3, 3), width, kinds)
	switch g.r.IntN(14) {
	case 0, 1:
		other, more := g.body(2, width, kinds)
		op := "union all"
		if g.chance(20) && !hasDocument(kinds) {
			op = pick(g, "union", "except", "intersect")
		}
		for i := range secrets {
			secrets[i] = secrets[i] || more[i]
			if op != "union all" && secrets[i] {
				g.asks["group"] = true
			}
		}
		return q + " " + op + " " + other, secrets
	case 2, 3:
		names := g.names(width)
		return fmt.Sprintf("with w(%s) as (%s) select %s from w", strings.Join(names, ", "), q, strings.Join(names, ", ")), secrets
	case 4:
		names := g.names(width)
		return fmt.Sprintf("with w(%s) as materialized (%s) select w.*, count(*) over () from w", strings.Join(names, ", "), q), append(secrets, false)
	case 5:
		return "select s::text from (" + q + ") s", []bool{true}
	case 6:
		return "select to_jsonb(s) from (" + q + ") s", []bool{true}
	case 7:
		return "select count(*), max(s.c::text) from (" + q + ") as s(c)", []bool{false, true}
	case 8:
		return "select row_number() over (), s.* from (" + q + ") as s", append([]bool{false}, secrets...)
	case 9:
		return "select (select count(*) from (" + q + ") s)", []bool{false}
	}
	return q, secrets
}

func hasDocument(kinds []kind) bool {
	for _, k := range kinds {
		if k == document {
			return true
		}
	}
	return false
}

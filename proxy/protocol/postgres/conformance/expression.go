package conformance

import "fmt"

// expression makes one of a kind and says whether it depends on protected
// values; with clean set it does not.
func (g *generator) expression(k kind, sc []visible, depth int, clean bool) (string, bool) {
	if c, secret, ok := g.column(sc, k, clean); ok && g.chance(55) {
		return c, secret
	}
	if depth <= 0 {
		return g.constant(k), false
	}
	switch k {
	case number:
		return g.number(sc, depth-1, clean)
	case boolean:
		return g.boolean(sc, depth-1, clean)
	case document:
		return g.document(sc, depth-1, clean)
	}
	return g.text(sc, depth-1, clean)
}

func (g *generator) constant(k kind) string {
	switch k {
	case number:
		return fmt.Sprint(g.r.IntN(20))
	case boolean:
		return pick(g, "true", "false")
	case document:
		return pick(g, `'{"a": 1}'::jsonb`, `'[1, "x"]'::jsonb`, `'null'::jsonb`)
	}
	return fmt.Sprintf("'t%d'::text", g.r.IntN(9))
}

func (g *generator) text(sc []visible, d int, clean bool) (string, bool) {
	a, as := g.expression(text, sc, d, clean)
	n, ns := g.expression(number, sc, d, clean)
	switch g.r.IntN(18) {
	case 0:
		return "upper(" + a + ")", as
	case 1:
		b, bs := g.expression(text, sc, d, clean)
		return "(" + a + " || " + b + ")", as || bs
	case 2:
		return "md5(" + a + ")", as
	case 3:
		c, cs := g.expression(boolean, sc, d, clean)
		return "case when " + c + " then " + a + " else 'e' end", as || cs
	case 4:
		return "(" + n + ")::text", ns
	case 5:
		return "coalesce(" + a + ", 'z')", as
	case 6:
		if !clean {
			return "leak((" + n + ")::int)", true
		}
	case 7:
		// An aggregate of the query outside would be another statement.
		in, ins := g.scalar(text, d, clean)
		return in, ins
	case 8:
		return "substr(" + a + ", 2, 3)", as
	case 9:
		return "format('%s-%s', " + a + ", " + n + ")", as || ns
	case 10:
		j, js := g.expression(document, sc, d, clean)
		return "(" + j + ")::text", js
	case 11:
		return "reverse(" + a + ")", as
	case 12:
		return "polite(" + a + ")", as
	case 13:
		j, js := g.expression(document, sc, d, clean)
		return "(" + j + " ->> 'a')", js
	case 14:
		return "nullif(" + a + ", 't1')", as
	case 15:
		return "(" + a + " collate \"C\")", as
	case 16:
		return "(array[" + a + ", 'b'])[1]", as
	}
	return a, as
}

func (g *generator) number(sc []visible, d int, clean bool) (string, bool) {
	switch g.r.IntN(9) {
	case 0:
		a, s := g.expression(text, sc, d, clean)
		return "length(" + a + ")", s
	case 1:
		a, as := g.expression(number, sc, d, clean)
		b, bs := g.expression(number, sc, d, clean)
		return "(" + a + " " + pick(g, "+", "-") + " " + b + ")", as || bs
	case 2:
		a, s := g.expression(number, sc, d, true)
		return "(select count(*) from contacts k where k.id < " + a + ")", s
	case 3:
		a, s := g.expression(text, sc, d, clean)
		return "ascii(" + a + ")", s
	case 4:
		a, s := g.expression(text, sc, d, clean)
		return "position('a' in " + a + ")", s
	case 5:
		c, cs := g.expression(boolean, sc, d, clean)
		return "(" + c + ")::int", cs
	case 6:
		return g.scalar(number, d, clean)
	case 7:
		a, as := g.expression(number, sc, d, clean)
		return "greatest(" + a + ", 7)", as
	}
	return g.constant(number), false
}

func (g *generator) boolean(sc []visible, d int, clean bool) (string, bool) {
	switch g.r.IntN(7) {
	case 0:
		a, as := g.expression(text, sc, d, clean)
		return "(" + a + " like '%a%')", as
	case 1:
		a, as := g.expression(number, sc, d, clean)
		b, bs := g.expression(number, sc, d, clean)
		return "(" + a + pick(g, " < ", " >= ", " = ", " <> ") + b + ")", as || bs
	case 2:
		a, as := g.expression(text, sc, d, clean)
		b, bs := g.expression(text, sc, d, clean)
		return "(" + a + pick(g, " = ", " < ") + b + ")", as || bs
	case 3:
		a, as := g.expression(text, sc, d, clean)
		return "(" + a + " is null)", as
	case 4:
		a, as := g.expression(boolean, sc, d, clean)
		b, bs := g.expression(boolean, sc, d, clean)
		return "(" + a + pick(g, " and ", " or ") + b + ")", as || bs
	case 5:
		a, as := g.expression(boolean, sc, d, clean)
		return "(not " + a + ")", as
	}
	q, s := g.inner(text, d, clean)
	return "('t1' in (" + q + "))", s
}

func (g *generator) document(sc []visible, d int, clean bool) (string, bool) {
	switch g.r.IntN(5) {
	case 0:
		a, as := g.expression(text, sc, d, clean)
		return "jsonb_build_object('a', " + a + ")", as
	case 1:
		if !clean && len(sc) > 0 {
			return "to_jsonb(" + sc[g.r.IntN(len(sc))].alias + ")", true
		}
	case 2:
		a, as := g.expression(number, sc, d, clean)
		b, bs := g.expression(text, sc, d, clean)
		return "jsonb_build_array(" + a + ", " + b + ")", as || bs
	case 3:
		a, as := g.expression(text, sc, d, clean)
		return "to_jsonb(" + a + ")", as
	}
	return g.constant(document), false
}

// inner is a query of one column, which sees nothing of the query around it.
func (g *generator) inner(k kind, d int, clean bool) (string, bool) {
	g.fresh++
	alias := fmt.Sprintf("a%d", g.fresh)
	rel := pick(g, relationNames...)
	sc := []visible{{alias, relations[rel]}}
	e, s := g.expression(k, sc, d, clean)
	return "select " + e + " from " + rel + " as " + alias, s
}

// scalar is a subquery that yields one value.
func (g *generator) scalar(k kind, d int, clean bool) (string, bool) {
	q, s := g.inner(k, d, clean)
	if k == text {
		return "(select min(q.v) from (" + q + ") as q(v))", s
	}
	return "(select sum(q.v)::int from (" + q + ") as q(v))", s
}

func (g *generator) aggregate(k kind, sc []visible, d int) (string, bool) {
	switch k {
	case number:
		if g.chance(50) {
			a, s := g.expression(text, sc, d-1, false)
			return "sum(length(" + a + "))::int", s
		}
		return "count(*)", false
	case boolean:
		a, s := g.expression(boolean, sc, d-1, false)
		return "bool_or(" + a + ")", s
	case document:
		a, s := g.expression(text, sc, d-1, false)
		return "jsonb_agg(" + a + ")", s
	}
	a, s := g.expression(text, sc, d-1, false)
	return pick(g, "min(", "max(") + a + ")", s
}

// condition decides which rows there are: it asks about protected values only
// in a statement that may.
func (g *generator) condition(sc []visible, d int) string {
	c, secret := g.expression(boolean, sc, max(d, 1), !g.curious)
	if secret {
		g.asks["filter"] = true
	}
	return c
}

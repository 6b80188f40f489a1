package conformance

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
)

// Generate makes the i-th statement of a seed, in one of the ways that a
// statement can be sent.
func Generate(seed uint64, i int) (*Case, Mode) {
	g := &generator{r: rand.New(rand.NewPCG(seed, uint64(i))), asks: map[string]bool{}}
	g.curious = g.chance(8)
	q, secrets := g.statement()
	c := &Case{Name: fmt.Sprintf("seed %d, statement %d", seed, i)}
	c.Steps = g.wrap(q, secrets)
	c.Asks = strings.Join(slices.Sorted(maps.Keys(g.asks)), ", ")
	c.settle()
	c.Changes = false // what it makes is temporary, or rolled back
	return c, pick(g, Modes...)
}

// wrap puts a query where a query can stand.
func (g *generator) wrap(q string, secrets []bool) []Step {
	one := func(sql string) []Step { return []Step{{SQL: sql}} }
	switch g.r.IntN(22) {
	case 0:
		return one("copy (" + q + ") to stdout")
	case 1:
		return one("copy (" + q + ") to stdout (format csv, header)")
	case 2:
		return one("copy (" + q + ") to stdout (format binary)")
	case 3, 4:
		return []Step{{SQL: "begin"}, {SQL: "declare c scroll cursor for " + q}, {SQL: "fetch 2 from c"}, {SQL: "fetch last from c"}, {SQL: "close c"}, {SQL: "rollback"}}
	case 5, 6:
		return []Step{{SQL: "prepare p as " + q}, {SQL: "execute p"}, {SQL: "execute p"}}
	case 7:
		return []Step{{Do: VerbParse, Name: "s", SQL: q}, {Do: VerbRun, Name: "s", Binary: true}, {Do: VerbRun, Name: "s", Rows: 1}}
	case 8:
		return []Step{{SQL: "create temp table kept as " + q}, {SQL: "select * from kept"}, {SQL: "select count(*), max(kept::text) from kept"}, {SQL: "copy kept to stdout"}}
	case 9:
		return one("explain (costs off) " + q)
	case 10:
		return []Step{{SQL: "begin"}, {SQL: "insert into sink(t) select s::text from (" + q + ") s limit 3 returning t"}, {SQL: "select t from sink"}, {SQL: "rollback"}}
	case 11:
		return []Step{{SQL: "begin"}, {SQL: "create temp view seen as " + q}, {SQL: "select * from seen"}, {SQL: "rollback"}}
	case 12, 13, 14:
		for i, s := range secrets { // an order that everybody may know
			if !s {
				return one(fmt.Sprintf("%s order by %d", q, i+1))
			}
		}
		if g.curious {
			g.asks["order"] = true
			return one(q + " order by 1")
		}
	}
	return one(q)
}

// generated runs the generated statements.
func (s *suite) generated() error {
	var trials []*trial
	for i := range s.Count {
		c, mode := Generate(s.Seed, i)
		trials = append(trials, &trial{c: c, mode: mode})
	}
	var err error
	s.report.Generated, err = s.interfere("generated", trials)
	return err
}

package lineage_test

import (
	"testing"

	pgquery "github.com/wasilibs/go-pgquery"

	"sluice.dev/proxy/protocol/postgres/lineage"
	"sluice.dev/proxy/protocol/postgres/lineage/evasions"
)

// FuzzStrict: whatever parses gets a verdict, without panic, and one that
// passes has said what it reads.
func FuzzStrict(f *testing.F) {
	for _, list := range []string{"evasions.sql", "precision.sql"} {
		cases, err := evasions.Read(testdata(list))
		if err != nil {
			f.Fatal(err)
		}
		for _, c := range cases {
			for _, s := range c.Statements {
				f.Add(s)
			}
		}
	}
	s := snapshot(f, template)
	p, _ := s.Protected(protectedColumns, nil)
	view := s.Session(public)
	f.Fuzz(func(t *testing.T, sql string) {
		tree, err := pgquery.Parse(sql)
		if err != nil {
			return
		}
		for _, stmt := range tree.Stmts {
			v := lineage.Strict(stmt.Stmt, view, p)
			if v.Facts.ReturnsProtected && !v.Touches {
				t.Errorf("%s: returns protected columns, and touches nothing", sql)
			}
			if len(v.Columns) > 0 && !v.Scrub && v.Refuse == "" {
				t.Errorf("%s: refers to %v, and its errors are not scrubbed", sql, v.Columns)
			}
		}
	})
}

func BenchmarkStrict(b *testing.B) {
	s := snapshot(b, template)
	p, _ := s.Protected(protectedColumns, nil)
	view := s.Session(public)
	for name, sql := range map[string]string{
		"point": "select id, name, email from customers where id = $1",
		"join":  "select o.id, c.name, c.email from orders o join customers c on c.id = o.customer_id where o.total > 5 order by o.id limit 10",
	} {
		stmt := parse(b, sql)
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				lineage.Strict(stmt, view, p)
			}
		})
	}
}

package lineage_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	pgquery "github.com/wasilibs/go-pgquery"

	"sluice.dev/proxy/protocol/postgres/lineage"
	"sluice.dev/proxy/protocol/postgres/lineage/evasions"
	"sluice.dev/proxy/protocol/postgres/tree"
)

// FuzzServer: a tree that is read gets a verdict, without panic, and one that
// passes says of each result column what it holds. The seeds are real trees;
// what the fuzzer makes of them is what no server prints.
func FuzzServer(f *testing.F) {
	conn, err := pgconn.ParseConfig(server.SuperDSN(template))
	if err != nil {
		f.Fatal(err)
	}
	conn.RuntimeParams["options"] = settings
	var detail string
	conn.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) {
		if n.Message == "rewritten parse tree:" {
			detail = n.Detail
		}
	}
	c, err := pgconn.ConnectConfig(f.Context(), conn)
	if err != nil {
		f.Fatal(err)
	}
	defer c.Close(context.Background())
	for _, list := range []string{testdata("evasions.sql"), testdata("precision.sql"), "testdata/server_evasions.sql"} {
		cases, err := evasions.Read(list)
		if err != nil {
			f.Fatal(err)
		}
		for _, x := range cases {
			for _, sql := range x.Statements {
				if p, err := pgquery.Parse(sql); err != nil || len(p.Stmts) != 1 {
					continue
				} else if _, own, _, err := lineage.Analysable(p.Stmts[0].Stmt); err != nil || !own {
					continue
				}
				detail = ""
				if _, err := c.Prepare(f.Context(), "", sql, nil); err == nil && detail != "" {
					f.Add(detail)
				}
			}
		}
	}
	s := snapshot(f, template)
	p, _ := lineage.Protect(s, protectedColumns, nil)
	view := s.Session(public)
	parsed, err := pgquery.Parse("select 1")
	if err != nil {
		f.Fatal(err)
	}
	stmt := parsed.Stmts[0].Stmt
	f.Fuzz(func(t *testing.T, text string) {
		tr, err := tree.Parse(text, s.ServerVersion/10000)
		if err != nil {
			return
		}
		v := lineage.Server(stmt, tr, view, p)
		for i, o := range v.Outputs {
			if o.Level != lineage.Clean && !v.Touches {
				t.Errorf("column %d is %s, and nothing is touched", i, o.Level)
			}
			if origins, pass := v.Mask(p, i, 0, 0, true); pass && o.Level != lineage.Clean {
				t.Errorf("column %d is %s of %v, and passes", i, o.Level, origins)
			}
		}
		if len(v.Columns) > 0 && !v.Scrub {
			t.Errorf("refers to %v, and its errors are not scrubbed", v.Columns)
		}
	})
}

func BenchmarkServer(b *testing.B) {
	d, err := pgconn.ParseConfig(server.SuperDSN(template))
	if err != nil {
		b.Fatal(err)
	}
	d.RuntimeParams["options"] = settings
	var detail string
	d.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) {
		if n.Message == "rewritten parse tree:" {
			detail = n.Detail
		}
	}
	c, err := pgconn.ConnectConfig(b.Context(), d)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close(context.Background())
	s := snapshot(b, template)
	p, _ := lineage.Protect(s, protectedColumns, nil)
	view := s.Session(public)
	for name, sql := range map[string]string{
		"point":       "select id, name, email from customers where id = $1",
		"join":        "select o.id, c.name, c.email from orders o join customers c on c.id = o.customer_id where o.total > 5 order by o.id limit 10",
		"information": "select * from information_schema.columns where table_name = 'customers'",
	} {
		if _, err := c.Prepare(b.Context(), "", sql, nil); err != nil {
			b.Fatal(err)
		}
		text := detail
		stmt := parse(b, sql)
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				tr, err := tree.Parse(text, s.ServerVersion/10000)
				if err != nil {
					b.Fatal(err)
				}
				if v := lineage.Server(stmt, tr, view, p); v.Refuse != "" {
					b.Fatal(v.Refuse)
				}
			}
		})
	}
	b.Run("protect", func(b *testing.B) {
		for b.Loop() {
			lineage.Protect(s, protectedColumns, nil)
		}
	})
}

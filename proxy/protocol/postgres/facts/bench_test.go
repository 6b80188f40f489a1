package facts_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"sluice.dev/proxy/protocol/postgres/facts"
)

const point = "SELECT id, email, city FROM customers WHERE id = 7 AND city <> 'x'"

func BenchmarkFacts(b *testing.B) {
	_, v := view(b)
	if _, err := facts.Parse(point); err != nil {
		b.Fatal(err)
	}
	b.Run("parse", func(b *testing.B) {
		for b.Loop() {
			_, _ = facts.Parse(point)
		}
	})
	stmt, _ := facts.Parse(point)
	b.Run("facts", func(b *testing.B) {
		for b.Loop() {
			stmt.Facts(v)
		}
	})
	c := facts.NewCache(1 << 20)
	b.Run("cached", func(b *testing.B) {
		for b.Loop() {
			_, _ = c.Facts(point, "v1", v)
		}
	})
}

// The cache answers what a parse would have answered, by shape and by text,
// stays within its bound, and bears being used by many at once.
func TestCache(t *testing.T) {
	_, v := view(t)
	c := facts.NewCache(64 << 10)
	var all sync.WaitGroup
	for worker := range 4 {
		all.Go(func() {
			for i := range 60 {
				for _, text := range []string{
					fmt.Sprintf("SELECT email FROM customers WHERE id = %d AND city = 'c%d'", i, worker),
					fmt.Sprintf("select  email from customers where id=%d and city='%s'", i, strings.Repeat("x", i)),
					fmt.Sprintf("SELECT set_config('a.b%d', 'x', false)", i),
					fmt.Sprintf("SELECT city FROM customers ORDER BY %d", i%3+1),
					fmt.Sprintf("UPDATE customers SET email = 'a%d' WHERE id IN (%s1)", i, strings.Repeat("1, ", i%7)),
				} {
					got, err := c.Facts(text, "v1", v)
					if err != nil {
						t.Error(err)
						return
					}
					stmt, err := facts.Parse(text)
					if err != nil {
						t.Error(err)
						return
					}
					if a, b := fmt.Sprintf("%+v", exported(got)), fmt.Sprintf("%+v", exported(stmt.Facts(v))); a != b {
						t.Errorf("%s:\ncached %s\nparsed %s", text, a, b)
					}
				}
			}
		})
	}
	all.Wait()
	if entries, bytes := c.Len(); bytes > 64<<10 || entries == 0 {
		t.Errorf("%d entries of %d bytes", entries, bytes)
	}
	if _, err := c.Facts("select from from", "v1", v); err == nil {
		t.Error("an error became facts")
	}
}

// exported is what a user of the facts can see.
func exported(f *facts.Facts) []any {
	return []any{f.Complete, f.Resolved, f.Operations, f.Reads, f.Writes, f.Columns, f.Filters, f.Functions, f.Flags, f.ReadOnly,
		f.Session, f.Settings, f.Literals, f.ParamColumns, string(f.Canonical), f.Fingerprint, f.Description, f.Unsure}
}

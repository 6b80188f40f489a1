package lineage_test

import (
	"strings"
	"testing"
)

// TestResolved: names as the server resolved them.
func TestResolved(t *testing.T) {
	d := copyDatabase(t, true)
	s := newServerSession(t, d)
	for _, c := range []struct{ sql, reads, writes, columns, filters, functions string }{
		{"select id, upper(name) from customers c where city = 'x'", "public.customers", "",
			"public.customers.city public.customers.id public.customers.name", "public.customers.city", "upper"},
		{"select id from v_all where city like 'R%'", "public.customers public.v_all", "",
			"public.customers.city public.customers.id", "public.customers.city", ""},
		{"with x(a, b) as (select id, total from orders) select y.a from x y join customers c on c.id = y.b", "public.customers public.orders", "",
			"public.customers.id public.orders.id public.orders.total", "public.customers.id public.orders.total", ""},
		{"update customers set city = 'x' where id = 1", "public.customers", "public.customers", "public.customers.city public.customers.id", "public.customers.id", ""},
		{"insert into sink(t) select twice(n)::text from nums", "public.nums", "public.sink", "public.nums.n public.sink.id public.sink.t", "", "nextval public.twice"},
		{"select count(*) from shadow.customers where exists (select 1 from contacts where contacts.id = customers.id)", "public.contacts shadow.customers", "",
			"public.contacts.id shadow.customers.id", "public.contacts.id shadow.customers.id", "count"},
		{"select j.city from (customers join nums on id = n) j where j.name = 'a' group by 1", "public.customers public.nums", "",
			"public.customers.city public.customers.id public.customers.name public.nums.n", "public.customers.id public.customers.name public.nums.n", ""},
		{"select email from customers union all select city from contacts", "public.contacts public.customers", "", "public.contacts.city public.customers.email", "", ""},
		{"delete from contacts using nums where n = id returning email", "public.contacts public.nums", "public.contacts",
			"public.contacts.email public.contacts.id public.nums.n", "public.contacts.id public.nums.n", ""},
	} {
		v, err := s.serverJudge(parse(t, c.sql), c.sql)
		if err != nil || v.Resolved == nil {
			t.Fatalf("%s: %v, %+v", c.sql, err, v)
		}
		for _, x := range []struct {
			what string
			got  []string
			want string
		}{
			{"reads", v.Resolved.Reads, c.reads}, {"writes", v.Resolved.Writes, c.writes}, {"columns", v.Resolved.Columns, c.columns},
			{"filters", v.Resolved.Filters, c.filters}, {"functions", v.Resolved.Functions, c.functions},
		} {
			if got := strings.Join(x.got, " "); got != x.want {
				t.Errorf("%s: %s are %s, want %s", c.sql, x.what, got, x.want)
			}
		}
	}
}

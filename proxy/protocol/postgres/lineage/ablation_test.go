package lineage_test

import (
	"strings"
	"testing"

	"sluice.dev/proxy/protocol/postgres/lineage"
	"sluice.dev/proxy/protocol/postgres/lineage/evasions"
)

// Each rule of masking.md 4 is needed: without it a statement that should be
// refused or masked is not. leaks says what the client then learns: a value as
// it is, or a clean column that differs between databases that differ in
// protected values alone; "" where only the verdict changes, because the rule
// stands behind another.
var ablations = []struct {
	rules string // switched off together
	sql   string // statements, divided by ;
	leaks string // value, differs or verdict
}{
	{"write", "insert into sink(t) select email from customers; select t from sink", "value"},
	{"limit", "select n from nums order by n limit (select ascii(email) from customers where id = 1)", "differs"},
	{"limit", "select n from nums order by n offset (select ascii(email) from customers where id = 1)", "differs"},
	{"rows", "select 1 from customers, generate_series(1, ascii(email)) g where id = 1", "differs"},
	{"count", "select count(*) from customers, generate_series(1, ascii(email)) g where id = 1", "differs"},
	{"volatile,guard", "select set_config('a.b', email, false) is null as done from customers where id = 1; select current_setting('a.b')", "value"},
	{"guard", "select case when ascii(email) > 98 then nextval('sink_id_seq') end from customers where id = 1; select last_value, is_called from sink_id_seq", "differs"},
	{"decoder", "select n from nums, customers c where c.id = 1 and ascii(c.email) = n", "differs"},
	{"key", "select n from nums, customers c where c.id = 1 order by abs(ascii(c.email) - n) limit 1", "differs"},
	{"set", "select count(*) from (select n from nums except select ascii(email) from customers where id = 1) s", "verdict"},
	{"set,beside", "select n from nums except select ascii(email) from customers where id = 1", "differs"},
	{"beside", "select city from contacts union all select email from customers", "value"},
	{"trigger", "insert into filled(id) values (1); select t from filled", "value"},
	{"whole", "select to_jsonb(c)::text from customers c", "value"},
	{"window", "select id, rank() over (order by email) from customers order by id", "differs"},
	{"exists", "select exists (select 1 from customers where id = 1 and ascii(email) = 99)", "differs"},
	{"write,returning", "update contacts k set city = c.email from customers c where c.id = 1 and k.id = 1 returning k.city", "value"},
	{"opaque", "select leak(1)", "value"},
	{"multi", "update contacts set (email, city) = (select email, phone from customers where id = 1) where id = 1; select email from contacts where id = 1", "value"},
	{"conflict", "insert into customers(id, name, email) select n + 5000, 'x', 'canary' || n || '@hush.example' from nums on conflict (email) do nothing returning id", "differs"},
	{"raise", "select id, 1 / (ascii(right(email, 15)) - 49) from customers order by id", "verdict"},
	{"denied,opaque", "select query_to_xml('select email from customers limit 1', true, false, '')", "value"},
	{"cursor", "begin; declare c cursor for select id, 1 / (ascii(email) - 98) from customers order by id", "verdict"},
	{"sensitive", "select histogram_bounds::text from pg_stats where tablename = 'customers' and attname = 'email'", "value"},
	{"recursive,decoder", "with recursive r(k, v) as (select 0, ascii(email) from customers where id = 1 union all select k + 1, v - 1 from r where v > 0) select max(k) from r", "differs"},
}

func TestAblation(t *testing.T) {
	used := make(map[string]bool)
	a, b := copyDatabase(t, true), otherDatabase(t)
	b.precise, b.protected = true, nil
	b.reload()
	dbs := []*database{a, b}
	for _, a := range ablations {
		for r := range strings.SplitSeq(a.rules, ",") {
			used[r] = true
		}
		t.Run(a.rules, func(t *testing.T) {
			// With all rules it does not leak.
			if seen, refused := ablated(t, dbs, a.sql); len(seen) > 0 && !refused {
				t.Errorf("with all rules the client reads %q", seen)
			}
			restore := lineage.Without(strings.Split(a.rules, ",")...)
			defer restore()
			seen, refused := ablated(t, dbs, a.sql)
			switch {
			case refused && a.leaks != "verdict":
				t.Error("it is refused without the rule too")
			case a.leaks == "value" && !strings.Contains(strings.Join(seen, " "), "canary"):
				t.Errorf("no value is seen: %q", seen)
			case a.leaks == "differs" && len(seen) == 0:
				t.Error("nothing is seen")
			}
		})
	}
	for name := range lineage.Rules {
		if !used[name] {
			t.Errorf("no ablation of rule %s", name)
		}
	}
}

// ablated runs statements on two databases that differ in protected values, and
// answers what the client sees that it should not: values, or what differs.
func ablated(t *testing.T, dbs []*database, sql string) (leaked []string, refused bool) {
	t.Helper()
	var seen [2][]string
	for i, d := range dbs {
		d.t = t
		s := newServerSession(t, d)
		s.must("begin") // undone at the end
		for part := range strings.SplitSeq(sql, "; ") {
			if why := s.run(part); why != "" {
				refused = true
				t.Log(why)
			}
		}
		seen[i] = s.seen
		s.conn.Close(t.Context())
	}
	for _, text := range seen[0] {
		if evasions.Leaks(text) {
			leaked = append(leaked, text)
		}
	}
	if strings.Join(seen[0], "\x00") != strings.Join(seen[1], "\x00") {
		leaked = append(leaked, seen[0]...)
	}
	return leaked, refused
}

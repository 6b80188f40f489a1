package lineage_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	pg "github.com/pganalyze/pg_query_go/v6"
	pgquery "github.com/wasilibs/go-pgquery"

	"sluice.dev/proxy/protocol/postgres/catalog"
	"sluice.dev/proxy/protocol/postgres/lineage"
)

func parse(t testing.TB, sql string) *pg.Node {
	t.Helper()
	tree, err := pgquery.Parse(sql)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return tree.Stmts[0].Stmt
}

var public = catalog.SearchPath{Schemas: []string{"public"}}

// TestFacts: the facts of masking.md 9 that a statement makes true, refused or
// not, and the configured columns that it refers to.
func TestFacts(t *testing.T) {
	s := snapshot(t, template)
	p, _ := s.Protected(protectedColumns, nil)
	for _, c := range []struct{ sql, facts, columns string }{
		{"select 1", "", ""},
		{"select n from nums", "", ""},
		{"select id from customers", "reads_protected_relation", ""},
		{"select email from customers", "reads_protected_relation returns_protected", "public.customers.email"},
		{"select * from customers", "reads_protected_relation returns_protected", "public.customers.card public.customers.email public.customers.phone"},
		{"select id from customers where email = $1", "reads_protected_relation filters_protected_const", "public.customers.email"},
		{"select id from customers where $1 = email", "reads_protected_relation filters_protected_const", "public.customers.email"},
		{"select id from customers where email = $1::text and phone = 'x'", "reads_protected_relation filters_protected_const", "public.customers.email public.customers.phone"},
		{"select upper(email) from customers", "reads_protected_relation derives_from_protected", "public.customers.email"},
		{"select id from customers where email like 'a%'", "reads_protected_relation derives_from_protected filters_derived", "public.customers.email"},
		{"select id from customers where email is null", "reads_protected_relation derives_from_protected filters_derived filters_null_protected", "public.customers.email"},
		{"select c.id from customers c join events e on c.email = e.email", "reads_protected_relation derives_from_protected filters_derived joins_protected_with_protected", "public.customers.email public.events.email"},
		{"select id from customers order by email", "reads_protected_relation derives_from_protected orders_by_protected", "public.customers.email"},
		{"select count(*) from customers group by email", "reads_protected_relation derives_from_protected groups_by_protected", "public.customers.email"},
		{"select leak(1)", "calls_opaque_function", ""},
		{"select n from nums where leak(1) = 'x'", "calls_opaque_function filters_on_opaque_function", ""},
		{"insert into filled(id) values (1)", "calls_opaque_function fires_opaque_trigger", ""},
		{"update customers set email = $1 where id = 1", "reads_protected_relation", "public.customers.email"},
		{"insert into customers (id, name, email) values ($1, $2, $3)", "reads_protected_relation", "public.customers.email"},
		{"copy customers to stdout", "reads_protected_relation returns_protected", "public.customers.card public.customers.email public.customers.phone"},
		{"select customer_email from orders", "reads_protected_relation returns_protected", "public.customers.email"},
	} {
		v := lineage.Strict(parse(t, c.sql), s.Session(public), p)
		if got := strings.Join(trueFacts(t, v.Facts), " "); got != sorted(c.facts) {
			t.Errorf("%s:\nfacts %s\nwant  %s", c.sql, got, sorted(c.facts))
		}
		if got := strings.Join(v.Columns, " "); got != c.columns {
			t.Errorf("%s: columns %s, want %s", c.sql, got, c.columns)
		}
		if v.Unresolved {
			t.Errorf("%s: %s", c.sql, v.Refuse)
		}
	}
	for _, sql := range []string{"select x from nothing", "do $$ begin end $$", "select nothing from customers", "call p()", "select nothing(1)"} {
		if v := lineage.Strict(parse(t, sql), s.Session(public), p); v.Facts != lineage.Unknown() || v.Refuse == "" || !v.Touches || !v.Scrub {
			t.Errorf("%s: not refused with every fact true: %+v", sql, v)
		}
	}
}

func sorted(words string) string {
	f := strings.Fields(words)
	slices.Sort(f)
	return strings.Join(f, " ")
}

func trueFacts(t *testing.T, f lineage.Facts) (out []string) {
	t.Helper()
	b, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]bool
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	if len(m) != 12 {
		t.Fatalf("%d facts, masking.md 9 has 12", len(m))
	}
	for name, yes := range m {
		if yes {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// With nothing configured there is nothing to do, for any statement.
func TestEmptySet(t *testing.T) {
	s := snapshot(t, template)
	p, _ := s.Protected(nil, nil)
	for _, sql := range []string{"select upper(email) from customers", "do $$ begin end $$", "select x from nothing", "select query from pg_stat_activity"} {
		if v := lineage.Strict(parse(t, sql), s.Session(public), p); !reflect.DeepEqual(v, lineage.Verdict{}) {
			t.Errorf("%s: %+v", sql, v)
		}
	}
}

// A name that does not resolve says so, so that the session loads again.
func TestUnresolved(t *testing.T) {
	s := snapshot(t, template)
	p, _ := s.Protected(protectedColumns, nil)
	unsure := catalog.SearchPath{Schemas: []string{"public"}, TempUnknown: true}
	for _, c := range []struct {
		sql  string
		path catalog.SearchPath
	}{
		{"select 1 from nothing", public}, {"select nothing(1)", public}, {"select 'x'::nothing", public},
		{"select c.nothing from customers c", public}, {"select 1 @@@@ 2", public}, {"insert into nothing values (1)", public},
		{"update contacts set nothing = 1", public}, {"select id from customers", unsure}, {"select upper('x')", catalog.SearchPath{Unknown: true}},
		{"select id from other.public.customers", public}, {"copy contacts(nothing) to stdout", public},
	} {
		if v := lineage.Strict(parse(t, c.sql), s.Session(c.path), p); v.Refuse == "" || !v.Unresolved {
			t.Errorf("%s: not unresolved: %+v", c.sql, v)
		}
	}
	other := snapshot(t, template)
	if v := lineage.Strict(parse(t, "select 1"), other.Session(public), p); v.Refuse == "" || !v.Unresolved {
		t.Errorf("a protected set of another snapshot is used: %+v", v)
	}
}

// The words of a refusal name the column, what was done and what to do.
func TestRefusalText(t *testing.T) {
	s := snapshot(t, template)
	p, _ := s.Protected(protectedColumns, nil)
	v := lineage.Strict(parse(t, "select upper(c.email) from customers c"), s.Session(public), p)
	const want = "strict lineage: column public.customers.email may only be selected plainly, compared by = with a constant or parameter, or set to one; here it is part of an expression"
	if v.Refuse != want || v.Hint == "" {
		t.Errorf("got %q, hint %q", v.Refuse, v.Hint)
	}
	v = lineage.Strict(parse(t, "select lower(o.customer_email) from orders o"), s.Session(public), p)
	if !strings.Contains(v.Refuse, "public.orders.customer_email (public.customers.email)") {
		t.Errorf("the refusal does not say which mask it is for: %s", v.Refuse)
	}
}

// Mask is masking.md 0's rule at run time.
func TestMask(t *testing.T) {
	s := snapshot(t, template)
	p, _ := s.Protected(protectedColumns, nil)
	customers, _ := s.Named("public", "customers")
	email, city := customers.Column("email"), customers.Column("city")
	v := lineage.Strict(parse(t, "select email, city, count(*), leak(1) from customers group by id"), s.Session(public), p)
	if v.Refuse != "" {
		t.Fatal(v.Refuse)
	}
	for _, c := range []struct {
		position int
		relation uint32
		number   int16
		exact    bool
		pass     bool
		origins  []string
	}{
		{0, customers.OID, email, true, false, []string{"public.customers.email"}},
		{0, customers.OID, email, false, false, []string{"public.customers.email"}},
		{1, customers.OID, city, true, true, nil},
		{2, 0, 0, true, false, nil},
		{2, 0, 0, false, true, nil},
		{3, 0, 0, false, false, nil},
		{9, 0, 0, false, false, nil},
		{1, 0, 0, true, false, nil},
		{1, 4_000_000_000, 1, false, false, nil},
		{1, customers.OID, 0, false, false, []string{"public.customers.card", "public.customers.email", "public.customers.phone"}},
	} {
		origins, pass := v.Mask(p, c.position, c.relation, c.number, c.exact)
		if pass != c.pass || !slices.Equal(origins, c.origins) {
			t.Errorf("%+v: pass %v, origins %v", c, pass, origins)
		}
	}
}

func TestCopyPlan(t *testing.T) {
	s := snapshot(t, template)
	p, _ := s.Protected(protectedColumns, nil)
	v := lineage.Strict(parse(t, `copy (select city, email, upper(name) from customers) to stdout (format csv, header, delimiter ';', quote '|', null 'x')`), s.Session(public), p)
	plan := v.Copy
	if v.Refuse != "" || plan == nil {
		t.Fatal(v.Refuse)
	}
	if plan.Format != "csv" || !plan.Header || plan.Delimiter != ';' || plan.Quote != '|' || plan.Escape != '|' || plan.Null != "x" {
		t.Errorf("%+v", plan)
	}
	if plan.Query != "SELECT city, email, upper(name) FROM customers" {
		t.Errorf("query %q", plan.Query)
	}
	got := []bool{plan.Columns[0].Pass, plan.Columns[1].Pass, plan.Columns[2].Pass, plan.Columns[2].Proven}
	if !slices.Equal(got, []bool{true, false, false, true}) {
		t.Errorf("columns %+v", plan.Columns)
	}
	v = lineage.Strict(parse(t, "copy contacts to stdout (encoding 'SJIS')"), s.Session(public), p)
	if v.Refuse != "" || !v.Copy.Columns[1].Pass {
		t.Errorf("a COPY of nothing protected: %+v", v)
	}
}

// All statements of a message are judged before any runs.
func TestTextWhoseNamesChange(t *testing.T) {
	s := snapshot(t, template)
	p, _ := s.Protected(protectedColumns, nil)
	view := s.Session(catalog.SearchPath{Schemas: []string{"shadow", "public"}})
	for _, c := range []struct {
		sql     string
		refused bool
	}{
		{"set search_path = public; select upper(email) from customers", true},
		{"select set_config('search_path', 'public', false); select upper(email) from customers", true},
		{"select polite('x'); select upper(email) from customers", true},
		{"alter table shadow.customers rename to x; select upper(email) from customers", true},
		{"drop table shadow.customers; select upper(email) from customers", true},
		{"create temp table x (y int); select y from x", true},
		{"reset all; select upper(email) from customers", true},
		{"discard all; select upper(email) from customers", true},
		{"rollback; select upper(email) from customers", true},
		{"begin; select upper(email) from customers; commit", false},
		{"set statement_timeout = 5; select upper(email) from customers; rollback", false},
		{"select upper(email) from customers; set search_path = public", false},
		{"select 1; select 2; insert into public.sink(t) values ('x')", false},
	} {
		tree, err := pgquery.Parse(c.sql)
		if err != nil {
			t.Fatal(err)
		}
		var stmts []*pg.Node
		for _, r := range tree.Stmts {
			stmts = append(stmts, r.Stmt)
		}
		v := lineage.Combine(lineage.StrictText(stmts, view, p))
		if (v.Refuse != "") != c.refused {
			t.Errorf("%s: %q", c.sql, v.Refuse)
		}
	}
}

// Nesting makes a statement refused, not the gateway slow: a recursive query's
// first part is looked at twice, so nested ones could cost exponential time.
func TestNesting(t *testing.T) {
	s := snapshot(t, template)
	p, _ := s.Protected(protectedColumns, nil)
	deep := "select 1 as x"
	for i := range 40 {
		deep = fmt.Sprintf("with recursive r%d(x) as ((%s) union all select x from r%d where false) select x from r%d", i, deep, i, i)
	}
	for _, sql := range []string{
		deep,
		"select " + strings.Repeat("(select ", 600) + "1" + strings.Repeat(")", 600),
		"select " + strings.Repeat("1 + ", 3000) + "1",
		"select 1 from nums where n in (" + strings.Repeat("1, ", 50_000) + "1)",
	} {
		tree, err := pgquery.Parse(sql)
		if err != nil {
			t.Logf("%.40s…: %v", sql, err)
			continue
		}
		v := lineage.Strict(tree.Stmts[0].Stmt, s.Session(public), p)
		t.Logf("%.40s…: %q", sql, v.Refuse)
		if v.Refuse != "" && (v.Facts != lineage.Unknown() || !v.Touches) {
			t.Errorf("%.40s…: refused unread, and the facts are known: %+v", sql, v)
		}
	}
}

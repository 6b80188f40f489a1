package facts

import (
	"strings"
	"testing"

	pgquery "github.com/wasilibs/go-pgquery"
	"google.golang.org/protobuf/proto"
)

// nested are texts that nest n levels in one way each.
var nested = map[string]func(n int) string{
	"parentheses": func(n int) string { return "select " + wrap("(", "1", ")", n) },
	"subqueries":  func(n int) string { return "select " + wrap("(select ", "1", ")", n) },
	"from":        func(n int) string { return wrap("select * from (", "select 1", ") x", n) },
	"exists":      func(n int) string { return "select 1 where " + wrap("exists (select 1 where ", "true", ")", n) },
	"with":        func(n int) string { return wrap("with a as (", "select 1", ") select 2", n) },
	"functions":   func(n int) string { return "select " + wrap("f(", "1", ")", n) },
	"windows":     func(n int) string { return "select " + wrap("sum(1) over (partition by ", "1", ")", n) },
	"filters":     func(n int) string { return "select " + wrap("sum(1) filter (where ", "1=1", ")", n) },
	"case":        func(n int) string { return "select " + wrap("case when a then ", "1", " end", n) },
	"case else":   func(n int) string { return "select " + wrap("case when a and b then 1 else ", "1", " end", n) },
	"plus":        func(n int) string { return "select " + strings.Repeat("1+", n) + "1" },
	"minus":       func(n int) string { return "select " + strings.Repeat("- ", n) + "1" },
	"not":         func(n int) string { return "select " + strings.Repeat("not ", n) + "true" },
	"cast":        func(n int) string { return "select 1" + strings.Repeat("::int", n) },
	"collate":     func(n int) string { return "select 'a'" + strings.Repeat(` collate "C"`, n) },
	"at":          func(n int) string { return "select now()" + strings.Repeat(" at time zone 'UTC'", n) },
	"union":       func(n int) string { return strings.Repeat("select 1 union ", n) + "select 1" },
	"union all":   func(n int) string { return strings.Repeat("select a, b where c and d union all ", n) + "select 1" },
	"join":        func(n int) string { return "select 1 from t" + strings.Repeat(" join u on a and b", n) },
	"arrays":      func(n int) string { return "select array" + wrap("[", "1", "]", n) },
	"rows":        func(n int) string { return "select " + wrap("row(", "1", ")", n) },
	"in":          func(n int) string { return "select 1 where " + wrap("a in (select b where ", "true", ")", n) },
	"coalesce":    func(n int) string { return "select " + wrap("coalesce(a, ", "1", ")", n) },
	"json":        func(n int) string { return "select " + wrap("json_object('a': ", "1", ")", n) },
	"lateral":     func(n int) string { return wrap("select * from t, lateral (", "select 1", ") x", n) },
	"grouping":    func(n int) string { return "select 1 group by " + wrap("grouping sets (", "a", ")", n) },
	"join parens": func(n int) string { return "select 1 from " + wrap("(t join ", "u", " on a)", n) },
	"and or":      func(n int) string { return "select " + wrap("(a or b and ", "c", ")", n) },
	"mixed": func(n int) string {
		return "select " + wrap("coalesce(a, case when (select not 1+", "1", ") then b end)", n/5)
	},
	"xml":    func(n int) string { return "select " + wrap("xmlelement(name a, ", "1", ")", n) },
	"quals":  func(n int) string { return "select " + wrap("a = any (array(select -", "1", "))", n/2) },
	"insert": func(n int) string { return wrap("with a as (insert into t ", "select 1", " returning x) select 2", n) },
	"typmod": func(n int) string { return "select " + wrap("cast(", "1", " as numeric(1,2))", n) },
	"table":  func(n int) string { return "create table t (a int default " + wrap("f(", "1", ")", n) + ")" },
	"index":  func(n int) string { return "create index on t (" + wrap("f(", "a", ")", n) + ")" },
	"rule": func(n int) string {
		return "create rule r as on select to t do instead select " + wrap("(select ", "1", ")", n)
	},
	"explain": func(n int) string { return "explain select " + wrap("(select ", "1", ")", n) },
	"where":   func(n int) string { return "select 1 where " + strings.Repeat("a ~ b || ", n) + "c" },
}

func wrap(open, middle, end string, n int) string {
	return strings.Repeat(open, n) + middle + strings.Repeat(end, n)
}

// The deepest text of each kind that the guard lets through leaves the parser
// as it was; what is deeper is refused before the parser sees it.
func TestDepth(t *testing.T) {
	const probe = "select a, f(b) from t join u using (c) where d = 'x' and e in (1, 2, 3) order by g"
	want, err := pgquery.Parse(probe)
	if err != nil {
		t.Fatal(err)
	}
	for name, make := range nested {
		n := 1
		for tooDeep(make(n+1), lex(make(n+1)).tokens) == nil {
			if n++; n > 20*maxDepth {
				t.Fatalf("%s: never too deep", name)
			}
		}
		stmt, err := Parse(make(n))
		if err != nil {
			t.Errorf("%s at %d: %v", name, n, err)
		} else {
			stmt.Facts(nil)
		}
		if _, err := Parse(make(n + 1)); err == nil {
			t.Errorf("%s at %d: not refused", name, n+1)
		}
		for range cap(instances) + 1 {
			got, err := pgquery.Parse(probe)
			if err != nil || !proto.Equal(want, got) {
				t.Fatalf("%s at %d levels broke the parser: %v", name, n, err)
			}
		}
		t.Logf("%s: %d", name, n)
	}
}

// What is long and flat is not deep.
func TestFlat(t *testing.T) {
	for name, text := range map[string]string{
		"or":     "select 1 from t where " + strings.Repeat("a = 1 or ", 20000) + "b = 2",
		"and":    "select 1 from t where " + strings.Repeat("a > 1 and b like 'x' and ", 20000) + "b = 2",
		"in":     "select 1 from t where a in (" + strings.Repeat("1, ", 20000) + "2)",
		"values": "insert into t values " + strings.Repeat("(1, -2, 'x' || 'y'), ", 20000) + "(1, 2, '3')",
		"list":   "select " + strings.Repeat("a + b, ", 20000) + "c from t",
		"many":   strings.Repeat("select 1 + 1; ", 5000),
		"case":   "select case " + strings.Repeat("when a > 1 then b + 1 ", 5000) + "end",
	} {
		stmt, err := Parse(text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		stmt.Facts(nil)
	}
}

// The parser prints a shared source once for each column: bounded.
func TestWideSet(t *testing.T) {
	text := "update t set (" + strings.Repeat("a, ", 1500) + "a) = (select " + strings.Repeat("'xxxxxxxx', ", 80000) + "1)"
	if _, err := Parse(text); err == nil {
		t.Error("a multiple-column SET over a long source passed")
	}
	if _, err := Parse("update t set (a, b) = (select 1, 2) where (c, d) = (3, 4)"); err != nil {
		t.Error(err)
	}
}

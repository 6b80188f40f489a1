package facts

import (
	"errors"
	"os"
	"strings"
	"testing"

	pg "github.com/pganalyze/pg_query_go/v6"
	pgquery "github.com/wasilibs/go-pgquery"
)

// scanned is the tokens of the parser's own scanner, comments left out.
func scanned(text string) ([]*pg.ScanToken, bool) {
	result, err := pgquery.Scan(text)
	if err != nil {
		return nil, false
	}
	var out []*pg.ScanToken
	for _, t := range result.GetTokens() {
		if t.GetToken() != pg.Token_SQL_COMMENT && t.GetToken() != pg.Token_C_COMMENT {
			out = append(out, t)
		}
	}
	return out, true
}

// differs says where the lexer and the scanner disagree; "" if nowhere.
func differs(text string) string {
	l := lex(text)
	want, ok := scanned(text)
	if !ok {
		return "" // not SQL: no facts are made of it
	}
	if l.bad {
		return "" // refused, see Parse
	}
	for i, t := range l.tokens {
		if i >= len(want) {
			return "more tokens"
		}
		if t.start != int(want[i].GetStart()) || t.end != int(want[i].GetEnd()) {
			return "token " + t.text(text) + " against " + text[want[i].GetStart():want[i].GetEnd()]
		}
	}
	if len(want) != len(l.tokens) {
		return "fewer tokens"
	}
	return ""
}

var spellings = []string{
	"select 'a''b', E'a\\'b', $$x$y$$, $t$ $$ $t$, U&'d\\0061t', N'x', b'10', X'1f'",
	"select 'a'\n  'b', 'c' -- x\n 'd', 1.5, .5, 1., 1e10, 0x1F, 1_000, 1..2",
	"select a<-1, a<--1\n, a@-1, a+ -b, a*-b, /* x /* y */ z */ a/b, a||b, a::int, f(a=>1), f(a:=1)",
	`select "a""b", "A b", U&"d\0061t" from t where $1 = $2 and é = 'ü'`,
	"select 1 -- end", "select '", "select /* x", "select $a$ x", "select \"x", "select e'\\'", "select 1a", "select $1a",
	"select a[1:2], a.b, a . b, *, t.*; ; select ?", "select a !== b, a ->> 'x', a #>> b, a @> b, a ?| b, ~-1, !=-1, <>-1",
	"select $$$$, $_$ $ $_$", "select 'x' 'y'", "select E'\\\\', 'a\\'", "select 'a' /* c */ 'b'", "select 1.e5, 1.5e-3",
	"select a$b, $1, a$1", "\fselect\v1", "select 'a' \n--x\n\n--y\n'b'",
}

func TestLexer(t *testing.T) {
	for _, text := range spellings {
		if d := differs(text); d != "" {
			t.Errorf("%q: %s", text, d)
		}
	}
	traps, err := os.ReadFile("testdata/traps.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(string(traps), "\n") {
		if line != "" && !strings.HasPrefix(line, "  = ") {
			if d := differs(line); d != "" {
				t.Errorf("%q: %s", line, d)
			}
		}
	}
}

func TestCanonical(t *testing.T) {
	same := [][]string{
		{"select a from t where b = 'x'", "SELECT  a\nFROM t -- c\nWHERE b='x';", `/* y */ select "a" from "t" where B = 'x' ;;`},
		{"delete from T", "DELETE FROM t"},
	}
	for _, group := range same {
		for _, text := range group[1:] {
			if a, b := canonicalOf(t, group[0]), canonicalOf(t, text); a != b {
				t.Errorf("%q and %q: %s / %s", group[0], text, a, b)
			}
		}
	}
	different := [][2]string{
		{"select a from t", `select "A" from t`},
		{"select 'x'", "select 'X'"}, {"select user", `select "user"`}, {"select 1", "select 2"},
		{"select a @ -1", "select a @- 1"}, {"select 'a' 'b' c", "select 'a b' c"}, {"select a.b", "select ab"},
		{"select E'\\n'", "select '\\n'"}, {"select a b", "select ab"},
	}
	for _, pair := range different {
		if a, b := lexed(pair[0]), lexed(pair[1]); a == b {
			t.Errorf("%q and %q have one canonical form %s", pair[0], pair[1], a)
		}
	}
	if a, b := fingerprint(shape("select 'x', 1", lex("select 'x', 1").tokens)), fingerprint(shape("SELECT 'y',22", lex("SELECT 'y',22").tokens)); a != b {
		t.Error("a fingerprint depends on literals")
	}
}

func lexed(text string) string { return string(canonical(text, lex(text).tokens)) }

func canonicalOf(t *testing.T, text string) string {
	t.Helper()
	stmt, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return string(stmt.Facts(nil).Canonical)
}

// FuzzLexer holds the lexer to the parser's scanner.
func FuzzLexer(f *testing.F) {
	if err := Warm(f.Context()); err != nil {
		f.Fatal(err)
	}
	for _, text := range spellings {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.IndexByte(text, 0) >= 0 || len(text) > 1<<12 {
			return
		}
		if d := differs(text); d != "" {
			t.Fatal(d)
		}
	})
}

// FuzzFacts: no text makes the facts panic, and a text of the same shape has
// the same facts.
func FuzzFacts(f *testing.F) {
	if err := Warm(f.Context()); err != nil {
		f.Fatal(err)
	}
	traps, err := os.ReadFile("testdata/traps.txt")
	if err != nil {
		f.Fatal(err)
	}
	for _, line := range strings.Split(string(traps), "\n") {
		if line != "" && !strings.HasPrefix(line, "  = ") {
			f.Add(line)
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 1<<12 {
			return
		}
		stmt, err := Parse(text)
		if err != nil {
			if errors.Is(err, ErrParser) {
				t.Fatal(err)
			}
			return
		}
		facts := stmt.Facts(nil)
		for _, l := range facts.Literals {
			if l.Start < 0 || l.End > len(text) || l.Start >= l.End {
				t.Fatalf("literal %d to %d of %d bytes", l.Start, l.End, len(text))
			}
		}
		if again, ok := facts.For(text); ok && string(again.Canonical) != string(facts.Canonical) {
			t.Fatal("the same text has two canonical forms")
		} else if !ok && !facts.literalMatters {
			t.Fatal("a text does not have its own shape")
		}
	})
}

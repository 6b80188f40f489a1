package postgres_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"sluice.dev/proxy/protocol/postgres/wire"
	"sluice.dev/proxy/server/servertest"
)

// copySchema has values that are hard on each of the formats.
const copySchema = `
CREATE TABLE public.hard (id integer PRIMARY KEY, email text, note text);
INSERT INTO public.hard VALUES
 (1, 'canary-1', 'plain'), (2, NULL, NULL), (3, '', ''), (4, E'canary\t4\n\\.\n', E'tab\tnl\nback\\slash\\.'),
 (5, 'canary,5,"quoted"', 'a,b,"c"'), (6, '\N', '\N'), (7, E'canary\r\n7', E'\r\n'), (8, '\.', '\.'), (9, 'canäry', 'ümlaut'), (10, E'\b\f\v', E'\b\f\v'),
 (11, 'canary|11', 'x|y''z'), (12, 'canary ''12''', 'NULL'), (13, repeat('canary', 20000), repeat('long ', 20000));
INSERT INTO public.hard SELECT i, 'canary' || i, 'note ' || i FROM generate_series(100, 3000) i;
ALTER TABLE public.hard OWNER TO crew_app;
`

// copied joins the CopyData of an answer.
func copied(out []message) []byte {
	var b []byte
	for _, m := range out {
		if m.typ == 'd' {
			b = append(b, m.body...)
		}
	}
	return b
}

// directly is what the database itself answers to a COPY.
func directly(t *testing.T, g *servertest.Gateway, sql string) []byte {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, g.DB.SuperDSN("orders"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	var b bytes.Buffer
	if _, err := conn.PgConn().CopyTo(ctx, &b, sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return b.Bytes()
}

func TestCopy(t *testing.T) {
	g := startSuite(t, servertest.Options{Init: []string{servertest.Schema, copySchema},
		Masks: "mask \"m\" {\n  columns = [\"public.hard.email\"]\n  action = \"redact\"\n}"})
	r := login(t, g, g.Agent())
	options := []string{"", "(FORMAT text, HEADER)", "(FORMAT text, DELIMITER '|', NULL '')", "(FORMAT text, NULL 'NULL')", "(FORMAT csv)", "(FORMAT csv, HEADER)",
		"(FORMAT csv, QUOTE '''', DELIMITER '|')", "(FORMAT csv, ESCAPE '\\')", "(FORMAT csv, NULL '\\N')", "(FORMAT csv, FORCE_QUOTE (note))", "(FORMAT csv, FORCE_QUOTE *)", "(FORMAT binary)", "WITH CSV", "BINARY"}
	masked := "SELECT id, CASE WHEN email IS NOT NULL THEN '***' END AS email, note FROM hard ORDER BY id"
	if strings.HasPrefix(g.DB.Version, "14.") { // which knows HEADER for csv alone
		options = slices.DeleteFunc(options, func(o string) bool { return o == "(FORMAT text, HEADER)" })
	}
	for _, o := range options {
		for _, from := range []string{"(SELECT id, email, note FROM hard ORDER BY id)", "hard"} {
			sql := "COPY " + from + " TO STDOUT " + o
			if o == "BINARY" {
				if from != "hard" {
					continue
				}
				sql = "COPY BINARY hard TO STDOUT"
			}
			t.Run(sql, func(t *testing.T) {
				masked := masked
				if strings.Contains(o, "NULL ''") { // which says the same of an empty string
					masked = strings.Replace(masked, "email IS NOT NULL", "email <> ''", 1)
				}
				want := directly(t, g, strings.Replace(strings.Replace(sql, from, "("+masked+")", 1), "COPY BINARY ("+masked+") TO STDOUT", "COPY ("+masked+") TO STDOUT (FORMAT binary)", 1))
				for _, extended := range []bool{false, true} {
					var out []message
					if extended {
						r.send(parse("", sql), bind("", "", 0), execute("", 0), syncing)
						out = r.until('Z')
					} else {
						out = r.query(sql)
					}
					if err := errorOf(out); err != "" {
						t.Fatal(err)
					}
					if got := copied(out); !bytes.Equal(got, want) {
						at := 0
						for at < min(len(got), len(want)) && got[at] == want[at] {
							at++
						}
						t.Fatalf("extended %v: differs at %d of %d and %d: got %.80q, want %.80q", extended, at, len(got), len(want), got[at:], want[at:])
					}
				}
			})
		}
	}
	t.Run("without what is masked", func(t *testing.T) {
		sql := "COPY (SELECT id, note FROM hard ORDER BY id) TO STDOUT"
		if got := copied(r.must(sql)); !bytes.Equal(got, directly(t, g, sql)) {
			t.Fatal("differs")
		}
	})
	for _, sql := range []string{"COPY (SELECT id, upper(email) FROM hard) TO STDOUT", "COPY (SELECT hard FROM hard) TO STDOUT", "COPY (SELECT to_jsonb(hard) FROM hard) TO STDOUT",
		"COPY hard TO '/tmp/sluice-suite'", "COPY hard TO PROGRAM 'cat'", "COPY hard FROM PROGRAM 'cat /etc/passwd'", "COPY hard (email) TO STDOUT (FORMAT csv, HEADER)",
		"COPY (DELETE FROM orders RETURNING id) TO STDOUT", "COPY (VALUES ((SELECT email FROM hard LIMIT 1))) TO STDOUT", "COPY hard TO STDOUT (FORMAT csv, ENCODING 'LATIN1')", "COPY hard TO STDOUT (ENCODING 'UTF16')"} {
		t.Run(sql, func(t *testing.T) {
			r := login(t, g, g.Agent())
			for _, m := range func() []message { r.send(query(sql)); return r.answered(g) }() {
				t.Logf("%.200s", m)
			}
			if bytes.Contains(bytes.ToLower(r.all()), []byte("canary")) {
				t.Fatal("the client reads a canary")
			}
		})
	}
	if got := g.Direct("SELECT count(*) FROM orders"); got != "20" {
		t.Errorf("%s orders are left", got)
	}
}

func TestCopyIn(t *testing.T) {
	g := startSuite(t, servertest.Options{Init: []string{servertest.Schema, copySchema, "CREATE TABLE sink (id integer, note text); ALTER TABLE sink OWNER TO crew_app"}})
	r := login(t, g, g.Agent())
	count := func() string { return g.Direct("SELECT count(*) || ' ' || coalesce(sum(id), 0) FROM sink") }
	data := func(s string) []byte { return msg('d', s) }
	done := msg('c', "")

	r.send(query("COPY sink FROM STDIN"))
	r.want("asks for data", r.until('G'), "G", "", "")
	r.send(data("1\ta\n2\t"), data("b\n"), done)
	r.want("simple", r.until('Z'), "CZ", "", "")
	r.send(query("COPY sink FROM STDIN (FORMAT csv)"), data("3,c\n"), done, query("SELECT 1"))
	r.want("nothing awaited", r.until('Z'), "GCZ", "", "")
	r.want("behind it", r.until('Z'), "TDCZ", "1", "")
	binary := "PGCOPY\n\xff\r\n\x00" + u32(0) + u32(0) + u16(2) + u32(4) + u32(4) + u32(1) + "d" + u16(0xffff)
	r.send(parse("", "COPY sink FROM STDIN (FORMAT binary)"), bind("", "", 0), execute("", 0), syncing)
	r.want("extended", r.until('G'), "12G", "", "")
	for i := range binary {
		r.send(data(binary[i : i+1]))
	}
	r.send(done, syncing)
	r.want("extended, a byte a message", r.until('Z'), "CZ", "", "")
	if got := count(); got != "4 10" {
		t.Fatalf("sink has %s", got)
	}
	r.send(query("COPY sink FROM STDIN"), data("5\te\n"), msg('f', "changed my mind\x00"))
	r.want("CopyFail", r.until('Z'), "GEZ", "", "57014")
	r.send(query("COPY sink FROM STDIN"))
	r.until('G')
	r.send(data("six\tf\n"), data("7\tg\n"), done)
	r.want("bad data", r.until('Z'), "EZ", "", "22P02")
	r.send(query("COPY sink FROM STDIN; COPY sink FROM STDIN"), data("8\th\n"), done, data("9\ti\n"), done)
	r.want("two in one query", r.until('Z'), "GCGCZ", "", "")
	r.send(data("stray"), done, msg('f', "stray\x00"), query("SELECT 2"))
	r.want("stray data", r.until('Z'), "TDCZ", "2", "")
	if got := count(); got != "6 27" {
		t.Fatalf("sink has %s", got)
	}
	r.send(query("COPY sink FROM STDIN"), query("SELECT 1"))
	r.want("a query inside, which the server takes for the end of the protocol", r.rest(), "GEE", "", "08P01")
	big := strings.Repeat("10\t"+strings.Repeat("x", 1000)+"\n", 1000)
	r = login(t, g, g.Agent())
	r.send(query("COPY sink FROM STDIN"))
	for range 20 {
		r.send(wire.End(append(func() []byte { b, _ := wire.Begin(nil, 'd'); return b }(), big...), 0))
	}
	r.send(done)
	r.want("20 MB", r.until('Z'), "GCZ", "", "")
	if got := g.Direct("SELECT count(*) FROM sink"); got != "20006" {
		t.Fatalf("sink has %s", got)
	}
	// A refused or held COPY takes its data along.
	r.send(query("COPY nowhere FROM STDIN"))
	if out := r.until('Z'); types(out) != "EZ" {
		t.Errorf("of nothing: %v", out)
	}
	r.want("afterwards", r.query("SELECT 3"), "TDCZ", "3", "")
}

// With detectors and no protected column, nobody has looked up what the columns
// of a COPY are: its text is looked into all the same, and a binary one refused.
func TestCopyWithDetectorsAlone(t *testing.T) {
	g := startSuite(t, servertest.Options{Plugins: map[string]string{"pii": ""}, Masks: "mask \"found\" {\n  plugin = \"pii\"\n  action = \"redact\"\n}"})
	r := login(t, g, g.Agent())
	for _, sql := range []string{"COPY customers TO STDOUT", "COPY (SELECT id, email, card FROM customers ORDER BY id) TO STDOUT (FORMAT csv, HEADER)", "COPY customers (email, id) TO STDOUT (DELIMITER '|', NULL '')"} {
		var got, want strings.Builder
		for _, m := range r.must(sql) {
			if m.typ == 'd' {
				got.Write(m.body)
			}
		}
		for _, canary := range []string{"ada.brandt", "kovacs.example", "4111"} {
			if strings.Contains(got.String(), canary) {
				t.Errorf("%s shows %q:\n%s", sql, canary, got.String())
			}
		}
		want.Write(directly(t, g, sql))
		if n := strings.Count(want.String(), "\n"); strings.Count(got.String(), "\n") != n || !strings.Contains(got.String(), "***") {
			t.Errorf("%s: %q, and directly %q", sql, got.String(), want.String())
		}
	}
	if out := fmt.Sprint(r.query("COPY customers TO STDOUT (FORMAT binary)")); !strings.Contains(out, "use the text format") {
		t.Errorf("a binary COPY is answered %s", out)
	}
	r.must("SELECT 1")
}

package tree

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"go.uber.org/goleak"

	"sluice.dev/proxy/testenv"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// statements are those whose trees are kept in testdata, by major.
var statements = []struct{ name, sql string }{
	{"plain", `select id, mail as m, upper(mail) || 'x' from people where id = $1 and city like 'a%' order by 2 limit 3`},
	{"join", `select * from people p join pets t using (id) left join lateral (select p.mail as x) l on true`},
	{"full", `select id, p.mail from people p full join pets t using (id)`},
	{"cte", `with recursive r(n, e) as (select 1, mail from people union all select n + 1, e from r where n < 3) search depth first by n set o select * from r`},
	{"cycle", `with recursive r(n) as (select 1 union all select n + 1 from r) cycle n set c using path select * from r`},
	{"setop", `select mail from people union (select city from people except select name from pets) order by 1`},
	{"aggregate", `select city, count(*) filter (where id > 1), string_agg(mail, ',' order by id), percentile_cont(0.5) within group (order by id) from people group by grouping sets ((city), ()) having max(mail) > 'a'`},
	{"group", `select lower(city), count(distinct mail) from people group by lower(city)`},
	{"window", `select rank() over w, sum(id) over (partition by city order by id range between 1 preceding and current row) from people window w as (order by mail)`},
	{"sublinks", `select exists(select 1 from pets), (select max(id) from pets), id in (select id from pets), array(select id from pets), (id, city) = (select 1, 'x'), id > all (select id from pets) from people`},
	{"expressions", `select case when vip then mail else coalesce(city, 'n') end, case city when 'a' then 1 end, nullif(mail, 'x'), greatest(mail, city), row(id, mail), array[mail, city], (array[mail])[1], mail collate "C", mail::varchar(5), id::text, mail is null, vip is true, mail is distinct from city, (id, mail) < (1, 'a'), id = any(array[1, 2]), id between 1 and 2, current_user, p, (p).mail, to_jsonb(p) from people p`},
	{"functions", `select * from generate_series(1, 3) with ordinality g(a, b), rows from (unnest(array[1]), json_to_record('{}') as (x int)) r, xmltable('/a' passing (xmlparse(document '<a/>')) columns x text path 'x', o for ordinality) x`},
	{"values", `select * from (values (1, 'a'), (2, null), ((select id from people limit 1), 'c')) v(a, b)`},
	{"sample", `select id from people tablesample bernoulli (10) repeatable (1) for update`},
	{"insert", `insert into people(id, mail) values (1, 'a'), (2, default) on conflict (id) where id > 0 do update set mail = excluded.mail where people.id > 1 returning *, tableoid`},
	{"insertselect", `insert into pets select id, mail from people returning name`},
	{"update", `update people p set (mail, city) = (select name, 'x' from pets where pets.id = p.id), tags[1] = 'a' from pets where pets.id = p.id returning p.*`},
	{"delete", `with d as (delete from people using pets where pets.id = people.id returning people.*) select * from d`},
	{"view", `select m, city from shown where m like 'a%'`},
	{"rule", `update ruled set id = 1`},
	{"security", `select id from guarded`},
	{"identity", `insert into numbered(v) values ('a')`},
	{"domain", `select 'x'::short, array['x']::short[], row(1, 'a')::pair, (row(1, 'a')::pair).b`},
	{"names", `select 1 as "((((()))))", 2 as "{VAR :varno 1}", 3 as "a\b :c", 4 as ":expr", 5 as "<>", 7 as "1"`},
	{"nasty", `select id as "` + strings.Repeat("(", 63) + `" from people`},
	{"information", `select table_name, column_name, data_type from information_schema.columns where table_name = 'people'`},
}

// later are statements that older majors do not have.
var later = []struct {
	major     int
	name, sql string
}{
	{15, "merge", `merge into people p using pets t on p.id = t.id when matched and t.name = 'x' then update set mail = t.name when not matched then insert (id, mail) values (t.id, t.name)`},
	{16, "json", `select json_object('a': mail), json_array(mail, city), mail is json from people`},
	{17, "json2", `select json_value(j, '$.a' returning text default 'n' on empty), json_query(j, '$.b'), json_exists(j, '$.c' passing mail as x), json_scalar(mail), x.* from people, json_table(j, '$[*]' columns (a text path '$.a', nested path '$.b' columns (c int))) x`},
	{17, "merge2", `merge into people p using pets t on p.id = t.id when matched then delete when not matched by source then update set mail = 'x' returning merge_action(), p.mail`},
	{18, "oldnew", `update people set mail = 'x' returning old.mail, new.mail, old, id`},
	{18, "virtual", `select v from virtual`},
}

const fixtureSchema = `create type pair as (a int, b text);
create domain short as text check (length(value) < 5);
create table people (id int primary key, mail text, city text, vip bool, tags text[], j jsonb);
create table pets (id int, name text);
create view shown as select id, upper(mail) as m, city from people where vip;
create table ruled (id int);
create rule r as on update to ruled do also insert into pets values (new.id, 'x');
create table guarded (id int, owner text);
alter table guarded enable row level security;
alter table guarded force row level security;
create policy p on guarded using (owner = current_user);
create table numbered (id int generated always as identity, v text default lower('A'));
create role reader;
grant all on all tables in schema public to reader;`

// TestRecord asks real servers for the trees again: SLUICE_RECORD=1, with
// SLUICE_POSTGRES_MAJORS=all.
func TestRecord(t *testing.T) {
	if os.Getenv("SLUICE_RECORD") == "" {
		t.Skip("the fixtures are written anew with SLUICE_RECORD=1 only")
	}
	testenv.EachPostgres(t, func(t *testing.T, pg *testenv.PostgresServer) {
		var major int
		if _, err := fmt.Sscan(pg.Version, &major); err != nil {
			if _, err := fmt.Sscanf(pg.Version, "%d.", &major); err != nil {
				t.Fatal(err)
			}
		}
		schema := fixtureSchema
		if major >= 18 {
			schema += "create table virtual (a text, v text generated always as (a || 'x') virtual); grant all on virtual to reader;"
		}
		config, err := pgconn.ParseConfig(pg.SuperDSN("postgres"))
		if err != nil {
			t.Fatal(err)
		}
		config.RuntimeParams["options"] = "-c debug_print_rewritten=on -c debug_pretty_print=off"
		var detail string
		config.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) {
			if n.Message == "rewritten parse tree:" {
				detail = n.Detail
			}
		}
		conn, err := pgconn.ConnectConfig(t.Context(), config)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(context.Background())
		if _, err := conn.Exec(t.Context(), schema+"set role reader; set client_min_messages = log").ReadAll(); err != nil {
			t.Fatal(err)
		}
		dir := filepath.Join("testdata", fmt.Sprint(major))
		if err := os.MkdirAll(dir, 0o750); err != nil {
			t.Fatal(err)
		}
		record := func(name, sql string) {
			detail = ""
			if _, err := conn.Prepare(t.Context(), "", sql, nil); err != nil {
				t.Errorf("%s: %v", name, err)
				return
			}
			if err := os.WriteFile(filepath.Join(dir, name+".tree"), []byte(detail), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		for _, s := range statements {
			record(s.name, s.sql)
		}
		for _, s := range later {
			if major >= s.major {
				record(s.name, s.sql)
			}
		}
	})
}

// TestFixtures reads each recorded tree: written out again it is what the
// server printed, so nothing is lost or misread, and its tags are known.
func TestFixtures(t *testing.T) {
	for major := OldestMajor; major <= NewestMajor; major++ {
		files, err := filepath.Glob(filepath.Join("testdata", fmt.Sprint(major), "*.tree"))
		if err != nil || len(files) < len(statements)-1 {
			t.Fatalf("%d fixtures of PostgreSQL %d: %v", len(files), major, err)
		}
		others := make(map[string]bool)
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			tr, err := Parse(string(text), major)
			if strings.HasSuffix(file, "nasty.tree") {
				if !errors.Is(err, errFolded) {
					t.Errorf("%s: %v, want %v", file, err, errFolded)
				}
				continue
			}
			if err != nil {
				t.Errorf("%s: %v", file, err)
				continue
			}
			for i := range tr.nodes {
				if n := &tr.nodes[i]; n.Tag == OtherTag {
					others[n.Name()] = true
				}
			}
			var got []string
			for _, q := range tr.Queries {
				got = tr.write(got, Value{Kind: Inner, from: uint32(q.ID)})
			}
			want := lex(string(text))
			if !slices.Equal(got, want[1:len(want)-1]) {
				t.Errorf("%s: written out again it differs", file)
			}
		}
		if len(others) > 0 {
			t.Logf("PostgreSQL %d: tags without a name here: %v", major, others)
		}
	}
}

// write is a value as tokens, as the server printed it.
func (t *Tree) write(out []string, v Value) []string {
	switch v.Kind {
	case Null:
		return append(out, "<>")
	case Atom:
		return append(out, lex(t.text[v.from:v.to])...)
	case List:
		out = append(out, "(")
		for _, e := range t.List(v) {
			out = t.write(out, e)
		}
		return append(out, ")")
	}
	n := t.Node(v)
	out = append(out, "{", n.Name())
	for i := range n.Fields() {
		_, x := n.At(i)
		out = t.write(append(out, ":"+n.Label(i)), x)
	}
	return append(out, "}")
}

// lex splits into tokens in another way than the parser does.
func lex(s string) (out []string) {
	token := ""
	end := func() {
		if token != "" {
			out = append(out, token)
		}
		token = ""
	}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && i+1 < len(s):
			token += s[i : i+2]
			i++
		case c == ' ' || c == '\n':
			end()
		case strings.IndexByte("(){}", c) >= 0:
			end()
			out = append(out, string(c))
		default:
			token += string(c)
		}
	}
	end()
	return out
}

func BenchmarkParse(b *testing.B) {
	for _, name := range []string{"plain", "cte", "information"} {
		text, err := os.ReadFile(filepath.Join("testdata", "15", name+".tree"))
		if err != nil {
			b.Fatal(err)
		}
		s := string(text)
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(s)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Parse(s, 15); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/hash", func(b *testing.B) {
			t, _ := Parse(s, 15)
			b.SetBytes(int64(len(s)))
			for b.Loop() {
				t.Hash()
			}
		})
	}
}

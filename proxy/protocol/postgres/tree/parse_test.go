package tree

import (
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	const text = `({QUERY :commandType 1 :rtable ({RANGETBLENTRY :alias <> :relid 16384 :x (o 25 23)} <>) :canSetTag true :targetList ({TARGETENTRY :expr {CONST :consttype 25 :constvalue 5 [ 20 0 -61 0 97 ] :location 7} :resno 1 :resname a\ b\)\\ :empty "" :name :relid})})` + "\n"
	tr, err := Parse(fold(text), 15)
	if err != nil {
		t.Fatal(err)
	}
	q := tr.Queries[0]
	if c, ok := q.Int(CommandType); !ok || c != 1 || !q.True(CanSetTag) {
		t.Errorf("command %d, canSetTag %t", c, q.True(CanSetTag))
	}
	r := tr.Node(q.List(Rtable)[0])
	if r.Tag != TagRangeTblEntry || r.OID(Relid) != 16384 || r.Get(OtherField).Kind != Null {
		t.Errorf("range table entry: %+v", r)
	}
	if q.List(Rtable)[1].Kind != Null {
		t.Error("<> is not null")
	}
	e := tr.Node(q.List(TargetList)[0])
	if got := e.Text(Resname); got != `a b)\` {
		t.Errorf("resname %q", got)
	}
	if v := e.Node(Expr).Get(Constvalue); tr.Raw(v) != "5 [ 20 0 -61 0 97 ]" {
		t.Errorf("constant %q", tr.Raw(v))
	}
	// A value may look like the name of a field.
	if _, v := e.At(e.Fields() - 1); tr.Raw(v) != ":relid" || e.Label(e.Fields()-1) != "name" {
		t.Errorf("a value that looks like a field: %q", tr.Raw(v))
	}
}

// fold is format_node_dump of nodes/print.c.
func fold(s string) string {
	var out strings.Builder
	for i := 0; ; {
		end := min(i+lineLength, len(s))
		if end == len(s) {
			out.WriteString(s[i:end])
			if !strings.HasSuffix(out.String(), "\n") {
				out.WriteByte('\n')
			}
			return out.String()
		}
		line := s[i:end]
		switch k := strings.LastIndexByte(line, ' '); {
		case s[end] == ' ':
			i = end + 1
		case k > 0:
			line = line[:k]
			i += k + 1
		default:
			i = end
		}
		out.WriteString(line)
		out.WriteByte('\n')
	}
}

func TestParseRefuses(t *testing.T) {
	query := func(s string) string { return "({QUERY " + s + "})" }
	for name, text := range map[string]string{
		"empty":                 "",
		"no list":               "{QUERY :a 1}",
		"no query":              "()",
		"another node":          "({VAR :varno 1})",
		"open list":             "({QUERY :a 1}",
		"open node":             "({QUERY :a 1",
		"closed twice":          "({QUERY :a 1}))",
		"two lists":             "({QUERY :a 1}) ({QUERY :a 1})",
		"no tag":                "({:a 1})",
		"lower tag":             "({Query :a 1})",
		"value without a field": query("1"),
		"field without a value": query(":a"),
		"two values":            query(":a 1 2"),
		"bracket as value":      query(":a )"),
		"constant cut":          query(":constvalue 3 [ 1 2"),
		"constant of words":     query(":constvalue 3 [ 1 x ]"),
		"constant no bracket":   query(":constvalue 3 :b 1"),
		"constant node":         query(":constvalue {VAR :a 1} [ ]"),
		"deep":                  "({QUERY :a " + strings.Repeat("(", maxDepth+1) + strings.Repeat(")", maxDepth+1) + "})",
		"token cut by a line":   "({QUERY :a\n" + strings.Repeat("x", lineLength) + "\n" + "y})",
		"token at a line's end": "({QUERY :a\n" + " " + strings.Repeat("x", lineLength-1) + "\n" + ":b 1})",
		"long line":             "({QUERY :a " + strings.Repeat("x", lineLength) + "})",
		"large":                 strings.Repeat(" ", MaxBytes+1),
	} {
		if _, err := Parse(text, 15); err == nil {
			t.Errorf("%s: parses", name)
		}
	}
	for _, major := range []int{0, 13, 19} {
		if _, err := Parse("({QUERY :a 1})", major); err == nil {
			t.Errorf("the tree of PostgreSQL %d parses", major)
		}
	}
}

// TestFolding: a break within a token is never taken for a blank, whatever the
// token and wherever it stands.
func TestFolding(t *testing.T) {
	read, refused := 0, 0
	for lead := range 90 {
		for _, name := range []string{
			"plain", `a\ b`, `\ `, strings.Repeat(`\(`, 31) + `\ :x`, strings.Repeat(`\(`, 63), "a" + strings.Repeat("\\\n", 20) + "b",
			strings.Repeat("y", 63), strings.Repeat(`y\ `, 31), `\\`, strings.Repeat(`\\`, 62), "\\\n" + strings.Repeat(`\)`, 62), strings.Repeat("\\\n", 62) + `\ `,
			strings.Repeat("z", 30) + "\\\n" + strings.Repeat("z", 30), `:a`, `\ :resno\ 7`, strings.Repeat("w", 62) + "\\\n",
		} {
			text := "({QUERY :a " + strings.Repeat("q", lead) + " :resname " + name + " :resno 5})\n"
			if lead == 0 {
				text = "({QUERY :resname " + name + " :resno 5})\n"
			}
			tr, err := Parse(fold(text), 15)
			if err != nil {
				refused++
				continue
			}
			read++
			q := tr.Queries[0]
			want := strings.NewReplacer("\\\n", " ", `\\`, `\`, `\ `, " ", `\(`, "(", `\)`, ")").Replace(name)
			if no, ok := q.Int(Resno); !ok || no != 5 || q.Text(Resname) != want {
				t.Errorf("%d %q: read as %q, %d", lead, name, q.Text(Resname), no)
			}
		}
	}
	t.Logf("%d read, %d refused as ambiguous", read, refused)
	if read < 800 {
		t.Error("hardly any is read")
	}
}

func TestHash(t *testing.T) {
	hash := func(text string) [32]byte {
		t.Helper()
		tr, err := Parse(fold(text), 15)
		if err != nil {
			t.Fatal(err)
		}
		return tr.Hash()
	}
	base := hash("({QUERY :a 1 :expr {CONST :constisnull false :constvalue 4 [ 1 0 0 0 ] :location 7} :stmt_len 5})")
	if hash("({QUERY :a 1 :expr {CONST :constisnull false :constvalue 5 [ 1 0 0 0 7 ] :location 9} :stmt_len 6})") != base {
		t.Error("literals and places are in the hash")
	}
	for _, other := range []string{
		"({QUERY :a 2 :expr {CONST :constisnull false :constvalue 4 [ 1 0 0 0 ] :location 7} :stmt_len 5})",
		"({QUERY :a 1 :expr {CONST :constisnull false :constvalue <> :location 7} :stmt_len 5})",
		"({QUERY :a (1) :expr {CONST :constisnull false :constvalue 4 [ 1 0 0 0 ] :location 7} :stmt_len 5})",
		"({QUERY :a 1 :expr {CONST :constisnull false :constvalue 4 [ 1 0 0 0 ] :location 7} :stmt_len 5} {QUERY :a 1})",
	} {
		if hash(other) == base {
			t.Errorf("hashes alike: %s", other)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("({QUERY :commandType 1 :targetList ({TARGETENTRY :expr {CONST :constvalue 1 [ 2 ]} :resname a\\ b})})\n")
	f.Add("({QUERY :a\n:b (1 2) :c <> :d \"\"})")
	f.Fuzz(func(t *testing.T, text string) {
		tr, err := Parse(text, 18)
		if err != nil {
			return
		}
		// Every bracket of what parses is accounted for.
		nodes, lists := 0, 0
		var walk func(v Value)
		walk = func(v Value) {
			switch v.Kind {
			case Inner:
				nodes++
				n := tr.Node(v)
				for i := range n.Fields() {
					_, x := n.At(i)
					walk(x)
				}
			case List:
				lists++
				for _, e := range tr.List(v) {
					walk(e)
				}
			case Null, Atom:
			}
		}
		for _, q := range tr.Queries {
			walk(Value{Kind: Inner, from: uint32(q.ID)})
		}
		if nodes != tr.Nodes() {
			t.Errorf("%d nodes of %d are in the tree", nodes, tr.Nodes())
		}
		if first := tr.Hash(); tr.Hash() != first {
			t.Error("the hash changes")
		}
	})
}

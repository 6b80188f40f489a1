package lineage_test

import (
	"regexp"
	"testing"

	"sluice.dev/proxy/protocol/postgres/lineage/evasions"
)

// changes finds statements after which a database is not what it was.
var changes = regexp.MustCompile(`(?i)\b(insert|update|delete|merge|create|drop|alter|truncate|grant)\b`)

func changed(c evasions.Case) bool {
	for _, s := range c.Statements {
		if changes.MatchString(s) {
			return true
		}
	}
	return false
}

// TestEvasions runs every evasion as the gateway would, and looks at what
// reaches the client.
func TestEvasions(t *testing.T) {
	cases, err := evasions.Read(testdata("evasions.sql"))
	if err != nil {
		t.Fatal(err)
	}
	shared := newDatabase(t)
	refused, ran, masked := 0, 0, 0
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			d := shared
			once := len(c.Statements) == 1 && changed(c)
			if c.Word == "run" && changed(c) && !once {
				d = newDatabase(t)
				defer d.drop()
			}
			d.t = t
			s := newSession(t, d, false)
			if once { // undone at the end, so that the database can be shared
				s.must("begin")
			}
			word := "run"
			for _, sql := range c.Statements {
				if why := s.run(sql); why != "" {
					word = "refuse"
					t.Logf("%s\n%s", sql, why)
				}
			}
			if word != c.Word {
				t.Errorf("evasions.sql:%d: %s, the list says %s", c.Line, word, c.Word)
			}
			for _, text := range s.seen {
				if evasions.Leaks(text) {
					t.Errorf("evasions.sql:%d: the client reads %q", c.Line, text)
				}
			}
			if word == "run" {
				ran++
			} else {
				refused++
			}
			masked += s.masked
			s.conn.Close(t.Context())
		})
	}
	t.Logf("%d evasions: %d refused, %d ran with %d cells masked", len(cases), refused, ran, masked)
	if masked == 0 {
		t.Error("nothing was masked: the list proves nothing")
	}
}

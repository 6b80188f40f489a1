package lineage_test

import (
	"slices"
	"strings"
	"testing"

	"sluice.dev/proxy/protocol/postgres/lineage/evasions"
)

// TestPrecision runs ordinary statements: none is refused, and only the
// columns that the list names are masked.
func TestPrecision(t *testing.T) {
	cases, err := evasions.Read(testdata("precision.sql"))
	if err != nil {
		t.Fatal(err)
	}
	shared := newDatabase(t)
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			d := shared
			once := len(c.Statements) == 1 && changed(c)
			if changed(c) && !once {
				d = newDatabase(t)
				defer d.drop()
			}
			d.t = t
			s := newSession(t, d, false)
			if once { // undone at the end, so that the database can be shared
				s.must("begin")
			}
			for _, sql := range c.Statements {
				if why := s.run(sql); why != "" {
					t.Errorf("precision.sql:%d: %s\nis refused: %s", c.Line, sql, why)
				}
				if s.failed != nil {
					t.Errorf("precision.sql:%d: %s\nfails: %v", c.Line, sql, s.failed)
				}
			}
			got := "nothing"
			if len(s.columns) > 0 {
				got = strings.Join(s.columns, ",")
			}
			if got != c.Word {
				t.Errorf("precision.sql:%d: masked %s, want %s", c.Line, got, c.Word)
			}
			s.conn.Close(t.Context())
		})
	}
}

// note keeps the name of a masked column, once.
func (s *session) note(name string) {
	if !slices.Contains(s.columns, name) {
		s.columns = append(s.columns, name)
	}
}

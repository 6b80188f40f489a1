package lineage_test

import (
	"strings"
	"testing"

	"sluice.dev/proxy/protocol/postgres/lineage/evasions"
)

// TestServerPrecision runs ordinary statements with the server's own analysis:
// none is refused, and only the columns that the list names are masked.
func TestServerPrecision(t *testing.T) { eachServer(t, serverPrecision) }

func serverPrecision(t *testing.T) {
	t.Helper()
	cases, err := evasions.Read(testdata("precision.sql"))
	if err != nil {
		t.Fatal(err)
	}
	more, err := evasions.Read("testdata/server_precision.sql")
	if err != nil {
		t.Fatal(err)
	}
	shared := copyDatabase(t, true)
	columns := 0
	for _, c := range append(cases, more...) {
		t.Run(c.Name, func(t *testing.T) {
			s, why := runCase(t, shared, c, newServerSession)
			if why != "" {
				t.Errorf("line %d: refused: %s", c.Line, why)
			}
			if s.failed != nil {
				t.Errorf("line %d: fails: %v", c.Line, s.failed)
			}
			got := "nothing"
			if len(s.columns) > 0 {
				got = strings.Join(s.columns, ",")
			}
			if got != c.Word {
				t.Errorf("line %d: masked %s, want %s", c.Line, got, c.Word)
			}
			columns += s.shown
		})
	}
	t.Logf("%d statements' results have %d columns", len(cases)+len(more), columns)
}

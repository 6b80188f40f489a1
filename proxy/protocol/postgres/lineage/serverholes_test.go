package lineage_test

import (
	"strings"
	"testing"

	"sluice.dev/proxy/protocol/postgres/lineage"
	"sluice.dev/proxy/protocol/postgres/lineage/evasions"
)

// told says whether the facts name a reason of masking.md 9.
func told(f lineage.Facts) bool {
	return f.FiltersProtectedConst || f.FiltersDerived || f.FiltersNullProtected || f.JoinsProtectedWithProtected ||
		f.OrdersByProtected || f.GroupsByProtected || f.FiltersOnOpaqueFunction
}

// TestServerHoles runs testdata/server_evasions.sql.
func TestServerHoles(t *testing.T) { eachServer(t, serverHoles) }

func serverHoles(t *testing.T) {
	t.Helper()
	cases, err := evasions.Read("testdata/server_evasions.sql")
	if err != nil {
		t.Fatal(err)
	}
	shared := copyDatabase(t, true)
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			s, why := runCase(t, shared, c, newServerSession)
			for _, text := range s.seen {
				if evasions.Leaks(text) {
					t.Errorf("line %d: the client reads %q", c.Line, text)
				}
			}
			word := "mask"
			switch {
			case why != "":
				word = "refuse"
			case told(s.verdict.Facts) && s.masked == 0:
				word = "facts"
			}
			if word != c.Word {
				t.Errorf("line %d: %s, the list says %s; %+v", c.Line, word, c.Word, s.verdict)
			}
			if word == "mask" {
				if s.failed != nil && !strings.Contains(s.failed.Error(), "division by zero") {
					t.Errorf("line %d: fails: %v", c.Line, s.failed)
				}
				for _, text := range s.seen {
					t.Errorf("line %d: the client reads %q", c.Line, text)
				}
			}
		})
	}
}

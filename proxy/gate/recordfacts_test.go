package gate

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluice.dev/proxy/audit"
)

func TestRecordedFacts(t *testing.T) {
	f := &Facts{Columns: []string{"a.b.c"}, Extra: map[string]any{"yes": true, "no": false, "settings": []any{"work_mem"}, "none": []any{}, "long": strings.Repeat("x", 600), "keys": []any{"s:1"}},
		ExtraNames: []string{"settings", "long"}}
	columns, _, own, facts := recordedFacts(f)
	if diff := cmp.Diff([]string{"keys?", "long?", `settings=["work_mem"]`, "yes"}, own); diff != "" || len(columns) != 1 || facts != audit.FactsWhole {
		t.Errorf("%s %v %s", diff, columns, facts)
	}
	for i := range 70 {
		f.Filters = append(f.Filters, fmt.Sprint(i))
	}
	if _, filters, _, facts := recordedFacts(f); len(filters) != maxRecordColumns || facts != audit.FactsCut || len(f.Filters) != 70 {
		t.Errorf("%d of %d filters, %s", len(filters), len(f.Filters), facts)
	}
	if _, _, own, facts := recordedFacts(&Facts{}); len(own) != 1 || own[0] != ownUnknown || facts != audit.FactsWhole {
		t.Errorf("a parser that knew nothing: %v, %s", own, facts)
	}
}

// Only claims that policies read are recorded; a long one is named alone.
func TestClaimsRead(t *testing.T) {
	claims := map[string]any{"team": "red", "email": "a@example.com", "long": strings.Repeat("x", 600)}
	for path, want := range map[string]map[string]string{
		"input.principal.groups":        nil,
		"input.principal.claims.team":   {"team": `"red"`},
		"input.principal.claims.team.x": {"team": `"red"`},
		"input.principal.claims.teams":  nil,
		"input.principal.claims.long":   {"long": ""},
		"input.principal":               {"team": `"red"`, "email": `"a@example.com"`, "long": ""},
	} {
		if diff := cmp.Diff(want, claimsRead([]string{path}, claims)); diff != "" {
			t.Errorf("%s: %s", path, diff)
		}
	}
}

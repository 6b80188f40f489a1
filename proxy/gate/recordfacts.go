package gate

import (
	"encoding/json"
	"slices"
	"strings"

	"sluice.dev/proxy/audit"
)

// Bounds of what one record says of facts beyond the objects and operations.
const (
	maxRecordColumns = 64  // columns, and likewise filters
	maxRecordOwn     = 512 // bytes of one own fact that is no boolean
	maxRecordClaim   = 512 // bytes of one claim's JSON; a longer one is named alone
	maxRecordClaims  = 16
)

const allClaims = "input.principal.claims"

// ownUnknown stands for own facts that the parser does not know.
const ownUnknown = "unknown"

// recordedFacts are the facts that explanations and backtests need besides
// those that every reader of a record does: made once for an opinion, not for
// each command.
func recordedFacts(f *Facts) (columns, filters, own []string, facts string) {
	columns, filters, facts = f.Columns, f.Filters, audit.FactsWhole
	if len(columns) > maxRecordColumns || len(filters) > maxRecordColumns {
		columns, filters, facts = columns[:min(len(columns), maxRecordColumns)], filters[:min(len(filters), maxRecordColumns)], audit.FactsCut
	}
	if f.Extra == nil {
		return columns, filters, []string{ownUnknown}, facts
	}
	for name, v := range f.Extra {
		switch v := v.(type) {
		case bool:
			if v {
				own = append(own, name)
			}
			continue
		case []any:
			if len(v) == 0 {
				continue
			}
		case []string:
			if len(v) == 0 {
				continue
			}
		}
		b, err := json.Marshal(v)
		if err != nil || len(b) > maxRecordOwn || !slices.Contains(f.ExtraNames, name) {
			own = append(own, name+"?") // it may hold a value of the command's, or is too long
			continue
		}
		own = append(own, name+"="+string(b))
	}
	slices.Sort(own)
	return columns, filters, own, facts
}

// claimsRead are the claims that policies read, of those that the token has:
// a path is input.principal.claims.NAME…, or a shorter one, which reads all.
func claimsRead(paths []string, claims map[string]any) map[string]string {
	var out map[string]string
	for name, v := range claims {
		read := slices.ContainsFunc(paths, func(p string) bool {
			at := allClaims + "." + name
			return p == at || strings.HasPrefix(p, at+".") || strings.HasPrefix(allClaims, p)
		})
		b, err := json.Marshal(v)
		if !read || err != nil {
			continue
		}
		if len(b) > maxRecordClaim || len(out) >= maxRecordClaims {
			b = nil // it is there, and what it says is not recorded
		}
		if out == nil {
			out = make(map[string]string)
		}
		out[name] = string(b)
	}
	return out
}

package lineage

import (
	pg "github.com/pganalyze/pg_query_go/v6"

	"sluice.dev/proxy/protocol/postgres/catalog"
	"sluice.dev/proxy/protocol/postgres/tree"
)

// Server judges stmt by t, the tree of the query that [Analysable] named. p
// must come from [Protect], of the same snapshot as view.
func Server(_ *pg.Node, _ *tree.Tree, _ *catalog.View, p *catalog.Protected) Verdict {
	if p.Empty() {
		return Verdict{}
	}
	return Verdict{Touches: true, Scrub: true, MaskAll: true, Refuse: "server lineage: not yet", Facts: Unknown()}
}

// Protect closes the configured columns over the snapshot for [Server].
func Protect(s *catalog.Snapshot, columns []string, previous *catalog.Protected) (*catalog.Protected, []error) {
	return s.Protected(columns, previous)
}

// Package lineage decides, for one parsed statement, where the values of
// protected columns may go. [Strict] is the mode of masking.md 0 that needs no
// help from the server's analyser: a protected column may be selected plainly,
// compared by = with a constant or parameter, or set to one, and everything
// else is refused. What the results show is decided when RowDescription names
// their origins: see [Verdict.Mask]. [Server] judges the tree that the server's
// analyser prints of the statement, by the rules of masking.md 4: expressions
// over protected columns are masked, what would carry their values past the
// masks is refused, and what only asks about them is a fact for the policies.
package lineage

import (
	"slices"

	"sluice.dev/proxy/protocol/postgres/catalog"
)

// Facts are the facts of masking.md 9, for policies: command.postgres of
// CONTRACT 3. One that cannot be known is true.
type Facts struct {
	ReadsProtectedRelation      bool `json:"reads_protected_relation"`
	ReturnsProtected            bool `json:"returns_protected"`
	DerivesFromProtected        bool `json:"derives_from_protected"`
	FiltersProtectedConst       bool `json:"filters_protected_const"`
	FiltersDerived              bool `json:"filters_derived"`
	FiltersNullProtected        bool `json:"filters_null_protected"`
	JoinsProtectedWithProtected bool `json:"joins_protected_with_protected"`
	OrdersByProtected           bool `json:"orders_by_protected"`
	GroupsByProtected           bool `json:"groups_by_protected"`
	CallsOpaqueFunction         bool `json:"calls_opaque_function"`
	FiltersOnOpaqueFunction     bool `json:"filters_on_opaque_function"`
	FiresOpaqueTrigger          bool `json:"fires_opaque_trigger"`
}

// Unknown are the facts of a statement that was not understood.
func Unknown() Facts {
	return Facts{true, true, true, true, true, true, true, true, true, true, true, true}
}

// Or joins the facts of two statements that are one command.
func (f Facts) Or(g Facts) Facts {
	return Facts{
		f.ReadsProtectedRelation || g.ReadsProtectedRelation,
		f.ReturnsProtected || g.ReturnsProtected,
		f.DerivesFromProtected || g.DerivesFromProtected,
		f.FiltersProtectedConst || g.FiltersProtectedConst,
		f.FiltersDerived || g.FiltersDerived,
		f.FiltersNullProtected || g.FiltersNullProtected,
		f.JoinsProtectedWithProtected || g.JoinsProtectedWithProtected,
		f.OrdersByProtected || g.OrdersByProtected,
		f.GroupsByProtected || g.GroupsByProtected,
		f.CallsOpaqueFunction || g.CallsOpaqueFunction,
		f.FiltersOnOpaqueFunction || g.FiltersOnOpaqueFunction,
		f.FiresOpaqueTrigger || g.FiresOpaqueTrigger,
	}
}

// Verdict is what one statement may do. The zero Verdict is that of a
// statement which has nothing to do with protected data.
type Verdict struct {
	// Touches: a protected relation, a column of masking.md 6 or an opaque
	// function is in reach. Only result columns that Mask lets through may
	// reach the client as they are.
	Touches bool
	// System: all that it touches are columns of the system's own relations
	// (masking.md 6), such as pg_attribute.attmissingval, which pg_dump reads.
	System bool
	// MaskAll: not even the origins of the result can be trusted, because an
	// opaque trigger, rule or default may have put anything into them.
	MaskAll bool
	// Proven holds, by position, the result columns that the statement's text
	// computes from unprotected columns, constants and pure functions alone.
	// It is nil where the positions are not known, or hang on the columns that
	// a user's relation has, which may change. RowDescription gives such a
	// column no origin, so masking.md 0 masks it; see Mask.
	Proven []bool
	// Refuse is why the statement is refused, "" if it is not; Hint says what
	// to do instead.
	Refuse, Hint string
	// Unresolved: it is refused because the catalog lacks a name that it uses.
	// A caller may load the catalog again and ask once more.
	Unresolved bool
	// EarlierChanges: an earlier statement of the same message can change what
	// its names mean, for which it is refused: nothing that is known of them now
	// may stand for it.
	EarlierChanges bool
	// Scrub: errors and notices of this statement can hold protected values
	// (masking.md 8).
	Scrub bool
	// Columns are the configured columns that the statement refers to, sorted:
	// those whose rules, exceptions and redactions matter.
	Columns []string
	Facts   Facts

	// Copy is the plan of a COPY … TO STDOUT.
	Copy *CopyPlan
	// Explain: every result line is masked if the statement touches.
	Explain bool
	// Declare and Fetch name a cursor: the session keeps the verdict of a
	// DECLARE by name, and a FETCH's own verdict is that one's. A FETCH of a
	// cursor that the session does not know is refused.
	Declare, Fetch string
	// Prepare and Execute name an SQL-level prepared statement, likewise.
	Prepare, Execute string

	// Outputs are the result columns by position, as the server's own analysis
	// has them: see [Server]. It is nil in strict mode, and where the statement
	// has no result.
	Outputs []Output
	// HoldRows: no row may reach the client before the statement has
	// succeeded, and none if it fails: the row where it fails would be an
	// answer (masking.md 7, 9).
	HoldRows bool
	// Resolved are the names as the server resolved them, for the facts of
	// policies; nil in strict mode.
	Resolved *Resolved
}

// Level says how a value depends on protected columns (masking.md 4).
type Level uint8

// Levels, in the order of the lattice.
const (
	Clean     Level = iota // not at all
	Protected              // it is exactly the value of a protected column
	Derived                // computed from protected columns and constants
	Mixed                  // computed from protected and other data
)

// String is the level in lower case.
func (l Level) String() string { return [...]string{"clean", "protected", "derived", "mixed"}[l&3] }

// Output is one result column.
type Output struct {
	Level Level
	// Origins are the configured columns whose values are in it, sorted. Of a
	// Protected one their masks apply as they are. None, where it is not clean:
	// a column of masking.md 6, or what an opaque function computes.
	Origins []string
}

// Resolved are the facts that hang on what names mean: relations as
// "schema.table", columns as "schema.table.column", functions as
// "schema.name"; each sorted. Writes are those of the statement itself and of
// what rules make of it.
type Resolved struct {
	Reads, Writes, Columns, Filters, Functions []string
}

// Mask says which mask a result column gets: pass is true when its values go
// to the client as they are, otherwise origins are the configured columns
// whose masks apply (none: the type's placeholder). relation and number are
// what RowDescription says of the column at this position.
//
// A column without origin passes only if the text proves it (Proven). exact is
// masking.md 0 to the letter: not even then, unless only columns of the system
// are touched.
func (v *Verdict) Mask(p *catalog.Protected, position int, relation uint32, number int16, exact bool) (origins []string, pass bool) {
	if !v.Touches {
		return nil, true
	}
	if v.Outputs != nil && !v.MaskAll && !v.Explain {
		origins, fits, pass := v.Cell(p, position, relation, number)
		if !fits {
			origins = nil
		}
		return origins, pass
	}
	if v.MaskAll {
		return v.Columns, false
	}
	if relation != 0 {
		if p.Passes(relation, number) {
			return nil, true
		}
		origins, _ = p.Column(relation, number)
		return origins, false
	}
	if (!exact || v.System) && !v.Explain && position < len(v.Proven) && v.Proven[position] {
		return nil, true
	}
	return nil, false
}

// columns adds configured columns, each once.
func (v *Verdict) columns(origins []string) {
	for _, o := range origins {
		if i, found := slices.BinarySearch(v.Columns, o); !found {
			v.Columns = slices.Insert(v.Columns, i, o)
		}
	}
}

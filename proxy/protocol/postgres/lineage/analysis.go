package lineage

import (
	"fmt"

	"sluice.dev/proxy/protocol/postgres/catalog"
)

// analysis is the work on one statement. The first refusal is kept and the
// walk goes on, so that the facts are complete.
type analysis struct {
	view  *catalog.View
	p     *catalog.Protected
	v     Verdict
	depth int  // of nesting now
	steps int  // nodes visited, some of them twice
	ddl   bool // column names belong to what is being defined: they do not resolve
	reads map[uint32]catalog.Reach
	hard  bool // touches more than columns of the system's own relations
	loose bool // positions hang on the columns that a user's relation has now
}

// Limits of what is analysed; beyond them a statement is refused. PostgreSQL
// itself allows 1664 columns in a target list.
const (
	maxDepth   = 1500
	maxSteps   = 500_000
	maxColumns = 1664
)

const (
	plainHint = "Select the column by itself, and filter on it only by = with a value; sort, group and compute without it."
	nameHint  = "Use names that exist, qualified by schema where in doubt."
	otherHint = "Rewrite the query without it, or tell your human."
)

// enter begins a node, and leave ends it. Where enter says no, the statement is
// refused and the node not looked at.
func (a *analysis) enter() bool {
	a.depth++
	a.steps++
	if a.depth <= maxDepth && a.steps <= maxSteps {
		return true
	}
	if a.steps > maxSteps {
		a.refuse(otherHint, "the statement is too large")
	} else {
		a.refuse(otherHint, "the statement is nested more than %d deep", maxDepth)
	}
	a.unknown()
	return false
}

func (a *analysis) leave() { a.depth-- }

func (a *analysis) refuse(hint, format string, args ...any) {
	if a.v.Refuse == "" {
		a.v.Refuse, a.v.Hint = "strict lineage: "+fmt.Sprintf(format, args...), hint
	}
}

// unresolved refuses a name that the catalog does not have. The facts cannot
// be known.
func (a *analysis) unresolved(what, name string) {
	if a.v.Refuse == "" {
		a.v.Unresolved = true
	}
	a.refuse(nameHint, "%s %q is not in the gateway's catalog", what, name)
	a.unknown()
}

func (a *analysis) unknown() {
	a.v.Facts = Unknown()
	a.touch()
}

func (a *analysis) touch() { a.v.Touches, a.v.Scrub, a.hard = true, true, true }

// opaque notes a function (or what runs one) that can reach protected data.
func (a *analysis) opaque() {
	a.touch()
	a.v.Facts.CallsOpaqueFunction = true
}

// use is what a statement does with a column.
type use int

const (
	inTarget use = iota // in an expression of a result list
	inFilter            // WHERE, ON, HAVING, WHEN, FILTER
	inJoin              // USING, NATURAL
	inOrder             // ORDER BY, window keys
	inGroup             // GROUP BY
	inDistinct
	inSet    // UNION, INTERSECT, EXCEPT
	inLimit  // LIMIT, OFFSET, TABLESAMPLE
	inSource // a value that is stored
	inFrom   // argument of a function in FROM
	inSubquery
	inCommand // argument of a utility statement
)

var useText = [...]string{
	inTarget:   "part of an expression",
	inFilter:   "in another filter",
	inJoin:     "a key of JOIN … USING or NATURAL JOIN",
	inOrder:    "a sort or window key",
	inGroup:    "a group key",
	inDistinct: "in DISTINCT",
	inSet:      "in a set operation (UNION, INTERSECT, EXCEPT)",
	inLimit:    "in LIMIT, OFFSET or TABLESAMPLE",
	inSource:   "a value to be stored",
	inFrom:     "an argument of a function in FROM",
	inSubquery: "the value of a subquery in an expression",
	inCommand:  "an argument of a command",
}

// sees notes a protected column that is used as it may be.
func (a *analysis) sees(c column) {
	switch {
	case c.soft:
		a.v.Touches, a.v.Scrub = true, true
	case c.guard:
		a.touch()
		a.v.columns(c.origins)
	}
}

// misused refuses a protected column in any other use. A column of masking.md
// 6 within a result expression is masked instead: taint says so.
func (a *analysis) misused(c column, u use) taint {
	a.sees(c)
	f := &a.v.Facts
	switch u {
	case inFilter, inLimit, inFrom:
		f.FiltersDerived = true
	case inJoin:
		f.JoinsProtectedWithProtected = true
	case inOrder:
		f.OrdersByProtected = true
	case inGroup, inDistinct, inSet:
		f.GroupsByProtected = true
	}
	f.DerivesFromProtected = true
	if c.soft && u == inTarget {
		return murky
	}
	name := c.name
	if c.attr.Relation != 0 {
		name = a.view.Snapshot().ColumnName(c.attr)
	}
	if len(c.origins) == 1 && c.origins[0] != name {
		name += " (" + c.origins[0] + ")"
	}
	a.refuse(plainHint, "column %s may only be selected plainly, compared by = with a constant or parameter, or set to one; here it is %s", name, useText[u])
	return 0 // refused
}

// taint says what an expression contains.
type taint uint8

const (
	murky  taint = 1 << iota // what an opaque function computed
	effect                   // a built-in function that changes state
	refers                   // a column, outside the arguments of opaque functions
)

// clean ends an expression: what an opaque function says must not decide
// whether state changes, since another statement can read that back.
func (a *analysis) clean(t taint) taint {
	if t&murky != 0 && t&effect != 0 {
		a.refuse(otherHint, "the result of an opaque function and a function that changes state are in one expression")
	}
	return t
}

package lineage

import (
	"maps"
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/proto"

	"sluice.dev/proxy/protocol/postgres/catalog"
)

// Strict judges one statement as parsed: names resolve by view, and protected
// must be of the same snapshot. What it does not understand it refuses. With
// an empty protected set every statement passes and no fact is true; a COPY has
// a plan without columns, for detectors.
func Strict(stmt *pg.Node, view *catalog.View, protected *catalog.Protected) Verdict {
	if protected.Empty() {
		return Verdict{Copy: copyForm(inner(stmt))}
	}
	a := &analysis{view: view, p: protected, reads: make(map[uint32]catalog.Reach)}
	m := inner(stmt)
	switch {
	case m == nil: // an empty statement
	case protected.Snapshot() != view.Snapshot():
		a.refuse(otherHint, "the catalog has just changed; send the statement again")
		a.v.Unresolved = true
		a.unknown()
	default:
		a.statement(m)
	}
	if a.v.Touches && protected.CastsOpaque() {
		a.opaque()
	}
	a.v.System = a.v.Touches && !a.hard
	return a.v
}

// statement dispatches on the kind; see ddl.go for the utility commands.
func (a *analysis) statement(m proto.Message) {
	switch x := m.(type) {
	case *pg.SelectStmt:
		if x.IntoClause != nil {
			plain := proto.CloneOf(x)
			plain.IntoClause = nil
			a.create(plain, "SELECT INTO")
			return
		}
		a.result(x)
	case *pg.InsertStmt, *pg.UpdateStmt, *pg.DeleteStmt, *pg.MergeStmt:
		a.result(m)
	case *pg.ExplainStmt:
		a.explain(x)
	case *pg.PrepareStmt:
		a.v.Prepare = x.Name
		a.nested(x.Query)
	case *pg.ExecuteStmt:
		a.v.Execute = x.Name
		a.arguments(x.Params)
	case *pg.DeclareCursorStmt:
		a.v.Declare = x.Portalname
		a.nested(x.Query)
	case *pg.FetchStmt:
		a.v.Fetch = x.Portalname
	case *pg.CopyStmt:
		a.copy(x)
	case *pg.CreateTableAsStmt:
		a.createAs(x)
	case *pg.ViewStmt:
		if m := inner(x.Query); m != nil {
			a.create(m, "CREATE VIEW")
		} else {
			a.refuse(otherHint, "a view's query is not understood")
		}
	default:
		a.utility(m)
	}
}

// nested is the statement within PREPARE, DECLARE or EXPLAIN.
func (a *analysis) nested(n *pg.Node) {
	switch m := inner(n).(type) {
	case *pg.SelectStmt, *pg.InsertStmt, *pg.UpdateStmt, *pg.DeleteStmt, *pg.MergeStmt:
		a.statement(m)
	default:
		a.refuse(otherHint, "the statement within is of a kind that is not understood")
		a.unknown()
	}
}

// result is a statement whose rows go to the client.
func (a *analysis) result(m proto.Message) (cols []column, open bool) {
	cols, open = a.query(m, nil)
	for _, c := range cols {
		if c.guard {
			a.v.Facts.ReturnsProtected = true
		}
	}
	if open || a.loose {
		return cols, open
	}
	a.v.Proven = make([]bool, len(cols))
	for i, c := range cols {
		a.v.Proven[i] = !c.guard && !c.murky
	}
	return cols, false
}

// explain: estimates come from samples of the data, and planning folds
// functions, so every line is masked when the statement touches.
func (a *analysis) explain(x *pg.ExplainStmt) {
	if c := x.Query.GetCreateTableAsStmt(); c != nil {
		a.createAs(c)
	} else {
		a.nested(x.Query)
	}
	a.v.Explain, a.v.Proven = true, nil
}

// arguments of EXECUTE must be constants: anything else runs code.
func (a *analysis) arguments(list []*pg.Node) {
	for _, n := range list {
		a.constantTypes(n)
		if !a.constant(n) {
			a.refuse("Give EXECUTE constants.", "the arguments of EXECUTE must be constants")
			a.root(n, nil, inCommand)
		}
	}
}

// createAs is CREATE TABLE AS and CREATE MATERIALIZED VIEW.
func (a *analysis) createAs(x *pg.CreateTableAsStmt) {
	switch m := inner(x.Query).(type) {
	case *pg.SelectStmt, *pg.InsertStmt, *pg.UpdateStmt, *pg.DeleteStmt, *pg.MergeStmt:
		a.create(m, "CREATE … AS")
	default: // EXECUTE
		a.refuse(otherHint, "CREATE … AS from something that is not a query")
		a.unknown()
	}
}

// create is a statement that keeps the result of a query, or shows it under
// another name.
func (a *analysis) create(m proto.Message, what string) {
	cols, _ := a.result(m)
	a.v.Proven = nil
	for _, c := range cols {
		if c.guard {
			a.misused(c, inSource)
		}
	}
	if a.v.Touches {
		a.refuse("Select the rows instead of storing them.", "%s from protected relations would make a copy that masks do not reach", what)
	}
}

// Combine joins the verdicts of the statements of one message: what one needs,
// all get. Facts and columns add up; the first refusal counts.
func Combine(verdicts []Verdict) Verdict {
	if len(verdicts) == 1 {
		return verdicts[0]
	}
	var out Verdict
	columns := make(map[string]bool)
	for _, v := range verdicts {
		out.Touches = out.Touches || v.Touches
		out.MaskAll = out.MaskAll || v.MaskAll
		out.Scrub = out.Scrub || v.Scrub
		out.Facts = out.Facts.Or(v.Facts)
		if out.Refuse == "" && v.Refuse != "" {
			out.Refuse, out.Hint, out.Unresolved = v.Refuse, v.Hint, v.Unresolved
		}
		for _, c := range v.Columns {
			columns[c] = true
		}
	}
	out.Columns = slices.Sorted(maps.Keys(columns))
	return out
}

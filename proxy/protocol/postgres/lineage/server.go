package lineage

import (
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/proto"

	"sluice.dev/proxy/protocol/postgres/catalog"
	"sluice.dev/proxy/protocol/postgres/tree"
)

// Server judges stmt by t, the tree of the query that [Analysable] named. p
// must come from [Protect], of the same snapshot as view. With an empty
// protected set every statement passes and no fact is true. t is nil for a
// statement that needs no tree, and then Server is [Strict].
//
// The verdict hangs on the statement, on the tree as far as its Hash goes, and
// on p; on nothing else.
func Server(stmt *pg.Node, t *tree.Tree, view *catalog.View, p *catalog.Protected) Verdict {
	if p.Empty() {
		return Strict(stmt, view, p)
	}
	m := inner(stmt)
	if t == nil {
		if _, _, need, err := Analysable(stmt); need || err != nil {
			return refusal("the server did not show its analysis of the statement")
		}
		return Strict(stmt, view, p)
	}
	if p.Snapshot() != view.Snapshot() {
		v := refusal("the catalog has just changed; send the statement again")
		v.Unresolved = true
		return v
	}
	if t.Major != p.Snapshot().ServerVersion/10000 {
		return refusal("the tree is of another version of PostgreSQL")
	}
	w := newWalker(t, p)
	w.view = view
	outs := w.statement()
	v := w.verdict(outs)
	if !w.unresolved && !w.lost {
		v.Resolved = w.resolved()
	}
	w.dress(&v, m, outs)
	return v
}

// Protect closes the configured columns over the snapshot for [Server]: views,
// materialized views and generated columns column by column, where
// [catalog.Snapshot.Protected] covers them whole.
func Protect(s *catalog.Snapshot, columns []string, previous *catalog.Protected) (*catalog.Protected, []error) {
	return s.Judged(columns, previous, &judge{major: s.ServerVersion / 10000, trees: make(map[*catalog.Relation]*tree.Tree)})
}

func refusal(why string) Verdict {
	return Verdict{Touches: true, Scrub: true, MaskAll: true, HoldRows: true, Refuse: serverLineage + why, Hint: otherHint, Facts: Unknown()}
}

const serverLineage = "server lineage: "

// output is one result column with its name and where it comes from.
type output struct {
	value
	name string
	attr catalog.Attr
}

// statement visits all queries and answers the result columns. A rule can make
// several queries of one; the client sees the rows of the one that is its own.
func (w *walker) statement() []output {
	var outs []output
	own := 0
	for _, n := range w.t.Queries {
		q := w.scope(n, nil)
		w.visit(q, false)
		cols := w.described(q)
		if n.True(tree.CanSetTag) {
			own++
			outs = cols
		}
	}
	if own == 1 {
		return outs
	}
	// Nobody's rows are the client's, or several queries': then any may be.
	outs = nil
	for _, n := range w.t.Queries {
		for i, c := range w.described(w.scope(n, nil)) {
			c.value = c.within(c.value)
			if i == len(outs) {
				outs = append(outs, c)
			}
			outs[i].value = outs[i].beside(c.value)
		}
	}
	w.maskAll = true
	return outs
}

func (w *walker) described(q *scopeOf) []output {
	list := q.n.List(tree.TargetList)
	if q.command != cmdSelect {
		list = q.n.List(tree.ReturningList)
	}
	cols := w.outputs(q)
	out := make([]output, 0, len(cols))
	for _, x := range list {
		n := w.t.Node(x)
		if n.True(tree.Resjunk) || len(out) == len(cols) {
			continue
		}
		o := output{value: cols[len(out)], name: n.Text(tree.Resname)}
		if tbl, no := n.OID(tree.Resorigtbl), n.OID(tree.Resorigcol); tbl != 0 && no <= 1600 {
			o.attr = catalog.Attr{Relation: tbl, Number: int16(no)} //nolint:gosec // at most 1600 columns
		}
		out = append(out, o)
	}
	return out
}

func (w *walker) verdict(outs []output) Verdict {
	v := Verdict{
		Scrub: w.scrub, MaskAll: w.maskAll, HoldRows: w.hold, Facts: w.facts, Columns: w.origins(w.used),
		Unresolved: w.unresolved, Hint: w.hint,
	}
	for _, o := range outs {
		out := Output{Level: o.level, Origins: w.origins(o.from)}
		v.Outputs = append(v.Outputs, out)
		switch {
		case o.level == Protected:
			v.Facts.ReturnsProtected = true
		case o.tainted():
			v.Facts.DerivesFromProtected = v.Facts.DerivesFromProtected || o.has(hasTainted)
		}
		v.Touches = v.Touches || o.tainted()
	}
	v.Touches = v.Touches || w.scrub || w.maskAll
	v.System = v.Touches && !w.user
	if w.refused != "" {
		v.Refuse = serverLineage + w.refused
		v.Touches, v.Scrub = true, true
		if w.unresolved {
			v.Facts = Unknown()
		}
	}
	return v
}

// dress adds what the kind of statement asks for.
func (w *walker) dress(v *Verdict, m proto.Message, outs []output) {
	switch x := m.(type) {
	case *pg.SelectStmt:
		if x.IntoClause != nil {
			v.stores(outs, "SELECT INTO")
		}
	case *pg.InsertStmt, *pg.UpdateStmt, *pg.DeleteStmt, *pg.MergeStmt:
	case *pg.ExplainStmt:
		if x.Query.GetCreateTableAsStmt() != nil {
			v.stores(outs, "CREATE … AS")
		}
		// Estimates come from samples of the data, and planning folds functions.
		v.Explain, v.Outputs = true, nil
	case *pg.PrepareStmt:
		v.Prepare = x.Name
	case *pg.DeclareCursorStmt:
		v.Declare = x.Portalname
		if v.HoldRows && v.Refuse == "" && on(ruleCursor) {
			v.Refuse = serverLineage + "a cursor over an expression of protected columns that may fail: the row where it does would be an answer"
			v.Hint = "Run the query without a cursor."
		}
	case *pg.CopyStmt:
		w.copyOut(v, x, outs)
	case *pg.CreateTableAsStmt:
		v.stores(outs, "CREATE … AS")
	case *pg.ViewStmt: // what it shows, the server will say when it is used
		v.Outputs = nil
	default:
		*v = refusal("a statement of a kind that is not understood")
	}
}

// stores is a statement that keeps the result of its query.
func (v *Verdict) stores(outs []output, what string) {
	v.Outputs = nil
	for _, o := range outs {
		if o.tainted() {
			v.Facts.DerivesFromProtected = true
			if v.Refuse == "" {
				v.Refuse = serverLineage + what + " with protected columns would make a copy that masks do not reach"
				v.Hint = "Select the rows instead of storing them, or leave the protected columns out."
			}
		}
	}
}

// copyOut plans COPY … TO STDOUT.
func (w *walker) copyOut(v *Verdict, x *pg.CopyStmt, outs []output) {
	plan := newCopyPlan()
	a := &analysis{v: Verdict{Touches: v.Touches}}
	if x.Query == nil {
		outs = w.tableColumns(x, outs)
	}
	for _, o := range outs {
		c := CopyColumn{Name: o.name, Attr: o.attr, Level: o.level, Pass: !o.tainted() && !v.MaskAll}
		c.Proven = c.Pass
		if o.level == Protected && !v.MaskAll {
			c.Origins = w.origins(o.from)
		}
		plan.Columns = append(plan.Columns, c)
	}
	a.copyOptions(x.Options, plan)
	if v.Refuse == "" && a.v.Refuse != "" {
		v.Refuse, v.Hint = a.v.Refuse, a.v.Hint
	}
	v.Copy = plan
}

// origin answers what the tree says of a result column: the origins whose masks
// apply, exact if its values are theirs, pass if it is clean.
func (v *Verdict) origin(position int) (origins []string, exact, pass bool) {
	if v.MaskAll || position < 0 || position >= len(v.Outputs) {
		return nil, false, false
	}
	o := v.Outputs[position]
	switch o.Level {
	case Clean:
		return nil, true, true
	case Protected:
		return o.Origins, true, false
	}
	return o.Origins, false, false
}

// Cell is [Verdict.Mask] with a finer answer: exact says that the values are
// those of the origins, so that their masks apply as they are; otherwise they
// are computed from the origins, and the placeholder of the type stands for
// them, NULLs included. Where the server's tree was judged, the stricter of its
// answer and of RowDescription's origin counts.
func (v *Verdict) Cell(p *catalog.Protected, position int, relation uint32, number int16) (origins []string, exact, pass bool) {
	if !v.Touches {
		return nil, true, true
	}
	if v.Outputs == nil || v.MaskAll || v.Explain {
		origins, pass = v.Mask(p, position, relation, number, true)
		return origins, len(origins) > 0 && !v.MaskAll, pass
	}
	origins, exact, pass = v.origin(position)
	if relation == 0 || number == 0 && !pass || p.Passes(relation, number) {
		return origins, exact, pass
	}
	named, _ := p.Column(relation, number)
	if pass { // the tree knows better than to let it through, so this is a surprise
		return named, p.Exact(relation, number), false
	}
	both := slices.Compact(slices.Sorted(slices.Values(append(slices.Clone(origins), named...))))
	return both, exact && p.Exact(relation, number), false
}

// tableColumns are those of COPY table TO: without a list, generated columns
// are left out, which SELECT * is not (PostgreSQL COPY).
func (w *walker) tableColumns(x *pg.CopyStmt, outs []output) []output {
	if len(x.Attlist) > 0 {
		return outs
	}
	return slices.DeleteFunc(slices.Clone(outs), func(o output) bool {
		r, ok := w.s.Relation(o.attr.Relation)
		i := int(o.attr.Number) - 1
		return ok && i >= 0 && i < len(r.Columns) && r.Columns[i].Generated
	})
}

package facts

import (
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/proto"
)

// written resolves the target of a write and notes what follows from it.
func (w *walker) written(rv *pg.RangeVar, kinds ...string) (*Relation, *source) {
	rel, ok := w.relation(rv)
	if !ok {
		w.target(asWritten(rv))
		src := relationSource(nil, rv.GetAlias(), rv)
		return nil, src
	}
	w.target(rel.ID())
	for _, kind := range kinds {
		w.writeTo(rel, kind, rv.GetInh())
	}
	src := relationSource(rel, rv.GetAlias(), rv)
	src.readsOnUse, src.only = true, !rv.GetInh()
	return rel, src
}

// writeTo notes one kind of write, its cascades, triggers and rules, and for a
// view the relations below it.
func (w *walker) writeTo(rel *Relation, kind string, inherit bool) {
	id := rel.ID()
	w.writes.add(id)
	w.sessionOnly = false
	var e Effects
	switch kind {
	case "insert":
		e = rel.OnInsert
		inherit = rel.Kind == 'p'
	case "update":
		e = rel.OnUpdate
	case "delete":
		e = rel.OnDelete
	case "truncate":
		e = rel.OnTruncate
	}
	if inherit {
		w.writes.add(rel.Children...)
	}
	w.reads.add(e.Reads...)
	for _, name := range e.Writes {
		// Effects are those of the children too; with ONLY the children
		// themselves stay.
		if inherit || !slices.Contains(rel.Children, name) {
			w.writes.add(name)
		}
	}
	if e.Opaque {
		w.unsure(kind + " of " + id + " runs code that is not known")
	}
	if rel.Temp {
		w.f.Flags.Temp = true
	}
	switch rel.Kind {
	case 'v':
		// An updatable view writes and reads what is below it; which of
		// the relations, its definition knows.
		w.writes.add(rel.Underlying...)
		w.reads.add(rel.Underlying...)
		w.columns.add(rel.UnderlyingColumns...)
		if len(rel.Underlying) != 1 {
			w.unsure("writing through view " + id)
		}
	case 'f':
		w.unsure("writing to foreign table " + id)
	}
}

func (w *walker) insert(q *pg.InsertStmt, outer *scope) ([]column, bool) {
	w.op("insert")
	sc := inner(outer)
	w.withClause(q.GetWithClause(), sc)
	rel, target := w.written(q.GetRelation(), "insert")
	var values []column
	open := false
	if source := inside(q.GetSelectStmt()); source != nil {
		targets, before := w.targets, w.operations.has("select")
		values, open = w.query(source, &scope{parent: sc.parent, with: sc.with})
		if sel := q.GetSelectStmt().GetSelectStmt(); len(sel.GetValuesLists()) > 0 && !before && !w.wroteSelect(sel) {
			delete(w.operations, "select")
		}
		w.targets = targets
	}
	var columns []string
	for _, n := range q.GetCols() {
		columns = append(columns, n.GetResTarget().GetName())
		for _, ind := range n.GetResTarget().GetIndirection() {
			w.expr(ind, sc)
		}
	}
	if columns == nil && rel != nil {
		columns = rel.Columns
		if !open && len(values) < len(columns) {
			columns = columns[:len(values)]
		}
	}
	w.assign(rel, columns, values)
	w.onConflict(q.GetOnConflictClause(), rel, target, sc)
	return w.returning(q.GetReturningList(), &scope{sources: []*source{target}, parent: sc.parent, with: sc.with})
}

// wroteSelect: a VALUES list has subqueries, so that `select` is true of it.
func (w *walker) wroteSelect(sel *pg.SelectStmt) (found bool) {
	var look func(m proto.Message)
	look = func(m proto.Message) {
		if _, ok := m.(*pg.SelectStmt); ok {
			found = true
		}
		if !found {
			children(m, look)
		}
	}
	children(sel, look)
	return found || len(sel.GetWithClause().GetCtes()) > 0
}

// assign notes written columns, by position.
func (w *walker) assign(rel *Relation, columns []string, values []column) {
	for i, name := range columns {
		if rel == nil {
			break
		}
		full := rel.ID() + "." + name
		if !slices.Contains(rel.Columns, name) {
			w.unsure("column " + full + " is not known")
		}
		w.columns.add(full)
		if i < len(values) {
			w.associate(values[i].from, full)
		}
	}
}

func (w *walker) onConflict(c *pg.OnConflictClause, rel *Relation, target *source, sc *scope) {
	if c == nil {
		return
	}
	row := &scope{sources: []*source{target}, parent: sc.parent, with: sc.with}
	if infer := c.GetInfer(); infer != nil {
		for _, n := range infer.GetIndexElems() {
			elem := n.GetIndexElem()
			if elem.GetName() != "" {
				if o, ok := w.unqualified(row, elem.GetName()); !ok {
					w.unsure("column " + elem.GetName() + " is not known")
				} else {
					_ = o
				}
			}
			w.expr(elem.GetExpr(), row)
		}
		w.condition(infer.GetWhereClause(), row)
		if infer.GetConname() != "" && rel != nil {
			w.row(target)
		}
	}
	if c.GetAction() != pg.OnConflictAction_ONCONFLICT_UPDATE {
		return
	}
	w.op("update")
	if rel != nil {
		w.writeTo(rel, "update", rel.Kind == 'p')
	}
	excluded := &source{name: "excluded", columns: slices.Clone(target.columns), open: target.open, qualifiedOnly: true}
	if rel != nil {
		excluded.columns = relationSource(rel, nil, &pg.RangeVar{}).columns
	}
	both := &scope{sources: []*source{target, excluded}, parent: sc.parent, with: sc.with}
	w.set(c.GetTargetList(), rel, both)
	w.condition(c.GetWhereClause(), both)
}

// set walks SET column = value, ….
func (w *walker) set(list []*pg.Node, rel *Relation, sc *scope) {
	var shared *pg.MultiAssignRef
	var columns []column
	for _, n := range list {
		t := n.GetResTarget()
		for _, ind := range t.GetIndirection() {
			w.expr(ind, sc)
		}
		value := origin{}
		if m := t.GetVal().GetMultiAssignRef(); m != nil {
			// The parser repeats the source for each column; walk it once.
			if shared == nil || m.GetColno() == 1 {
				shared, columns = m, w.multiAssign(m, sc)
			}
			if i := int(m.GetColno()) - 1; i < len(columns) {
				value = columns[i].from
			}
		} else {
			value = w.expr(t.GetVal(), sc)
		}
		w.assign(rel, []string{t.GetName()}, []column{{from: value}})
	}
}

// multiAssign is the values of SET (a, b) = …, by column.
func (w *walker) multiAssign(m *pg.MultiAssignRef, sc *scope) (out []column) {
	if row := m.GetSource().GetRowExpr(); row != nil {
		for _, n := range row.GetArgs() {
			out = append(out, column{from: w.expr(n, sc)})
		}
		return out
	}
	if sub := m.GetSource().GetSubLink(); sub != nil {
		out, _ = w.query(inside(sub.GetSubselect()), sc)
		return out
	}
	o := w.expr(m.GetSource(), sc)
	for range m.GetNcolumns() {
		out = append(out, column{from: o})
	}
	return out
}

func (w *walker) update(q *pg.UpdateStmt, outer *scope) ([]column, bool) {
	w.op("update")
	sc := inner(outer)
	w.withClause(q.GetWithClause(), sc)
	rel, target := w.written(q.GetRelation(), "update")
	targets := w.targets
	w.from(q.GetFromClause(), sc)
	w.targets = targets
	sc.sources = append([]*source{target}, sc.sources...)
	w.set(q.GetTargetList(), rel, sc)
	w.condition(q.GetWhereClause(), sc)
	w.where = append(w.where, narrows(q.GetWhereClause()))
	return w.returning(q.GetReturningList(), sc)
}

func (w *walker) delete(q *pg.DeleteStmt, outer *scope) ([]column, bool) {
	w.op("delete")
	sc := inner(outer)
	w.withClause(q.GetWithClause(), sc)
	_, target := w.written(q.GetRelation(), "delete")
	targets := w.targets
	w.from(q.GetUsingClause(), sc)
	w.targets = targets
	sc.sources = append([]*source{target}, sc.sources...)
	w.condition(q.GetWhereClause(), sc)
	w.where = append(w.where, narrows(q.GetWhereClause()))
	return w.returning(q.GetReturningList(), sc)
}

func (w *walker) returning(list []*pg.Node, sc *scope) ([]column, bool) {
	if len(list) == 0 {
		return nil, false
	}
	w.f.Flags.Returning = true
	return w.outputs(list, sc)
}

// narrows: a condition names a column, or a cursor's row.
func narrows(n *pg.Node) (found bool) {
	var look func(m proto.Message)
	look = func(m proto.Message) {
		switch m.(type) {
		case *pg.ColumnRef, *pg.CurrentOfExpr:
			found = true
		}
		if !found {
			children(m, look)
		}
	}
	if m := inside(n); m != nil {
		look(m)
	}
	return found
}

func (w *walker) merge(q *pg.MergeStmt, outer *scope) ([]column, bool) {
	w.op("merge")
	sc := inner(outer)
	w.withClause(q.GetWithClause(), sc)
	kinds := map[string]bool{}
	for _, n := range q.GetMergeWhenClauses() {
		switch n.GetMergeWhenClause().GetCommandType() {
		case pg.CmdType_CMD_INSERT:
			kinds["insert"] = true
		case pg.CmdType_CMD_UPDATE:
			kinds["update"] = true
		case pg.CmdType_CMD_DELETE:
			kinds["delete"] = true
		}
	}
	rel, target := w.written(q.GetRelation())
	for _, kind := range []string{"insert", "update", "delete"} {
		if kinds[kind] {
			w.op(kind)
			if rel != nil {
				w.writeTo(rel, kind, q.GetRelation().GetInh())
			}
		}
	}
	targets := w.targets
	from := w.fromItem(q.GetSourceRelation(), sc, nil)
	w.targets = targets
	both := &scope{sources: append([]*source{target}, from...), parent: sc.parent, with: sc.with}
	if rel != nil {
		w.readFrom(rel, q.GetRelation().GetInh())
	}
	w.condition(q.GetJoinCondition(), both)
	w.where = append(w.where, narrows(q.GetJoinCondition()))
	for _, n := range q.GetMergeWhenClauses() {
		w.mergeWhen(n.GetMergeWhenClause(), rel, both)
	}
	return w.returning(q.GetReturningList(), both)
}

func (w *walker) mergeWhen(c *pg.MergeWhenClause, rel *Relation, both *scope) {
	w.condition(c.GetCondition(), both)
	if c.GetCommandType() != pg.CmdType_CMD_INSERT {
		w.set(c.GetTargetList(), rel, both)
		return
	}
	var values []column
	for _, n := range c.GetValues() {
		values = append(values, column{from: w.expr(n, both)})
	}
	var columns []string
	for _, n := range c.GetTargetList() {
		columns = append(columns, n.GetResTarget().GetName())
	}
	if columns == nil && rel != nil {
		columns = rel.Columns[:min(len(rel.Columns), len(values))]
	}
	w.assign(rel, columns, values)
}

// into is SELECT INTO, and what CREATE TABLE AS makes.
func (w *walker) into(clause *pg.IntoClause) {
	w.op("create")
	w.f.Flags.Into = true
	w.ddl()
	w.creates(clause.GetRel())
	if inside(clause.GetViewQuery()) != nil {
		w.unsure("a stored query")
	}
}

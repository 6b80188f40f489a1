package lineage

import (
	pg "github.com/pganalyze/pg_query_go/v6"

	"sluice.dev/proxy/protocol/postgres/catalog"
)

// writes finds the relation that a statement writes, and notes what each kind
// of write reaches. The item is nil only where the statement names no relation.
func (a *analysis) writes(x *pg.RangeVar, ops ...catalog.Op) (*catalog.Relation, *item, bool) {
	if x == nil {
		a.refuse(otherHint, "a statement that writes names no relation")
		return nil, nil, false
	}
	rel, ok := a.find(x)
	if !ok {
		return nil, &item{alias: aliasName(x.Alias, x.Relname), open: true, murky: true}, false
	}
	for _, op := range ops {
		a.wrote(rel, op)
	}
	return rel, a.relationItem(rel, x.Alias), true
}

// wrote notes what a write to a relation reaches.
func (a *analysis) wrote(rel *catalog.Relation, op catalog.Op) {
	r := a.p.Writes(rel.OID, op)
	a.reached(r)
	if r.Opaque {
		a.v.Facts.FiresOpaqueTrigger = true
		a.v.MaskAll = true // RETURNING shows what they made of the row
	}
	if rel.HasRules() && a.v.Touches {
		a.v.MaskAll = true
	}
	if r.Denied {
		a.refuse(otherHint, "a write to %s runs a function that can read what masks protect", rel.ID())
	}
}

// assign judges a value stored into a column.
func (a *analysis) assign(to column, val *pg.Node, sc *scope) {
	if val.GetSetToDefault() != nil {
		return
	}
	t := a.root(val, sc, inSource)
	if to.guard {
		a.sees(to)
		if !a.constant(val) {
			a.onlyConstants(to)
		}
	}
	a.stored(t&murky != 0)
}

func (a *analysis) onlyConstants(to column) {
	a.v.Facts.DerivesFromProtected = true
	a.refuse("Give the column a constant or a parameter.", "column %s may only be set to a constant or a parameter", a.view.Snapshot().ColumnName(to.attr))
}

func (a *analysis) stored(murky bool) {
	if murky {
		a.refuse(otherHint, "the result of an opaque function would be stored where masks do not reach")
	}
}

// assignColumn judges a column of a query that is stored.
func (a *analysis) assignColumn(to, from column) {
	if from.guard {
		a.misused(from, inSource)
	}
	if to.guard {
		a.sees(to)
		if !from.constant {
			a.onlyConstants(to)
		}
	}
	a.stored(from.murky)
}

// targetColumn is the column that an assignment names.
func (a *analysis) targetColumn(it *item, rt *pg.ResTarget, sc *scope) column {
	a.nodes(rt.Indirection, sc, inSource)
	c, ok := it.column(rt.Name)
	if !ok && !it.open {
		a.unresolved("column", rt.Name)
	}
	return c
}

func (a *analysis) insert(x *pg.InsertStmt, up *scope) ([]column, bool) {
	sc := &scope{up: up}
	a.with(x.WithClause, sc)
	ops := []catalog.Op{catalog.Insert}
	if x.OnConflictClause.GetAction() == pg.OnConflictAction_ONCONFLICT_UPDATE {
		ops = append(ops, catalog.Update)
	}
	_, it, _ := a.writes(x.Relation, ops...)
	if it == nil {
		return nil, true
	}
	var to []column
	for _, n := range x.Cols {
		to = append(to, a.targetColumn(it, n.GetResTarget(), sc))
	}
	if len(x.Cols) == 0 {
		to = it.cols
	}
	a.insertSource(x.SelectStmt, to, sc)
	sc.items = []*item{it}
	a.onConflict(x.OnConflictClause, it, sc)
	return a.returning(x.ReturningList, it, sc)
}

func (a *analysis) insertSource(n *pg.Node, to []column, sc *scope) {
	s := n.GetSelectStmt()
	if s == nil { // DEFAULT VALUES
		if n != nil {
			a.refuse(otherHint, "the source of an INSERT is not understood")
		}
		return
	}
	if len(s.ValuesLists) > 0 {
		in := &scope{up: sc.up, ctes: sc.ctes}
		a.with(s.WithClause, in)
		for _, l := range s.ValuesLists {
			for i, v := range l.GetList().GetItems() {
				if i < len(to) {
					a.assign(to[i], v, in)
				} else {
					a.assign(column{}, v, in)
				}
			}
		}
		cols := a.valuesLists(nil, in)
		a.keys(s.SortClause, cols, in, inOrder, true)
		a.root(s.LimitCount, in, inLimit)
		a.root(s.LimitOffset, in, inLimit)
		return
	}
	cols, open := a.query(s, sc)
	for i, c := range cols {
		if i < len(to) && !open {
			a.assignColumn(to[i], c)
			continue
		}
		a.assignColumn(column{}, c)
	}
	if !open {
		return
	}
	a.stored(true) // what is not known may be anything
}

// onConflict: the conflict target compares what is inserted, which for a
// protected column is a constant, by =.
func (a *analysis) onConflict(x *pg.OnConflictClause, it *item, sc *scope) {
	if x == nil {
		return
	}
	if x.Infer != nil {
		for _, n := range x.Infer.IndexElems {
			e := n.GetIndexElem()
			if e.GetExpr() != nil {
				a.root(e.Expr, sc, inFilter)
				continue
			}
			if c, ok := it.column(e.GetName()); !ok && !it.open {
				a.unresolved("column", e.GetName())
			} else if c.guard {
				a.sees(c)
				a.v.Facts.FiltersProtectedConst = true
			}
		}
		a.filter(x.Infer.WhereClause, sc)
	}
	excluded := *it
	excluded.alias, excluded.schema = "excluded", ""
	in := &scope{up: sc.up, ctes: sc.ctes, items: []*item{it, &excluded}}
	a.set(x.TargetList, it, in)
	a.filter(x.WhereClause, in)
}

// set is the list of an UPDATE … SET.
func (a *analysis) set(list []*pg.Node, it *item, sc *scope) {
	for _, n := range list {
		rt := n.GetResTarget()
		if rt == nil {
			a.refuse(otherHint, "an assignment is not understood")
			continue
		}
		to := a.targetColumn(it, rt, sc)
		multi := rt.Val.GetMultiAssignRef()
		if multi == nil {
			a.assign(to, rt.Val, sc)
			continue
		}
		if row := multi.Source.GetRowExpr(); row != nil {
			if i := int(multi.Colno) - 1; i >= 0 && i < len(row.Args) {
				a.assign(to, row.Args[i], sc)
				continue
			}
		}
		// (a, b) = (SELECT …): the grammar gives the subquery again for each.
		sub := multi.Source.GetSubLink()
		if m := inner(sub.GetSubselect()); m != nil {
			cols, open := a.query(m, sc)
			if i := int(multi.Colno) - 1; i >= 0 && i < len(cols) && !open {
				a.assignColumn(to, cols[i])
				continue
			}
			for _, c := range cols {
				a.assignColumn(to, c)
			}
			a.stored(open)
			continue
		}
		a.root(multi.Source, sc, inSource)
		a.refuse(otherHint, "an assignment to several columns is not understood")
	}
}

func (a *analysis) update(x *pg.UpdateStmt, up *scope) ([]column, bool) {
	sc := &scope{up: up}
	a.with(x.WithClause, sc)
	_, it, _ := a.writes(x.Relation, catalog.Update)
	if it == nil {
		return nil, true
	}
	sc.items, sc.star, sc.starOpen = []*item{it}, it.cols, it.open
	a.fromList(x.FromClause, sc)
	a.set(x.TargetList, it, sc)
	a.filter(x.WhereClause, sc)
	return a.returning(x.ReturningList, nil, sc)
}

func (a *analysis) delete(x *pg.DeleteStmt, up *scope) ([]column, bool) {
	sc := &scope{up: up}
	a.with(x.WithClause, sc)
	_, it, _ := a.writes(x.Relation, catalog.Delete)
	if it == nil {
		return nil, true
	}
	sc.items, sc.star, sc.starOpen = []*item{it}, it.cols, it.open
	a.fromList(x.UsingClause, sc)
	a.filter(x.WhereClause, sc)
	return a.returning(x.ReturningList, nil, sc)
}

// returning is a RETURNING list; it is what * means, nil where the scope says.
func (a *analysis) returning(list []*pg.Node, it *item, sc *scope) ([]column, bool) {
	if len(list) == 0 {
		return nil, false
	}
	if it != nil {
		sc.star, sc.starOpen = it.cols, it.open
	}
	return a.targets(list, sc)
}

func (a *analysis) merge(x *pg.MergeStmt, up *scope) ([]column, bool) {
	sc := &scope{up: up}
	a.with(x.WithClause, sc)
	var ops []catalog.Op
	for _, n := range x.MergeWhenClauses {
		switch n.GetMergeWhenClause().GetCommandType() {
		case pg.CmdType_CMD_INSERT:
			ops = append(ops, catalog.Insert)
		case pg.CmdType_CMD_UPDATE:
			ops = append(ops, catalog.Update)
		case pg.CmdType_CMD_DELETE:
			ops = append(ops, catalog.Delete)
		case pg.CmdType_CMD_NOTHING:
		default:
			a.refuse(otherHint, "an action of MERGE is not understood")
		}
	}
	rel, it, ok := a.writes(x.Relation, ops...)
	if it == nil {
		return nil, true
	}
	if ok {
		a.read(rel)
	}
	cols, open := a.from(x.SourceRelation, sc)
	source := sc.items
	sc.items = append([]*item{it}, source...)
	a.filter(x.JoinCondition, sc)
	for _, n := range x.MergeWhenClauses {
		w := n.GetMergeWhenClause()
		a.filter(w.GetCondition(), sc)
		if w.GetCommandType() == pg.CmdType_CMD_INSERT {
			a.mergeInsert(w, it, sc)
		} else {
			a.set(w.GetTargetList(), it, sc)
		}
	}
	sc.star, sc.starOpen = append(append([]column(nil), cols...), it.cols...), open || it.open
	return a.returning(x.ReturningList, nil, sc)
}

func (a *analysis) mergeInsert(w *pg.MergeWhenClause, it *item, sc *scope) {
	to := it.cols
	if len(w.TargetList) > 0 {
		to = nil
		for _, n := range w.TargetList {
			if rt := n.GetResTarget(); rt != nil {
				to = append(to, a.targetColumn(it, rt, sc))
			}
		}
	}
	for i, v := range w.Values {
		if i < len(to) {
			a.assign(to[i], v, sc)
		} else {
			a.assign(column{}, v, sc)
		}
	}
}

package facts

import (
	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/proto"
)

// query walks any statement that can stand where a query can, and answers its
// output columns. outer is what a correlated subquery sees; nil at the top.
func (w *walker) query(m proto.Message, outer *scope) (out []column, open bool) {
	w.depth++
	if w.steps++; w.depth > 8*maxDepth || w.steps > maxSteps {
		w.unsure("too large to be analysed")
		w.depth--
		return nil, true
	}
	defer func() { w.depth-- }()
	switch q := m.(type) {
	case *pg.SelectStmt:
		return w.selectStmt(q, outer)
	case *pg.InsertStmt:
		return w.insert(q, outer)
	case *pg.UpdateStmt:
		return w.update(q, outer)
	case *pg.DeleteStmt:
		return w.delete(q, outer)
	case *pg.MergeStmt:
		return w.merge(q, outer)
	}
	w.unsure("a query of an unknown kind")
	w.generic(m, outer)
	return nil, true
}

// inner is a scope below outer whose WITH entries can grow.
func inner(outer *scope) *scope { return outer.child() }

func (w *walker) selectStmt(q *pg.SelectStmt, outer *scope) (out []column, open bool) {
	w.op("select")
	sc := inner(outer)
	w.withClause(q.GetWithClause(), sc)
	switch {
	case q.GetLarg() != nil:
		out, open = w.setOperation(q, sc)
	case len(q.GetValuesLists()) > 0:
		out = w.values(q.GetValuesLists(), sc)
	default:
		out, open = w.plainSelect(q, sc)
	}
	sc.outputs = out
	if q.GetLarg() != nil || len(q.GetValuesLists()) > 0 {
		// Only output columns are in reach.
		sc.sources = []*source{{columns: out, open: open}}
	}
	for _, n := range q.GetSortClause() {
		w.sort(n, sc)
	}
	for _, n := range []*pg.Node{q.GetLimitOffset(), q.GetLimitCount()} {
		w.expr(n, &scope{parent: sc.parent, with: sc.with})
	}
	if len(q.GetLockingClause()) > 0 {
		w.op("lock")
		w.f.Flags.Lock = true
	}
	if into := q.GetIntoClause(); into != nil {
		w.into(into)
	}
	return out, open
}

func (w *walker) plainSelect(q *pg.SelectStmt, sc *scope) (out []column, open bool) {
	w.from(q.GetFromClause(), sc)
	out, open = w.outputs(q.GetTargetList(), sc)
	w.condition(q.GetWhereClause(), sc)
	for _, n := range q.GetGroupClause() {
		w.group(n, sc, out)
	}
	w.condition(q.GetHavingClause(), sc)
	for _, n := range q.GetWindowClause() {
		w.window(n.GetWindowDef(), sc)
	}
	for _, n := range q.GetDistinctClause() {
		if inside(n) != nil {
			w.key(n, &scope{sources: sc.sources, parent: sc.parent, with: sc.with, outputs: out})
		}
	}
	return out, open
}

func (w *walker) setOperation(q *pg.SelectStmt, sc *scope) (out []column, open bool) {
	below := func() *scope { return &scope{parent: sc.parent, with: sc.with} }
	left, lopen := w.selectStmt(q.GetLarg(), below())
	right, ropen := w.selectStmt(q.GetRarg(), below())
	w.operator("", "=") // for duplicates
	out = append([]column(nil), left...)
	for i := range out {
		if i < len(right) {
			out[i].from = out[i].from.with(right[i].from)
		}
		w.associate(out[i].from)
	}
	return out, lopen || ropen
}

func (w *walker) values(rows []*pg.Node, sc *scope) (out []column) {
	for _, row := range rows {
		for i, n := range row.GetList().GetItems() {
			o := w.expr(n, sc)
			if i == len(out) {
				out = append(out, column{name: "column" + itoa(i+1)})
			}
			out[i].from = out[i].from.with(o)
		}
	}
	return out
}

// outputs walks a select list or RETURNING.
func (w *walker) outputs(list []*pg.Node, sc *scope) (out []column, open bool) {
	for _, n := range list {
		if len(out) > maxColumns {
			w.unsure("more columns than a query can have")
			return out[:maxColumns], true
		}
		target := n.GetResTarget()
		if target == nil {
			w.expr(n, sc)
			continue
		}
		if ref := target.GetVal().GetColumnRef(); ref != nil && endsInStar(ref) {
			w.resolve(sc, ref)
			columns, o := starColumns(sc, ref)
			out, open = append(out, columns[:min(len(columns), maxColumns)]...), open || o
			continue
		}
		if ind := target.GetVal().GetAIndirection(); ind != nil && lastIsStar(ind.GetIndirection()) {
			o := w.expr(target.GetVal(), sc)
			w.associate(o)
			out, open = append(out, column{from: o}), true
			continue
		}
		o := w.expr(target.GetVal(), sc)
		w.associate(o)
		name, sure := target.GetName(), true
		if name == "" {
			name, sure = columnName(target.GetVal())
		}
		out, open = append(out, column{name, o}), open || !sure
	}
	return out, open
}

func endsInStar(ref *pg.ColumnRef) bool { return lastIsStar(ref.GetFields()) }

func lastIsStar(list []*pg.Node) bool {
	return len(list) > 0 && list[len(list)-1].GetAStar() != nil
}

// starColumns is what a star expands to.
func starColumns(sc *scope, ref *pg.ColumnRef) (out []column, open bool) {
	sources := sc.sources
	if fields := names(ref.GetFields()); len(fields) > 0 {
		src := findSource(sc, fields)
		if src == nil {
			return nil, true
		}
		sources = []*source{src}
	}
	for _, src := range sources {
		if !src.qualifiedOnly || len(sources) == 1 {
			out, open = append(out, src.columns...), open || src.open
		}
	}
	return out, open
}

// condition is a WHERE, ON, HAVING, FILTER: its columns are filters, and each
// operand of AND and OR is a comparison of its own.
func (w *walker) condition(n *pg.Node, sc *scope) origin {
	if inside(n) == nil {
		return origin{}
	}
	w.filter++
	defer func() { w.filter-- }()
	return w.atoms(n, sc)
}

func (w *walker) atoms(n *pg.Node, sc *scope) (o origin) {
	if b := n.GetBoolExpr(); b != nil {
		for _, arg := range b.GetArgs() {
			o = o.with(w.atoms(arg, sc))
		}
		return o
	}
	o = w.expr(n, sc)
	w.associate(o)
	return o
}

// sort is one ORDER BY item.
func (w *walker) sort(n *pg.Node, sc *scope) {
	by := n.GetSortBy()
	if by == nil {
		w.key(n, sc)
		return
	}
	if use := names(by.GetUseOp()); len(use) > 0 {
		w.operator(qualified(use))
	}
	w.key(by.GetNode(), sc)
}

// key is an ORDER BY or DISTINCT ON item: a bare name is an output column
// before it is an input column (PostgreSQL, SELECT: ORDER BY Clause), an
// integer is a position.
func (w *walker) key(n *pg.Node, sc *scope) {
	if c := n.GetAConst(); c != nil {
		w.f.literalMatters = true
		return
	}
	if name := bareName(n); name != "" {
		for _, c := range sc.outputs {
			if c.name == name {
				return
			}
		}
	}
	w.expr(n, sc)
}

// group is one GROUP BY item: a bare name is an input column first.
func (w *walker) group(n *pg.Node, sc *scope, out []column) {
	if set := n.GetGroupingSet(); set != nil {
		for _, item := range set.GetContent() {
			w.group(item, sc, out)
		}
		return
	}
	if row := n.GetRowExpr(); row != nil {
		for _, item := range row.GetArgs() {
			w.group(item, sc, out)
		}
		return
	}
	if c := n.GetAConst(); c != nil {
		w.f.literalMatters = true
		return
	}
	if name := bareName(n); name != "" && !sc.has(name) {
		for _, c := range out {
			if c.name == name {
				return
			}
		}
	}
	w.expr(n, sc)
}

// has says whether a column of that name is at this level, or may be.
func (s *scope) has(name string) bool {
	for _, src := range s.sources {
		if src.open {
			return true
		}
		for _, c := range src.columns {
			if c.name == name {
				return true
			}
		}
	}
	return false
}

func bareName(n *pg.Node) string {
	ref := n.GetColumnRef()
	if ref == nil || len(ref.GetFields()) != 1 {
		return ""
	}
	return ref.GetFields()[0].GetString_().GetSval()
}

// window walks PARTITION BY, ORDER BY and the frame, which see input columns only.
func (w *walker) window(def *pg.WindowDef, sc *scope) {
	if def == nil {
		return
	}
	for _, n := range def.GetPartitionClause() {
		w.expr(n, sc)
	}
	for _, n := range def.GetOrderClause() {
		if by := n.GetSortBy(); by != nil {
			if use := names(by.GetUseOp()); len(use) > 0 {
				w.operator(qualified(use))
			}
			w.expr(by.GetNode(), sc)
		}
	}
	w.expr(def.GetStartOffset(), sc)
	w.expr(def.GetEndOffset(), sc)
}

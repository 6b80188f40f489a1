package lineage

import (
	"maps"
	"slices"

	"sluice.dev/proxy/protocol/postgres/catalog"
	"sluice.dev/proxy/protocol/postgres/tree"
)

// resolver collects what a statement names, as the server resolved it. Columns
// of subqueries and views count as far as they are used.
type resolver struct {
	w         *walker
	reads     map[uint32]bool
	writes    map[uint32]bool
	functions map[uint32]bool
	columns   map[catalog.Attr]bool
	filters   map[catalog.Attr]bool
	queries   map[int32]bool
	seen      map[use3]bool
}

// use3 is one column of one entry, on its way into a set.
type use3 struct {
	query  int32
	entry  int
	column int
	filter bool
}

func (w *walker) resolved() *Resolved {
	r := &resolver{
		w: w, reads: make(map[uint32]bool), writes: make(map[uint32]bool), functions: make(map[uint32]bool),
		columns: make(map[catalog.Attr]bool), filters: make(map[catalog.Attr]bool),
		queries: make(map[int32]bool), seen: make(map[use3]bool),
	}
	for _, n := range w.t.Queries {
		r.query(w.scope(n, nil), true)
	}
	return &Resolved{
		Reads: r.relations(r.reads), Writes: r.relations(r.writes), Functions: r.names(),
		Columns: r.attributes(r.columns), Filters: r.attributes(r.filters),
	}
}

func (r *resolver) relations(set map[uint32]bool) []string {
	out := make([]string, 0, len(set))
	for oid := range set {
		if rel, ok := r.w.s.Relation(oid); ok {
			out = append(out, rel.ID())
		}
	}
	slices.Sort(out)
	return out
}

func (r *resolver) names() []string {
	out := make([]string, 0, len(r.functions))
	for oid := range r.functions {
		f, ok := r.w.s.Function(oid)
		switch {
		case !ok:
		case f.Builtin() && f.Schema == "pg_catalog":
			out = append(out, f.Name)
		default:
			out = append(out, f.ID())
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (r *resolver) attributes(set map[catalog.Attr]bool) []string {
	out := make([]string, 0, len(set))
	for a := range maps.Keys(set) {
		out = append(out, r.w.s.ColumnName(a))
	}
	slices.Sort(out)
	return out
}

// query collects what a query does whatever of it is used; its targets only if
// all are.
func (r *resolver) query(q *scopeOf, targets bool) {
	if !r.w.step() {
		return
	}
	if targets || q.command != cmdSelect {
		for _, f := range []tree.Field{tree.TargetList, tree.ReturningList, tree.OnConflict, tree.MergeActionList} {
			r.any(q.n.Get(f), q, false)
		}
		if q.n.Node(tree.SetOperations) != nil {
			for i := range q.n.List(tree.TargetList) {
				r.output(q, i+1, false)
			}
		}
	}
	if r.queries[q.n.ID] {
		return
	}
	r.queries[q.n.ID] = true
	for _, f := range []tree.Field{tree.Jointree, tree.HavingQual, tree.MergeJoinCondition} {
		r.any(q.n.Get(f), q, true)
	}
	for _, f := range []tree.Field{tree.LimitCount, tree.LimitOffset} {
		r.any(q.n.Get(f), q, false)
	}
	for _, f := range []tree.Field{tree.SortClause, tree.GroupClause, tree.DistinctClause} {
		for _, x := range q.n.List(f) {
			r.key(r.w.t.Node(x), q)
		}
	}
	if q.target > 0 {
		r.target(q)
	}
	for i := range q.rtes {
		r.entry(q, i+1)
	}
	for _, x := range q.n.List(tree.CteList) {
		if s := r.w.t.Node(x).Node(tree.Ctequery); s != nil {
			r.query(r.w.scope(s, q), false)
		}
	}
}

func (r *resolver) key(s *tree.Node, q *scopeOf) {
	ref, _ := s.Int(tree.TleSortGroupRef)
	for _, x := range q.n.List(tree.TargetList) {
		n := r.w.t.Node(x)
		if i, ok := n.Int(tree.Ressortgroupref); ok && i == ref {
			r.any(n.Get(tree.Expr), q, false)
		}
	}
}

// target is the relation written, with the columns that are.
func (r *resolver) target(q *scopeOf) {
	oid := r.w.rte(q, q.target).OID(tree.Relid)
	r.writes[oid] = true
	for no := range q.assigned {
		r.add(oid, no, false)
	}
}

func (r *resolver) entry(q *scopeOf, i int) {
	e := r.w.rte(q, i)
	kind, _ := e.Int(tree.Rtekind)
	if oid := e.OID(tree.Relid); oid != 0 && (kind == rteRelation || kind == rteSubquery) && (i != q.target || q.command != cmdInsert) {
		r.reads[oid] = true
	}
	switch kind {
	case rteRelation:
		r.any(e.Get(tree.Tablesample), q, false)
	case rteSubquery:
		if s := e.Node(tree.Subquery); s != nil {
			r.query(r.w.scope(s, q), false)
		}
	case rteFunction:
		r.any(e.Get(tree.Functions), q, false)
	case rteTableFunc:
		r.any(e.Get(tree.Tablefunc), q, false)
	case rteValues:
		r.any(e.Get(tree.ValuesLists), q, false)
	}
}

// any collects from expressions.
func (r *resolver) any(x tree.Value, q *scopeOf, filter bool) {
	switch x.Kind {
	case tree.List:
		for _, e := range r.w.t.List(x) {
			if e.Kind >= tree.Inner {
				r.any(e, q, filter)
			}
		}
	case tree.Inner:
		r.node(r.w.t.Node(x), q, filter)
	case tree.Null, tree.Atom:
	}
}

func (r *resolver) node(n *tree.Node, q *scopeOf, filter bool) {
	if !r.w.step() {
		return
	}
	switch n.Tag {
	case tree.TagVar:
		up, _ := n.Int(tree.Varlevelsup)
		i, _ := n.Int(tree.Varno)
		att, _ := n.Int(tree.Varattno)
		if at := q.level(up); at != nil {
			r.column(at, i, att, filter)
		}
		return
	case tree.TagQuery:
		s := r.w.scope(n, q)
		r.query(s, true)
		return
	}
	for i := range n.Fields() {
		name, x := n.At(i)
		switch name {
		case tree.Funcid, tree.Aggfnoid, tree.Winfnoid:
			if oid, ok := r.w.t.Int(x); ok && oid > 0 && n.Tag != tree.TagTableSample {
				if form, _ := n.Int(tree.Funcformat); n.Tag != tree.TagFuncExpr || form == 0 { // written as a call, not as a cast
					r.functions[uint32(oid)] = true //nolint:gosec // an OID has 32 bits
				}
			}
			continue
		}
		r.any(x, q, filter)
	}
}

func (r *resolver) add(oid uint32, att int, filter bool) {
	rel, ok := r.w.s.Relation(oid)
	if !ok || att < 0 {
		return
	}
	if att == 0 {
		for _, n := range rel.Live() {
			r.add(oid, int(n), filter)
		}
		return
	}
	a := catalog.Attr{Relation: oid, Number: int16(att)} //nolint:gosec // at most 1600 columns
	r.columns[a] = true
	if filter {
		r.filters[a] = true
	}
}

// column follows a column of an entry to those of relations.
func (r *resolver) column(q *scopeOf, i, att int, filter bool) {
	e := r.w.rte(q, i)
	if e == nil || q.n == nil || !r.w.step() {
		return
	}
	u := use3{q.n.ID, i, att, filter}
	if r.seen[u] {
		return
	}
	r.seen[u] = true
	kind, _ := e.Int(tree.Rtekind)
	switch kind {
	case rteRelation:
		r.add(e.OID(tree.Relid), att, filter)
	case rteSubquery:
		if s := e.Node(tree.Subquery); s != nil {
			r.output(r.w.scope(s, q), att, filter)
		}
	case rteCTE:
		if n, at := r.w.cte(q, e); n != nil {
			r.output(r.w.scope(n, at), att, filter)
		}
	case rteJoin, rteGroup:
		f := tree.Joinaliasvars
		if kind == rteGroup {
			f = tree.Groupexprs
		}
		for k, x := range e.List(f) {
			if att == 0 || att == k+1 {
				r.any(x, q, filter)
			}
		}
	case rteValues:
		r.any(e.Get(tree.ValuesLists), q, filter)
	case rteFunction:
		r.any(e.Get(tree.Functions), q, filter)
	}
}

// output follows a result column of a query.
func (r *resolver) output(q *scopeOf, att int, filter bool) {
	if so := q.n.Node(tree.SetOperations); so != nil {
		r.branches(so, q, att, filter)
		return
	}
	list := q.n.List(tree.TargetList)
	if q.command != cmdSelect {
		list = q.n.List(tree.ReturningList)
	}
	k := 0
	for _, x := range list {
		n := r.w.t.Node(x)
		if n.True(tree.Resjunk) {
			continue
		}
		if k++; att == 0 || att == k {
			r.any(n.Get(tree.Expr), q, filter)
		}
	}
}

func (r *resolver) branches(n *tree.Node, q *scopeOf, att int, filter bool) {
	if n == nil || !r.w.step() {
		return
	}
	if i, ok := n.Int(tree.Rtindex); ok {
		r.column(q, i, att, filter)
		return
	}
	r.branches(n.Node(tree.Larg), q, att, filter)
	r.branches(n.Node(tree.Rarg), q, att, filter)
}

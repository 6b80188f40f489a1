package lineage

import (
	"sluice.dev/proxy/protocol/postgres/catalog"
	"sluice.dev/proxy/protocol/postgres/tree"
)

// expr is the value of an expression within a query. It looks at everything
// below, but for the queries of subqueries, which visit checks.
func (w *walker) expr(n *tree.Node, q *scopeOf) value {
	if n == nil {
		return value{}
	}
	if w.known[n.ID] {
		return w.values[n.ID]
	}
	if !w.step() {
		return unknownValue
	}
	before := w.hits
	w.depth++
	v := w.node(n, q)
	w.depth--
	if w.hits == before {
		w.values[n.ID], w.known[n.ID] = v, true
	}
	return v
}

// any is the value of any field.
func (w *walker) any(x tree.Value, q *scopeOf) value {
	switch x.Kind {
	case tree.Inner:
		return w.expr(w.t.Node(x), q)
	case tree.List:
		var v value
		for _, e := range w.t.List(x) {
			if e.Kind >= tree.Inner {
				v = v.within(w.any(e, q))
			}
		}
		return v
	}
	return value{}
}

// parts joins the values of all fields of a node.
func (w *walker) parts(n *tree.Node, q *scopeOf) value {
	var v value
	for i := range n.Fields() {
		if _, x := n.At(i); x.Kind >= tree.Inner {
			v = v.within(w.any(x, q))
		}
	}
	return v
}

func (w *walker) node(n *tree.Node, q *scopeOf) value {
	switch n.Tag {
	case tree.TagVar:
		return w.variable(n, q)
	case tree.TagConst, tree.TagSQLValueFunction, tree.TagCurrentOfExpr, tree.TagCaseTestExpr, tree.TagSetToDefault:
		return w.typed(n, value{})
	case tree.TagMergeSupportFunc:
		return value{flags: hasClean}
	case tree.TagParam:
		return w.parameter(n, q)
	case tree.TagGroupingFunc: // which grouping set a row is of, whatever is in it
		return value{flags: hasClean}
	case tree.TagNextValueExpr:
		return value{flags: hasEffect | ownEffect}
	case tree.TagSubLink:
		return w.sublink(n, q)
	case tree.TagQuery:
		return whole(w.outputs(w.scope(n, q)))
	case tree.TagRelabelType, tree.TagCollateExpr:
		return w.typed(n, w.expr(n.Node(tree.Arg), q))
	case tree.TagFieldSelect:
		if v, ok := w.field(n, q); ok {
			return v
		}
	case tree.TagFuncExpr:
		if w.ofDefinition(n, q) {
			return value{flags: hasClean}
		}
	case tree.TagAggref:
		return w.aggregate(n, q)
	case tree.TagWindowFunc:
		return w.windowFunction(n, q)
	}
	return w.called(n, w.parts(n, q), q)
}

func (w *walker) variable(n *tree.Node, q *scopeOf) value {
	up, ok := n.Int(tree.Varlevelsup)
	no, ok2 := n.Int(tree.Varno)
	att, ok3 := n.Int(tree.Varattno)
	at := q.level(up)
	if !ok || !ok2 || !ok3 || at == nil {
		return w.surprise("a column of no query")
	}
	v := w.column(at, no, att)
	if t := n.OID(tree.Vartype); t != 0 && w.typeOf(t) == typeCastable {
		v = w.fromOpaque(v)
	}
	return v
}

// field is (row).column where the row is that of an entry.
func (w *walker) field(n *tree.Node, q *scopeOf) (value, bool) {
	arg := n.Node(tree.Arg)
	no, ok := n.Int(tree.Fieldnum)
	if arg == nil || arg.Tag != tree.TagVar || !ok || no < 1 {
		return value{}, false
	}
	if att, ok := arg.Int(tree.Varattno); !ok || att != 0 {
		return value{}, false
	}
	up, _ := arg.Int(tree.Varlevelsup)
	i, _ := arg.Int(tree.Varno)
	at := q.level(up)
	if at == nil {
		return value{}, false
	}
	r := w.rte(at, i)
	if kind, ok := r.Int(tree.Rtekind); r == nil || !ok || kind > rteSubquery {
		return value{}, false
	}
	return w.column(at, i, no), true
}

// Kinds of PARAM (primnodes.h ParamKind).
const (
	paramExtern    = 0
	paramSublink   = 2
	paramMultiexpr = 3
)

// parameter: those that the client binds are constants; those of subqueries
// stand for columns that the SubLink node accounts for; those of
// (a, b) = (SELECT …) are the columns of that subquery.
func (w *walker) parameter(n *tree.Node, q *scopeOf) value {
	kind, _ := n.Int(tree.Paramkind)
	switch kind {
	case paramExtern, paramSublink:
		return w.typed(n, value{})
	case paramMultiexpr:
		if on(ruleMulti) {
			return w.multiple(n, q)
		}
		return value{}
	}
	return w.surprise("a parameter of an unknown kind")
}

func (w *walker) multiple(n *tree.Node, q *scopeOf) value {
	id, _ := n.Int(tree.Paramid)
	var lists [][]tree.Value
	lists = append(lists, q.n.List(tree.TargetList), q.n.Node(tree.OnConflict).List(tree.OnConflictSet))
	for _, x := range q.n.List(tree.MergeActionList) {
		lists = append(lists, w.t.Node(x).List(tree.TargetList))
	}
	var v value
	found := false
	for _, l := range lists {
		for _, x := range l {
			s := w.t.Node(x).Node(tree.Expr)
			if s == nil || s.Tag != tree.TagSubLink || s.Node(tree.Subselect) == nil {
				continue
			}
			cols := w.outputs(w.scope(s.Node(tree.Subselect), q))
			if c := id & 0xffff; c >= 1 && c <= len(cols) {
				c := cols[c-1]
				if found {
					c = v.beside(c)
				}
				v, found = c, true
			}
		}
	}
	if !found {
		return w.surprise("an assignment to several columns from nothing")
	}
	return seen(v)
}

// typed adds what converting to a node's type runs.
func (w *walker) typed(n *tree.Node, v value) value {
	for i := range n.Fields() {
		name, x := n.At(i)
		switch name {
		case tree.Resulttype, tree.Consttype, tree.Paramtype, tree.Funcresulttype, tree.Opresulttype, tree.Aggtype, tree.Wintype,
			tree.Casetype, tree.Coalescetype, tree.Minmaxtype, tree.ArrayTypeid, tree.RowTypeid, tree.TypeID, tree.Type, tree.Typid, tree.Refrestype:
			if t, ok := w.t.Int(x); ok && t > 0 && t < 1<<32 && w.typeOf(uint32(t)) != typePlain {
				return w.fromOpaque(v)
			}
		case tree.Coltypes:
			for _, e := range w.t.List(x) {
				if t, ok := w.t.Int(e); ok && t > 0 && t < 1<<32 && w.typeOf(uint32(t)) != typePlain {
					return w.fromOpaque(v)
				}
			}
		}
	}
	return v
}

// firstUserOID is FirstNormalObjectId (access/transam.h).
const firstUserOID = 16384

func (w *walker) typeOf(oid uint32) typeClass {
	if oid < firstUserOID {
		return typePlain
	}
	if c := w.types[oid]; c != typeUnknown {
		return c
	}
	c := typePlain
	if _, ok := w.s.Type(oid); !ok {
		w.lacks("type", oid)
		c = typeOpaque
	} else if w.p.CastOpaque(oid) {
		c = typeCastable
	} else if w.p.TypeOpaque(oid) {
		c = typeOpaque
	}
	if w.types == nil {
		w.types = make(map[uint32]typeClass)
	}
	w.types[oid] = c
	return c
}

// fromOpaque is the result of an opaque function over a value. A column that is
// only its argument is not compared with anything here.
func (w *walker) fromOpaque(v value) value {
	w.scrub, w.opaque, w.user = true, true, true
	w.facts.CallsOpaqueFunction = true
	if !on(ruleOpaque) {
		return v
	}
	if !v.tainted() {
		v.flags &^= hasClean
	}
	v.flags |= hasOpaque
	v.level = max(v.level, Derived)
	return v.settled()
}

// called adds what evaluating a node itself does to the value of its parts.
func (w *walker) called(n *tree.Node, v value, q *scopeOf) value {
	args := v
	v = w.typed(n, v)
	for i := range n.Fields() {
		name, x := n.At(i)
		switch name {
		case tree.Funcid, tree.Opfuncid, tree.Aggfnoid, tree.Winfnoid, tree.Hashfuncid, tree.Negfuncid, tree.StartInRangeFunc, tree.EndInRangeFunc:
			if oid, ok := w.t.Int(x); ok && oid > 0 {
				v = w.function(uint32(oid), args, v) //nolint:gosec // an OID has 32 bits
			}
		case tree.Opno:
			if oid, ok := w.t.Int(x); ok && oid > 0 {
				v = w.operator(uint32(oid), args, v) //nolint:gosec // an OID has 32 bits
			}
		case tree.Opnos:
			for _, e := range w.t.List(x) {
				if oid, ok := w.t.Int(e); ok && oid > 0 {
					v = w.operator(uint32(oid), args, v) //nolint:gosec // an OID has 32 bits
				}
			}
		}
	}
	if n.Tag == tree.TagCoerceViaIO { // output and input functions of the types
		if arg := n.Node(tree.Arg); arg != nil {
			v = w.typed(arg, v)
		}
	}
	if args.tainted() && w.raises(n, q) {
		v.flags |= hasRaise
	}
	if n.True(tree.Funcretset) || n.True(tree.Opretset) {
		v.flags |= hasClean // which of its rows this is
		v = v.settled()
	}
	if args.tainted() && (n.True(tree.Funcretset) || n.True(tree.Opretset)) && !w.fixedRows(n, args) {
		v.flags |= hasRows
	}
	return v
}

func (w *walker) operator(oid uint32, args, v value) value {
	_, f, ok := w.s.Operator(oid)
	if !ok {
		w.lacks("operator", oid)
		return unknownValue
	}
	return w.function(f, args, v)
}

// function adds what calling a function does.
func (w *walker) function(oid uint32, args, v value) value {
	f, ok := w.s.Function(oid)
	if !ok {
		w.lacks("function", oid)
		return w.fromOpaque(v)
	}
	if f.Volatile { // another value each time
		v.flags |= hasClean
		v = v.settled()
	}
	class := w.p.Class(oid)
	if class == catalog.Denied {
		w.scrub, w.user = true, true
		if on(ruleDenied) {
			w.refuse(otherHint, "function %s can read what masks protect", f.ID())
		}
		class = catalog.Opaque
	}
	if w.s.Effectful(oid) {
		if args.tainted() && on(ruleVolatile) {
			w.refuse(otherHint, "a protected value is an argument of %s, which may keep it", f.ID())
		}
		v.flags |= hasEffect
		if class < catalog.Opaque {
			v.flags |= ownEffect
		}
	}
	if class == catalog.Opaque {
		v = w.fromOpaque(v)
	}
	return v
}

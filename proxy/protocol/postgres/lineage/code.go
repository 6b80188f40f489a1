package lineage

import (
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"

	"sluice.dev/proxy/protocol/postgres/catalog"
)

// harmlessVolatile are volatile by declaration, but leave nothing behind.
var harmlessVolatile = map[string]bool{
	"random": true, "gen_random_uuid": true, "clock_timestamp": true, "timeofday": true, "uuid_generate_v4": true,
	"random_normal": true, "uuidv4": true, "uuidv7": true,
}

// call judges a function call. Its arguments may not be protected; what an
// opaque function computes is murky.
func (a *analysis) call(x *pg.FuncCall, sc *scope, u use) (t taint) {
	options := a.optionsTable(x)
	if options {
		u = inTarget
	}
	args := a.nodes(x.Args, sc, u) | a.nodes(x.AggOrder, sc, u)
	t = args
	if x.AggFilter != nil {
		t |= a.condition(x.AggFilter, sc)
	}
	if x.Over != nil {
		over := a.expr(x.Over, sc, inOrder)
		a.ordered(over, inOrder)
		t |= over
	}
	schema, name, ok := qualified(x.Funcname)
	if !ok {
		a.refuse(otherHint, "a function's name has more than two parts")
		return t | murky
	}
	nargs := len(x.Args)
	if x.AggWithinGroup {
		nargs += len(x.AggOrder)
	}
	fs := a.view.FunctionsNamed(schema, name, nargs)
	if len(fs) == 0 {
		fs = a.view.FunctionsNamed(schema, name, -1)
	}
	if len(fs) == 0 {
		return t | a.notFunction(schema, name, x)
	}
	set, changes := false, false
	for _, f := range fs {
		t |= a.function(f.OID)
		set = set || f.Set
		changes = changes || f.Volatile && !harmlessVolatile[f.Name] && a.p.Class(f.OID) == catalog.Pure
		for _, o := range append([]uint32{f.Result}, f.Args...) {
			t |= a.typeOID(o)
		}
	}
	if changes {
		t |= effect
	}
	if args&murky != 0 && set && !options {
		a.refuse(otherHint, "the number of rows of %s depends on an opaque function", name)
	}
	if t&murky != 0 { // what it was called with is not what it answers
		t &^= refers
		t |= args & refers & a.passes(fs)
	}
	return t
}

// optionsTable: psql and pg_dump list the options of foreign servers and user
// mappings through pg_options_to_table. How many options there are is no
// secret; what they say is masked.
func (a *analysis) optionsTable(x *pg.FuncCall) bool {
	schema, name, _ := qualified(x.Funcname)
	if name != "pg_options_to_table" {
		return false
	}
	fs := a.view.FunctionsNamed(schema, name, -1)
	for _, f := range fs {
		if f.Schema != "pg_catalog" {
			return false
		}
	}
	return len(fs) > 0
}

// passes keeps the taint of arguments for functions that are not themselves
// opaque: f(opaque(), column) holds both.
func (a *analysis) passes(fs []*catalog.Function) taint {
	for _, f := range fs {
		if a.p.Class(f.OID) >= catalog.Opaque {
			return 0
		}
	}
	return refers
}

// notFunction is name(x) where name is no function: a cast to a type, or
// nothing that the catalog knows. Column notation, name(row), has its argument
// refused if the row holds anything protected.
func (a *analysis) notFunction(schema, name string, x *pg.FuncCall) taint {
	if len(x.Args) == 1 {
		if t, ok := a.view.LookupType(schema, name); ok {
			return a.typeOID(t.OID)
		}
	}
	if schema != "" {
		name = schema + "." + name
	}
	a.unresolved("function", name)
	return murky
}

// function judges one function by its class.
func (a *analysis) function(oid uint32) taint {
	switch a.p.Class(oid) {
	case catalog.Denied:
		a.opaque()
		a.refuse(otherHint, "function %s can read what masks protect", a.functionName(oid))
		return murky
	case catalog.Opaque:
		a.opaque()
		return murky
	}
	return 0
}

func (a *analysis) functionName(oid uint32) string {
	if f, ok := a.view.Snapshot().Function(oid); ok {
		return f.ID()
	}
	return "?"
}

// typeName judges a cast or the type of a column definition.
func (a *analysis) typeName(x *pg.TypeName) taint {
	if x == nil || len(x.Names) == 0 {
		return 0
	}
	schema, name, ok := qualified(x.Names)
	if !ok {
		names, _, _ := texts(x.Names)
		if len(names) == 3 && names[0] == a.view.Snapshot().Database {
			schema, name = names[1], names[2]
		} else {
			a.unresolved("type", strings.Join(names, "."))
			return murky
		}
	}
	t, ok := a.view.LookupType(schema, name)
	if !ok {
		if a.ddl { // serial and the like, or what this very statement makes
			return 0
		}
		a.unresolved("type", name)
		return murky
	}
	return a.typeOID(t.OID)
}

// typeOID judges what converting to or from a type runs. A type of the system
// runs nothing by itself: a cast between it and a user's type needs a value of
// that type, which comes from a column, a function or a cast that names it.
func (a *analysis) typeOID(oid uint32) (t taint) {
	if typ, ok := a.view.Snapshot().Type(oid); ok && typ.System() {
		return 0
	}
	if a.p.TypeOpaque(oid) {
		a.opaque()
		t = murky
	}
	for _, f := range a.view.Casts(oid) {
		t |= a.function(f)
	}
	return t
}

func (a *analysis) operatorNamed(list []*pg.Node) taint {
	_, name, ok := qualified(list)
	if !ok {
		a.refuse(otherHint, "an operator's name has more than two parts")
		return murky
	}
	return a.operator(list, name)
}

// operator judges all operators that the name can mean. list is nil where the
// grammar means an operator without writing it.
func (a *analysis) operator(list []*pg.Node, name string) (t taint) {
	schema := ""
	if list != nil {
		schema, name, _ = qualified(list)
	}
	fs, ok := a.view.OperatorFunctions(schema, name)
	if !ok {
		a.unresolved("operator", name)
		return murky
	}
	for _, f := range fs {
		t |= a.function(f)
	}
	return t
}

// pureOperator: no operator that the name can mean runs anything but a pure
// function. A bounded one would get a protected value as its argument.
func (a *analysis) pureOperator(schema, name string) bool {
	fs, ok := a.view.OperatorFunctions(schema, name)
	for _, f := range fs {
		ok = ok && a.p.Class(f) == catalog.Pure
	}
	return ok
}

// operation is an operator expression of any spelling.
func (a *analysis) operation(x *pg.A_Expr, sc *scope, u use) taint {
	t := a.node(x.Lexpr, sc, u) | a.node(x.Rexpr, sc, u)
	switch x.Kind {
	case pg.A_Expr_Kind_AEXPR_BETWEEN, pg.A_Expr_Kind_AEXPR_NOT_BETWEEN,
		pg.A_Expr_Kind_AEXPR_BETWEEN_SYM, pg.A_Expr_Kind_AEXPR_NOT_BETWEEN_SYM:
		for _, name := range []string{"<", "<=", ">", ">="} {
			t |= a.operator(nil, name)
		}
		return t
	}
	return t | a.operatorNamed(x.Name)
}

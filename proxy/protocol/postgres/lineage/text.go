package lineage

import (
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/proto"

	"sluice.dev/proxy/protocol/postgres/catalog"
)

// StrictText judges the statements of one message, each as [Strict] does. All
// are judged before any runs; so after one that can change what names mean,
// the rest must not use names whose meaning could have changed. They are
// refused, and can be sent one by one.
func StrictText(stmts []*pg.Node, view *catalog.View, protected *catalog.Protected) []Verdict {
	out := make([]Verdict, len(stmts))
	changed := false
	for i, n := range stmts {
		out[i] = Strict(n, view, protected)
		if changed && !protected.Empty() && namesThings(inner(n)) {
			// Also where it is refused for another reason, which may be void by then.
			if out[i].Refuse == "" {
				out[i].Refuse = "strict lineage: an earlier statement of the same message can change what names mean here"
				out[i].Hint = "Send the statements one by one."
			}
			out[i].EarlierChanges = true
			out[i].Facts = Unknown()
			out[i].Touches, out[i].Scrub = true, true
		}
		changed = changed || ChangesNames(inner(n), view)
	}
	return out
}

// namesThings says whether a statement's meaning hangs on names at all.
func namesThings(m proto.Message) bool {
	switch x := m.(type) {
	case nil, *pg.TransactionStmt, *pg.VariableSetStmt, *pg.VariableShowStmt, *pg.DiscardStmt, *pg.DeallocateStmt,
		*pg.ClosePortalStmt, *pg.ListenStmt, *pg.UnlistenStmt, *pg.NotifyStmt, *pg.CheckPointStmt, *pg.DropStmt, *pg.CreateEnumStmt, *pg.CompositeTypeStmt:
		return false // a DROP shows nothing, whatever it is of, nor does a new type
	case *pg.CreateStmt:
		// New columns show nothing either; those of others might, by a parent.
		return len(x.InhRelations) > 0 || x.OfTypename != nil || slices.ContainsFunc(x.TableElts, func(n *pg.Node) bool { return n.GetTableLikeClause() != nil })
	}
	return true
}

// ChangesNames says whether a statement can change what later names mean: the
// search_path, the role, temporary objects, definitions; also by a function
// that the gateway cannot see through, or by undoing such a change.
func ChangesNames(m proto.Message, view *catalog.View) bool {
	switch x := m.(type) {
	case nil, *pg.VariableShowStmt, *pg.DeallocateStmt, *pg.ClosePortalStmt, *pg.ListenStmt, *pg.UnlistenStmt, *pg.NotifyStmt,
		*pg.CheckPointStmt, *pg.LockStmt:
		return false
	case *pg.TransactionStmt:
		switch x.Kind {
		case pg.TransactionStmtKind_TRANS_STMT_BEGIN, pg.TransactionStmtKind_TRANS_STMT_START,
			pg.TransactionStmtKind_TRANS_STMT_SAVEPOINT, pg.TransactionStmtKind_TRANS_STMT_RELEASE:
			return false
		}
		return true
	case *pg.VariableSetStmt:
		switch x.Name {
		case "search_path", "role", "session_authorization", "":
			return true
		}
		return x.Kind == pg.VariableSetKind_VAR_RESET_ALL
	case *pg.SelectStmt:
		return x.IntoClause != nil || callsChanger(x, view)
	case *pg.InsertStmt, *pg.UpdateStmt, *pg.DeleteStmt, *pg.MergeStmt, *pg.CopyStmt, *pg.DeclareCursorStmt, *pg.PrepareStmt:
		return callsChanger(m, view)
	}
	return true
}

// callsChanger finds set_config and functions of users, triggers apart.
func callsChanger(m proto.Message, view *catalog.View) (found bool) {
	if call, ok := m.(*pg.FuncCall); ok {
		schema, name, ok := qualified(call.Funcname)
		if !ok || name == "set_config" {
			return true
		}
		for _, f := range view.FunctionsNamed(schema, name, -1) {
			if !f.Trusted() {
				return true
			}
		}
	}
	children(m, func(c proto.Message) { found = found || callsChanger(c, view) })
	return found
}

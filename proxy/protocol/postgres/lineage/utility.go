package lineage

import (
	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/proto"

	"sluice.dev/proxy/protocol/postgres/catalog"
)

// utility judges the commands that are no queries. What is not listed here is
// refused (masking.md 7).
func (a *analysis) utility(m proto.Message) {
	switch x := m.(type) {
	case *pg.TransactionStmt:
		// Deferred constraints and triggers speak now, of any row written before.
		a.v.Scrub = x.Kind == pg.TransactionStmtKind_TRANS_STMT_COMMIT || x.Kind == pg.TransactionStmtKind_TRANS_STMT_PREPARE ||
			x.Kind == pg.TransactionStmtKind_TRANS_STMT_COMMIT_PREPARED
	case *pg.ConstraintsSetStmt:
		a.v.Scrub = true
	case *pg.VariableSetStmt, *pg.VariableShowStmt, *pg.DiscardStmt, *pg.DeallocateStmt, *pg.ClosePortalStmt,
		*pg.ListenStmt, *pg.UnlistenStmt, *pg.NotifyStmt, *pg.CheckPointStmt,
		*pg.GrantStmt, *pg.GrantRoleStmt, *pg.CreateRoleStmt, *pg.AlterRoleStmt, *pg.DropRoleStmt, *pg.AlterDefaultPrivilegesStmt,
		*pg.CommentStmt, *pg.CreateEnumStmt, *pg.AlterEnumStmt, *pg.CompositeTypeStmt, *pg.CreateSeqStmt, *pg.AlterSeqStmt,
		*pg.DropOwnedStmt:
		a.definition(m, false)
	case *pg.LockStmt, *pg.VacuumStmt, *pg.ClusterStmt, *pg.ReindexStmt, *pg.RefreshMatViewStmt:
		a.maintenance(m)
	case *pg.DropStmt: // reveals nothing; what was protected stays so while it lives
		a.definition(m, false)
	case *pg.TruncateStmt:
		for _, n := range x.Relations {
			a.writes(n.GetRangeVar(), catalog.Truncate)
		}
	case *pg.CreateStmt:
		a.definition(m, false)
		a.expressions(m)
	case *pg.CreateDomainStmt:
		a.definition(m, false)
		a.expressions(m)
	case *pg.CreateSchemaStmt:
		for _, n := range x.SchemaElts {
			if e := inner(n); e != nil {
				a.statement(e)
			}
		}
	case *pg.AlterTableStmt, *pg.RenameStmt, *pg.IndexStmt, *pg.CreateStatsStmt, *pg.AlterObjectSchemaStmt, *pg.AlterOwnerStmt:
		a.definition(m, true)
		a.expressions(m)
	default:
		a.refuse(otherHint, "%s is not allowed on a connection with protected columns", m.ProtoReflect().Descriptor().Name())
		a.unknown()
	}
	if a.v.Refuse == "" && a.p.EventTriggers() && definesSomething(m) {
		a.opaque()
		a.v.Facts.FiresOpaqueTrigger = true
	}
}

// definesSomething: event triggers fire for DDL, not for the session's own
// commands (PostgreSQL 40.1).
func definesSomething(m proto.Message) bool {
	switch m.(type) {
	case *pg.TransactionStmt, *pg.ConstraintsSetStmt, *pg.VariableSetStmt, *pg.VariableShowStmt, *pg.DiscardStmt,
		*pg.DeallocateStmt, *pg.ClosePortalStmt, *pg.ListenStmt, *pg.UnlistenStmt, *pg.NotifyStmt, *pg.CheckPointStmt,
		*pg.LockStmt, *pg.VacuumStmt, *pg.TruncateStmt:
		return false
	}
	return true
}

// definition looks at the relations that a DDL command names. keep says that
// it may not change protected ones: a renamed or altered column would leave
// the set.
func (a *analysis) definition(m proto.Message, keep bool) {
	a.relationsIn(m, func(rel *catalog.Relation) {
		if !a.p.Relation(rel.OID) {
			return
		}
		a.touch()
		if keep {
			a.refuse(otherHint, "%s is protected: its definition may not be changed through this connection", rel.ID())
		}
	})
}

// maintenance may evaluate index expressions and print the keys of rows.
func (a *analysis) maintenance(m proto.Message) {
	found := false
	a.relationsIn(m, func(rel *catalog.Relation) {
		found = true
		r := a.p.Writes(rel.OID, catalog.Insert)
		if r.Protected || r.Opaque {
			a.v.Scrub = true
		}
		if rel.Kind == 'm' && a.p.Relation(rel.OID) {
			a.v.Scrub = true
		}
	})
	if !found {
		a.v.Scrub = true
	}
}

// relationsIn visits every relation that the message names and that exists.
// One that does not is what the command makes, or its own error.
func (a *analysis) relationsIn(m proto.Message, visit func(*catalog.Relation)) {
	if v, ok := m.(*pg.RangeVar); ok {
		if rel, ok := a.view.Lookup(v.Schemaname, v.Relname); ok {
			visit(rel)
		}
		return
	}
	children(m, func(c proto.Message) { a.relationsIn(c, visit) })
}

// expressions judges what a definition computes: defaults, checks, USING.
func (a *analysis) expressions(m proto.Message) {
	a.ddl = true
	defer func() { a.ddl = false }()
	if a.expr(m, nil, inSource)&murky != 0 {
		a.stored(true)
	}
}

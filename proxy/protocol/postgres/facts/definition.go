package facts

import (
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/proto"
)

// ddl notes that the catalog changes.
func (w *walker) ddl() {
	w.f.Flags.DDL, w.f.ChangesCatalog, w.impure = true, true, true
	if w.r != nil && w.r.EventTriggers() {
		w.unsure("an event trigger may run")
	}
}

// creates notes a new relation, where CREATE would put it.
func (w *walker) creates(rv *pg.RangeVar) {
	schema := rv.GetSchemaname()
	switch {
	case rv.GetRelpersistence() == "t" || schema == "pg_temp":
		schema = "pg_temp"
		w.temporary()
	case schema != "":
	case w.r != nil && w.r.CreateSchema() != "":
		schema = w.r.CreateSchema()
	default:
		w.unsure("the schema that " + rv.GetRelname() + " goes to is not known")
		w.writes.add(rv.GetRelname())
		w.target(rv.GetRelname())
		return
	}
	w.writes.add(schema + "." + rv.GetRelname())
	w.target(schema + "." + rv.GetRelname())
}

func (w *walker) temporary() { w.f.Flags.Temp, w.f.ChangesTemp = true, true }

// alters notes an existing relation whose definition changes.
func (w *walker) alters(rv *pg.RangeVar) (*Relation, bool) {
	if rv == nil {
		return nil, false
	}
	rel, ok := w.relation(rv)
	if !ok {
		w.writes.add(asWritten(rv))
		w.target(asWritten(rv))
		// A temporary object may be the one that is not known.
		w.f.ChangesTemp = true
		return nil, false
	}
	w.writes.add(rel.ID())
	if rv.GetInh() {
		w.writes.add(rel.Children...)
	}
	if rel.Temp {
		w.temporary()
	}
	w.target(rel.ID())
	return rel, true
}

// definition walks what is neither a query nor about the session.
func (w *walker) definition(m proto.Message) {
	w.sessionOnly = false
	switch v := m.(type) {
	case *pg.CreateStmt:
		w.define("create", "CREATE TABLE")
		w.createTable(v)
	case *pg.CreateForeignTableStmt:
		w.define("create", "CREATE FOREIGN TABLE")
		w.createTable(v.GetBaseStmt())
		w.secret(w.allLiterals())
	case *pg.ViewStmt:
		w.define("create", "CREATE VIEW")
		w.planted(func() { w.query(inside(v.GetQuery()), nil) })
		w.creates(v.GetView())
	case *pg.IndexStmt:
		w.define("create", strings.TrimSpace("CREATE INDEX "+v.GetIdxname())+" ON")
		rel, _ := w.alters(v.GetRelation())
		w.overRelation(rel, v.GetRelation(), v.GetIndexParams(), v.GetWhereClause())
	case *pg.AlterTableStmt:
		w.alterTable(v)
	case *pg.DropStmt:
		w.drop(v)
	case *pg.RenameStmt:
		w.define("alter", "RENAME "+objectName(v.GetRenameType())+" "+v.GetSubname()+" of")
		if v.GetSubname() == "" || v.GetRelation() == nil {
			w.verb = "RENAME " + objectName(v.GetRenameType())
		}
		w.object(v.GetRenameType(), v.GetRelation(), v.GetObject(), v.GetSubname())
		if v.GetRenameType() == pg.ObjectType_OBJECT_COLUMN {
			w.renamed(v)
		}
	case *pg.AlterObjectSchemaStmt:
		w.define("alter", "ALTER "+objectName(v.GetObjectType())+" SET SCHEMA")
		w.object(v.GetObjectType(), v.GetRelation(), v.GetObject(), "")
	case *pg.AlterOwnerStmt:
		w.define("alter", "ALTER "+objectName(v.GetObjectType())+" OWNER")
		w.object(v.GetObjectType(), v.GetRelation(), v.GetObject(), "")
	case *pg.CreateSeqStmt:
		w.define("create", "CREATE SEQUENCE")
		w.creates(v.GetSequence())
	case *pg.AlterSeqStmt:
		w.define("alter", "ALTER SEQUENCE")
		w.alters(v.GetSequence())
	case *pg.CreateSchemaStmt:
		w.createSchema(v)
	case *pg.CreateFunctionStmt:
		verb := "CREATE FUNCTION"
		if v.GetIsProcedure() {
			verb = "CREATE PROCEDURE"
		}
		w.define("create", verb)
		w.named("function", names(v.GetFuncname()))
		w.code(w.allLiterals())
	case *pg.CreateTrigStmt:
		w.define("create", "CREATE TRIGGER "+v.GetTrigname()+" ON")
		w.alters(v.GetRelation())
		w.functionNamed(names(v.GetFuncname()))
	case *pg.RuleStmt:
		w.define("create", "CREATE RULE "+v.GetRulename()+" ON")
		w.alters(v.GetRelation())
		w.unsure("a rule changes what statements do")
	case *pg.CreatePolicyStmt:
		w.define("create", "CREATE POLICY "+v.GetPolicyName()+" ON")
		rel, _ := w.alters(v.GetTable())
		w.overRelation(rel, v.GetTable(), nil, v.GetQual(), v.GetWithCheck())
	case *pg.AlterPolicyStmt:
		w.define("alter", "ALTER POLICY "+v.GetPolicyName()+" ON")
		rel, _ := w.alters(v.GetTable())
		w.overRelation(rel, v.GetTable(), nil, v.GetQual(), v.GetWithCheck())
	case *pg.CommentStmt:
		w.define("comment", "COMMENT ON "+objectName(v.GetObjtype()))
		w.object(v.GetObjtype(), nil, v.GetObject(), "")
	case *pg.SecLabelStmt:
		w.define("security_label", "SECURITY LABEL ON "+objectName(v.GetObjtype()))
		w.object(v.GetObjtype(), nil, v.GetObject(), "")
	case *pg.GrantStmt:
		w.grant(v)
	case *pg.GrantRoleStmt:
		w.grantRole(v)
	case *pg.AlterDefaultPrivilegesStmt:
		op := "revoke"
		if v.GetAction().GetIsGrant() {
			op = "grant"
		}
		w.define(op, "ALTER DEFAULT PRIVILEGES")
	case *pg.VacuumStmt:
		w.vacuum(v)
	case *pg.RefreshMatViewStmt:
		w.define("refresh", "REFRESH MATERIALIZED VIEW")
		if rel, ok := w.alters(v.GetRelation()); ok {
			w.reads.add(rel.Underlying...)
		}
		w.unsure("refreshing runs a stored query")
	case *pg.ReindexStmt:
		w.define("reindex", "REINDEX")
		if v.GetRelation() != nil {
			w.alters(v.GetRelation())
		} else {
			w.named(strings.ToLower(strings.TrimPrefix(v.GetKind().String(), "REINDEX_OBJECT_")), []string{v.GetName()})
		}
		w.unsure("rebuilding an index runs its expressions")
	case *pg.ClusterStmt:
		w.define("cluster", "CLUSTER")
		if v.GetRelation() != nil {
			w.alters(v.GetRelation())
		} else {
			w.unsure("CLUSTER of every table")
		}
	default:
		w.otherDefinition(m)
	}
}

// renamed notes the column of ALTER TABLE … RENAME column.
func (w *walker) renamed(v *pg.RenameStmt) {
	if w.r == nil {
		return
	}
	if rel, ok := w.r.Relation(v.GetRelation().GetSchemaname(), v.GetRelation().GetRelname()); ok {
		w.columns.add(rel.ID() + "." + v.GetSubname())
	}
}

// define begins a definition: its operation and how it is described.
func (w *walker) define(op, verb string) {
	w.op(op)
	w.ddl()
	w.verb = verb
}

// planted walks a query that is stored, not run: what it would touch shows,
// but for its operations.
func (w *walker) planted(walk func()) {
	operations, targets := w.operations, w.targets
	w.operations = set{}
	walk()
	w.operations, w.targets = operations, targets
}

// overRelation walks expressions over one relation's row.
func (w *walker) overRelation(rel *Relation, rv *pg.RangeVar, elems []*pg.Node, conditions ...*pg.Node) {
	src := relationSource(rel, nil, rv)
	sc := &scope{sources: []*source{src}}
	w.planted(func() {
		for _, n := range elems {
			elem := n.GetIndexElem()
			if elem.GetName() != "" {
				if _, ok := w.unqualified(sc, elem.GetName()); !ok {
					w.unsure("column " + elem.GetName() + " is not known")
				}
			}
			w.expr(elem.GetExpr(), sc)
		}
		for _, n := range conditions {
			w.condition(n, sc)
		}
	})
}

func (w *walker) createTable(v *pg.CreateStmt) {
	for _, n := range v.GetInhRelations() {
		if rel, ok := w.relation(n.GetRangeVar()); ok {
			w.reads.add(rel.ID())
			if v.GetPartbound() != nil {
				w.writes.add(rel.ID())
			}
		}
	}
	self := &source{name: v.GetRelation().GetRelname(), open: true}
	sc := &scope{sources: []*source{self}}
	w.planted(func() { w.tableParts(v.GetTableElts(), sc) })
	w.planted(func() { w.tableParts(v.GetConstraints(), sc) })
	if part := v.GetPartspec(); part != nil {
		for _, n := range part.GetPartParams() {
			w.expr(n.GetPartitionElem().GetExpr(), sc)
		}
	}
	if bound := v.GetPartbound(); bound != nil {
		for _, list := range [][]*pg.Node{bound.GetListdatums(), bound.GetLowerdatums(), bound.GetUpperdatums()} {
			for _, n := range list {
				if ref := n.GetColumnRef(); ref == nil { // MINVALUE and MAXVALUE parse as columns
					w.expr(n, sc)
				}
			}
		}
	}
	if t := v.GetOfTypename(); t != nil {
		w.typeName(t)
	}
	w.creates(v.GetRelation())
}

// tableParts walks columns, constraints and LIKE clauses.
func (w *walker) tableParts(list []*pg.Node, sc *scope) {
	for _, n := range list {
		switch v := inside(n).(type) {
		case *pg.ColumnDef:
			w.typeName(v.GetTypeName())
			w.expr(v.GetRawDefault(), sc)
			w.tableParts(v.GetConstraints(), sc)
		case *pg.Constraint:
			w.expr(v.GetRawExpr(), sc)
			w.expr(v.GetWhereClause(), sc)
			if v.GetPktable() != nil {
				if rel, ok := w.relation(v.GetPktable()); ok {
					w.reads.add(rel.ID())
				}
			}
			for _, x := range v.GetExclusions() {
				for _, item := range x.GetList().GetItems() {
					w.expr(item.GetIndexElem().GetExpr(), sc)
					if op := names(item.GetList().GetItems()); len(op) > 0 {
						w.operator(qualified(op))
					}
				}
			}
		case *pg.TableLikeClause:
			if rel, ok := w.relation(v.GetRelation()); ok {
				w.reads.add(rel.ID())
			}
		}
	}
}

func (w *walker) createSchema(v *pg.CreateSchemaStmt) {
	name := v.GetSchemaname()
	if name == "" {
		name = v.GetAuthrole().GetRolename()
	}
	w.define("create", "CREATE SCHEMA "+name)
	w.writes.add("schema:" + name)
	if len(v.GetSchemaElts()) > 0 {
		w.unsure("CREATE SCHEMA with elements: their names resolve in the new schema")
		for _, n := range v.GetSchemaElts() {
			w.statement(n)
		}
		w.verb, w.targets = "CREATE SCHEMA "+name, nil
	}
	w.f.ChangesPath = true // a schema that the search_path names may now exist
}

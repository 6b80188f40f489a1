package facts

import (
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/proto"
)

// relationKinds are the object types that live in pg_class.
var relationKinds = map[pg.ObjectType]bool{
	pg.ObjectType_OBJECT_TABLE: true, pg.ObjectType_OBJECT_VIEW: true, pg.ObjectType_OBJECT_MATVIEW: true,
	pg.ObjectType_OBJECT_SEQUENCE: true, pg.ObjectType_OBJECT_INDEX: true, pg.ObjectType_OBJECT_FOREIGN_TABLE: true,
}

// partOfRelation are the object types named with their relation.
var partOfRelation = map[pg.ObjectType]bool{
	pg.ObjectType_OBJECT_COLUMN: true, pg.ObjectType_OBJECT_TRIGGER: true, pg.ObjectType_OBJECT_RULE: true,
	pg.ObjectType_OBJECT_POLICY: true, pg.ObjectType_OBJECT_TABCONSTRAINT: true, pg.ObjectType_OBJECT_ATTRIBUTE: true,
}

// objectName is "TABLE", "MATERIALIZED VIEW", ….
func objectName(t pg.ObjectType) string {
	switch t {
	case pg.ObjectType_OBJECT_MATVIEW:
		return "MATERIALIZED VIEW"
	case pg.ObjectType_OBJECT_TABCONSTRAINT:
		return "CONSTRAINT"
	}
	return strings.ReplaceAll(strings.TrimPrefix(t.String(), "OBJECT_"), "_", " ")
}

func rangeVarOf(list []string) *pg.RangeVar {
	schema, name := qualified(list)
	return &pg.RangeVar{Schemaname: schema, Relname: name, Inh: true}
}

// nameOf reads the several forms in which the grammar names an object.
func nameOf(n *pg.Node) []string {
	switch v := inside(n).(type) {
	case *pg.String:
		return []string{v.GetSval()}
	case *pg.List:
		return names(v.GetItems())
	case *pg.ObjectWithArgs:
		return names(v.GetObjname())
	case *pg.TypeName:
		return names(v.GetNames())
	case *pg.RoleSpec:
		return []string{v.GetRolename()}
	case *pg.RangeVar:
		return strings.Split(asWritten(v), ".")
	}
	return nil
}

// object notes one object of any type that a statement changes.
func (w *walker) object(t pg.ObjectType, rv *pg.RangeVar, n *pg.Node, sub string) {
	list := nameOf(n)
	switch {
	case rv != nil:
		w.alters(rv)
	case relationKinds[t]:
		w.alters(rangeVarOf(list))
	case partOfRelation[t] && len(list) > 1:
		w.alters(rangeVarOf(list[:len(list)-1]))
	case len(list) > 0:
		w.named(strings.ToLower(objectName(t)), list)
	case sub != "":
		w.named(strings.ToLower(objectName(t)), []string{sub})
	}
	switch t {
	case pg.ObjectType_OBJECT_SCHEMA, pg.ObjectType_OBJECT_ROLE, pg.ObjectType_OBJECT_DATABASE:
		w.f.ChangesPath = true
	}
}

// named notes an object that is no relation: "role:bob".
func (w *walker) named(kind string, list []string) {
	w.writes.add(kind + ":" + dotted(list))
	w.target(dotted(list))
}

// functionNamed notes a function that a definition refers to.
func (w *walker) functionNamed(list []string) {
	full := dotted(list)
	if w.r != nil {
		schema, name := qualified(list)
		if _, found := w.r.Function(schema, name, -1); found != "" {
			full = strings.TrimPrefix(found, "pg_catalog.")
		}
	}
	w.functions.add(full)
}

func (w *walker) drop(v *pg.DropStmt) {
	w.define("drop", "DROP "+objectName(v.GetRemoveType()))
	w.f.Flags.Drop = true
	if v.GetBehavior() == pg.DropBehavior_DROP_CASCADE {
		w.f.Flags.Cascade = true
		w.unsure("CASCADE drops what depends on it")
	}
	for _, n := range v.GetObjects() {
		w.object(v.GetRemoveType(), nil, n, "")
	}
}

func (w *walker) alterTable(v *pg.AlterTableStmt) {
	w.define("alter", "ALTER "+objectName(v.GetObjtype()))
	rel, _ := w.alters(v.GetRelation())
	sc := &scope{sources: []*source{relationSource(rel, nil, v.GetRelation())}}
	sc.sources[0].open = true // columns added by the same statement
	for _, n := range v.GetCmds() {
		cmd := n.GetAlterTableCmd()
		if strings.HasPrefix(cmd.GetSubtype().String(), "AT_Drop") {
			w.f.Flags.Drop = true
			w.op("drop")
		}
		if cmd.GetBehavior() == pg.DropBehavior_DROP_CASCADE {
			w.f.Flags.Cascade = true
			w.unsure("CASCADE drops what depends on it")
		}
		if rel != nil && cmd.GetName() != "" {
			for _, c := range rel.Columns {
				if c == cmd.GetName() {
					w.touch(rel.ID() + "." + c)
				}
			}
		}
		switch def := inside(cmd.GetDef()).(type) {
		case nil:
		case *pg.ColumnDef, *pg.Constraint:
			w.planted(func() { w.tableParts([]*pg.Node{cmd.GetDef()}, sc) })
		case *pg.RangeVar:
			w.alters(def)
		case *pg.PartitionCmd:
			w.alters(def.GetName())
		case *pg.List, *pg.RoleSpec, *pg.ReplicaIdentityStmt, *pg.String, *pg.Integer, *pg.DefElem:
		default:
			w.planted(func() { w.message(def, sc) })
		}
		switch cmd.GetSubtype() {
		case pg.AlterTableType_AT_AlterColumnType, pg.AlterTableType_AT_AddColumn, pg.AlterTableType_AT_AddConstraint,
			pg.AlterTableType_AT_ValidateConstraint, pg.AlterTableType_AT_AttachPartition, pg.AlterTableType_AT_SetExpression:
			// Rewrites or scans the table.
			if rel != nil {
				w.readFrom(rel, v.GetRelation().GetInh())
			}
		}
	}
}

func (w *walker) grant(v *pg.GrantStmt) {
	if v.GetIsGrant() {
		w.define("grant", "GRANT")
	} else {
		w.define("revoke", "REVOKE")
	}
	if v.GetBehavior() == pg.DropBehavior_DROP_CASCADE {
		w.f.Flags.Cascade = true
	}
	if v.GetTargtype() != pg.GrantTargetType_ACL_TARGET_OBJECT {
		w.unsure("privileges on all objects of a schema, or by default")
	}
	for _, n := range v.GetObjects() {
		switch {
		case v.GetTargtype() == pg.GrantTargetType_ACL_TARGET_ALL_IN_SCHEMA:
			w.named("schema", nameOf(n))
		case relationKinds[v.GetObjtype()] && v.GetTargtype() == pg.GrantTargetType_ACL_TARGET_OBJECT:
			w.alters(n.GetRangeVar())
		default:
			w.named(strings.ToLower(objectName(v.GetObjtype())), nameOf(n))
		}
	}
	w.roles(v.GetGrantees())
}

func (w *walker) grantRole(v *pg.GrantRoleStmt) {
	if v.GetIsGrant() {
		w.define("grant", "GRANT")
	} else {
		w.define("revoke", "REVOKE")
	}
	for _, n := range v.GetGrantedRoles() {
		w.named("role", []string{n.GetAccessPriv().GetPrivName()})
	}
	w.roles(v.GetGranteeRoles())
}

func (w *walker) roles(list []*pg.Node) {
	for _, n := range list {
		name := n.GetRoleSpec().GetRolename()
		if name == "" {
			name = strings.ToLower(strings.TrimPrefix(n.GetRoleSpec().GetRoletype().String(), "ROLESPEC_"))
		}
		w.writes.add("role:" + name)
	}
}

func (w *walker) vacuum(v *pg.VacuumStmt) {
	w.verb, w.impure = "ANALYZE", true
	op := "analyze"
	if v.GetIsVacuumcmd() {
		op, w.verb = "vacuum", "VACUUM"
	}
	w.op(op)
	for _, n := range v.GetOptions() {
		if n.GetDefElem().GetDefname() == "analyze" {
			w.op("analyze")
		}
	}
	for _, n := range v.GetRels() {
		if rv := n.GetVacuumRelation().GetRelation(); rv != nil {
			w.alters(rv)
		}
	}
	if len(v.GetRels()) == 0 {
		w.unsure(w.verb + " of every table")
	} else if w.operations.has("analyze") {
		w.unsure("ANALYZE runs the expressions of indexes and statistics")
	}
}

// plain are the definitions told by their name: operation, kind of object,
// whether their literals are secret.
var plain = map[string]struct {
	op, kind string
	secret   bool
}{
	"CreateRoleStmt": {"create", "role", true}, "AlterRoleStmt": {"alter", "role", true},
	"AlterRoleSetStmt": {"alter", "role", false}, "DropRoleStmt": {"drop", "role", false},
	"CreatedbStmt": {"create", "database", false}, "AlterDatabaseStmt": {"alter", "database", false},
	"AlterDatabaseSetStmt": {"alter", "database", false}, "DropdbStmt": {"drop", "database", false},
	"AlterDatabaseRefreshCollStmt": {"alter", "database", false},
	"CreateTableSpaceStmt":         {"create", "tablespace", false}, "DropTableSpaceStmt": {"drop", "tablespace", false},
	"AlterTableSpaceOptionsStmt": {"alter", "tablespace", false}, "AlterTableMoveAllStmt": {"alter", "tablespace", false},
	"CreateExtensionStmt": {"create", "extension", false}, "AlterExtensionStmt": {"alter", "extension", false},
	"AlterExtensionContentsStmt": {"alter", "extension", false},
	"CreateFdwStmt":              {"create", "foreign data wrapper", true}, "AlterFdwStmt": {"alter", "foreign data wrapper", true},
	"CreateForeignServerStmt": {"create", "server", true}, "AlterForeignServerStmt": {"alter", "server", true},
	"CreateUserMappingStmt": {"create", "user mapping", true}, "AlterUserMappingStmt": {"alter", "user mapping", true},
	"DropUserMappingStmt": {"drop", "user mapping", false}, "ImportForeignSchemaStmt": {"import", "schema", false},
	"CreateSubscriptionStmt": {"create", "subscription", true}, "AlterSubscriptionStmt": {"alter", "subscription", true},
	"DropSubscriptionStmt": {"drop", "subscription", false}, "CreatePublicationStmt": {"create", "publication", false},
	"AlterPublicationStmt": {"alter", "publication", false}, "CreateAmStmt": {"create", "access method", false},
	"CreateEventTrigStmt": {"create", "event trigger", false}, "AlterEventTrigStmt": {"alter", "event trigger", false},
	"CreatePLangStmt": {"create", "language", false}, "DefineStmt": {"create", "object", false},
	"CreateDomainStmt": {"create", "domain", false}, "AlterDomainStmt": {"alter", "domain", false},
	"CreateOpClassStmt": {"create", "operator class", false}, "CreateOpFamilyStmt": {"create", "operator family", false},
	"AlterOpFamilyStmt": {"alter", "operator family", false}, "CreateStatsStmt": {"create", "statistics", false},
	"AlterStatsStmt": {"alter", "statistics", false}, "AlterFunctionStmt": {"alter", "function", false},
	"AlterObjectDependsStmt": {"alter", "object", false}, "AlterOperatorStmt": {"alter", "operator", false},
	"AlterTypeStmt": {"alter", "type", false}, "CompositeTypeStmt": {"create", "type", false},
	"CreateEnumStmt": {"create", "type", false}, "CreateRangeStmt": {"create", "type", false},
	"AlterEnumStmt": {"alter", "type", false}, "AlterSystemStmt": {"alter", "system", false},
	"CreateConversionStmt": {"create", "conversion", false}, "CreateCastStmt": {"create", "cast", false},
	"CreateTransformStmt": {"create", "transform", false}, "DropOwnedStmt": {"drop", "owned", false},
	"ReassignOwnedStmt": {"alter", "owned", false}, "AlterTSDictionaryStmt": {"alter", "text search dictionary", false},
	"AlterTSConfigurationStmt": {"alter", "text search configuration", false}, "AlterCollationStmt": {"alter", "collation", false},
	"LoadStmt": {"load", "library", false}, "CheckPointStmt": {"checkpoint", "", false},
}

// otherDefinition: the operation is known, its reach is not spelled out. All
// but a few are incomplete: what they touch beyond themselves is not followed.
func (w *walker) otherDefinition(m proto.Message) {
	name := string(m.ProtoReflect().Descriptor().Name())
	p, ok := plain[name]
	if !ok {
		w.op("other")
		w.ddl()
		w.mayChangeAll()
		w.unsure("statement " + name)
		w.verb = name
		return
	}
	w.define(p.op, strings.ToUpper(strings.TrimSpace(strings.ReplaceAll(p.op, "_", " ")+" "+p.kind)))
	if p.op == "drop" {
		w.f.Flags.Drop = true
	}
	if p.secret {
		w.secret(w.allLiterals())
	}
	w.f.ChangesPath = w.f.ChangesPath || p.kind == "role" || p.kind == "database" || p.kind == "owned"
	switch v := m.(type) {
	case *pg.CreateRoleStmt:
		w.named("role", []string{v.GetRole()})
		return
	case *pg.AlterRoleStmt:
		w.named("role", nameOf(&pg.Node{Node: &pg.Node_RoleSpec{RoleSpec: v.GetRole()}}))
		return
	case *pg.DropRoleStmt:
		for _, n := range v.GetRoles() {
			w.named("role", nameOf(n))
		}
		return
	case *pg.CreatedbStmt:
		w.named("database", []string{v.GetDbname()})
		return
	case *pg.DropdbStmt:
		w.named("database", []string{v.GetDbname()})
		return
	case *pg.CreateEnumStmt:
		w.named("type", names(v.GetTypeName()))
		return
	case *pg.CompositeTypeStmt:
		w.creates(v.GetTypevar())
		return
	case *pg.CheckPointStmt:
		w.f.Flags.DDL, w.f.ChangesCatalog = false, false
		return
	case *pg.AlterTableMoveAllStmt, *pg.ImportForeignSchemaStmt, *pg.DropOwnedStmt, *pg.ReassignOwnedStmt:
		w.mayChangeAll()
	}
	w.unsure("what " + name + " touches is not followed")
}

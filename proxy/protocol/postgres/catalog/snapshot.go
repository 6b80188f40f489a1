package catalog

import (
	"fmt"
	"slices"
	"sync"

	"sluice.dev/proxy/protocol/postgres/facts"
)

// Attr names a column: the relation's OID and the attribute number
// (PostgreSQL 53.7 pg_attribute.attnum; 0 is the whole row).
type Attr struct {
	Relation uint32
	Number   int16
}

// Column is one attribute of a relation. A dropped one has no name.
type Column struct {
	Name      string
	Type      uint32 // pg_type.oid
	Generated bool   // GENERATED ALWAYS AS (…) STORED or VIRTUAL
}

// Relation is a table, view, materialized view, foreign table, sequence,
// partitioned table, TOAST table or composite type.
type Relation struct {
	OID     uint32
	Schema  string
	Name    string
	Kind    byte // pg_class.relkind: r p v m f S t c
	Temp    bool
	RowType uint32
	Columns []Column // by attribute number - 1, dropped ones included

	parents, children []uint32 // inheritance and partitions
	out, in           []foreignKey
	body              tree   // what a view's definition refers to
	definition        string // its pg_node_tree, of a view that initdb did not make
	bodyColumns       []Attr // the columns among it, by pg_depend
	rules             []rule // but _RETURN
	triggers          []trigger
	policies          tree // of row security: runs whenever rows are looked at
	written           tree // defaults, checks, generated columns, index and partition expressions
	generated         []generated
	defaults          []uint32 // tree.functions of defaults alone (a subset of written)
}

// ID is "schema.name".
func (r *Relation) ID() string { return r.Schema + "." + r.Name }

// Column finds a live column by name: its attribute number, or 0.
func (r *Relation) Column(name string) int16 {
	for i := range r.Columns {
		if r.Columns[i].Name == name && name != "" {
			return int16(i + 1) //nolint:gosec // at most 1600 columns
		}
	}
	return 0
}

// Live lists the attribute numbers of the columns that are not dropped, in
// order: what * and an INSERT without a column list mean.
func (r *Relation) Live() []int16 {
	out := make([]int16, 0, len(r.Columns))
	for i := range r.Columns {
		if r.Columns[i].Name != "" {
			out = append(out, int16(i+1)) //nolint:gosec // at most 1600 columns
		}
	}
	return out
}

// HasRules says whether rules rewrite writes to the relation.
func (r *Relation) HasRules() bool { return len(r.rules) > 0 }

// System says whether initdb made the relation.
func (r *Relation) System() bool {
	return r.OID < firstUserOID && (r.Schema == "pg_catalog" || r.Schema == "information_schema" || r.Kind == 't')
}

// firstUserOID is FirstNormalObjectId (PostgreSQL access/transam.h): a lower
// OID was given by initdb, so neither a user nor an extension made the object.
const firstUserOID = 16384

type foreignKey struct {
	from, to           uint32 // the referencing and the referenced relation
	fromKey, toKey     []int16
	onDelete, onUpdate byte // pg_constraint.confdeltype: a r c n d
}

type rule struct {
	event byte // pg_rewrite.ev_type: 1 select, 2 update, 3 insert, 4 delete
	tree  tree
}

type trigger struct {
	function uint32
	events   int // pg_trigger.tgtype bits: 4 insert, 8 delete, 16 update, 32 truncate
	when     tree
}

type generated struct {
	number     int16
	tree       tree
	definition string // its pg_node_tree
}

// Function is one row of pg_proc.
type Function struct {
	OID      uint32
	Schema   string
	Name     string
	Kind     byte // prokind: f p a w
	Language string
	Volatile bool // provolatile = v
	Set      bool // returns a set
	Min, Max int  // arguments that a call may have; Max -1 with VARIADIC
	Result   uint32
	Args     []uint32 // types of the input arguments
	Out      []string // names of the columns of its result in FROM, if they are declared

	extension string
	source    string   // body, of SQL and PL/pgSQL functions that a user made
	body      tree     // of a function with an SQL-standard body, and of default arguments
	support   []uint32 // an aggregate's transition and final functions
	builtin   bool
}

// ID is "schema.name".
func (f *Function) ID() string { return f.Schema + "." + f.Name }

type operator struct {
	schema   string
	name     string
	left     uint32
	right    uint32
	function uint32
}

type cast struct {
	source, target, function uint32
	context                  byte // e explicit, a assignment, i implicit
}

// Type is one row of pg_type.
type Type struct {
	OID      uint32
	Schema   string
	Name     string
	Kind     byte   // typtype: b c d e p r m
	Category byte   // typcategory
	Base     uint32 // of a domain
	Element  uint32 // of an array
	Relation uint32 // of a row type

	functions []uint32 // input, output, receive, send and what a range compares by, if a user made them
	subtype   uint32   // of a range; of a multirange its range
	checks    tree     // of a domain
}

// System says whether initdb made the type.
func (t *Type) System() bool { return t.OID < firstUserOID }

// Snapshot is a database's catalogs at one moment. It never changes; all its
// methods are safe for concurrent use.
type Snapshot struct {
	Database      string
	User          string // current_user of the gateway's own connection
	ServerVersion int    // server_version_num
	Fingerprint   string // what [Hash] said in the same transaction
	sequence      uint64

	relations map[uint32]*Relation
	names     map[[2]string]*Relation // schema, name
	functions map[uint32]*Function
	byName    map[string][]*Function
	operators map[string][]*operator
	operator  map[uint32]*operator
	types     map[uint32]*Type
	typeNames map[[2]string]*Type
	casts     []cast
	schemas   map[string]bool
	events    []uint32 // functions of enabled event triggers

	mu    sync.Mutex
	known map[uint32]facts.Relation // filled as sessions ask

	effectOnce sync.Once
	effectful  map[uint32]bool // see Effectful
}

// Version names this snapshot among those of the process: a later load has a
// higher one. It belongs in the key of every cache of facts or verdicts.
func (s *Snapshot) Version() uint64 { return s.sequence }

// Relation finds a relation by OID.
func (s *Snapshot) Relation(oid uint32) (*Relation, bool) {
	r, ok := s.relations[oid]
	return r, ok
}

// Named finds a relation by schema and name.
func (s *Snapshot) Named(schema, name string) (*Relation, bool) {
	r, ok := s.names[[2]string{schema, name}]
	return r, ok
}

// Function finds a function, procedure or aggregate by OID.
func (s *Snapshot) Function(oid uint32) (*Function, bool) {
	f, ok := s.functions[oid]
	return f, ok
}

// Type finds a type by OID.
func (s *Snapshot) Type(oid uint32) (*Type, bool) {
	t, ok := s.types[oid]
	return t, ok
}

// TypeNamed finds a type by schema and name, as pg_type spells it.
func (s *Snapshot) TypeNamed(schema, name string) (*Type, bool) {
	t, ok := s.typeNames[[2]string{schema, name}]
	return t, ok
}

// Schemas lists the names of all schemas, sorted.
func (s *Snapshot) Schemas() []string {
	out := make([]string, 0, len(s.schemas))
	for n := range s.schemas {
		out = append(out, n)
	}
	slices.Sort(out)
	return out
}

// ColumnName is "schema.table.column" of a key, for messages.
func (s *Snapshot) ColumnName(a Attr) string {
	r := s.relations[a.Relation]
	if r == nil {
		return fmt.Sprintf("relation %d column %d", a.Relation, a.Number)
	}
	if a.Number < 1 || int(a.Number) > len(r.Columns) || r.Columns[a.Number-1].Name == "" {
		return fmt.Sprintf("%s column %d", r.ID(), a.Number)
	}
	return r.ID() + "." + r.Columns[a.Number-1].Name
}

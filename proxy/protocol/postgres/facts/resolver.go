package facts

// Class is what a function (an operator, a cast, a type's input) may do when a
// statement reaches it. The order is from the best known to the least.
type Class uint8

const (
	// Pure computes a value from its arguments, and from the catalog, the
	// clock of the transaction or the settings at most.
	Pure Class = iota
	// Volatile has an effect or reads a state that changes within a
	// statement, but its name says all that there is: it reads and writes
	// no relation that the facts do not name.
	Volatile
	// Opaque runs code that the gateway has not proved to leave relations
	// alone: a function of a user, of an unknown extension, dynamic SQL.
	Opaque
	// Unknown is not in the catalog.
	Unknown
)

// String is the class in lower case.
func (c Class) String() string {
	return [...]string{"pure", "volatile", "opaque", "unknown"}[c&3]
}

// Effects is what one kind of write to a relation brings about beyond the
// relation itself: foreign keys that cascade, triggers, rules, defaults,
// generated columns, checks, domains.
type Effects struct {
	Reads  []string // "schema.name" of relations read
	Writes []string // "schema.name" of relations written
	// Opaque: something runs whose effects are not known. Facts are then
	// incomplete.
	Opaque bool
}

// Relation is what the catalog knows of one relation. Names are as in the
// catalog, unquoted; the slices are shared and must not be changed.
type Relation struct {
	OID     uint32
	Schema  string
	Name    string
	Kind    byte     // pg_class.relkind: r p v m f S t i I c
	Columns []string // names of the live user columns, in attribute order
	System  bool     // in pg_catalog or information_schema
	Temp    bool
	// Sensitive relations hold data or secrets although they are of the
	// system (masking.md 6: pg_stats, pg_authid, pg_stat_activity, …).
	Sensitive bool
	// Opaque: reading it runs code that is not known to be pure, or reaches
	// data that is not here: a foreign table, a view over a user's function,
	// a row security policy that calls one.
	Opaque bool
	// Underlying: "schema.name" of every relation that reading this view
	// reads, through any depth of views. Empty for a table, and for a
	// materialized view, which holds its own copy.
	Underlying []string
	// UnderlyingColumns: "schema.name.column" of all that the view's
	// definition refers to, through any depth.
	UnderlyingColumns []string
	// Children: "schema.name" of every inheritance child and partition, at
	// any depth. An access without ONLY touches them.
	Children []string

	OnInsert, OnUpdate, OnDelete Effects
	// OnTruncate: with TRUNCATE … CASCADE, the relations whose foreign keys
	// lead here, at any depth, are Cascade; triggers make it opaque.
	OnTruncate Effects
	Cascade    []string
}

// ID is "schema.name".
func (r *Relation) ID() string { return r.Schema + "." + r.Name }

// Resolver is the catalog as one session sees it now: its search_path, its
// temporary objects, its role. An empty schema means “by search_path”. A
// resolver that is not sure (a search_path it could not follow, a temporary
// object that may shadow the name) answers not ok, or Unknown.
type Resolver interface {
	// Relation finds a table, view, sequence, index or composite type.
	Relation(schema, name string) (Relation, bool)
	// Function answers the worst class of all functions, procedures and
	// aggregates by that name which a call with nargs arguments could mean
	// (defaults and VARIADIC counted; nargs < 0: any), and the qualified
	// name "schema.name" of the first in the search_path.
	Function(schema, name string, nargs int) (Class, string)
	// Operator answers the worst class of the functions behind all
	// operators by that name which the search_path could choose.
	Operator(schema, name string) Class
	// Type answers the worst class of what converting to the type may run:
	// its input function, domain checks, and casts to it. Array types and
	// SQL spellings arrive as their pg_catalog name (int4, _text).
	Type(schema, name string) Class
	// CreateSchema is where CREATE puts an unqualified name: "" if unknown.
	CreateSchema() string
	// EventTriggers: DDL may fire code.
	EventTriggers() bool
}

package catalog

import (
	"slices"

	"sluice.dev/proxy/protocol/postgres/facts"
)

// SearchPath is how one session's names resolve now.
type SearchPath struct {
	// Schemas as the setting has them, in order, with $user replaced by the
	// role's name. pg_catalog and pg_temp may be among them; where they are
	// not, PostgreSQL puts them first (PostgreSQL 20.11.1 search_path).
	Schemas []string
	// Unknown: the session could not follow the setting. No unqualified name
	// resolves then.
	Unknown bool
	// TempSchema is the session's own pg_temp_N, "" while it has none.
	TempSchema string
	// Temp are the names of the temporary relations and types that the session
	// made. One that the snapshot does not have yet does not resolve.
	Temp []string
	// TempUnknown: the session may have temporary objects that Temp lacks. No
	// unqualified name resolves that one of them could shadow.
	TempUnknown bool
	// TempOpaque: code that nobody can read has run in the session, and may
	// have put anything into its temporary relations, or made them.
	TempOpaque bool
}

// Opaque says whether what is in a relation may have come there through code
// that nobody can read.
func (v *View) Opaque(r *Relation) bool { return r.Temp && v.path.TempOpaque }

// View is a snapshot as one session sees it. It is immutable and cheap.
type View struct {
	s         *Snapshot
	path      SearchPath
	relations []string // schemas in the order that relations and types are looked up, "" for temporary ones
	code      []string // the same for functions and operators: never temporary
}

var _ facts.Resolver = (*View)(nil)

// Session is the view of a session with this search_path.
func (s *Snapshot) Session(path SearchPath) *View {
	v := &View{s: s, path: path}
	if !slices.Contains(path.Schemas, "pg_catalog") {
		v.relations = append(v.relations, "pg_catalog")
	}
	own := func(n string) bool { return n == "pg_temp" || n == path.TempSchema && n != "" }
	if !slices.ContainsFunc(path.Schemas, own) {
		v.relations = append([]string{""}, v.relations...)
	}
	for _, n := range path.Schemas {
		switch {
		case own(n):
			v.relations = append(v.relations, "")
		case s.schemas[n]:
			v.relations = append(v.relations, n)
		}
	}
	for _, n := range v.relations {
		if n != "" {
			v.code = append(v.code, n)
		}
	}
	return v
}

// Snapshot is what the view looks at.
func (v *View) Snapshot() *Snapshot { return v.s }

// Lookup finds what a relation's name means to the session.
func (v *View) Lookup(schema, name string) (*Relation, bool) {
	if schema == "pg_temp" || schema != "" && schema == v.path.TempSchema {
		return v.temporary(name)
	}
	if schema != "" {
		return v.s.Named(schema, name)
	}
	if v.path.Unknown {
		return nil, false
	}
	for _, n := range v.relations {
		if n != "" {
			if r, ok := v.s.Named(n, name); ok {
				return r, true
			}
			continue
		}
		if v.path.TempUnknown {
			return nil, false
		}
		if slices.Contains(v.path.Temp, name) {
			return v.temporary(name)
		}
		if r, ok := v.temporary(name); ok {
			return r, true
		}
	}
	return nil, false
}

func (v *View) temporary(name string) (*Relation, bool) {
	if v.path.TempSchema == "" {
		return nil, false
	}
	return v.s.Named(v.path.TempSchema, name)
}

// FunctionsNamed lists the functions that a call could mean, those of earlier
// schemas first. nargs < 0 is any number.
func (v *View) FunctionsNamed(schema, name string, nargs int) []*Function {
	if schema == "" && v.path.Unknown {
		return nil
	}
	schemas := v.code
	if schema != "" {
		schemas = []string{schema}
	}
	var out []*Function
	for _, n := range schemas {
		for _, f := range v.s.byName[name] {
			if f.Schema == n && (nargs < 0 || nargs >= f.Min && (f.Max < 0 || nargs <= f.Max)) {
				out = append(out, f)
			}
		}
	}
	return out
}

// operatorsNamed lists the operators that the search_path could choose.
func (v *View) operatorsNamed(schema, name string) []*operator {
	if schema == "" && v.path.Unknown {
		return nil
	}
	var out []*operator
	for _, o := range v.s.operators[name] {
		if o.schema == schema || schema == "" && slices.Contains(v.code, o.schema) {
			out = append(out, o)
		}
	}
	return out
}

// OperatorFunctions lists the OIDs of the functions behind all operators by
// that name which the search_path could choose; ok is false if there is none.
func (v *View) OperatorFunctions(schema, name string) (functions []uint32, ok bool) {
	ops := v.operatorsNamed(schema, name)
	for _, o := range ops {
		functions = append(functions, o.function)
	}
	return functions, len(ops) > 0
}

// LookupType finds a type, by its name in pg_type.
func (v *View) LookupType(schema, name string) (*Type, bool) {
	if schema == "pg_temp" && v.path.TempSchema != "" {
		schema = v.path.TempSchema
	}
	if schema != "" {
		return v.s.TypeNamed(schema, name)
	}
	if v.path.Unknown {
		return nil, false
	}
	for _, n := range v.relations {
		if n == "" {
			if v.path.TempUnknown {
				// Built-in names come before any user's type only if
				// pg_catalog is searched first.
				return nil, false
			}
			if n = v.path.TempSchema; n == "" {
				continue
			}
		}
		if t, ok := v.s.TypeNamed(n, name); ok {
			return t, true
		}
	}
	return nil, false
}

// CreateSchema is where CREATE puts an unqualified name: "" if unknown.
func (v *View) CreateSchema() string {
	if v.path.Unknown {
		return ""
	}
	for _, n := range v.path.Schemas {
		if n == "pg_temp" {
			return v.path.TempSchema
		}
		if v.s.schemas[n] {
			return n
		}
	}
	return ""
}

// EventTriggers says whether the database has any that is enabled.
func (v *View) EventTriggers() bool { return len(v.s.events) > 0 }

// Casts lists the functions of the casts that somebody made from or to a type.
func (v *View) Casts(oid uint32) []uint32 {
	var out []uint32
	for _, c := range v.s.casts {
		if (c.source == oid || c.target == oid) && c.function != 0 {
			out = append(out, c.function)
		}
	}
	return out
}

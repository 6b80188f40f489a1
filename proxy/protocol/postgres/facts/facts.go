package facts

import (
	"slices"
	"strings"
)

// Flags are the yes-or-no facts of CONTRACT 3.
type Flags struct {
	DDL  bool `json:"ddl"`
	Drop bool `json:"drop"` // DROP, TRUNCATE, ALTER … DROP of something that holds data
	// Where: every UPDATE, DELETE and MERGE, or in their absence every
	// SELECT that reads a relation, has a condition that names a column.
	Where    bool `json:"where"`
	Multi    bool `json:"multi"`    // more than one statement in the message
	Volatile bool `json:"volatile"` // calls a function that is volatile, opaque or unknown
	Dynamic  bool `json:"dynamic"`  // runs SQL or code given as a value
	// The rest is beyond the contract's example, for policies that care.
	Returning bool `json:"returning"`
	Lock      bool `json:"lock"` // FOR UPDATE and its like, LOCK, advisory locks
	Into      bool `json:"into"` // SELECT INTO, CREATE TABLE AS
	Temp      bool `json:"temp"` // creates, changes or drops a temporary object
	File      bool `json:"file"` // reads or writes a file, or runs a program, on the server
	Cascade   bool `json:"cascade"`
	Limit     bool `json:"limit"` // every top SELECT has LIMIT or FETCH FIRST
	Secret    bool `json:"secret"`
}

// Facts is what is known of a statement, or of all statements of one message.
// Names are as in the catalog, unquoted: "schema.name", "schema.name.column".
// The value is immutable and shared by sessions.
type Facts struct {
	Complete   bool     `json:"complete"`
	Resolved   string   `json:"resolved"` // catalog | none
	Operations []string `json:"operations"`
	Reads      []string `json:"reads"`
	// Writes: relations, and other objects as "kind:name" ("role:bob").
	Writes  []string `json:"writes"`
	Columns []string `json:"columns"`
	Filters []string `json:"filters"`
	// Functions: built-in ones by bare name, others as "schema.name".
	Functions []string `json:"functions"`
	Flags     Flags    `json:"flags"`
	Params    int      `json:"parameters"`

	// Unsure says why Complete is false, at most eight reasons.
	Unsure []string `json:"-"`
	// ReadOnly is proven free of effects (hotpath.md 3, rule 1).
	ReadOnly bool `json:"-"`
	// Session: nothing but the operation `session`.
	Session bool `json:"-"`
	// Exempt: nothing but COMMIT, ROLLBACK, DISCARD, CLOSE, DEALLOCATE,
	// which are never denied (CONTRACT 3).
	Exempt bool `json:"-"`
	// Transaction is the transaction control of the last statement that has
	// one: begin commit rollback savepoint release rollback_to prepare
	// commit_prepared rollback_prepared, or "".
	Transaction string `json:"-"`

	ChangesPath     bool `json:"-"` // search_path, or may: names resolve anew
	ChangesRole     bool `json:"-"` // SET ROLE, SESSION AUTHORIZATION, or may
	ChangesTemp     bool `json:"-"` // temporary objects, or may
	ChangesCatalog  bool `json:"-"` // DDL, or may
	ChangesSettings bool `json:"-"` // any setting, or may

	// Settings are the parameters that SET, RESET and set_config name, folded.
	Settings []Setting `json:"-"`
	// Inner are the prepared statements and cursors that it runs or fetches
	// from. Without WithInner the facts are incomplete.
	Inner []Inner `json:"-"`

	Literals []Literal `json:"-"`
	// ParamColumns[n-1]: what $n is compared with or written to.
	ParamColumns [][]string `json:"-"`

	// Canonical is the form that the action digest takes (CONTRACT 5).
	Canonical []byte `json:"-"`
	// Fingerprint is the digest of the statement without its literals, hex.
	Fingerprint string `json:"-"`
	// Description is short: "DELETE on public.customers".
	Description string `json:"-"`

	literalMatters bool   // some fact depends on the value of a literal
	ownReadOnly    bool   // ReadOnly, but for what it executes or fetches from
	shape          string // of the text
}

// Setting is one parameter that a statement sets. Value is "" for RESET and
// DEFAULT, and where it is not a constant (Known is false).
type Setting struct {
	Name    string
	Value   string
	Known   bool
	Local   bool
	Default bool // SET … TO DEFAULT, RESET
}

// Inner names what SQL-level EXECUTE, FETCH or a new PREPARE or DECLARE are about.
type Inner struct {
	Kind string // execute, fetch, current_of, prepare, declare, deallocate, close
	Name string // "" with deallocate and close: all

	args [][]int // of EXECUTE: the literals in each argument
}

// Literal is a constant in the text.
type Literal struct {
	Start, End int // bytes in Statement.Text, quotes included
	// Columns that it is compared with or written to, "schema.name.column".
	Columns []string
	// Secret: a password, a connection string, a key. Always redacted.
	Secret bool
	// Code: the literal is a program (DO, function bodies, SQL given as
	// text), with literals of its own that are not looked into.
	Code bool
}

func (f *Facts) unsure(why string) {
	f.Complete = false
	if len(f.Unsure) < 8 && !slices.Contains(f.Unsure, why) {
		f.Unsure = append(f.Unsure, why)
	}
}

func merged(a, b []string) []string {
	if len(b) == 0 {
		return a
	}
	if len(a) == 0 {
		return b
	}
	out := append(slices.Clone(a), b...)
	slices.Sort(out)
	return slices.Compact(out)
}

// Has says whether the operation is among the facts'.
func (f *Facts) Has(operation string) bool { return slices.Contains(f.Operations, operation) }

// WithInner is the facts of an EXECUTE or FETCH together with those of what
// it runs. The caller found the inner facts by f.Inner; all must be given.
func (f *Facts) WithInner(inner ...*Facts) *Facts {
	out := *f
	if len(inner) < f.runs() {
		return &out
	}
	out.Unsure = slices.DeleteFunc(slices.Clone(f.Unsure), func(s string) bool { return s == unsureInner })
	out.Complete = len(out.Unsure) == 0
	out.Flags.Dynamic = f.Flags.Dynamic && !out.Complete
	out.ReadOnly = out.Complete && f.ownReadOnly
	out.Literals = slices.Clone(f.Literals)
	k := 0
	for _, in := range f.Inner {
		if in.Kind != "execute" && in.Kind != "fetch" {
			continue
		}
		out.bind(in.args, inner[k].ParamColumns)
		k++
	}
	for _, in := range inner {
		part := *in
		part.Operations = slices.DeleteFunc(slices.Clone(in.Operations), func(s string) bool { return s == "prepare" || s == "declare" })
		out.join(&part)
	}
	return &out
}

// bind: the arguments of EXECUTE meet the columns that the parameters meet.
func (f *Facts) bind(args [][]int, params [][]string) {
	for i, literals := range args {
		if i >= len(params) {
			break
		}
		for _, n := range literals {
			f.Literals[n].Columns = merged(f.Literals[n].Columns, params[i])
		}
	}
}

// runs is how many prepared statements and cursors are executed.
func (f *Facts) runs() (n int) {
	for _, in := range f.Inner {
		if in.Kind == "execute" || in.Kind == "fetch" {
			n++
		}
	}
	return n
}

// unsureInner is the reason that WithInner lifts.
const unsureInner = "what it runs was prepared or declared before"

// join adds what b does to f. Transaction and Where take b's part.
func (f *Facts) join(b *Facts) {
	f.Complete = f.Complete && b.Complete
	for _, why := range b.Unsure {
		f.unsure(why)
	}
	if b.Resolved == "catalog" {
		f.Resolved = "catalog"
	}
	f.Operations = merged(f.Operations, b.Operations)
	f.Reads = merged(f.Reads, b.Reads)
	f.Writes = merged(f.Writes, b.Writes)
	f.Columns = merged(f.Columns, b.Columns)
	f.Filters = merged(f.Filters, b.Filters)
	f.Functions = merged(f.Functions, b.Functions)
	x, y := &f.Flags, b.Flags
	x.DDL, x.Drop = x.DDL || y.DDL, x.Drop || y.Drop
	x.Volatile, x.Dynamic = x.Volatile || y.Volatile, x.Dynamic || y.Dynamic
	x.Returning, x.Lock, x.Into = x.Returning || y.Returning, x.Lock || y.Lock, x.Into || y.Into
	x.Temp, x.File, x.Cascade = x.Temp || y.Temp, x.File || y.File, x.Cascade || y.Cascade
	x.Secret = x.Secret || y.Secret
	x.Where = y.Where
	x.Limit = y.Limit
	f.ReadOnly = f.ReadOnly && b.ReadOnly
	f.ownReadOnly = f.ownReadOnly && b.ownReadOnly
	f.Session = f.Session && b.Session
	f.Exempt = f.Exempt && b.Exempt
	if b.Transaction != "" {
		f.Transaction = b.Transaction
	}
	f.ChangesPath = f.ChangesPath || b.ChangesPath
	f.ChangesRole = f.ChangesRole || b.ChangesRole
	f.ChangesTemp = f.ChangesTemp || b.ChangesTemp
	f.ChangesCatalog = f.ChangesCatalog || b.ChangesCatalog
	f.ChangesSettings = f.ChangesSettings || b.ChangesSettings
	f.literalMatters = f.literalMatters || b.literalMatters
}

// Facts of the whole message, decided as one (CONTRACT 5). With r nil no name
// is resolved.
func (s *Statement) Facts(r Resolver) *Facts {
	if len(s.Stmts) == 1 {
		return s.StmtFacts(0, r)
	}
	out := s.empty(r)
	if len(s.Stmts) == 0 {
		out.Session, out.ReadOnly = true, true
		out.Operations = []string{"session"}
		out.Description = "empty query"
		s.finish(out)
		return out
	}
	var where []bool
	var parts []*Facts
	literals := 0
	out.Session, out.ReadOnly, out.Exempt, out.ownReadOnly = true, true, true, true
	for i := range s.Stmts {
		f := s.StmtFacts(i, r)
		if i > 0 && (out.ChangesPath || out.ChangesRole || out.ChangesTemp || out.ChangesCatalog) && f.named() {
			f.unsure("an earlier statement of the message changes how names resolve")
			f.ReadOnly = false
		}
		if f.runs() > 0 && len(out.Inner) > out.runs() {
			f.unsure("an earlier statement of the message prepares, declares or closes")
			f.ReadOnly = false
		}
		if f.hasWhere() {
			where = append(where, f.Flags.Where)
		}
		out.join(f)
		out.Settings = append(out.Settings, f.Settings...)
		for _, in := range f.Inner {
			in.args = shifted(in.args, literals)
			out.Inner = append(out.Inner, in)
		}
		literals += len(f.Literals)
		parts = append(parts, f)
	}
	out.Flags.Multi = true
	out.Flags.Where = len(where) > 0 && !slices.Contains(where, false)
	out.Description = describeAll(parts)
	s.combineLiterals(out, parts)
	s.finish(out)
	return out
}

// shifted adds an offset to literals' indexes.
func shifted(args [][]int, by int) [][]int {
	out := make([][]int, len(args))
	for i, list := range args {
		for _, n := range list {
			out[i] = append(out[i], n+by)
		}
	}
	return out
}

// named says whether the facts rest on a name that a catalog resolved.
func (f *Facts) named() bool {
	return len(f.Reads) > 0 || len(f.Writes) > 0 || len(f.Functions) > 0
}

// hasWhere: a WHERE would have had a place.
func (f *Facts) hasWhere() bool {
	return f.Has("update") || f.Has("delete") || f.Has("merge") || f.Has("select") && len(f.Reads) > 0
}

func (s *Statement) empty(r Resolver) *Facts {
	f := &Facts{Complete: true, Resolved: "catalog", Params: s.Params}
	if r == nil {
		f.Resolved = "none"
	}
	return f
}

// finish adds what depends on the text alone, and makes the lists that the
// policy input shows non-nil.
func (s *Statement) finish(f *Facts) {
	f.Canonical = canonical(s.Text, s.tokens)
	f.shape = s.shape
	f.Fingerprint = fingerprint(s.shape)
	for _, list := range []*[]string{&f.Operations, &f.Reads, &f.Writes, &f.Columns, &f.Filters, &f.Functions} {
		if *list == nil {
			*list = []string{}
		}
	}
}

// Shape is the canonical text with its literals lexed out.
func (s *Statement) Shape() string { return s.shape }

// combineLiterals takes each literal from the statement that it stands in.
func (s *Statement) combineLiterals(out *Facts, parts []*Facts) {
	out.ParamColumns = make([][]string, s.Params)
	for _, part := range parts {
		out.Literals = append(out.Literals, part.Literals...)
		for n, columns := range part.ParamColumns {
			out.ParamColumns[n] = merged(out.ParamColumns[n], columns)
		}
	}
}

// describeAll joins descriptions, cut at three.
func describeAll(parts []*Facts) string {
	var all []string
	for _, f := range parts {
		if len(all) == 3 {
			all = append(all, "…")
			break
		}
		all = append(all, f.Description)
	}
	return strings.Join(all, "; ")
}

package facts

import (
	"slices"
	"sort"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// set is a set of names.
type set map[string]struct{}

func (s set) add(names ...string) {
	for _, n := range names {
		s[n] = struct{}{}
	}
}

func (s set) has(name string) bool { _, ok := s[name]; return ok }

func (s set) sorted() []string {
	out := make([]string, 0, len(s))
	for n := range s {
		out = append(out, n)
	}
	sort.Strings(out)
	return out
}

// walker collects the facts of one statement.
type walker struct {
	r Resolver
	s *Statement
	f *Facts

	operations, reads, writes, columns, filters, functions set

	filter  int  // > 0: inside a condition
	impure  bool // something that is not proven free of effects
	where   []bool
	targets []string // what the description names
	verb    string
	prefix  string // "EXPLAIN ", "PREPARE p AS "
	wrapped set    // operations of the wrappers

	literals []Literal   // of the whole text, by place
	starts   map[int]int // byte offset → index in literals
	literal  meetings    // by index
	param    meetings    // by number

	sessionOnly bool // every relation read is a harmless system one
	filtered    map[*origin]bool
	depth       int
	steps       int
}

// maxSteps bounds the work for one statement, some seconds; nested recursive
// queries are walked several times.
const maxSteps = 3_000_000

// maxColumns is how many a query can have (PostgreSQL's MaxTupleAttributeNumber).
const maxColumns = 1664

// StmtFacts is the facts of statement i alone, with its literals.
func (s *Statement) StmtFacts(i int, r Resolver) *Facts {
	w := newWalker(s.alone(i), r)
	w.statement(s.Stmts[i].Tree)
	return w.done()
}

// alone is statement i as if it were the text's only one. Offsets stay.
func (s *Statement) alone(i int) *Statement {
	if len(s.Stmts) == 1 {
		return s
	}
	stmt := s.Stmts[i]
	from := sort.Search(len(s.tokens), func(i int) bool { return s.tokens[i].start >= stmt.Start })
	to := sort.Search(len(s.tokens), func(i int) bool { return s.tokens[i].start >= stmt.End })
	one := &Statement{Text: s.Text, Stmts: s.Stmts, tokens: s.tokens[from:max(from, to)]}
	one.Params = highestParam(s.Text, one.tokens)
	one.shape = shape(s.Text, one.tokens)
	return one
}

func newWalker(s *Statement, r Resolver) *walker {
	w := &walker{
		r: r, s: s, f: s.empty(r),
		operations: set{}, reads: set{}, writes: set{}, columns: set{}, filters: set{}, functions: set{},
		literal: meetings{}, param: meetings{}, filtered: map[*origin]bool{}, wrapped: set{}, sessionOnly: true,
	}
	w.findLiterals()
	return w
}

func (w *walker) done() *Facts {
	f := w.f
	f.Flags.Where = len(w.where) > 0 && !slices.Contains(w.where, false)
	f.Session = len(w.operations) == 1 && w.operations.has("session")
	if w.operations.has("select") && len(w.operations) == 1 && w.harmless() {
		w.operations = set{"session": {}}
		f.Session = true
	}
	f.Operations, f.Reads, f.Writes = w.operations.sorted(), w.reads.sorted(), w.writes.sorted()
	f.Columns, f.Filters, f.Functions = w.columns.sorted(), w.filters.sorted(), w.functions.sorted()
	f.ownReadOnly = !w.impure && len(w.writes) == 0 && !f.Flags.Lock && w.onlyReads()
	f.ReadOnly = f.Complete && f.ownReadOnly
	f.Literals = w.literals
	for i := range w.literal {
		f.Literals[i].Columns = w.literal.columns(i)
	}
	f.ParamColumns = make([][]string, w.s.Params)
	for n := range w.param {
		if n >= 1 && n <= len(f.ParamColumns) {
			f.ParamColumns[n-1] = w.param.columns(n)
		}
	}
	f.Description = w.describe()
	w.s.finish(f)
	return f
}

func (w *walker) onlyReads() bool {
	for op := range w.operations {
		switch op {
		case "select", "session", "explain", "copy_out", "declare", "fetch", "prepare", "execute":
		default:
			return false
		}
	}
	return true
}

func (w *walker) findLiterals() {
	w.starts = map[int]int{}
	for _, t := range w.s.tokens {
		if isLiteral(t, w.s.Text) {
			w.starts[t.start] = len(w.literals)
			w.literals = append(w.literals, Literal{Start: t.start, End: t.end})
		}
	}
}

// isLiteral: booleans are literals too, since a protected column may be one.
func isLiteral(t token, s string) bool {
	switch t.kind {
	case tokString, tokBits, tokNumber:
		return true
	case tokIdent:
		n := t.end - t.start
		if n == 4 || n == 5 {
			word := fold(t.text(s))
			return word == "true" || word == "false"
		}
	}
	return false
}

// literalAt is the index of the literal that a constant's location means. A
// negative number's location is its sign's, a typed literal's may be its type's.
func (w *walker) literalAt(location int32) int {
	if i, ok := w.starts[int(location)]; ok {
		return i
	}
	i := sort.Search(len(w.literals), func(i int) bool { return w.literals[i].Start >= int(location) })
	if i < len(w.literals) && location >= 0 {
		return i
	}
	return -1
}

func (w *walker) unsure(why string) { w.f.unsure(why) }

func (w *walker) op(names ...string) { w.operations.add(names...) }

// associate notes that the literals and parameters of an origin meet its columns.
func (w *walker) associate(o origin, more ...string) {
	o = o.flat()
	if len(o.columns)+len(more) == 0 || len(o.literals)+len(o.params) == 0 {
		return
	}
	g := &group{slices.Clone(union(o.columns, more))}
	slices.Sort(g.columns)
	w.literal.add(o.literals, g)
	w.param.add(o.params, g)
}

// touch notes columns; inside a condition they are filters too.
func (w *walker) touch(columns ...string) {
	w.columns.add(columns...)
	if w.filter > 0 {
		w.filters.add(columns...)
	}
}

// touchAll is touch for a value that may be made of many columns.
func (w *walker) touchAll(o origin) {
	if w.filter == 0 {
		w.touch(o.columns...)
		o.each(map[*origin]bool{}, func(p *origin) { w.columns.add(p.columns...) })
		return
	}
	o.each(w.filtered, func(p *origin) { w.touch(p.columns...) })
}

// secret flags every literal of an origin.
func (w *walker) secret(o origin) {
	o = o.flat()
	for _, i := range o.literals {
		w.literals[i].Secret = true
	}
	w.f.Flags.Secret = w.f.Flags.Secret || len(o.literals) > 0
}

func (w *walker) code(o origin) {
	o = o.flat()
	for _, i := range o.literals {
		w.literals[i].Code = true
	}
}

// allLiterals is every literal of the statement.
func (w *walker) allLiterals() (o origin) {
	for i := range w.literals {
		o.literals = append(o.literals, i)
	}
	return o
}

// nodeName is the name of the message inside a Node: "SelectStmt".
func nodeName(n *pg.Node) string {
	m := inside(n)
	if m == nil {
		return ""
	}
	return string(m.ProtoReflect().Descriptor().Name())
}

// inside is the message that a Node wraps, or nil.
func inside(n *pg.Node) proto.Message {
	if n == nil || n.Node == nil {
		return nil
	}
	m := n.ProtoReflect()
	field := m.WhichOneof(m.Descriptor().Oneofs().Get(0))
	if field == nil {
		return nil
	}
	return m.Get(field).Message().Interface()
}

// children calls visit with each message directly below m, Nodes unwrapped.
func children(m proto.Message, visit func(proto.Message)) {
	if m == nil {
		return
	}
	deliver := func(v protoreflect.Message) {
		child := v.Interface()
		if n, ok := child.(*pg.Node); ok {
			child = inside(n)
		}
		if child != nil {
			visit(child)
		}
	}
	r := m.ProtoReflect()
	fields := r.Descriptor().Fields() // in their order, so that facts are the same each time
	for i := range fields.Len() {
		field := fields.Get(i)
		if field.Kind() != protoreflect.MessageKind || !r.Has(field) {
			continue
		}
		if !field.IsList() {
			deliver(r.Get(field).Message())
			continue
		}
		list := r.Get(field).List()
		for j := range list.Len() {
			deliver(list.Get(j).Message())
		}
	}
}

// names are the strings of a name list: "schema", "relation".
func names(list []*pg.Node) []string {
	out := make([]string, 0, len(list))
	for _, n := range list {
		if s := n.GetString_(); s != nil {
			out = append(out, s.GetSval())
		}
	}
	return out
}

// qualified splits a name list into schema and name. A catalog (database)
// before them must be the current one, or the server refuses.
func qualified(list []string) (schema, name string) {
	switch len(list) {
	case 0:
		return "", ""
	case 1:
		return "", list[0]
	}
	return list[len(list)-2], list[len(list)-1]
}

func dotted(list []string) string { return strings.Join(list, ".") }

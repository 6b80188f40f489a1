package tree

import (
	"errors"
	"fmt"
	"strings"
)

// Limits of what Parse reads; beyond them it fails.
const (
	// MaxBytes of one notice's DETAIL.
	MaxBytes = 16 << 20 // 65,535 parameters, the most there can be, print 8 MB
	// maxDepth of nesting. PostgreSQL's own limit is max_stack_depth.
	maxDepth = 5000
	// lineLength is LINELEN of nodes/print.c.
	lineLength = 78
)

// Majors of PostgreSQL whose trees are understood.
const (
	OldestMajor = 14
	NewestMajor = 18
)

// Parse reads the DETAIL of one “rewritten parse tree:” notice: a list of QUERY
// nodes. It fails on anything that is not of the grammar, on a line that could
// be folded within a token, and beyond the limits.
func Parse(detail string, major int) (*Tree, error) {
	if major < OldestMajor || major > NewestMajor {
		return nil, fmt.Errorf("tree: PostgreSQL %d is not known to this gateway (%d to %d are)", major, OldestMajor, NewestMajor)
	}
	if len(detail) > MaxBytes {
		return nil, fmt.Errorf("tree: %d bytes, at most %d are read", len(detail), MaxBytes)
	}
	if err := unfold(detail); err != nil {
		return nil, err
	}
	t, v, err := parse(detail, major)
	if err != nil {
		return nil, err
	}
	if v.Kind != List {
		return nil, errors.New("tree: not a list of queries")
	}
	for _, x := range t.List(v) {
		n := t.Node(x)
		if n == nil || n.Tag != TagQuery {
			return nil, errors.New("tree: not a list of queries")
		}
		t.Queries = append(t.Queries, n)
	}
	if len(t.Queries) == 0 {
		return nil, errors.New("tree: no query")
	}
	return t, nil
}

// Stored reads a pg_node_tree of the catalogs: a list, or one node. Its value
// is answered beside the tree; Queries are those of a list.
func Stored(text string, major int) (*Tree, Value, error) {
	if len(text) > MaxBytes {
		return nil, Value{}, fmt.Errorf("tree: %d bytes, at most %d are read", len(text), MaxBytes)
	}
	t, v, err := parse(text, major)
	if err != nil {
		return nil, Value{}, err
	}
	for _, x := range t.List(v) {
		if n := t.Node(x); n != nil && n.Tag == TagQuery {
			t.Queries = append(t.Queries, n)
		}
	}
	return t, v, nil
}

var errFolded = errors.New("tree: a line may be broken within a token")

// maxGuesses bounds how many escaped line breaks may stand in one line.
const maxGuesses = 16

// unfold checks that each line break stands for a blank. format_node_dump cuts
// a line of 78 bytes without a blank anywhere, and nobody can tell that from a
// token of that length. A line break after a backslash is part of an
// identifier: either its own, or an escaped blank that became the end of a
// line; both are followed.
func unfold(s string) error {
	starts := make([]int, 1, maxGuesses) // where the current line may have begun
	at := 0
	for {
		i := strings.IndexByte(s[at:], '\n')
		if i < 0 {
			for _, from := range starts {
				if len(s)-from <= lineLength {
					return nil
				}
			}
			return errors.New("tree: a line is too long")
		}
		p := at + i
		at = p + 1
		kept := starts[:0]
		for _, from := range starts {
			switch n := p - from; {
			case n > lineLength:
			case n == lineLength && strings.IndexByte(s[from+1:p], ' ') < 0:
				return errFolded
			default:
				kept = append(kept, from)
			}
		}
		if len(kept) == 0 {
			return errors.New("tree: a line is too long")
		}
		if !escaped(s, p) {
			starts = append(starts[:0], p+1)
			continue
		}
		if len(kept) == maxGuesses {
			return errFolded
		}
		kept = append(kept, p+1)
		starts = kept
	}
}

// escaped says whether the byte at i follows an odd number of backslashes.
func escaped(s string, i int) bool {
	n := 0
	for i > 0 && s[i-1] == '\\' {
		n++
		i--
	}
	return n%2 == 1
}

type parser struct {
	t     *Tree
	s     string
	at    int
	depth int
	stack []Value // elements of open lists
}

func parse(s string, major int) (*Tree, Value, error) {
	t := &Tree{Major: major, text: s}
	t.nodes = make([]Node, 0, strings.Count(s, "{"))
	t.fields = make([]field, 0, strings.Count(s, ":"))
	p := &parser{t: t, s: s}
	p.blanks()
	v, err := p.value()
	if err != nil {
		return nil, Value{}, err
	}
	p.blanks()
	if p.at != len(s) {
		return nil, Value{}, p.fail("more than one value")
	}
	return t, v, nil
}

func (p *parser) fail(what string) error {
	return fmt.Errorf("tree: at byte %d of %d: %s", p.at, len(p.s), what)
}

// stops are the bytes that end a token.
var stops = [256]bool{' ': true, '\n': true, '\t': true, '\r': true, '(': true, ')': true, '{': true, '}': true}

func (p *parser) blanks() {
	for p.at < len(p.s) {
		switch p.s[p.at] {
		case ' ', '\n', '\t', '\r':
			p.at++
		default:
			return
		}
	}
}

// token reads one that is not a bracket; it is empty at a bracket and at the
// end.
func (p *parser) token() (from, to int) {
	from = p.at
	s := p.s
	i := from
	for i < len(s) && !stops[s[i]] {
		if s[i] == '\\' {
			i++
		}
		i++
	}
	p.at = min(i, len(s))
	return from, p.at
}

// value reads one value; the blanks before it are gone.
func (p *parser) value() (Value, error) {
	if p.at >= len(p.s) {
		return Value{}, p.fail("it ends too early")
	}
	switch p.s[p.at] {
	case '{':
		return p.node()
	case '(':
		return p.list()
	case ')', '}':
		return Value{}, p.fail("a bracket that was not opened")
	}
	from, to := p.token()
	if to-from == 2 && p.s[from:to] == "<>" {
		return Value{}, nil
	}
	return Value{Kind: Atom, from: uint32(from), to: uint32(to)}, nil //nolint:gosec // within MaxBytes
}

func (p *parser) enter() error {
	p.at++
	if p.depth++; p.depth > maxDepth {
		return p.fail("nested too deep")
	}
	return nil
}

func (p *parser) list() (Value, error) {
	if err := p.enter(); err != nil {
		return Value{}, err
	}
	base := len(p.stack)
	for {
		p.blanks()
		if p.at < len(p.s) && p.s[p.at] == ')' {
			p.at++
			break
		}
		v, err := p.value()
		if err != nil {
			return Value{}, err
		}
		p.stack = append(p.stack, v)
	}
	p.depth--
	from := len(p.t.values)
	p.t.values = append(p.t.values, p.stack[base:]...)
	p.stack = p.stack[:base]
	return Value{Kind: List, from: uint32(from), to: uint32(len(p.t.values))}, nil //nolint:gosec // within MaxBytes
}

// node reads {TAG :field value …}. Its fields lie together in the arena, so
// the fields of the nodes within go before them.
func (p *parser) node() (Value, error) {
	if err := p.enter(); err != nil {
		return Value{}, err
	}
	from, to := p.token()
	if !upper(p.s[from:to]) {
		return Value{}, p.fail("a node without a tag")
	}
	id := len(p.t.nodes)
	p.t.nodes = append(p.t.nodes, Node{Tag: tags[p.s[from:to]], ID: int32(id), tag: p.s[from:to], t: p.t}) //nolint:gosec // within MaxBytes
	var own [64]field
	fields := own[:0]
	for {
		p.blanks()
		if p.at < len(p.s) && p.s[p.at] == '}' {
			p.at++
			break
		}
		f, err := p.field()
		if err != nil {
			return Value{}, err
		}
		fields = append(fields, f)
	}
	p.depth--
	n := &p.t.nodes[id]
	n.first = int32(len(p.t.fields)) //nolint:gosec // within MaxBytes
	p.t.fields = append(p.t.fields, fields...)
	n.last = int32(len(p.t.fields))                  //nolint:gosec // within MaxBytes
	return Value{Kind: Inner, from: uint32(id)}, nil //nolint:gosec // within MaxBytes
}

// upper says whether a token is a tag: capitals, digits and underscores.
func upper(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	return s != ""
}

func (p *parser) field() (field, error) {
	from, to := p.token()
	if to-from < 2 || p.s[from] != ':' {
		return field{}, p.fail("not the name of a field")
	}
	f := field{name: labels[p.s[from+1:to]], from: uint32(from + 1), to: uint32(to)} //nolint:gosec // within MaxBytes
	p.blanks()
	var err error
	if f.value, err = p.value(); err != nil {
		return field{}, err
	}
	if f.name == Constvalue && f.value.Kind != Null {
		return f, p.bytes(&f.value)
	}
	return f, nil
}

// bytes reads the rest of :constvalue N [ b b … ].
func (p *parser) bytes(v *Value) error {
	if v.Kind != Atom {
		return p.fail("a constant without a length")
	}
	p.blanks()
	if from, to := p.token(); p.s[from:to] != "[" {
		return p.fail("a constant without its bytes")
	}
	for {
		p.blanks()
		from, to := p.token()
		if p.s[from:to] == "]" {
			v.to = uint32(to) //nolint:gosec // within MaxBytes
			return nil
		}
		if !number(p.s[from:to]) {
			return p.fail("a constant's byte is not a number")
		}
	}
}

func number(s string) bool {
	digits := 0
	for i := range len(s) {
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			digits++
		case c == '-' && i == 0:
		default:
			return false
		}
	}
	return digits > 0 && digits <= 3
}

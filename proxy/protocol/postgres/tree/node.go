package tree

import (
	"strconv"
	"strings"
)

// Tree is one notice's list of queries. It never changes.
type Tree struct {
	// Queries are the QUERY nodes, in order: rules can make several of one
	// statement.
	Queries []*Node
	// Major of the server that printed it.
	Major int

	text   string
	nodes  []Node
	fields []field
	values []Value
}

// Node is one {TAG :field value …}.
type Node struct {
	Tag Tag
	// ID is the node's place among those of its tree, from 0: a key for what is
	// remembered of it.
	ID int32

	tag         string // as printed
	first, last int32  // of its fields
	t           *Tree
}

type field struct {
	name  Field
	from  uint32 // of the label in the text, without the colon
	to    uint32
	value Value
}

// Kind says what a Value is.
type Kind uint8

// Kinds of values.
const (
	Null Kind = iota // <>
	Atom
	Inner // a node
	List
)

// Value is one value within a Tree. The zero Value is Null.
type Value struct {
	Kind     Kind
	from, to uint32 // Atom: of the text; Inner: the node's ID in from; List: of values
}

// Nodes is how many nodes the tree has.
func (t *Tree) Nodes() int { return len(t.nodes) }

// Name is the node's tag as printed.
func (n *Node) Name() string { return n.tag }

// Tree is what the node belongs to.
func (n *Node) Tree() *Tree { return n.t }

// Get is the value of a field, Null if there is none.
func (n *Node) Get(name Field) Value {
	if n == nil {
		return Value{}
	}
	for i := n.first; i < n.last; i++ {
		if f := &n.t.fields[i]; f.name == name {
			return f.value
		}
	}
	return Value{}
}

// Has says whether the node has a field by that name, be it Null.
func (n *Node) Has(name Field) bool {
	if n == nil {
		return false
	}
	for i := n.first; i < n.last; i++ {
		if n.t.fields[i].name == name {
			return true
		}
	}
	return false
}

// Fields is the number of fields, and At the name and value of one of them.
// The name is OtherField for those that have no constant here.
func (n *Node) Fields() int { return int(n.last - n.first) }

// At is the i-th field.
func (n *Node) At(i int) (Field, Value) {
	f := &n.t.fields[int(n.first)+i]
	return f.name, f.value
}

// Label is the name of the i-th field as printed.
func (n *Node) Label(i int) string {
	f := &n.t.fields[int(n.first)+i]
	return n.t.text[f.from:f.to]
}

// Node is the node of a field, nil if it has none.
func (n *Node) Node(name Field) *Node {
	if n == nil {
		return nil
	}
	return n.t.Node(n.Get(name))
}

// List is the list of a field, empty if it is none.
func (n *Node) List(name Field) []Value {
	if n == nil {
		return nil
	}
	return n.t.List(n.Get(name))
}

// Int is a field that is a number; ok is false if it is not.
func (n *Node) Int(name Field) (i int, ok bool) {
	if n == nil {
		return 0, false
	}
	return n.t.Int(n.Get(name))
}

// OID is a field that is an OID; 0 if it is not one, and for InvalidOid.
func (n *Node) OID(name Field) uint32 {
	i, ok := n.Int(name)
	if !ok || i < 0 || i > 1<<32-1 {
		return 0
	}
	return uint32(i)
}

// True says whether a field is the atom true.
func (n *Node) True(name Field) bool {
	v := n.Get(name)
	return v.Kind == Atom && n.t.text[v.from:v.to] == "true"
}

// Text is a field's atom without its escapes, "" for Null. A blank and a line
// break that were escaped cannot be told apart where lines are folded: both are
// a blank here.
func (n *Node) Text(name Field) string {
	if n == nil {
		return ""
	}
	return n.t.Text(n.Get(name))
}

// Node is the node that a value is, or nil.
func (t *Tree) Node(v Value) *Node {
	if v.Kind != Inner {
		return nil
	}
	return &t.nodes[v.from]
}

// List is the list that a value is, or nil.
func (t *Tree) List(v Value) []Value {
	if v.Kind != List {
		return nil
	}
	return t.values[v.from:v.to:v.to]
}

// Int is the number that an atom is.
func (t *Tree) Int(v Value) (i int, ok bool) {
	if v.Kind != Atom {
		return 0, false
	}
	s := t.text[v.from:v.to]
	if len(s) == 1 && s[0] >= '0' && s[0] <= '9' {
		return int(s[0] - '0'), true
	}
	i, err := strconv.Atoi(s)
	return i, err == nil
}

// Raw is an atom as it is printed.
func (t *Tree) Raw(v Value) string {
	if v.Kind != Atom {
		return ""
	}
	return t.text[v.from:v.to]
}

// Text is an atom without its escapes; see [Node.Text].
func (t *Tree) Text(v Value) string {
	s := t.Raw(v)
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		if s[i] == '\n' {
			b.WriteByte(' ')
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

package tree

import (
	"crypto/sha256"
	"hash"
	"strings"
)

// Hash tells trees apart that can get different verdicts. Where a token stood
// in the statement's text, and the bytes of its constants, are left out: two
// statements that differ in literals alone hash alike, so that what is
// remembered of one holds for the other. A constant that is NULL is not like
// one that is not.
func (t *Tree) Hash() [32]byte {
	h := hasher{h: sha256.New(), t: t}
	h.buf = append(h.buf, byte(t.Major))
	for _, q := range t.Queries {
		h.node(q)
	}
	h.h.Write(h.buf)
	var out [32]byte
	h.h.Sum(out[:0])
	return out
}

type hasher struct {
	h   hash.Hash
	t   *Tree
	buf []byte
}

func (h *hasher) token(s string) {
	if len(h.buf) > 4096 {
		h.h.Write(h.buf)
		h.buf = h.buf[:0]
	}
	h.buf = append(append(h.buf, s...), 0)
}

func (h *hasher) node(n *Node) {
	h.token("{")
	h.token(n.tag)
	for i := range n.Fields() {
		label := n.Label(i)
		if strings.HasSuffix(label, "location") || label == "stmt_len" {
			continue
		}
		h.token(label)
		name, v := n.At(i)
		if name == Constvalue && v.Kind == Atom {
			h.token("[]")
			continue
		}
		h.value(v)
	}
	h.token("}")
}

// value writes what no atom can be: brackets and <> are no atoms.
func (h *hasher) value(v Value) {
	switch v.Kind {
	case Null:
		h.token("<>")
	case Atom:
		h.token(h.t.text[v.from:v.to])
	case Inner:
		h.node(h.t.Node(v))
	case List:
		h.token("(")
		for _, e := range h.t.List(v) {
			h.value(e)
		}
		h.token(")")
	}
}

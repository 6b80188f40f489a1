package postgres

import (
	"sluice.dev/proxy/protocol/postgres/catalog"
	"sluice.dev/proxy/protocol/postgres/tree"
)

// What the server prints for a statement of the same shape, under the same
// names, differs in constants alone. So a statement that only reads is not
// asked about when another like it was: it is judged by that, and sent. The
// server prints its tree all the same, before the first row, and if it is not
// the one that was foreseen, the tree that came has its say: see inflight.go.

// proof is whether the server has printed what was foreseen.
type proof struct {
	ok     bool
	sum    treeSum
	normal treeSum
}

// predict judges a text by what the server showed for another of its shape;
// nil where it has to be asked.
func (l *lens) predict(m *machine, text string, types []uint32, key string, p *catalog.Protected) *analysis {
	if m.looking != 'Q' && m.looking != 'P' || !m.printing || m.failed() || p.TypesOpaque() {
		return nil
	}
	k := (&ask{query: key, types: types}).key()
	a := l.opts.cache.foreseenByShape.get(text, k)
	if a == nil {
		if a = l.opts.cache.foreseenByText.get(text, k); a == nil {
			return nil
		}
		b := *a
		a = &b
	}
	if a.opts != l.opts || a.protected != p {
		return nil
	}
	a.sum, a.key = treeSum{}, key
	a.proof = &proof{normal: a.normal}
	return a
}

// foresee keeps what the server showed for statements to come.
func (l *lens) foresee(types []uint32, a *analysis) {
	if a.sum == (treeSum{}) || !a.own.ReadOnly || !a.shared {
		return
	}
	b := *a
	b.key = (&ask{query: a.key, types: types}).key()
	if shape := b.shaped(); shape != "" {
		l.opts.cache.foreseenByShape.put(shape, &b)
	} else {
		l.opts.cache.foreseenByText.put(&b)
	}
}

// proven is the analysis of a statement whose tree came as foreseen, for the
// session to keep.
func (a *analysis) proven() *analysis {
	b := *a
	b.sum, b.proof = a.proof.sum, nil
	return &b
}

// matches says whether a printed tree is what an analysis was made of.
func (a *analysis) matches(detail string, sum treeSum) bool {
	switch {
	case a.proof == nil:
		return sum == a.sum
	case !a.proof.ok && treeSum(tree.Normal(detail)) == a.proof.normal:
		a.proof.ok, a.proof.sum = true, sum
	}
	return a.proof.ok && a.proof.sum == sum
}

// unproven says whether an analysis still waits for its tree.
func (a *analysis) unproven() bool { return a != nil && a.proof != nil && !a.proof.ok }

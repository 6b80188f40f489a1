package postgres

import (
	"crypto/sha256"
	"slices"

	"sluice.dev/proxy/gate"
	"sluice.dev/proxy/protocol/postgres/facts"
	"sluice.dev/proxy/protocol/postgres/lineage"
	"sluice.dev/proxy/protocol/postgres/tree"
)

// The server prints a statement's tree again whenever it analyses it anew:
// because the client's own Parse follows the gateway's, or because a relation
// or the search_path has changed since. What runs has to be what was judged:
// a tree that is another is judged too, and the stricter word counts
// (reference/masking.md 2, re-analysis).

// maxAnew bounds the other trees of one execution.
const maxAnew = 8

// anew are trees that were printed for a statement and are not the one that it
// was judged by.
type anew struct {
	trees []string
	sums  []treeSum
	last  treeSum
	same  bool // the one that it was judged by has come
	many  bool
}

func (n *anew) add(detail string, a *analysis) {
	n.last = sha256.Sum256([]byte(detail))
	if a.matches(detail, n.last) {
		n.same = true
		return
	}
	if len(n.trees) >= maxAnew {
		n.many = true
		return
	}
	n.trees, n.sums = append(n.trees, detail), append(n.sums, n.last)
}

// printed takes a tree that the server printed: the answer to a question, or a
// statement analysed anew.
func (m *machine) printed(detail string) {
	e := m.head()
	switch {
	case e == nil:
	case e.ask != nil:
		e.ask.took(detail)
	case e.kind == 'P' && e.st != nil && e.st.a.server:
		e.anew.add(detail, e.st.a)
	case e.kind == 'B' && e.po != nil && e.po.st.a.server:
		e.po.anew.add(detail, e.po.st.a)
	case e.kind == 'Q' && e.run != nil && e.run.a.server && e.run.columns == nil:
		e.run.anew.add(detail, e.run.a)
	}
}

// parsedAnew looks at the tree of the client's own Parse: if it is not the one
// that the gateway's question showed, or that was foreseen, the statement is
// analysed once more before it runs.
func (m *machine) parsedAnew(e *entry) {
	st := e.st
	switch a := st.a; {
	case !a.server || a.sum == (treeSum{}) && a.proof == nil:
	case e.anew.same && e.anew.sums == nil && a.proof != nil:
		st.a = a.proven()
		m.lens.keep((&ask{query: st.text, types: st.types}).key(), st.a)
	case e.anew.same && e.anew.sums == nil:
	default:
		if e.anew.last == (treeSum{}) {
			m.printing = false
		}
		st.moved, st.anew = true, e.anew
		m.lens.forget(st.text, st.types)
	}
}

// reanalysed says whether there are trees for judgeAnew to look at, or one is
// missing.
func (run *running) reanalysed() bool {
	n := run.others()
	return len(n.trees) > 0 || n.many || run.a.unproven()
}

// others are the trees that were printed for what runs and are not what it was
// judged by.
func (run *running) others() *anew {
	if run.po == nil {
		return &run.anew
	}
	n := &run.po.anew
	if st := run.po.st; st.moved {
		return &anew{many: n.many || st.anew.many, trees: append(slices.Clone(st.anew.trees), n.trees...), sums: append(slices.Clone(st.anew.sums), n.sums...)}
	}
	return n
}

// judgeAnew gives the trees of a statement that was analysed anew their say,
// once, before the first row. ok is false when the answer may not go on.
func (m *machine) judgeAnew(e *entry, run *running) (ok bool) {
	a, n := run.a, run.others()
	if !a.server || a.verdict.Outputs == nil && a.proof == nil || a.sum == (treeSum{}) && a.proof == nil {
		return true
	}
	if a.proof != nil && a.proof.ok && e.kind == 'Q' {
		m.lens.keep(string(a.text), a.proven())
	}
	judged := a.sum
	if a.proof != nil {
		judged = a.proof.sum
	}
	if !a.unproven() && !n.many && !slices.ContainsFunc(n.sums, func(s treeSum) bool { return s != judged }) {
		return true // none but what it was judged by
	}
	if e.kind == 'Q' && !e.reuses && n.same {
		return true // code that it runs was analysed besides
	}
	if a.unproven() && len(n.trees) == 0 && !n.many {
		m.printing = false
		m.lens.forget(string(a.text), nil)
		m.cutOff(e, analysisOff())
		return false
	}
	fine := len(n.trees) > 0
	var verdict lineage.Verdict
	if fine {
		verdict, fine = m.anewVerdict(a, n, judged)
	}
	m.lens.forget(string(a.text), nil)
	if !fine {
		m.cutOff(e, gate.CannotMask("what its names mean changed while it ran; send it again"))
		return false
	}
	b := *a
	b.verdict, b.shared, b.proof = verdict, false, nil
	run.a = &b
	if run.po != nil {
		run.po.anew = anew{}
	} else {
		run.anew = anew{}
	}
	return true
}

// stricter joins two words on one result column.
func stricter(a, b lineage.Output) lineage.Output {
	a.Level = max(a.Level, b.Level)
	a.Origins = slices.Compact(slices.Sorted(slices.Values(append(slices.Clone(a.Origins), b.Origins...))))
	return a
}

// anewVerdict is the stricter of what a statement was judged to be and what its
// other trees say.
func (m *machine) anewVerdict(a *analysis, n *anew, judged treeSum) (v lineage.Verdict, ok bool) {
	stmt, err := facts.Parse(string(a.text))
	if err != nil || len(stmt.Stmts) != 1 || n.many {
		return v, false
	}
	v = a.verdict
	v.Outputs = append([]lineage.Output(nil), v.Outputs...)
	s := m.lens.snapshot()
	p, _ := m.lens.set(s) // what does not resolve is told elsewhere
	for i, detail := range n.trees {
		if n.sums[i] == judged {
			continue // analysed since
		}
		t, err := tree.Parse(detail, s.ServerVersion/10000)
		if err != nil {
			return v, false
		}
		w := lineage.Server(stmt.Stmts[0].Tree, t, m.lens.look(s), p)
		if len(w.Outputs) != len(v.Outputs) {
			continue // a function's query: the statement's own has as many columns as ever
		}
		if w.Refuse != "" {
			return v, false
		}
		v.Touches, v.Scrub, v.MaskAll, v.HoldRows = v.Touches || w.Touches, v.Scrub || w.Scrub, v.MaskAll || w.MaskAll, v.HoldRows || w.HoldRows
		for i := range v.Outputs {
			v.Outputs[i] = stricter(v.Outputs[i], w.Outputs[i])
		}
	}
	return v, true
}

// forget drops what is known of a text, so that it is analysed again.
func (l *lens) forget(text string, types []uint32) {
	q := ask{query: text, types: types}
	delete(l.known, q.key())
	delete(l.seen, q.key())
}

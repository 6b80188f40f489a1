package postgres

import (
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"

	"sluice.dev/proxy/protocol/postgres/catalog"
	"sluice.dev/proxy/protocol/postgres/facts"
	"sluice.dev/proxy/protocol/postgres/lineage"
)

// What a session has had analysed by the server it keeps by text, so that a
// statement that is sent again costs nothing new.

// maxKnown bounds the texts that one session keeps analyses of, in bytes.
const maxKnown = 1 << 20

// byServer says whether statements are judged by the server's own analysis.
func (l *lens) byServer(p *catalog.Protected) bool {
	return l.opts.Lineage == LineageServer && !p.Empty()
}

// failed says that the transaction has failed and nothing under way may change
// that: nothing can be analysed then, and no query runs.
func (m *machine) failed() bool { return m.tx == 'E' && len(m.queue) == 0 && !m.unsynced }

// workWithServer is work by the server's analysis.
func (l *lens) workWithServer(m *machine, text string, types []uint32, key string, s *catalog.Snapshot, p *catalog.Protected) (*analysis, error) {
	q := ask{query: text, types: types}
	k := q.key()
	if a := l.known[k]; a != nil && a.key == key && a.opts == l.opts && a.protected == p {
		return a, nil
	}
	if a := l.predict(m, text, types, key, p); a != nil {
		return a, nil
	}
	a, err := newAnalysis(text, types, l.look(s), p, m, true)
	if err != nil {
		return nil, err
	}
	a.key, a.opts, a.protected = key, l.opts, p
	if a.shared {
		l.keep(k, a)
		l.foresee(types, a)
	}
	return a, nil
}

func (l *lens) keep(k string, a *analysis) {
	if len(k) > maxKnown/4 {
		return
	}
	if l.knownSize += len(k) + 512; l.knownSize > maxKnown {
		clear(l.known)
		l.knownSize = len(k) + 512
	}
	if l.known == nil {
		l.known = make(map[string]*analysis)
	}
	l.known[k] = a
}

// serverVerdicts puts in place of the strict verdicts what the server's
// analysis says, wherever there is a query to analyse.
func (a *analysis) serverVerdicts(verdicts []lineage.Verdict, stmt *facts.Statement, types []uint32, view *catalog.View, p *catalog.Protected, m *machine) error {
	if len(stmt.Stmts) == 0 {
		return nil
	}
	need := &needsServer{alone: len(stmt.Stmts) == 1}
	if m.failed() {
		a.shared = false
		if _, _, query, err := lineage.Analysable(stmt.Stmts[0].Tree); need.alone && query && err == nil {
			verdicts[0] = lineage.Verdict{} // the server will say that the transaction has failed
		}
		return nil
	}
	key := m.lens.key(m.lens.snapshot())
	for i := range stmt.Stmts {
		node := stmt.Stmts[i].Tree
		if verdicts[i].EarlierChanges { // names may mean something else by then
			continue
		}
		query, own, analysable, err := lineage.Analysable(node)
		if err != nil {
			verdicts[i] = refusedAnalysis(verdicts[i], err)
			continue
		}
		if !analysable {
			continue
		}
		q := ask{query: query, types: types, inner: !own}
		if own {
			q.query = stmt.Text
			if !need.alone {
				q.query, q.inner = stmt.Text[stmt.Stmts[i].Start:stmt.Stmts[i].End], true
			}
			q.keep = need.alone && m.looking == 'Q' && a.own.ReadOnly
		}
		if prepare := node.GetPrepareStmt(); prepare != nil {
			var known bool
			if q.types, known = declaredTypes(prepare, m.lens.snapshot()); !known {
				continue // the gateway's own analysis does
			}
		}
		s := m.lens.seen[q.key()]
		switch {
		case s == nil || s.key != key:
			need.asks = append(need.asks, q)
		case s.refused: // judged by the gateway's own catalog
		case s.err != nil:
			verdicts[i] = refusedAnalysis(verdicts[i], s.err)
		default:
			strict := verdicts[i]
			verdicts[i] = lineage.Server(node, s.tree, view, p)
			verdicts[i].Declare, verdicts[i].Prepare = strict.Declare, strict.Prepare
			if v := &verdicts[i]; v.HoldRows && v.Declare != "" && v.Refuse == "" {
				v.Refuse, v.Hint = "server lineage: a cursor over masked columns may not compute what can fail: the row where it fails would tell", "Select the rows without a cursor."
			}
			a.resolved = append(a.resolved, verdicts[i].Resolved)
			if own && need.alone {
				a.sum, a.normal = s.sum, s.normal
			}
		}
	}
	if len(need.asks) > 0 {
		return need
	}
	return nil
}

// resolvedFacts adds what the server resolved to the facts of the text: a view
// reads the tables beneath it, a name means what it means in the session.
func resolvedFacts(f *facts.Facts, resolved []*lineage.Resolved) *facts.Facts {
	out := *f
	out.Resolved = "server"
	for _, r := range resolved {
		if r == nil { // the gateway's own analysis had to do
			out.Resolved = f.Resolved
			continue
		}
		out.Reads, out.Writes = union(out.Reads, r.Reads), union(out.Writes, r.Writes)
		out.Columns, out.Filters = union(out.Columns, r.Columns), union(out.Filters, r.Filters)
		for _, name := range r.Functions {
			if !strings.HasPrefix(name, "pg_catalog.") { // of those the text has what somebody wrote
				out.Functions = union(out.Functions, []string{name})
			}
		}
	}
	return &out
}

func union(a, b []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(append(slices.Clone(a), b...))))
}

// declaredTypes are the types that a PREPARE declares for its parameters, as
// far as they are the system's own.
func declaredTypes(x *pg.PrepareStmt, s *catalog.Snapshot) (types []uint32, known bool) {
	for _, n := range x.Argtypes {
		t := n.GetTypeName()
		if t == nil || len(t.ArrayBounds) > 0 || t.Setof || t.PctType || len(t.Names) == 0 || len(t.Names) > 2 {
			return nil, false
		}
		name := t.Names[len(t.Names)-1].GetString_().GetSval()
		if len(t.Names) == 2 && t.Names[0].GetString_().GetSval() != "pg_catalog" || strings.HasPrefix(name, "_") {
			return nil, false
		}
		of, ok := s.TypeNamed("pg_catalog", name)
		if !ok {
			return nil, false
		}
		types = append(types, of.OID)
	}
	return types, true
}

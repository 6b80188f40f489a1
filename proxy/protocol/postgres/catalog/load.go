package catalog

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"sluice.dev/proxy/protocol/postgres/facts"
)

// Querier runs one statement on the upstream database and answers its rows in
// text format; a nil cell is NULL. Its connection belongs to the catalog alone
// while a call of this package lasts, and is not inside a transaction.
type Querier interface {
	Query(ctx context.Context, sql string) (rows [][][]byte, err error)
}

// oldest is the lowest server_version_num understood; newer majors than
// newest are refused, since a new catalog column could hide an expression.
const (
	oldest = 140000
	newest = 190000
)

var sequence atomic.Uint64

// Load reads the catalogs in one read-only transaction: 0.1 to 0.3 s.
func Load(ctx context.Context, q Querier) (*Snapshot, error) {
	var s *Snapshot
	err := inTransaction(ctx, q, func() (err error) {
		l := &loader{ctx: ctx, q: q}
		s, err = l.load()
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("catalog: load: %w", err)
	}
	return s, nil
}

// LoadInside is Load on a connection that is inside a transaction, and sees
// what that transaction has not committed: after a session's own DDL, its names
// mean what this snapshot says until the transaction ends (masking.md 10). The
// transaction's settings stay as they were.
func LoadInside(ctx context.Context, q Querier) (*Snapshot, error) {
	var s *Snapshot
	const undo = "rollback to savepoint sluice_catalog; release savepoint sluice_catalog"
	err := within(ctx, q, [3]string{"savepoint sluice_catalog", undo, undo}, func() (err error) {
		l := &loader{ctx: ctx, q: q}
		s, err = l.load()
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("catalog: load within a transaction: %w", err)
	}
	return s, nil
}

// Hash digests the versions of all rows that a Snapshot is made of. It costs
// the server about 10 ms, and is the same until a definition changes.
func Hash(ctx context.Context, q Querier) (string, error) {
	var h string
	err := inTransaction(ctx, q, func() (err error) {
		h, err = hash(ctx, q)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("catalog: poll: %w", err)
	}
	return h, nil
}

func hash(ctx context.Context, q Querier) (string, error) {
	rows, err := q.Query(ctx, sqlHash)
	if err != nil {
		return "", err
	}
	if len(rows) != 1 || len(rows[0]) != 1 {
		return "", fmt.Errorf("the hash of the catalogs is not one value")
	}
	return string(rows[0][0]), nil
}

func inTransaction(ctx context.Context, q Querier, do func() error) error {
	return within(ctx, q, [3]string{"begin isolation level repeatable read read only", "commit", "rollback"}, do)
}

// within runs do between two statements, with nothing but the system's names
// in sight; the third statement follows an error.
func within(ctx context.Context, q Querier, frame [3]string, do func() error) error {
	if _, err := q.Query(ctx, frame[0]); err != nil {
		return err
	}
	_, err := q.Query(ctx, "set local search_path = pg_catalog, pg_temp")
	if err == nil {
		err = do()
	}
	if err != nil {
		_, _ = q.Query(ctx, frame[2]) // the first error counts
		return err
	}
	_, err = q.Query(ctx, frame[1])
	return err
}

// loader fills a Snapshot. The first error sticks.
type loader struct {
	ctx context.Context
	q   Querier
	s   *Snapshot
	err error
}

// each runs a query and hands on each of its rows.
func (l *loader) each(sql string, columns int, row func(r row)) {
	if l.err != nil {
		return
	}
	rows, err := l.q.Query(l.ctx, sql)
	if err != nil {
		l.err = err
		return
	}
	for _, r := range rows {
		if len(r) != columns {
			l.err = fmt.Errorf("a catalog query answered %d columns, not %d", len(r), columns)
			return
		}
		row(r)
	}
}

type row [][]byte

func (r row) text(i int) string { return string(r[i]) }
func (r row) yes(i int) bool    { return len(r[i]) == 1 && r[i][0] == 't' }
func (r row) oid(i int) uint32  { return uint32(r.number(i)) } //nolint:gosec // an OID has 32 bits
func (r row) number(i int) int64 {
	n, err := strconv.ParseInt(string(r[i]), 10, 64)
	if err != nil {
		return 0
	}
	return n
}
func (r row) byte(i int) byte {
	if len(r[i]) == 0 {
		return 0
	}
	return r[i][0]
}
func (r row) oids(i int, separator string) []uint32 {
	var out []uint32
	for f := range strings.SplitSeq(string(r[i]), separator) {
		if n, err := strconv.ParseUint(f, 10, 32); err == nil && n != 0 {
			out = append(out, uint32(n))
		}
	}
	return out
}

// users are the OIDs that initdb did not give: domain_in and the like run what
// the type is made of, which is looked at by itself.
func (r row) users(i int) []uint32 {
	return slices.DeleteFunc(r.oids(i, ","), func(o uint32) bool { return o < firstUserOID })
}

func (r row) numbers(i int) []int16 {
	var out []int16
	for f := range strings.SplitSeq(string(r[i]), ",") {
		if n, err := strconv.ParseInt(f, 10, 16); err == nil {
			out = append(out, int16(n))
		}
	}
	return out
}

func (l *loader) load() (*Snapshot, error) {
	s := &Snapshot{
		sequence:  sequence.Add(1),
		relations: make(map[uint32]*Relation), names: make(map[[2]string]*Relation),
		functions: make(map[uint32]*Function), byName: make(map[string][]*Function),
		operators: make(map[string][]*operator), operator: make(map[uint32]*operator),
		types: make(map[uint32]*Type), typeNames: make(map[[2]string]*Type),
		schemas: make(map[string]bool), known: make(map[uint32]facts.Relation),
	}
	l.s = s
	l.each(sqlServer, 3, func(r row) {
		s.ServerVersion, s.Database, s.User = int(r.number(0)), r.text(1), r.text(2)
	})
	if l.err == nil && (s.ServerVersion < oldest || s.ServerVersion >= newest) {
		return nil, fmt.Errorf("PostgreSQL %d is not known to this gateway (14 to 18 are)", s.ServerVersion/10000)
	}
	l.each(sqlSchemas, 1, func(r row) { s.schemas[r.text(0)] = true })
	l.types()
	l.functions()
	l.operators()
	l.relations()
	l.constraints()
	l.rules()
	l.expressions()
	l.each(sqlEventTriggers, 1, func(r row) { s.events = append(s.events, r.oid(0)) })
	if l.err == nil {
		s.Fingerprint, l.err = hash(l.ctx, l.q)
	}
	if l.err != nil {
		return nil, l.err
	}
	for _, r := range s.relations {
		r.written.compact()
		r.policies.compact()
		r.body.compact()
	}
	return s, nil
}

func (l *loader) tree(b []byte) tree {
	if len(b) == 0 {
		return tree{}
	}
	return readTree(b, func(oid uint32) uint32 {
		if o := l.s.operator[oid]; o != nil {
			return o.function
		}
		return 0
	})
}

func (l *loader) types() {
	l.each(sqlTypes, 9, func(r row) {
		t := &Type{
			OID: r.oid(0), Schema: r.text(1), Name: r.text(2), Kind: r.byte(3), Category: r.byte(4),
			Base: r.oid(5), Element: r.oid(6), Relation: r.oid(7), functions: r.users(8),
		}
		l.s.types[t.OID], l.s.typeNames[[2]string{t.Schema, t.Name}] = t, t
	})
	l.each(sqlRanges, 5, func(r row) {
		t, multi := l.s.types[r.oid(0)], l.s.types[r.oid(1)]
		if t == nil || multi == nil {
			return
		}
		t.subtype, multi.subtype = r.oid(2), t.OID
		t.functions = append(t.functions, append(r.users(3), r.users(4)...)...)
	})
}

func (l *loader) functions() {
	defaults := make(map[uint32][]byte)
	l.each(sqlFunctions, 16, func(r row) {
		f := &Function{
			OID: r.oid(0), Schema: r.text(1), Name: r.text(2), Language: r.text(3), Kind: r.byte(4),
			Volatile: r.byte(5) == 'v', Set: r.yes(6), Result: r.oid(10), Args: r.oids(11, " "), source: r.text(14),
		}
		f.Max = int(r.number(7))
		f.Min = f.Max - int(r.number(8))
		if r.yes(9) {
			f.Min, f.Max = max(f.Min-1, 0), -1
		}
		f.Out = outNames(r[12], r[13])
		f.builtin = f.OID < firstUserOID
		defaults[f.OID] = r[15]
		l.s.functions[f.OID] = f
		l.s.byName[f.Name] = append(l.s.byName[f.Name], f)
	})
	l.each(sqlExtensions, 2, func(r row) {
		if f := l.s.functions[r.oid(0)]; f != nil {
			f.extension = r.text(1)
		}
	})
	l.each(sqlAggregates, 9, func(r row) {
		if f := l.s.functions[r.oid(0)]; f != nil {
			for i := 1; i < 9; i++ {
				if o := r.oid(i); o != 0 {
					f.support = append(f.support, o)
				}
			}
		}
	})
	for oid, d := range defaults {
		if f := l.s.functions[oid]; len(d) > 0 {
			f.body.add(l.tree(d))
		}
	}
}

// outNames are the columns of a function's result, from its argument modes
// and names; nil where it declares none.
func outNames(modes, names []byte) []string {
	if len(modes) == 0 || len(names) == 0 {
		return nil
	}
	var all []string
	if json.Unmarshal(names, &all) != nil {
		return nil
	}
	var out []string
	i := 0
	for m := range strings.SplitSeq(string(modes), ",") {
		if i < len(all) && (m == "o" || m == "b" || m == "t") {
			out = append(out, all[i])
		}
		i++
	}
	return out
}

func (l *loader) operators() {
	l.each(sqlOperators, 6, func(r row) {
		o := &operator{schema: r.text(1), name: r.text(2), left: r.oid(3), right: r.oid(4), function: r.oid(5)}
		l.s.operator[r.oid(0)] = o
		l.s.operators[o.name] = append(l.s.operators[o.name], o)
	})
	l.each(sqlCasts, 4, func(r row) {
		l.s.casts = append(l.s.casts, cast{source: r.oid(0), target: r.oid(1), function: r.oid(2), context: r.byte(3)})
	})
}

func (l *loader) relations() {
	l.each(sqlRelations, 6, func(r row) {
		rel := &Relation{OID: r.oid(0), Schema: r.text(1), Name: r.text(2), Kind: r.byte(3), Temp: r.byte(4) == 't', RowType: r.oid(5)}
		l.s.relations[rel.OID], l.s.names[[2]string{rel.Schema, rel.Name}] = rel, rel
	})
	l.each(sqlColumns, 5, func(r row) {
		rel := l.s.relations[r.oid(0)]
		n := int(r.number(1))
		if rel == nil || n > 1600 {
			return
		}
		for len(rel.Columns) < n {
			rel.Columns = append(rel.Columns, Column{})
		}
		rel.Columns[n-1] = Column{Name: r.text(2), Type: r.oid(3), Generated: r.byte(4) != 0}
	})
	l.each(sqlInherits, 2, func(r row) {
		child, parent := l.s.relations[r.oid(0)], l.s.relations[r.oid(1)]
		if child != nil && parent != nil { // else: indexes
			child.parents = append(child.parents, parent.OID)
			parent.children = append(parent.children, child.OID)
		}
	})
}

func (l *loader) constraints() {
	l.each(sqlConstraints, 9, func(r row) {
		rel := l.s.relations[r.oid(1)]
		switch r.byte(0) {
		case 'f':
			to := l.s.relations[r.oid(3)]
			if rel == nil || to == nil {
				return
			}
			k := foreignKey{from: rel.OID, to: to.OID, fromKey: r.numbers(4), toKey: r.numbers(5), onDelete: r.byte(6), onUpdate: r.byte(7)}
			rel.out = append(rel.out, k)
			to.in = append(to.in, k)
		case 'c':
			if t := l.s.types[r.oid(2)]; t != nil {
				t.checks.add(l.tree(r[8]))
			} else if rel != nil {
				rel.written.add(l.tree(r[8]))
			}
		}
	})
}

func (l *loader) rules() {
	l.each(sqlRewrite, 5, func(r row) {
		rel := l.s.relations[r.oid(0)]
		if rel == nil {
			return
		}
		t := l.tree(r[3])
		if r.text(2) == "_RETURN" {
			rel.body.add(t)
			if !rel.System() {
				rel.definition = r.text(3)
			}
			return
		}
		t.add(l.tree(r[4]))
		rel.rules = append(rel.rules, rule{event: r.byte(1), tree: t})
	})
	l.each(sqlViewColumns, 3, func(r row) {
		if rel := l.s.relations[r.oid(0)]; rel != nil {
			rel.bodyColumns = append(rel.bodyColumns, Attr{r.oid(1), int16(r.number(2))}) //nolint:gosec // at most 1600 columns
		}
	})
	l.each(sqlTriggers, 4, func(r row) {
		if rel := l.s.relations[r.oid(0)]; rel != nil {
			rel.triggers = append(rel.triggers, trigger{function: r.oid(1), events: int(r.number(2)), when: l.tree(r[3])})
		}
	})
}

func (l *loader) expressions() {
	l.each(sqlDefaults, 3, func(r row) {
		rel, n := l.s.relations[r.oid(0)], int(r.number(1))
		if rel == nil || n < 1 || n > len(rel.Columns) {
			return
		}
		t := l.tree(r[2])
		rel.written.add(t)
		if rel.Columns[n-1].Generated {
			rel.generated = append(rel.generated, generated{number: int16(n), tree: t, definition: r.text(2)}) //nolint:gosec // at most 1600 columns
			return
		}
		rel.defaults = append(rel.defaults, t.functions...)
	})
	l.each(sqlIndexes, 3, func(r row) { l.written(r.oid(0), r[1], r[2]) })
	l.each(sqlPartitions, 2, func(r row) { l.written(r.oid(0), r[1], nil) })
	l.each(sqlPolicies, 3, func(r row) {
		if rel := l.s.relations[r.oid(0)]; rel != nil {
			rel.policies.add(l.tree(r[1]))
			rel.policies.add(l.tree(r[2]))
		}
	})
}

// written adds expressions that a write to the relation evaluates.
func (l *loader) written(relation uint32, trees ...[]byte) {
	if rel := l.s.relations[relation]; rel != nil {
		for _, b := range trees {
			rel.written.add(l.tree(b))
		}
	}
}

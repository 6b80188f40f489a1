package postgres

import (
	"context"
	"errors"
	"slices"

	"github.com/jackc/pgproto3/v2"

	"sluice.dev/proxy/gate"
	"sluice.dev/proxy/mask"
	"sluice.dev/proxy/protocol/postgres/catalog"
	"sluice.dev/proxy/protocol/postgres/lineage"
	"sluice.dev/proxy/protocol/postgres/wire"
)

// lens is through what one session sees text: what names mean to it now, what
// is protected, and what it has been told so far.
type lens struct {
	gs       *gate.Session
	opts     *Options // the newest generation's
	conn     *gate.Connection
	database string
	live     *catalog.Live

	path     catalog.SearchPath
	pathText string // as SHOW search_path has it
	role     string // the effective one
	login    string // the session's own
	// unsure: the search_path or the role may have changed; unsureTemp: the
	// temporary objects. stale: the catalog has, by this session's DDL.
	unsure, unsureTemp, stale bool
	doubt                     uint64 // which spell of these it is, see moves
	// moved: the open transaction has changed one of these, so that its
	// rollback changes it back.
	moved   bool
	lastTag string

	view   *catalog.View
	viewOf *catalog.Snapshot
	of     viewKey

	// own is what the session's open transaction has made of the catalog, for
	// itself alone, until it ends; nil is as all see it.
	own          *catalog.Snapshot
	ownProtected *catalog.Protected
	ownOpts      *Options // that ownProtected was worked out for

	// printing: the session was opened with the settings that make the server
	// print its analysis. seen is what it printed and nobody has used yet, by
	// query; known what was made of it, by text, both for this session alone.
	// needs is what a name within a text needs to have analysed first.
	printing  bool
	seen      map[string]*seen
	known     map[string]*analysis
	knownSize int
	needs     *needsServer
	levels    levels
}

// snapshot is the catalog as the session sees it now.
func (l *lens) snapshot() *catalog.Snapshot {
	if l.own != nil {
		return l.own
	}
	return l.live.Snapshot()
}

// set is the protected set under a snapshot.
func (l *lens) set(s *catalog.Snapshot) (*catalog.Protected, error) {
	if s != l.own {
		return l.opts.protectedIn(l.database, s)
	}
	if l.ownProtected != nil && l.ownOpts == l.opts && l.ownProtected.Snapshot() == s {
		return l.ownProtected, nil
	}
	before, _ := l.opts.protectedIn(l.database, l.live.Snapshot())
	p, errs := l.opts.protect(s, before)
	l.ownProtected, l.ownOpts = p, l.opts
	return p, errors.Join(errs...)
}

// newLens learns what names mean to a session that has just logged in.
func newLens(ctx context.Context, opts *Options, up *server, database string) (*lens, error) {
	l := &lens{opts: opts, database: database, live: opts.Catalogs.Of(opts.Upstream, database)}
	if _, err := l.live.Ready(ctx); err != nil {
		return nil, &upstreamError{code: "08006", text: "the database's catalog cannot be read", err: err}
	}
	rows, err := up.Query(ctx, "SELECT pg_catalog.current_setting('search_path'), current_user, session_user, pg_catalog.current_setting('log_min_messages')")
	if err != nil || len(rows) != 1 || len(rows[0]) != 4 {
		return nil, &upstreamError{code: "08006", text: "the session's search_path cannot be read", err: err}
	}
	l.role, l.login = string(rows[0][1]), string(rows[0][2])
	l.printing = opts.byServer()
	if err := opts.serverLog(string(rows[0][3])); l.printing && err != nil {
		return nil, &upstreamError{code: "08006", text: err.Error()}
	}
	l.setPath(string(rows[0][0]))
	return l, nil
}

func (l *lens) setPath(text string) {
	names, ok := splitPath(text)
	for i, n := range names {
		if n == "$user" {
			names[i] = l.role
		}
	}
	l.pathText = text
	l.path.Schemas, l.path.Unknown = names, !ok
	l.view = nil
}

// learn takes the answer to a probe.
func (l *lens) learn(p *probe) {
	if role := cell(p.rows[1], 0); role == "none" {
		l.role = l.login
	} else {
		l.role = role
	}
	l.setPath(cell(p.rows[0], 0))
	l.unsure = false
	if p.temp {
		l.path.TempSchema, l.path.Temp, l.path.TempUnknown = "", nil, false
		for _, r := range p.rows[2:] {
			l.path.TempSchema = cell(r, 0)
			if name := cell(r, 1); name != "" {
				l.path.Temp = append(l.path.Temp, name)
			}
		}
		slices.Sort(l.path.Temp)
		l.unsureTemp = false
		if l.path.TempSchema != "" {
			l.stale = true // the snapshot lacks what is in it
			l.moves()
		}
	}
	l.view = nil
}

func cell(row [][]byte, i int) string {
	if i < len(row) {
		return string(row[i])
	}
	return ""
}

// reload loads the catalog again.
func (l *lens) reload(ctx context.Context) error {
	_, err := l.live.Reload(ctx)
	return err
}

// look is the view of the moment.
func (l *lens) look(s *catalog.Snapshot) *catalog.View {
	if l.view == nil || l.viewOf != s {
		l.view, l.viewOf = s.Session(l.path), s
	}
	if l.doubtful() {
		p := l.path
		p.Unknown = p.Unknown || l.unsure || l.stale
		p.TempUnknown = p.TempUnknown || l.unsureTemp
		return s.Session(p)
	}
	return l.view
}

// take retains the newest generation for one command; the command that is
// made next carries it.
func (l *lens) take() error {
	l.drop()
	l.conn = l.gs.Acquire()
	if l.conn == nil {
		return errors.New("the connection was removed from the configuration")
	}
	l.opts = l.conn.Options.(*Options)
	return nil
}

// drop gives back what take retained and no command took over.
func (l *lens) drop() {
	if l.conn != nil {
		l.conn.Generation.Release()
		l.conn = nil
	}
}

// analyse turns a text into facts and a verdict on its protected columns,
// under the newest generation and catalog.
func (l *lens) analyse(m *machine, text string, types []uint32) (*analysis, error) {
	if err := l.take(); err != nil {
		return nil, err
	}
	a, err := l.work(m, text, types)
	if err == nil && a.unknownName() && l.opts.Catalogs.again(l.live) {
		a, err = l.work(m, text, types)
	}
	return a, err
}

// work analyses a text under what is known now.
func (l *lens) work(m *machine, text string, types []uint32) (*analysis, error) {
	snapshot := l.snapshot()
	protected, err := l.set(snapshot)
	if err != nil {
		// What no longer resolves stays protected under its old number; what
		// never did protects nothing, and the operator has to know.
		l.opts.alarm(l.gs.Gateway().Logger, l.gs.Gateway().Name, err)
	}
	key := l.key(snapshot)
	if l.byServer(protected) {
		return l.workWithServer(m, text, types, key, snapshot, protected)
	}
	if a := l.opts.cache.texts.get(text, key); a != nil {
		return a, nil
	}
	if a := l.opts.cache.shapes.get(text, key); a != nil {
		return a, nil
	}
	a, err := newAnalysis(text, nil, l.look(snapshot), protected, m, false)
	if err != nil {
		return nil, err
	}
	a.key, a.opts, a.protected = key, l.opts, protected
	if shape := a.shaped(); shape != "" {
		l.opts.cache.shapes.put(shape, a)
	} else if a.shared {
		l.opts.cache.texts.put(a)
	}
	return a, nil
}

// current says whether an analysis made earlier is still what analyse would
// say.
func (l *lens) current(a *analysis) bool {
	if l.take() != nil {
		return false
	}
	if !a.shared || a.opts != l.opts || a.key != l.key(l.snapshot()) {
		return false
	}
	return a.server || l.opts.Lineage != LineageServer || a.protected.Empty()
}

// protected is the configured set.
func (l *lens) protected() []string { return l.opts.Columns }

// notifies says whether a trigger on a protected relation runs code that could
// put its rows into a notification.
func (l *lens) notifies() bool {
	p, _ := l.set(l.snapshot()) // what does not resolve is told elsewhere
	return p.Empty() || len(p.Copiers()) > 0
}

// typeInfo looks a type that is not built in up in the catalog.
func (l *lens) typeInfo(oid uint32) (typeInfo, bool) {
	t, ok := l.snapshot().Type(oid)
	if !ok {
		return typeInfo{}, false
	}
	switch {
	case t.Name == "citext":
		return typeInfo{family: familyText}, true
	case t.Element != 0 && t.Kind == 'b':
		return typeInfo{family: familyArray, elem: t.Element}, true
	case t.Kind == 'd':
		return typeOf(t.Base, nil), true
	}
	return typeInfo{}, true
}

// column says what happens to the cells of a result column.
func (l *lens) column(run *running, plan *mask.Plan, position int, c wire.Column) (t mask.Treatment, derived bool, table string) {
	a, v := run.a, run.judged()
	origins, pass := v.Mask(a.protected, position, c.Table, c.Attribute, true)
	if pass && c.Table != 0 {
		// A cheap second look: whatever the text was taken for, a column that
		// the server names as protected is one.
		if o, ok := a.protected.Column(c.Table, c.Attribute); ok {
			origins, pass = o, false
		}
	}
	if r, ok := l.snapshot().Relation(c.Table); ok {
		table = r.ID()
		if r.Temp && l.path.TempOpaque {
			origins, pass = nil, false // see catalog.View.Opaque
		}
	}
	if pass {
		return mask.Treatment{}, false, table
	}
	if out := v.Outputs; position < len(out) && out[position].Level >= lineage.Derived {
		t, derived = l.derived(plan, out[position].Origins)
		return t, derived, table
	}
	t, derived = l.treatment(plan, origins, len(origins) == 0)
	return t, derived, table
}

// derived is the treatment of what was computed from columns: none where this
// principal sees all of them.
func (l *lens) derived(plan *mask.Plan, origins []string) (mask.Treatment, bool) {
	for _, o := range origins {
		if plan.Columns[o].Action != mask.None {
			return l.treatment(plan, nil, true)
		}
	}
	return l.treatment(plan, nil, len(origins) == 0)
}

// treatment is the strictest of the columns that a value stands for. One that
// nobody can name is treated as derived.
func (l *lens) treatment(plan *mask.Plan, origins []string, derived bool) (mask.Treatment, bool) {
	if derived {
		return plan.Derived, plan.Derived.Action != mask.None
	}
	var t mask.Treatment
	for _, o := range origins {
		t = t.Stricter(plan.Columns[o])
	}
	return t, false
}

// parameter follows a ParameterStatus: PostgreSQL 18 reports search_path.
func (l *lens) parameter(m *machine, body []byte) {
	var s pgproto3.ParameterStatus
	if s.Decode(body) != nil {
		return
	}
	switch s.Name {
	case "standard_conforming_strings":
		if s.Value != "on" {
			m.fatal("42501", "standard_conforming_strings may not be off: statements could not be read as the server reads them")
		}
	case "client_encoding":
		if s.Value != "UTF8" {
			m.fatal("42501", "client_encoding may only be UTF8: statements could not be read as the server reads them")
		}
	}
}

// effect notes what a command that goes out now changes for those after it.
func (l *lens) effect(m *machine, a *analysis) {
	if a == nil {
		return
	}
	if a.level != nil {
		l.levels.set(a.level, m.inTransaction())
	}
	for _, step := range a.steps {
		switch step.transaction {
		case begins:
			m.next = 'T'
		case ends:
			m.next = 'I'
		}
	}
	if a.undoes && !l.moved {
		return // a ROLLBACK of a transaction that has changed no name
	}
	if a.changesPath {
		l.unsure = true
	}
	if a.changesTemp {
		l.unsureTemp = true
	}
	if a.changesCatalog {
		l.stale = true
	}
	if a.changesPath || a.changesTemp || a.changesCatalog {
		l.moved = true
		l.moves()
	}
}

// completed notes a command tag.
func (l *lens) completed(run *running) {
	l.lastTag = run.tag
	switch run.tag {
	case "COMMIT", "ROLLBACK":
		l.levels.ended()
	case "DISCARD ALL":
		l.levels = levels{}
	}
	if run.tag == "ROLLBACK" || run.tag == "COMMIT" {
		if run.tag == "ROLLBACK" && l.moved {
			l.unsure = true // a SET inside it is undone
		}
		if l.path.TempSchema != "" {
			l.unsureTemp = true
		}
		l.moved = false
		l.moves()
	}
}

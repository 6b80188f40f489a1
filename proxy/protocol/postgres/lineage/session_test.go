package lineage_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	pg "github.com/pganalyze/pg_query_go/v6"
	pgquery "github.com/wasilibs/go-pgquery"

	"sluice.dev/proxy/protocol/postgres/catalog"
	"sluice.dev/proxy/protocol/postgres/lineage"
)

// session does for one connection what the gateway's session does: it judges
// each statement, runs it if it may, and keeps what would reach the client.
type session struct {
	t       *testing.T
	d       *database
	conn    *pgconn.PgConn
	exact   bool
	seen    []string           // what reaches the client
	raw     []string           // what the server sent
	notices []string           // since the statement began
	own     *catalog.Snapshot  // what the open transaction has defined
	guard   *catalog.Protected // of own
	cursors map[string]lineage.Verdict
	plans   map[string]*pg.Node
	texts   map[string]string
	masked  int      // cells
	shown   int      // columns of results
	columns []string // names of masked ones
	failed  error    // of the last statement

	analyser *analyser // of a session in server mode, else nil
	tree     string    // the last one
	verdict  lineage.Verdict
}

func newSession(t *testing.T, d *database, exact bool) *session {
	t.Helper()
	s := &session{t: t, d: d, exact: exact, cursors: map[string]lineage.Verdict{}, plans: map[string]*pg.Node{}, texts: map[string]string{}}
	config, err := pgconn.ParseConfig(server.DSN(d.name, "app", "app"))
	if err != nil {
		t.Fatal(err)
	}
	config.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) {
		s.notices = append(s.notices, fmt.Sprint((*pgconn.PgError)(n).Message, n.Detail, n.Hint, n.Where, n.InternalQuery))
	}
	config.OnNotification = func(*pgconn.PgConn, *pgconn.Notification) {} // payloads are masked
	s.conn, err = pgconn.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.conn.Close(context.Background()) })
	return s
}

// path asks for what the gateway tracks.
func (s *session) path() catalog.SearchPath {
	rows, err := simple{s.conn}.Query(s.t.Context(), `select pg_catalog.array_to_string(pg_catalog.current_schemas(false), ','),
 coalesce((select nspname from pg_catalog.pg_namespace where oid operator(pg_catalog.=) pg_catalog.pg_my_temp_schema()), '')`)
	if err != nil {
		return catalog.SearchPath{Unknown: true} // an aborted transaction
	}
	return catalog.SearchPath{Schemas: strings.Split(string(rows[0][0]), ","), TempSchema: string(rows[0][1])}
}

func (s *session) judge(stmt *pg.Node) lineage.Verdict {
	path := s.path()
	v := lineage.Strict(stmt, s.snapshot().Session(path), s.protected())
	if v.Unresolved && s.own == nil {
		s.d.reload()
		v = lineage.Strict(stmt, s.d.snapshot.Session(path), s.d.protected)
	}
	return v
}

func (s *session) judgement(stmt *pg.Node, sql string) (lineage.Verdict, error) {
	if s.analyser == nil {
		return s.judge(stmt), nil
	}
	return s.serverJudge(stmt, sql)
}

func (s *session) snapshot() *catalog.Snapshot {
	if s.own != nil {
		return s.own
	}
	return s.d.snapshot
}

func (s *session) protected() *catalog.Protected {
	if s.own != nil {
		return s.guard
	}
	return s.d.protected
}

// defined follows a statement that may have changed definitions: what an open
// transaction has done, it alone sees.
func (s *session) defined() {
	s.t.Helper()
	switch s.conn.TxStatus() {
	case 'I':
		s.own, s.guard = nil, nil
		s.d.reload()
	case 'T':
		var err error
		if s.own, err = catalog.LoadInside(s.t.Context(), simple{s.conn}); err != nil {
			s.t.Fatal(err)
		}
		s.guard, _ = protectedSet(s.own, s.d.protected, s.analyser != nil)
	}
}

// run answers why the statement was refused, "" if it ran.
func (s *session) run(sql string) string {
	s.t.Helper()
	tree, err := pgquery.Parse(sql)
	if err != nil {
		s.t.Fatalf("%s: %v", sql, err)
	}
	if len(tree.Stmts) != 1 {
		s.t.Fatalf("%s: %d statements", sql, len(tree.Stmts))
	}
	stmt := tree.Stmts[0].Stmt
	v, err := s.judgement(stmt, sql)
	if err != nil { // the server's own
		s.failed = err
		s.seen = append(s.seen, serverError(err))
		return ""
	}
	s.verdict = v
	if v.Refuse != "" {
		return v.Refuse
	}
	ok := true
	switch {
	case v.Fetch != "":
		v, ok = s.cursors[v.Fetch]
	case v.Execute != "": // names may mean something else by now
		var inner *pg.Node
		if inner, ok = s.plans[v.Execute]; ok {
			v, err = s.judgement(inner, s.texts[v.Execute])
			if err != nil {
				s.failed = err
				s.seen = append(s.seen, serverError(err))
				return ""
			}
			if s.analyser != nil {
				s.verdict = v
			}
		}
	}
	if v.Refuse != "" {
		return v.Refuse
	}
	if !ok {
		return "unknown cursor or prepared statement"
	}
	s.notices = nil
	if v.Copy != nil {
		s.copy(sql, v)
	} else {
		s.exec(sql, v)
	}
	if v.Declare != "" {
		s.cursors[v.Declare] = v
	}
	if v.Prepare != "" {
		s.plans[v.Prepare] = stmt
		s.texts[v.Prepare] = sql
		if s.analyser == nil {
			s.plans[v.Prepare] = stmt.GetPrepareStmt().Query
		}
	}
	switch stmt.Node.(type) {
	case *pg.Node_SelectStmt, *pg.Node_InsertStmt, *pg.Node_UpdateStmt, *pg.Node_DeleteStmt, *pg.Node_MergeStmt,
		*pg.Node_FetchStmt, *pg.Node_DeclareCursorStmt, *pg.Node_PrepareStmt, *pg.Node_ExecuteStmt, *pg.Node_ExplainStmt,
		*pg.Node_CopyStmt, *pg.Node_VariableSetStmt, *pg.Node_ListenStmt, *pg.Node_UnlistenStmt,
		*pg.Node_ClosePortalStmt, *pg.Node_LockStmt, *pg.Node_TruncateStmt:
	case *pg.Node_TransactionStmt:
		if s.own != nil {
			s.defined()
		}
	default:
		s.defined()
	}
	return ""
}

func (s *session) exec(sql string, v lineage.Verdict) {
	results := s.conn.Exec(s.t.Context(), sql)
	before := len(s.seen)
	for results.NextResult() {
		r := results.ResultReader()
		fields := append([]pgconn.FieldDescription(nil), r.FieldDescriptions()...)
		s.shown += len(fields)
		for r.NextRow() {
			for i, c := range r.Values() {
				f := fields[i]
				s.raw = append(s.raw, string(c))
				_, pass := v.Mask(s.protected(), i, f.TableOID, int16(f.TableAttributeNumber), s.exact)
				if pass {
					s.seen = append(s.seen, string(c))
				} else {
					s.masked++
					s.note(f.Name)
				}
			}
		}
	}
	err := results.Close()
	if err != nil && v.HoldRows {
		s.seen = s.seen[:before]
	}
	s.finish(err, v)
}

// finish takes what a statement said beside its rows.
func (s *session) finish(err error, v lineage.Verdict) {
	s.failed = err
	if v.Scrub {
		return
	}
	s.seen = append(s.seen, s.notices...)
	var e *pgconn.PgError
	if errors.As(err, &e) {
		s.seen = append(s.seen, fmt.Sprint(e.Message, e.Detail, e.Hint, e.Where, e.InternalQuery))
	}
}

// copy runs a COPY … TO STDOUT and masks by position.
func (s *session) copy(sql string, v lineage.Verdict) {
	var out bytes.Buffer
	_, err := s.conn.CopyTo(s.t.Context(), &out, sql)
	s.finish(err, v)
	for i, fields := range copyRows(s.t, out.String(), v.Copy) {
		if i == 0 && v.Copy.Header {
			continue
		}
		if len(fields) != len(v.Copy.Columns) {
			s.t.Errorf("%s: %d fields, %d columns planned", sql, len(fields), len(v.Copy.Columns))
			return
		}
		for i, f := range fields {
			s.raw = append(s.raw, f)
			if c := v.Copy.Columns[i]; c.Pass || c.Proven && !s.exact {
				s.seen = append(s.seen, f)
			} else {
				s.masked++
				s.note(v.Copy.Columns[i].Name)
			}
		}
	}
}

func copyRows(t *testing.T, text string, plan *lineage.CopyPlan) (rows [][]string) {
	if plan.Format == "csv" {
		if plan.Quote != '"' {
			text = strings.ReplaceAll(text, string(plan.Quote), `"`)
		}
		r := csv.NewReader(strings.NewReader(text))
		r.Comma = rune(plan.Delimiter)
		rows, err := r.ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		return rows
	}
	for line := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n") {
		if line != "" {
			rows = append(rows, strings.Split(line, string(plan.Delimiter)))
		}
	}
	return rows
}

package lineage_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	pg "github.com/pganalyze/pg_query_go/v6"
	pgquery "github.com/wasilibs/go-pgquery"

	"sluice.dev/proxy/protocol/postgres/catalog"
	"sluice.dev/proxy/protocol/postgres/lineage"
	"sluice.dev/proxy/protocol/postgres/tree"
)

// analyser makes the server show its tree of a statement, as the gateway does:
// by a Parse of it.
type analyser struct {
	session *session
	trees   []string // DETAILs of “rewritten parse tree:” since the last Parse began
}

// settings switch the trees on.
const settings = "-c debug_print_rewritten=on -c debug_pretty_print=off -c client_min_messages=log"

func newServerSession(t *testing.T, d *database) *session {
	t.Helper()
	s := &session{t: t, d: d, exact: true, cursors: map[string]lineage.Verdict{}, plans: map[string]*pg.Node{}, texts: map[string]string{}}
	s.analyser = &analyser{session: s}
	config, err := pgconn.ParseConfig(server.DSN(d.name, "app", "app"))
	if err != nil {
		t.Fatal(err)
	}
	config.RuntimeParams["options"] = settings
	config.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) {
		if n.Routine == "elog_node_display" {
			if n.Message == "rewritten parse tree:" {
				s.analyser.trees = append(s.analyser.trees, n.Detail)
			}
			return
		}
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

// major is the server's.
func (s *session) major() int { return s.d.snapshot.ServerVersion / 10000 }

// serverJudge asks the server for the tree, and judges by it. failed is the
// server's own error, with which the statement ends.
func (s *session) serverJudge(stmt *pg.Node, sql string) (v lineage.Verdict, failed error) {
	s.t.Helper()
	query, own, need, err := lineage.Analysable(stmt)
	if err != nil {
		return lineage.Verdict{Refuse: err.Error()}, nil //nolint:nilerr // a refusal, not the server's error
	}
	view := s.snapshot().Session(s.path())
	if !need {
		return lineage.Server(stmt, nil, view, s.protected()), nil
	}
	if own {
		query = sql
	}
	var types []uint32
	for _, n := range stmt.GetPrepareStmt().GetArgtypes() {
		types = append(types, s.typeOID(n))
	}
	s.analyser.trees = nil
	if _, err := s.conn.Prepare(s.t.Context(), "", query, types); err != nil {
		return lineage.Verdict{}, err
	}
	if len(s.analyser.trees) == 0 {
		s.t.Fatalf("no tree of %s", query)
	}
	text := s.analyser.trees[len(s.analyser.trees)-1]
	s.tree = text
	t, err := tree.Parse(text, s.major())
	if err != nil {
		return lineage.Verdict{Refuse: err.Error()}, nil //nolint:nilerr // a refusal, not the server's error
	}
	v = lineage.Server(stmt, t, view, s.protected())
	if v.Unresolved && s.own == nil {
		s.d.reload()
		v = lineage.Server(stmt, t, s.d.snapshot.Session(s.path()), s.d.protected)
	}
	return v, nil
}

func (s *session) typeOID(n *pg.Node) uint32 {
	text, err := pgquery.Deparse(&pg.ParseResult{Stmts: []*pg.RawStmt{{Stmt: &pg.Node{Node: &pg.Node_SelectStmt{SelectStmt: &pg.SelectStmt{
		TargetList: []*pg.Node{{Node: &pg.Node_ResTarget{ResTarget: &pg.ResTarget{Val: &pg.Node{Node: &pg.Node_TypeCast{TypeCast: &pg.TypeCast{
			Arg: &pg.Node{Node: &pg.Node_AConst{AConst: &pg.A_Const{Isnull: true}}}, TypeName: n.GetTypeName(),
		}}}}}}},
	}}}}}})
	if err != nil {
		s.t.Fatal(err)
	}
	d, err := s.conn.Prepare(s.t.Context(), "", text, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return d.Fields[0].DataTypeOID
}

// protectedSet closes the configured columns as the mode of the session has it.
func protectedSet(snap *catalog.Snapshot, previous *catalog.Protected, precise bool) (*catalog.Protected, []error) {
	if precise {
		return lineage.Protect(snap, protectedColumns, previous)
	}
	return snap.Protected(protectedColumns, previous)
}

// serverError is what a client reads when the server refuses to analyse.
func serverError(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return strings.Join([]string{e.Message, e.Detail, e.Hint, e.Where, e.InternalQuery}, " ")
	}
	return ""
}

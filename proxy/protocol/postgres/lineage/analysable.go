package lineage

import (
	"errors"
	"fmt"

	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	pgquery "github.com/wasilibs/go-pgquery"
)

// Analysable says which query the server must analyse before stmt may run. own:
// it is the statement itself, so the client's own Parse shows the tree.
// Otherwise query is the text of the query within it (of EXPLAIN, DECLARE,
// COPY, PREPARE, CREATE TABLE AS, SELECT INTO, CREATE VIEW), made from the
// statement's own tree and proven: parsed again it is the same, so that nothing
// is judged but what runs. Where need is false there is nothing to analyse, and
// what [Strict] says of a utility statement holds. With an error the statement
// is to be refused.
//
// The text of a query with parameters has them by number; their types are the
// outer statement's, which for PREPARE are declared in its own list.
func Analysable(stmt *pg.Node) (query string, own, need bool, err error) {
	switch x := inner(stmt).(type) {
	case *pg.SelectStmt:
		if x.IntoClause == nil {
			return "", true, true, nil
		}
		plain := proto.CloneOf(x)
		plain.IntoClause = nil
		query, err = proven(plain)
	case *pg.InsertStmt, *pg.UpdateStmt, *pg.DeleteStmt, *pg.MergeStmt:
		return "", true, true, nil
	case *pg.ExplainStmt:
		if c := x.Query.GetCreateTableAsStmt(); c != nil {
			query, err = proven(inner(c.Query))
		} else {
			query, err = proven(inner(x.Query))
		}
	case *pg.PrepareStmt:
		query, err = proven(inner(x.Query))
	case *pg.DeclareCursorStmt:
		query, err = proven(inner(x.Query))
	case *pg.CopyStmt:
		if x.IsFrom || x.IsProgram || x.Filename != "" {
			return "", false, false, nil
		}
		if x.Query != nil {
			query, err = proven(inner(x.Query))
		} else {
			query, err = proven(copied(x))
		}
	case *pg.CreateTableAsStmt:
		query, err = proven(inner(x.Query))
	case *pg.ViewStmt:
		query, err = proven(inner(x.Query))
	default:
		return "", false, false, nil
	}
	if err != nil {
		return "", false, false, err
	}
	return query, false, true, nil
}

// copied is the query that COPY table TO equals. COPY reads a plain table
// itself alone, and a partitioned one not at all (PostgreSQL COPY).
func copied(x *pg.CopyStmt) proto.Message {
	if x.Relation == nil {
		return nil
	}
	rel := proto.CloneOf(x.Relation)
	rel.Inh = false
	q := &pg.SelectStmt{
		FromClause:  []*pg.Node{{Node: &pg.Node_RangeVar{RangeVar: rel}}},
		LimitOption: pg.LimitOption_LIMIT_OPTION_DEFAULT, Op: pg.SetOperation_SETOP_NONE,
	}
	target := func(field *pg.Node) {
		ref := &pg.Node{Node: &pg.Node_ColumnRef{ColumnRef: &pg.ColumnRef{Fields: []*pg.Node{field}}}}
		q.TargetList = append(q.TargetList, &pg.Node{Node: &pg.Node_ResTarget{ResTarget: &pg.ResTarget{Val: ref}}})
	}
	for _, n := range x.Attlist {
		target(n)
	}
	if len(x.Attlist) == 0 {
		target(&pg.Node{Node: &pg.Node_AStar{AStar: &pg.A_Star{}}})
	}
	return q
}

// proven deparses a query and parses the text again: but for the places in the
// text, the trees must be equal.
func proven(m proto.Message) (string, error) {
	var n *pg.Node
	switch x := m.(type) {
	case *pg.SelectStmt:
		if x.IntoClause != nil {
			return "", errors.New("lineage: the statement within may not have INTO")
		}
		n = &pg.Node{Node: &pg.Node_SelectStmt{SelectStmt: x}}
	case *pg.InsertStmt:
		n = &pg.Node{Node: &pg.Node_InsertStmt{InsertStmt: x}}
	case *pg.UpdateStmt:
		n = &pg.Node{Node: &pg.Node_UpdateStmt{UpdateStmt: x}}
	case *pg.DeleteStmt:
		n = &pg.Node{Node: &pg.Node_DeleteStmt{DeleteStmt: x}}
	case *pg.MergeStmt:
		n = &pg.Node{Node: &pg.Node_MergeStmt{MergeStmt: x}}
	default:
		return "", errors.New("lineage: the statement within is of a kind that is not understood")
	}
	text, err := pgquery.Deparse(&pg.ParseResult{Stmts: []*pg.RawStmt{{Stmt: n}}})
	if err != nil {
		return "", fmt.Errorf("lineage: the query within cannot be written out: %w", err)
	}
	again, err := pgquery.Parse(text)
	if err != nil || len(again.Stmts) != 1 {
		return "", errors.New("lineage: the query within cannot be written out so that it parses again")
	}
	if !same(n.ProtoReflect(), again.Stmts[0].Stmt.ProtoReflect()) {
		return "", errors.New("lineage: the query within cannot be written out exactly")
	}
	return text, nil
}

// same compares two parse trees but for the places of nodes in the text.
func same(a, b protoreflect.Message) bool {
	equal := true
	compare := func(x, y protoreflect.Message) {
		x.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
			if !place(fd) {
				equal = y.Has(fd) && sameField(fd, v, y.Get(fd))
			}
			return equal
		})
	}
	if a.Descriptor() != b.Descriptor() {
		return false
	}
	compare(a, b)
	if equal { // what b has besides
		b.Range(func(fd protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
			equal = place(fd) || a.Has(fd)
			return equal
		})
	}
	return equal
}

func sameField(fd protoreflect.FieldDescriptor, v, w protoreflect.Value) bool {
	message := fd.Kind() == protoreflect.MessageKind
	if !fd.IsList() {
		if message {
			return same(v.Message(), w.Message())
		}
		return v.Equal(w)
	}
	if v.List().Len() != w.List().Len() {
		return false
	}
	for i := range v.List().Len() {
		x, y := v.List().Get(i), w.List().Get(i)
		if message && !same(x.Message(), y.Message()) || !message && !x.Equal(y) {
			return false
		}
	}
	return true
}

// place says whether a field is an offset in the statement's text.
func place(fd protoreflect.FieldDescriptor) bool {
	switch fd.Name() {
	case "location", "stmt_location", "stmt_len", "list_start", "list_end", "rexpr_list_start", "rexpr_list_end":
		return true
	}
	return false
}

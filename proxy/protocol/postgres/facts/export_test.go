package facts

import (
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
	pgquery "github.com/wasilibs/go-pgquery"
)

// Analysable is the text that the server analyses at Parse: the statement, or
// the query inside a utility statement, written out by libpg_query.
func (s *Statement) Analysable() (sql string, ok bool) {
	n := s.Stmts[0].Tree
	for {
		switch v := inside(n).(type) {
		case *pg.SelectStmt:
			if v.GetIntoClause() != nil {
				v.IntoClause = nil
				break
			}
			if n == s.Stmts[0].Tree {
				return s.Text, true
			}
		case *pg.InsertStmt, *pg.UpdateStmt, *pg.DeleteStmt, *pg.MergeStmt:
			if n == s.Stmts[0].Tree {
				return s.Text, true
			}
		case *pg.ExplainStmt:
			n = v.GetQuery()
			continue
		case *pg.CreateTableAsStmt:
			n = v.GetQuery()
			continue
		case *pg.DeclareCursorStmt:
			n = v.GetQuery()
			continue
		case *pg.CopyStmt:
			n = v.GetQuery()
			continue
		case *pg.PrepareStmt:
			n = v.GetQuery()
			continue
		default:
			return "", false
		}
		sql, err := pgquery.Deparse(&pg.ParseResult{Version: 170000, Stmts: []*pg.RawStmt{{Stmt: n}}})
		return sql, err == nil
	}
}

// Split cuts a script at its semicolons, outside of parentheses and of the
// body of an SQL-standard function.
func Split(text string) []string {
	var out []string
	depth, start, atomic := 0, 0, 0
	l := lex(text)
	for i, t := range l.tokens {
		switch word := fold(t.text(text)); word {
		case "(":
			depth++
		case ")":
			depth--
		case "atomic":
			if i > 0 && fold(l.tokens[i-1].text(text)) == "begin" {
				atomic++
			}
		case "case":
			if atomic > 0 {
				atomic++
			}
		case "end":
			if atomic > 0 {
				atomic--
			}
		case ";":
			if depth <= 0 && atomic == 0 {
				if s := strings.TrimSpace(text[start:t.start]); s != "" {
					out = append(out, s)
				}
				start, depth = t.end, 0
			}
		}
	}
	return out
}

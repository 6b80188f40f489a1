package facts

import (
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// keywords are PostgreSQL's, from the parser's own token list.
var keywords = func() set {
	s := set{}
	for _, name := range pg.Token_name {
		s.add(strings.ToLower(strings.TrimSuffix(name, "_P")))
	}
	return s
}()

func keyword(word string) bool { return keywords.has(word) }

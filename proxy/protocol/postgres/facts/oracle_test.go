package facts_test

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sluice.dev/proxy/protocol/postgres/facts"
)

// The oracle is PostgreSQL's own analyser: with debug_print_parse it prints
// the analysed query of every statement, in which each relation carries the
// privileges that the statement needs on it and the columns that it reads,
// inserts and updates.
const oracleOptions = "-c debug_print_parse=on -c debug_pretty_print=off -c client_min_messages=log -c log_min_messages=fatal -c statement_timeout=10s -c lock_timeout=2s"

// truth is what the server says of one statement.
type truth struct {
	reads, writes, columns, functions map[string]bool
}

var (
	relationEntry = regexp.MustCompile(`:rtekind 0 :relid (\d+) .*?:requiredPerms (\d+) :checkAsUser \d+ :selectedCols \(b([ \d]*)\) :insertedCols \(b([ \d]*)\) :updatedCols \(b([ \d]*)\)`)
	callEntry     = regexp.MustCompile(`\{FUNCEXPR :funcid (\d+) :funcresulttype \d+ :funcretset \w+ :funcvariadic \w+ :funcformat (\d)`)
	aggEntry      = regexp.MustCompile(`(?::aggfnoid|:winfnoid) (\d+) `)
)

const (
	mayInsert, maySelect, mayUpdate, mayDelete, mayTruncate = 1, 2, 4, 8, 16

	firstAttribute = 8 // attribute numbers in column sets are offset by FirstLowInvalidHeapAttributeNumber + 1
)

// analyse lets the server analyse a statement without running it.
func (s *session) analyse(sql string) (*truth, error) { return s.trees(sql, "parse tree") }

func (s *session) trees(sql, which string) (*truth, error) {
	s.notices = nil
	_, err := s.conn.Prepare(context.Background(), "", sql, nil)
	if err != nil {
		return nil, err
	}
	t := &truth{map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}}
	for _, n := range s.notices {
		if n.Routine == "elog_node_display" && strings.HasPrefix(n.Message, which) {
			if err := s.read(t, strings.ReplaceAll(n.Detail, "\n", " ")); err != nil {
				return nil, err
			}
		}
	}
	return t, nil
}

func (s *session) read(t *truth, tree string) error {
	for _, m := range relationEntry.FindAllStringSubmatch(tree, -1) {
		name, columns, err := s.relationByOID(m[1])
		if err != nil {
			return err
		}
		var perms int
		_, _ = fmt.Sscan(m[2], &perms)
		if perms&maySelect != 0 {
			t.reads[name] = true
		}
		if perms&(mayInsert|mayUpdate|mayDelete|mayTruncate) != 0 {
			t.writes[name] = true
		}
		for _, list := range m[3:6] {
			for _, f := range strings.Fields(list) {
				var n int
				_, _ = fmt.Sscan(f, &n)
				switch n -= firstAttribute - 1; {
				case n > 0 && n <= len(columns) && columns[n-1] != "":
					t.columns[name+"."+columns[n-1]] = true
				case n == 0: // the whole row
					for _, c := range columns {
						if c != "" {
							t.columns[name+"."+c] = true
						}
					}
				}
			}
		}
	}
	var oids []string
	for _, m := range callEntry.FindAllStringSubmatch(tree, -1) {
		if m[2] == "0" || m[2] == "3" { // written as a call, or as SQL's own syntax for one
			oids = append(oids, m[1])
		}
	}
	for _, m := range aggEntry.FindAllStringSubmatch(tree, -1) {
		oids = append(oids, m[1])
	}
	for _, oid := range oids {
		rows, err := s.exec("SELECT pronamespace::regnamespace::text, proname FROM pg_catalog.pg_proc WHERE oid = " + oid)
		if err != nil || len(rows) == 0 {
			return fmt.Errorf("function %s: %w", oid, err)
		}
		name := string(rows[0][0]) + "." + string(rows[0][1])
		t.functions[strings.TrimPrefix(name, "pg_catalog.")] = true
	}
	return nil
}

func (s *session) relationByOID(oid string) (name string, columns []string, err error) {
	rows, err := s.exec(`SELECT n.nspname, c.relname, (SELECT max(attnum) FROM pg_catalog.pg_attribute WHERE attrelid = c.oid)
		FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = ` + oid)
	if err != nil || len(rows) == 0 {
		return "", nil, fmt.Errorf("relation %s: %w", oid, err)
	}
	name = string(rows[0][0]) + "." + string(rows[0][1])
	var last int
	_, _ = fmt.Sscan(string(rows[0][2]), &last)
	columns = make([]string, max(last, 0))
	rows, err = s.exec(`SELECT attnum, attname FROM pg_catalog.pg_attribute WHERE attnum > 0 AND NOT attisdropped AND attrelid = ` + oid)
	for _, row := range rows {
		var n int
		_, _ = fmt.Sscan(string(row[0]), &n)
		columns[n-1] = string(row[1])
	}
	return name, columns, err
}

// compare says how the facts differ from the truth; "" if they agree. Reads
// and writes must be equal, columns and functions at least all there.
func compare(f *facts.Facts, t *truth) string {
	var wrong []string
	ours := func(list []string) map[string]bool {
		m := map[string]bool{}
		for _, x := range list {
			if !strings.Contains(x, ":") {
				m[x] = true
			}
		}
		return m
	}
	reads, writes := ours(f.Reads), ours(f.Writes)
	for x := range t.reads {
		if !reads[x] {
			wrong = append(wrong, "reads lack "+x)
		}
	}
	for x := range reads {
		// An updatable view's own entry is counted as read; see session.Relation.
		if !t.reads[x] && !writes[x] && !slices.ContainsFunc(f.Functions, readsMore) {
			wrong = append(wrong, "reads have "+x)
		}
	}
	for x := range t.writes {
		if !writes[x] && !f.Flags.Lock {
			wrong = append(wrong, "writes lack "+x)
		}
	}
	if !f.Has("create") {
		for x := range writes {
			if !t.writes[x] && !slices.ContainsFunc(f.Functions, func(s string) bool { return s == "nextval" || s == "setval" || strings.HasPrefix(s, "lo") }) {
				wrong = append(wrong, "writes have "+x)
			}
		}
	}
	columns := ours(f.Columns)
	for x := range t.columns {
		if !columns[x] {
			wrong = append(wrong, "columns lack "+x)
		}
	}
	functions := ours(f.Functions)
	for x := range t.functions {
		if !functions[x] && !bySyntax[x] {
			wrong = append(wrong, "functions lack "+x)
		}
	}
	slices.Sort(wrong)
	return strings.Join(wrong, "; ")
}

// readsMore are functions that read what their arguments name, or large
// objects: the facts know more than the tree.
func readsMore(name string) bool {
	return strings.HasPrefix(name, "table_to_xml") || strings.HasPrefix(name, "lo_") || name == "loread"
}

// bySyntax are functions that the analyser itself puts in for a construct of
// SQL, all of them pure.
var bySyntax = map[string]bool{"like_escape": true}

func scan(t testing.TB, text []byte, n *int) {
	t.Helper()
	if _, err := fmt.Sscan(string(text), n); err != nil {
		t.Fatal(err)
	}
}

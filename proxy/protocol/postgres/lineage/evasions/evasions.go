// Package evasions reads the lists of statements in ../../testdata that prove
// masking: the same lists run against the lineage room alone and through a
// whole gateway.
package evasions

import (
	"fmt"
	"os"
	"strings"
)

// Case is one entry: statements that run in order on one connection.
type Case struct {
	Name       string
	Word       string // what the list says after the name
	Line       int    // of the name, in the file
	Statements []string
}

// Read reads a list. Its grammar is told at the top of evasions.sql.
func Read(path string) ([]Case, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var cases []Case
	var statement strings.Builder
	for i, line := range strings.SplitAfter(string(text), "\n") {
		if rest, ok := strings.CutPrefix(line, "--- "); ok {
			if strings.TrimSpace(statement.String()) != "" {
				return nil, fmt.Errorf("%s:%d: a statement before this line has no ; at the end", path, i+1)
			}
			name, word, ok := strings.Cut(strings.TrimSpace(rest), ": ")
			if !ok {
				return nil, fmt.Errorf("%s:%d: no word after the name", path, i+1)
			}
			cases = append(cases, Case{Name: name, Word: word, Line: i + 1})
			statement.Reset()
			continue
		}
		if len(cases) == 0 {
			continue // the comment at the top
		}
		statement.WriteString(line)
		if strings.HasSuffix(strings.TrimRight(line, " \n"), ";") {
			c := &cases[len(cases)-1]
			c.Statements = append(c.Statements, strings.TrimRight(strings.TrimSpace(statement.String()), ";"))
			statement.Reset()
		}
	}
	return cases, nil
}

// marks are the word canary as it is, reversed, in hexadecimal and in base64
// at each alignment.
var marks = []string{"canary", "yranac", "63616e617279", "y2fuyxj5", "nhbmfye", "jyw5hcn"}

// Leaks says whether a text holds a protected value of evasions_schema.sql.
func Leaks(text string) bool {
	text = strings.ToLower(text)
	for _, m := range marks {
		if strings.Contains(text, m) {
			return true
		}
	}
	return false
}

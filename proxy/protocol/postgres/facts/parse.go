package facts

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"unicode/utf8"

	pg "github.com/pganalyze/pg_query_go/v6"
	pgquery "github.com/wasilibs/go-pgquery"
	"github.com/wasilibs/go-pgquery/parser"
)

// Statement is one parsed message: the text of a Query or a Parse.
type Statement struct {
	Text  string
	Stmts []Stmt // empty for an empty query
	// Params is the highest $n.
	Params int

	tokens []token
	shape  string
}

// Stmt is one statement of the text.
type Stmt struct {
	Tree       *pg.Node
	Start, End int    // byte range in Text, without the semicolon
	Kind       string // the node's name: SelectStmt, CopyStmt, …
}

// SyntaxError is a text that PostgreSQL's parser, or its limits, refuse:
// SQLSTATE 42601.
type SyntaxError struct {
	Message  string
	Position int // character, counted from 1; 0: unknown
}

func (e *SyntaxError) Error() string { return e.Message }

// ErrParser is that the parser itself failed. Nothing that it says can be
// trusted from then on, in this process; SQLSTATE 57P03.
var ErrParser = errors.New("postgres facts: the SQL parser failed: refused to be safe until the gateway is restarted")

// Each instance of the parser takes a second to compile and some 20 MB, and
// the module makes one for each concurrent call, so calls are limited.
var instances = make(chan struct{}, min(max(runtime.GOMAXPROCS(0), 1), 4))

var (
	warm   sync.Once
	broken atomic.Bool
)

// Warm compiles the parser, about 1.3 s for each instance, once per process.
func Warm(ctx context.Context) error {
	done := make(chan struct{})
	go func() { // ends with the compilation, which cannot be interrupted
		defer close(done)
		warm.Do(func() {
			var all sync.WaitGroup
			for range cap(instances) {
				all.Go(func() { _, _ = parseTree("SELECT 1") })
			}
			all.Wait()
		})
	}()
	select {
	case <-done:
	case <-ctx.Done():
		return ctx.Err()
	}
	if broken.Load() {
		return ErrParser
	}
	_, err := Parse("SELECT 1")
	return err
}

// Healthy is false once the parser has failed: every Parse answers ErrParser
// until the process starts again.
func Healthy() bool { return !broken.Load() }

// Parse reads the text of a message. The caller limits its length. The error
// is a *SyntaxError, or ErrParser.
func Parse(text string) (*Statement, error) {
	if strings.IndexByte(text, 0) >= 0 || !utf8.ValidString(text) {
		return nil, &SyntaxError{Message: `invalid byte sequence for encoding "UTF8"`}
	}
	return parseLexed(text, lex(text))
}

func parseLexed(text string, l lexer) (*Statement, error) {
	if err := tooDeep(text, l.tokens); err != nil {
		return nil, err
	}
	tree, err := parseTree(text)
	if err != nil {
		return nil, err
	}
	if l.bad {
		// The parser read it and the lexer did not: they disagree, so
		// nothing that rests on the lexer holds.
		return nil, &SyntaxError{Message: "statement is not understood: its literals are ambiguous"}
	}
	s := &Statement{Text: text, tokens: l.tokens, shape: shape(text, l.tokens)}
	for _, raw := range tree.GetStmts() {
		stmt := Stmt{Tree: raw.GetStmt(), Start: int(raw.GetStmtLocation())}
		stmt.End = stmt.Start + int(raw.GetStmtLen())
		if raw.GetStmtLen() == 0 {
			stmt.End = len(text)
		}
		stmt.Start += len(text[stmt.Start:stmt.End]) - len(strings.TrimLeft(text[stmt.Start:stmt.End], " \t\r\n\f\v"))
		stmt.Kind = nodeName(stmt.Tree)
		s.Stmts = append(s.Stmts, stmt)
	}
	s.Params = highestParam(text, l.tokens)
	return s, nil
}

// highestParam is the highest $n, at most the 65,535 that Bind can carry.
func highestParam(text string, tokens []token) (highest int) {
	for _, t := range tokens {
		if t.kind != tokParam {
			continue
		}
		n := 0
		for _, c := range t.text(text)[1:] {
			n = min(n*10+int(c-'0'), 65535)
		}
		highest = max(highest, n)
	}
	return highest
}

// parseTree asks the parser, never more than its instances allow at a time.
func parseTree(text string) (tree *pg.ParseResult, err error) {
	instances <- struct{}{}
	defer func() { <-instances }()
	if broken.Load() {
		return nil, ErrParser
	}
	defer func() {
		// A trap leaves the instance in the module's pool with its memory in
		// an unknown state; a wrong tree is worse than none.
		if r := recover(); r != nil {
			broken.Store(true)
			tree, err = nil, ErrParser
		}
	}()
	tree, err = pgquery.Parse(text)
	var refused *parser.Error
	switch {
	case errors.As(err, &refused):
		return nil, &SyntaxError{Message: refused.Message, Position: refused.Cursorpos}
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrParser, err)
	}
	return tree, nil
}

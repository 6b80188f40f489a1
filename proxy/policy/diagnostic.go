package policy

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// LoadError is why policies cannot be loaded: every fault that was found, at
// most maxDiagnostics.
type LoadError struct {
	Diagnostics []Diagnostic
}

// Diagnostic is one fault in a policy's file.
type Diagnostic struct {
	Policy  string `json:"policy"`
	File    string `json:"file"`
	Line    int    `json:"line"`   // from 1; 0: the file as a whole
	Column  int    `json:"column"` // from 1, in bytes
	Message string `json:"message"`
	Snippet string `json:"snippet,omitempty"` // the line, without its end
	// Suggestion is what the author may have meant.
	Suggestion string `json:"suggestion,omitempty"`
}

const (
	maxDiagnostics = 20
	maxSnippet     = 200 // bytes
)

// Error is one line for each fault, each followed by its source line and a
// caret.
func (e *LoadError) Error() string {
	var b strings.Builder
	for i, d := range e.Diagnostics {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(d.String())
	}
	return b.String()
}

// String is the fault, its place and its source line.
func (d Diagnostic) String() string {
	at := d.File
	if d.Line > 0 {
		at = fmt.Sprintf("%s:%d:%d", d.File, d.Line, d.Column)
	}
	s := fmt.Sprintf("policy: %s: policy %q: %s", at, d.Policy, d.Message)
	if d.Suggestion != "" {
		s += "; " + d.Suggestion
	}
	if d.Snippet == "" {
		return s
	}
	// Tabs stay tabs in front of the caret, so that it stands right.
	pad := []byte(d.Snippet[:min(max(d.Column-1, 0), len(d.Snippet))])
	for i, c := range pad {
		if c != '\t' {
			pad[i] = ' '
		}
	}
	number := fmt.Sprintf("%5d", d.Line)
	return fmt.Sprintf("%s\n%s | %s\n%s | %s^", s, number, d.Snippet, strings.Repeat(" ", len(number)), pad)
}

// sourceFile is where a diagnostic finds its policy and its snippet.
type sourceFile struct {
	policy string
	data   []byte
}

type faults struct {
	files map[string]sourceFile
	list  []Diagnostic
}

// at adds a fault at a place in a file.
func (f *faults) at(loc *ast.Location, format string, args ...any) {
	f.suggest(loc, "", format, args...)
}

// suggest is at with what may have been meant.
func (f *faults) suggest(loc *ast.Location, suggestion, format string, args ...any) {
	d := Diagnostic{Message: fmt.Sprintf(format, args...), Suggestion: suggestion}
	if loc != nil {
		d.File, d.Line, d.Column = loc.File, loc.Row, max(loc.Col, 1)
	}
	f.add(d)
}

func (f *faults) add(d Diagnostic) {
	src := f.files[d.File]
	if d.Policy == "" {
		d.Policy = src.policy
	}
	if d.Line > 0 && d.Snippet == "" {
		lines := strings.Split(string(src.data), "\n")
		if d.Line <= len(lines) {
			d.Snippet = strings.TrimRight(lines[d.Line-1], "\r")
			if len(d.Snippet) > maxSnippet {
				d.Snippet = strings.ToValidUTF8(d.Snippet[:maxSnippet], "")
			}
		}
	}
	f.list = append(f.list, d)
}

// rego adds what OPA's parser or compiler found.
func (f *faults) rego(file string, err error) {
	var many ast.Errors
	var one *ast.Error
	switch {
	case errors.As(err, &many):
	case errors.As(err, &one):
		many = ast.Errors{one}
	default:
		f.add(Diagnostic{File: file, Message: err.Error()})
		return
	}
	for _, e := range many {
		if e.Location == nil {
			f.add(Diagnostic{File: file, Message: e.Message})
			continue
		}
		message := compilerName.ReplaceAllString(e.Message, "_")
		suggestion := suggest(e)
		if e.Details != nil && suggestion == "" {
			// Types as OPA shows them say what was there and what was meant;
			// the parser's details are the source line, which is shown anyway.
			if _, parser := e.Details.(*ast.ParserErrorDetail); !parser {
				if lines := e.Details.Lines(); len(lines) > 0 {
					message += " (" + strings.Join(trimAll(lines), "; ") + ")"
				}
			}
		}
		f.suggest(e.Location, suggestion, "%s", message)
	}
}

// compilerName is a name that the compiler gives to what has none.
var compilerName = regexp.MustCompile(`__local[0-9]+__`)

func trimAll(lines []string) []string {
	out := make([]string, 0, len(lines))
	for _, l := range lines {
		if l = strings.TrimSpace(l); l != "" && strings.Trim(l, "^") != "" {
			out = append(out, l)
		}
	}
	return out
}

func (f *faults) err() error {
	if len(f.list) == 0 {
		return nil
	}
	slices.SortStableFunc(f.list, func(a, b Diagnostic) int {
		if c := strings.Compare(a.File, b.File); c != 0 {
			return c
		}
		return a.Line - b.Line
	})
	f.list = slices.CompactFunc(f.list, func(a, b Diagnostic) bool { return a == b })
	if len(f.list) > maxDiagnostics {
		f.list = f.list[:maxDiagnostics]
	}
	return &LoadError{Diagnostics: f.list}
}

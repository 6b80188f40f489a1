package config

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/hashicorp/hcl/v2"
)

// Diagnostic is one thing that is wrong, or looks wrong.
type Diagnostic struct {
	Severity string `json:"severity"` // error or warning
	Summary  string `json:"summary"`
	Detail   string `json:"detail,omitempty"`
	File     string `json:"file,omitempty"`
	Line     int    `json:"line,omitempty"`
	Column   int    `json:"column,omitempty"`
	// Snippet is the source line, secrets hidden.
	Snippet string `json:"snippet,omitempty"`
}

// String is one line: configs/prod.hcl:14: summary: detail.
func (d Diagnostic) String() string {
	s := d.Summary
	if d.Detail != "" {
		s += ": " + strings.Join(strings.Fields(d.Detail), " ")
	}
	if d.File != "" {
		s = fmt.Sprintf("%s:%d: %s", d.File, d.Line, s)
	}
	return s
}

// Error is what Load returns, and what Config.Fail makes for later stages.
type Error struct {
	diags   hcl.Diagnostics
	sources *sources
	cause   error
}

// Error is the first error in one line, and how many more there are.
func (e *Error) Error() string {
	all := e.Diagnostics()
	if len(all) == 0 {
		return "config: unknown error"
	}
	s := "config: " + all[0].String()
	if n := len(all) - 1; n > 0 {
		s += fmt.Sprintf(" (and %d more)", n)
	}
	return s
}

// Unwrap is the error of the stage that found it, if there is one.
func (e *Error) Unwrap() error { return e.cause }

// Diagnostics lists all errors in the order of the files.
func (e *Error) Diagnostics() []Diagnostic { return e.sources.export(e.diags) }

// Print writes all errors with their source lines, for a terminal of the given
// width; 0 does not wrap.
func (e *Error) Print(w io.Writer, width uint, colour bool) error {
	return hcl.NewDiagnosticTextWriter(w, e.sources.files, width, colour).WriteDiagnostics(e.diags)
}

// Fail makes an error of a later stage that points at a line of the
// configuration: Fail(plugin.Pos, err, `plugin "pii"`, "sha256 mismatch: …").
// The cause may be nil.
func (c *Config) Fail(at Pos, cause error, what, detail string) *Error {
	d := &hcl.Diagnostic{Severity: hcl.DiagError, Summary: what, Detail: detail}
	if at.Line > 0 {
		r := at.rng
		d.Subject = &r
	}
	return &Error{diags: hcl.Diagnostics{d}, sources: c.sources, cause: cause}
}

// Join puts several errors of Load or Fail into one that prints them all; others
// become errors without a place. It returns nil when all are.
func Join(errs ...error) error {
	out := &Error{sources: &sources{files: map[string]*hcl.File{}}}
	var causes []error
	for _, err := range errs {
		if err == nil {
			continue
		}
		causes = append(causes, err)
		var ce *Error
		if !errors.As(err, &ce) {
			out.diags = append(out.diags, &hcl.Diagnostic{Severity: hcl.DiagError, Summary: strings.TrimPrefix(err.Error(), "config: ")})
			continue
		}
		out.diags = append(out.diags, ce.diags...)
		for name, f := range ce.sources.files {
			out.sources.files[name] = f
		}
	}
	if len(causes) == 0 {
		return nil
	}
	out.cause = errors.Join(causes...)
	return out
}

// sources are the texts of the files by name, with what may be a secret blanked
// out: they serve to show lines in errors.
type sources struct {
	names []string
	dirs  []string // that were read whole: a new file in one belongs to the configuration
	files map[string]*hcl.File
}

func (s *sources) export(diags hcl.Diagnostics) []Diagnostic {
	out := make([]Diagnostic, 0, len(diags))
	for _, d := range diags {
		e := Diagnostic{Severity: "error", Summary: strings.TrimSuffix(d.Summary, "."), Detail: d.Detail}
		if d.Severity == hcl.DiagWarning {
			e.Severity = "warning"
		}
		if d.Subject != nil {
			e.File, e.Line, e.Column = d.Subject.Filename, d.Subject.Start.Line, d.Subject.Start.Column
			if f := s.files[e.File]; f != nil {
				e.Snippet = line(f.Bytes, e.Line)
			}
		}
		out = append(out, e)
	}
	return out
}

func line(src []byte, n int) string {
	for l := range strings.Lines(string(src)) {
		if n--; n == 0 {
			return strings.TrimRight(l, "\r\n")
		}
	}
	return ""
}

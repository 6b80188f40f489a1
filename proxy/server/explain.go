package server

import (
	"errors"
	"io"
	"strings"
)

// Explain is an error of a configuration, its policies or plugins as a person
// reads it: with file, line and the source that is at fault where that is
// known, else its text.
func Explain(err error) string {
	var p interface {
		Print(w io.Writer, width uint, colour bool) error
	}
	if errors.As(err, &p) {
		var b strings.Builder
		if p.Print(&b, 0, false) == nil && b.Len() > 0 {
			return strings.TrimRight(b.String(), "\n")
		}
	}
	return err.Error()
}

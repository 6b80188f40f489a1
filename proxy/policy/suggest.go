package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// suggest says what the author may have meant, or "".
func suggest(e *ast.Error) string {
	if d, ok := e.Details.(*ast.RefErrInvalidDetail); ok {
		return suggestKey(d)
	}
	name, unknown := strings.CutPrefix(e.Message, "undefined function ")
	switch {
	case !unknown:
		return ""
	case builtinOff(name):
		return "this builtin is off: it reaches out of the gateway, or reads what is around it"
	}
	var names []string
	for _, b := range capabilities().Builtins {
		names = append(names, b.Name)
	}
	return didYouMean(nearest(name, names))
}

// suggestKey looks for a key of the input: among those that its object has,
// and else anywhere in the schema under the same or nearly the same name.
func suggestKey(d *ast.RefErrInvalidDetail) string {
	if d.Pos >= len(d.Ref) || d.Pos < 1 {
		return ""
	}
	bad, ok := d.Ref[d.Pos].Value.(ast.String)
	if !ok || d.Ref[0].Value.Compare(ast.InputRootDocument.Value) != 0 {
		return ""
	}
	var here []string
	for _, v := range d.OneOf {
		if s, ok := v.(ast.String); ok {
			here = append(here, string(s))
		}
	}
	if near := nearest(string(bad), here); near != "" {
		return didYouMean(d.Ref[:d.Pos].Append(ast.StringTerm(near)).String())
	}
	if paths := loadSchema().keys[string(bad)]; len(paths) > 0 {
		return didYouMean(paths[0])
	}
	if near := nearest(string(bad), sortedKeys(loadSchema().keys)); near != "" {
		return didYouMean(loadSchema().keys[near][0])
	}
	slices.Sort(here)
	if len(here) > 0 && len(here) <= 20 {
		return fmt.Sprintf("%s has %s", d.Ref[:d.Pos], strings.Join(here, ", "))
	}
	return ""
}

func didYouMean(s string) string {
	if s == "" {
		return ""
	}
	return "did you mean " + s + "?"
}

// nearest is the word that is fewest edits away, if that is few for its
// length, and the first of several.
func nearest(word string, among []string) string {
	best, at := "", max(1, len(word)/3)+1
	for _, w := range among {
		if strings.EqualFold(w, word) {
			return w
		}
		if d := edits(word, w); d < at {
			best, at = w, d
		}
	}
	return best
}

// edits is the distance of Levenshtein, with two letters in the wrong order
// as one edit.
func edits(a, b string) int {
	before, row, next := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		next[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			next[j] = min(row[j]+1, next[j-1]+1, row[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				next[j] = min(next[j], before[j-2]+1)
			}
		}
		before, row, next = row, next, before
	}
	return row[len(b)]
}

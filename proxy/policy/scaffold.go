package policy

import (
	"embed"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

//go:embed scaffold
var scaffold embed.FS

// New writes a policy that passes its own test: name.rego, name_test.rego and
// README.md in dir/name, and returns their paths. It overwrites nothing.
func New(dir, name string) ([]string, error) {
	if !nameShape.MatchString(name) || slices.Contains(reservedNames, name) || regoWord(name) {
		return nil, fmt.Errorf("policy: name %q: use a letter and then letters, digits and _, no word of Rego, and none of %s", name, strings.Join(reservedNames, ", "))
	}
	folder := filepath.Join(dir, name)
	if _, err := os.Stat(folder); err == nil {
		return nil, fmt.Errorf("policy: %s is there already: choose another name, or remove it", folder)
	}
	if err := os.MkdirAll(folder, 0o755); err != nil { //nolint:gosec // source text
		return nil, fmt.Errorf("policy: %w", err)
	}
	var out []string
	for _, f := range []struct{ from, to string }{
		{"policy.rego.tmpl", name + ".rego"}, {"policy_test.rego.tmpl", name + "_test.rego"}, {"README.md.tmpl", "README.md"},
	} {
		text, err := scaffold.ReadFile("scaffold/" + f.from)
		if err != nil {
			return nil, fmt.Errorf("policy: %w", err)
		}
		path := filepath.Join(folder, f.to)
		if err := os.WriteFile(path, []byte(strings.ReplaceAll(string(text), "NAME", name)), 0o644); err != nil { //nolint:gosec // source text
			return nil, fmt.Errorf("policy: %w", err)
		}
		out = append(out, path)
	}
	return out, nil
}

// regoWord: the word cannot name a package, for Rego takes it otherwise.
func regoWord(s string) bool {
	return slices.Contains([]string{"as", "contains", "default", "else", "every", "false", "if", "import", "in", "not", "null",
		"package", "set", "some", "true", "with"}, s)
}

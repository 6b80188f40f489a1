package policy

import (
	"fmt"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/format"
)

// Format is a Rego v1 file in the canonical layout, that of `opa fmt`. Its
// error is a *LoadError where the file does not parse.
func Format(path string, data []byte) ([]byte, error) {
	f := &faults{files: map[string]sourceFile{path: {policy: "", data: data}}}
	opts := ast.ParserOptions{Capabilities: capabilities(), RegoVersion: ast.RegoV1}
	if _, err := ast.ParseModuleWithOpts(path, string(data), opts); err != nil {
		f.rego(path, err)
		return nil, f.err()
	}
	out, err := format.SourceWithOpts(path, data, format.Opts{RegoVersion: ast.RegoV1, ParserOptions: &opts})
	if err != nil {
		return nil, fmt.Errorf("policy: %s: %w", path, err)
	}
	return out, nil
}

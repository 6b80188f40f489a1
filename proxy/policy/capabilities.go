package policy

import (
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// offBuiltins reach out of the process, read its environment, or may follow
// a reference in a schema to a file or an address.
var offBuiltins = []string{
	"http.send", "net.", "opa.runtime", "json.match_schema", "json.verify_schema",
	"graphql.schema_is_valid", "rego.parse_module", "trace",
}

// moreUncertain are builtins that read the clock, which OPA does not count as
// not deterministic.
var moreUncertain = []string{
	"crypto.x509.parse_and_verify_certificates", "crypto.x509.parse_and_verify_certificates_with_options",
}

// capabilities is the language that policies are written in: this OPA's, less
// what is off.
func capabilities() *ast.Capabilities {
	caps := ast.CapabilitiesForThisVersion()
	caps.Builtins = slices.DeleteFunc(slices.Clone(caps.Builtins), func(b *ast.Builtin) bool { return builtinOff(b.Name) })
	caps.AllowNet = []string{} // not nil, which would be every host
	return caps
}

func builtinOff(name string) bool {
	return slices.ContainsFunc(offBuiltins, func(off string) bool {
		return name == off || strings.HasSuffix(off, ".") && strings.HasPrefix(name, off)
	})
}

// uncertainBuiltins answer differently from one call to the next.
func uncertainBuiltins() map[string]bool {
	out := map[string]bool{}
	for _, b := range ast.Builtins {
		if b.IsNondeterministic() {
			out[b.Name] = true
		}
	}
	for _, name := range moreUncertain {
		out[name] = true
	}
	return out
}

// Package policies holds the Rego library and the schemas of the documents
// that a policy reads and makes. The schemas are the authority: the loader
// checks policies against them, and the gateway fills in what they name.
package policies

import (
	"embed"
	_ "embed" // for the two schemas
)

// InputSchema is the JSON Schema of a policy's input document.
//
//go:embed schema/input.json
var InputSchema []byte

// DecisionSchema is the JSON Schema of what a policy says.
//
//go:embed schema/decision.json
var DecisionSchema []byte

// TestSupport is Rego that tests may import as data.sluice: it makes complete
// input documents, so that a test says only what matters to it.
//
//go:embed sluice/*.rego
var TestSupport embed.FS

// Package plugins holds what the four examples have in common: a plugin in
// each language of an SDK, with the same vectors.
package plugins

import _ "embed"

// Vectors are the self-tests that all four carry.
//
//go:embed vectors.txt
var Vectors string

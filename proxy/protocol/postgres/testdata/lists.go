// Package testdata holds the lists of statements that prove masking, for
// programs that carry them along; tests read the files themselves.
package testdata

import _ "embed" // the lists

// Evasions is evasions.sql, Precision precision.sql; their grammar is told at
// their tops.
var (
	//go:embed evasions.sql
	Evasions string
	//go:embed precision.sql
	Precision string
)

// Package conformance proves, or refutes, that a gateway in front of
// PostgreSQL masks what it says it masks. It needs two connection strings: VIA,
// through the gateway, as somebody for whom columns are masked, and DIRECT, to
// the same database as its owner or superuser, where it makes schemas of its
// own. It knows nothing about the gateway.
//
// The proof is non-interference: two data sets differ in protected values
// alone, and all bytes that the client receives must be the same on both.
// README.md says what is run and how to read the report.
package conformance

// Package catalog is what the gateway knows of a PostgreSQL database: an
// immutable [Snapshot] of its system catalogs, the set of protected columns
// closed over everything that copies or shows them ([Protected], masking.md 0
// and 5), and the view that one session has of the names ([View], by its
// search_path).
//
// Everything is keyed by relation OID and attribute number; names are used to
// read the configuration and the client's text, nothing else. A [Live] catalog
// follows its database: it polls a hash of the catalogs' row versions and loads
// again when that changes (masking.md 10).
package catalog

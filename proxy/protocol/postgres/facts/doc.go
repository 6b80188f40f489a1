// Package facts says what a PostgreSQL statement does, from PostgreSQL's own
// parser (libpg_query, as Wasm) and a catalog that resolves names: which
// operations, which relations it reads and writes, which columns, in which
// filters, which functions, and whether it is proven free of effects.
//
// It never gives a confident wrong answer: what it does not understand, or
// the catalog does not know, makes Facts.Complete false, and Facts.Unsure
// says why.
package facts

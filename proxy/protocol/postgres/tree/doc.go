// Package tree reads what debug_print_rewritten prints: PostgreSQL's own
// analysed and rewritten query tree (nodes/outfuncs.c), folded into lines of at
// most 78 bytes (nodes/print.c, format_node_dump). The same grammar, without
// the folding, is in pg_rewrite.ev_action, pg_attrdef.adbin and their like.
//
// The grammar: {TAG :field value …}, ( … ), <>, and atoms. An atom ends at a
// blank or one of (){}; a backslash keeps the next byte. A field's first token
// is always its value, even one that begins with a colon, as the name of a
// column may. :constvalue has several tokens: a length and [ bytes ].
//
// Nothing here knows what a node means. Whatever does not fit the grammar is an
// error, since the tree decides what a client may read.
package tree

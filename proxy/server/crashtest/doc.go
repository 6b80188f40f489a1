// Package crashtest kills the gateway, as its own process, at every step of an
// ordinary and of a held write, and looks at what is left: PostgreSQL counts
// the effects, the audit log and the ledger say what they know. It has tests
// only.
//
// Many clients share one life of the gateway, each brought to a step of its own
// and stopped there, by the client itself or by the relay between the gateway
// and the database. One kill cuts them all; a round is one client cut.
package crashtest

// Package postgres speaks the PostgreSQL protocol (3.0, PostgreSQL chapter 55)
// to clients and to the database, and hands every command to the gate.
//
// A session is a state machine (machine.go): bytes from the client and from
// the server go in, bytes for both come out, each with the record that must be
// durable before they leave. Sockets, goroutines and time belong to its driver
// (driver.go).
package postgres

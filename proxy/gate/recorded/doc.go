// Package recorded reads commands back from records of the audit log: as the
// input that policies saw, as far as the record has it, and as what policies
// in shadow mode would have done. It is the other direction of what the gate
// writes, and works beside a running gateway or without one.
package recorded

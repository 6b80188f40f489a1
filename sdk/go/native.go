//go:build !wasip1

package sluice

// Log does nothing in a plugin's own tests.
func Log(Level, string) {}

// Pseudonym has no key in a plugin's own tests: the value is "kind-length".
func Pseudonym(dst []byte, kind string, value []byte) (out []byte, ok bool) {
	dst = append(append(dst, kind...), '-')
	return appendInt(dst, len(value)), true
}

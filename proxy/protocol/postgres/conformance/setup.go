package conformance

import (
	"fmt"
	"io"
)

// Setup writes what the gateway has to be told.
func Setup(w io.Writer) {
	fmt.Fprintln(w, `mask "conformance" {
  columns = [`)
	for _, c := range Protected() {
		fmt.Fprintf(w, "    %q,\n", c)
	}
	fmt.Fprintln(w, "  ]\n  action = \"redact\"\n}")
}

package conformance

import (
	"fmt"
	"io"
)

// Setup writes what a gateway has to be told, in the words of Sluice's
// configuration.
func Setup(w io.Writer) {
	fmt.Fprint(w, `# Mask these columns with a constant or NULL for the principal of VIA, and allow
# it all statements. The suite makes the tables itself, in the database of
# DIRECT; the gateway must not need them at its start.
mask "conformance" {
  columns = [
`)
	for _, c := range Protected() {
		fmt.Fprintf(w, "    %q,\n", c)
	}
	fmt.Fprint(w, `  ]
  action = "redact"
}

# As a policy, for the scratch connection alone:
#   package conformance
#   allow if input.connection.name == "scratch"
`)
}

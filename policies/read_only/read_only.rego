# METADATA
# title: Agents read
# description: |
#   Whoever is of the kind "agent" reads, and nothing else: no change, no lock, no function that may have an effect. It
#   allows nothing, so that it stands beside any policy.
# custom:
#   controls: [AC-3(7), AC-6(10)]
package read_only

# The kinds of principal that only read.
readers := {"agent"}

# Groups whose agents may write all the same.
writers := {"crew-writers"}

reading := {"select", "explain", "session", "declare", "fetch", "close"}

hint := "Send a plain SELECT, or tell your human what should change."

deny contains {"reason": sprintf("agents only read, and this is %s", [op]), "hint": hint} if {
	restricted
	some op in input.command.operations
	not op in reading
}

deny contains {"reason": sprintf("agents only read, and this writes %s", [target]), "hint": hint} if {
	restricted
	some target in input.command.writes
}

deny contains {"reason": sprintf("agents only read, and this %s", [what]), "hint": hint} if {
	restricted
	some flag, what in effects
	input.command.flags[flag]
}

deny contains {"reason": "agents only read, and it is not known what this does", "hint": hint} if {
	restricted
	not input.command.complete
}

effects := {
	"volatile": "calls a function that may have an effect",
	"dynamic": "runs code that is made at run time",
	"into": "makes a table",
	"lock": "takes locks",
	"file": "reaches the server's files",
}

restricted if {
	some kind in input.principal.kinds
	kind in readers
	not writes
}

writes if {
	some group in input.principal.groups
	group in writers
}

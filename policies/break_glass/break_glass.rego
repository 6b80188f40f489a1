# METADATA
# title: Break glass
# description: |
#   In an emergency a person in the group break-glass may do what nothing else allows, if a reason is given: reads at once,
#   anything else when a second person has approved it. The reason travels in the application's name, since every driver
#   has a field for it ("break-glass: INC-4711 disk full"); the right comes from the group alone.
# custom:
#   controls: [AC-2(2), AC-3(10), AU-6]
package break_glass

responders := {"break-glass"}

prefix := "break-glass:"

reading := {"select", "explain", "session", "declare", "fetch", "close"}

# People only: an agent in the group gets nothing by it.
allow if {
	responder
	reason != ""
	not "agent" in input.principal.kinds
}

hold contains {"approval": "emergency", "reason": sprintf("emergency (%s): %s", [reason, op])} if {
	responder
	some op in input.command.operations
	not op in reading
}

limit contains {"rows": 1000} if {
	responder
	reason != ""
}

deny contains {
	"reason": "an emergency needs its reason",
	"hint": "Connect again with the application name \"break-glass: INC-4711 what happened\" (PGAPPNAME, application_name).",
} if {
	responder
	reason == ""
	input.command.operations != ["session"]
}

default reason := ""

reason := trim_space(substring(input.session.client.application, count(prefix), -1)) if {
	startswith(input.session.client.application, prefix)
}

responder if {
	some group in input.principal.groups
	group in responders
}

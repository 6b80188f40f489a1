package break_glass_test

import data.break_glass
import data.sluice

ask(groups, application, operation) := sluice.document({
	"principal": {"groups": groups, "kinds": ["human"]},
	"session": {"client": {"application": application}},
	"command": {"operations": [operation]},
})

test_reads_at_once if {
	read := ask(["break-glass"], "break-glass: INC-4711", "select")
	break_glass.allow with input as read
	count(break_glass.hold) == 0 with input as read
	count(break_glass.deny) == 0 with input as read
	break_glass.limit == {{"rows": 1000}} with input as read
}

test_anything_else_needs_a_second_person if {
	change := ask(["break-glass"], "break-glass: INC-4711", "update")
	break_glass.allow with input as change
	break_glass.hold == {{"approval": "emergency", "reason": "emergency (INC-4711): update"}} with input as change
}

test_no_reason_no_right[application] if {
	some application in ["psql", "break-glass:", "break-glass:  ", "x break-glass: INC-1"]
	not break_glass.allow with input as ask(["break-glass"], application, "select")
	count(break_glass.deny) == 1 with input as ask(["break-glass"], application, "select")
}

test_the_group_is_the_right if {
	not break_glass.allow with input as ask(["crew"], "break-glass: INC-4711", "select")
	count(break_glass.hold) == 0 with input as ask(["crew"], "break-glass: INC-4711", "update")
	count(break_glass.deny) == 0 with input as ask(["crew"], "psql", "select")
}

test_no_agent_breaks_glass if {
	not break_glass.allow with input as object.union(
		ask(["break-glass"], "break-glass: INC-4711", "select"),
		{"principal": {"kinds": ["agent"]}},
	)
}

test_drivers_may_speak_before if {
	count(break_glass.deny) == 0 with input as ask(["break-glass"], "psql", "session")
}

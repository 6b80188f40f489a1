package nist_test

import data.nist

nothing := {"deny": set(), "hold": set()}

# The parts themselves are tested where they are; with the real ones the gateway's own tests load this bundle.
test_all_parts_and_nobody_objects if {
	nist.allow with data.least_privilege.allow as true with data.delegation.allow as true
	not nist.allow with data.least_privilege.allow as true
	not nist.allow with data.delegation.allow as true
	count(nist.deny) == 0 with data.guardrails as nothing
		with data.read_only as nothing
		with data.delegation as nothing
		with data.duties as nothing
		with data.mass_change as nothing
		with data.least_privilege as {"grants": []}
}

test_a_missing_part_denies_everything if {
	reasons := {d.reason | some d in nist.deny}
	reasons == {sprintf("the bundle needs policy %s beside it, which is not loaded", [name]) |
		some name in object.keys(nist.parts)
	}
}

test_reasons_name_controls if {
	{"reason": "no [AC-5, AU-9]", "hint": "ask"} in nist.deny with data.duties as {"deny": {{"reason": "no", "hint": "ask"}}}
	{"reason": "no [AC-5, AU-9]", "hint": "Tell your human."} in nist.deny with data.duties as {"deny": {{"reason": "no"}}}
	nist.hold == {{"approval": "change", "reason": "all of it [CM-3, CM-5, SI-10]"}} with data.mass_change as {"hold": {{
		"approval": "change",
		"reason": "all of it",
	}}}
}

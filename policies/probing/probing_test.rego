package probing_test

import data.probing
import data.sluice

nothing := {fact: false | some fact in sluice.postgres_facts}

# ask is a read of which only the given facts are true.
ask(facts) := sluice.document({"command": {"postgres": object.union(nothing, facts)}})

test_held[fact] if {
	some fact in [
		"filters_derived", "filters_null_protected", "joins_protected_with_protected", "orders_by_protected",
		"groups_by_protected",
	]
	count(probing.hold) == 1 with input as ask({fact: true})
}

test_pass[fact] if {
	some fact in ["reads_protected_relation", "returns_protected", "derives_from_protected", "filters_protected_const"]
	count(probing.hold) == 0 with input as ask({fact: true})
	count(probing.deny) == 0 with input as ask({fact: true})
}

test_any_operator_is_held_with_server_lineage if {
	count(probing.hold) == 1 with input as object.union(
		ask({"filters_protected_const": true}),
		{"command": {"resolved": "server"}},
	)
}

test_unknown_code_may_not_choose_rows if {
	count(probing.deny) == 1 with input as ask({"filters_on_opaque_function": true, "reads_protected_relation": true})
	count(probing.deny) == 0 with input as ask({"filters_on_opaque_function": true})
}

test_privacy_may_ask if {
	count(probing.hold) == 0 with input as object.union(
		ask({"orders_by_protected": true}),
		{"principal": {"groups": ["privacy"]}},
	)
}

test_other_protocols_have_no_such_facts if {
	redis := sluice.document({"command": {"protocol": "redis"}})
	count(probing.hold) == 0 with input as object.union(
		object.remove(redis, ["command"]),
		{"command": object.remove(redis.command, ["postgres"])},
	)
}

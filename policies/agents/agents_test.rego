package agents_test

import data.agents
import data.sluice

crew := {"principal": {"groups": ["crew-support"]}}

production := {"connection": {"labels": {"environment": "production"}}}

# ask is an ordinary read by the crew in production, but for what is given.
ask(command) := sluice.document(object.union_n([crew, production, {"command": command}]))

reasons(set) := {r.reason | some r in set}

test_crew_reads if {
	read := ask({"reads": ["public.customers"]})
	agents.allow with input as read
	count(agents.deny) == 0 with input as read
	count(agents.hold) == 0 with input as read
}

test_strangers_get_nothing if {
	not agents.allow with input as sluice.document({"principal": {"groups": ["crew-marketing"]}})
}

test_drop_needs_a_migration if {
	agents.deny == {{
		"reason": "DROP needs a migration",
		"hint": "Tell your human to open a change in #db-changes.",
	}} with input as ask({"operations": ["drop"], "flags": {"ddl": true, "drop": true}})
}

test_denied[name] if {
	some name, case in {
		"create": {"operations": ["create"], "flags": {"ddl": true}},
		"alter": {"operations": ["alter"], "flags": {"ddl": true}},
		"drop column": {"operations": ["alter"], "flags": {"ddl": true, "drop": true}},
		"truncate": {"operations": ["truncate"], "flags": {"drop": true}},
		"program": {"operations": ["copy_out"], "flags": {"file": true}},
		"grant": {"operations": ["grant"]},
		"revoke": {"operations": ["select", "revoke"]},
		"set something": {"operations": ["set"]},
		"set role": {"operations": ["set"], "postgres": {"settings": ["role"]}},
		"set role and path": {"operations": ["set"], "postgres": {"settings": ["role", "search_path"]}},
		"set nothing known": {"operations": ["set"], "postgres": {"settings": []}},
		"do": {"operations": ["do"], "flags": {"dynamic": true}},
		"call": {"operations": ["call"]},
		"dynamic": {"flags": {"dynamic": true}},
		"incomplete": {"complete": false},
	}
	count(agents.deny) == 1 with input as ask(case)
}

test_search_path_is_free if {
	count(agents.deny) == 0 with input as ask({"operations": ["set"], "postgres": {"settings": ["search_path"]}})
}

test_delete_in_production_is_held if {
	agents.hold == {{"approval": "change", "reason": "delete on public.customers"}} with input as ask({
		"operations": ["delete"],
		"writes": ["public.customers"],
		"flags": {"where": true},
	})
}

test_every_row_is_said if {
	reasons(agents.hold) == {"update on public.orders, every row: there is no WHERE"} with input as ask({
		"operations": ["update"],
		"writes": ["public.orders"],
	})
}

test_an_unknown_target_is_held_too if {
	count(agents.hold) == 1 with input as ask({"operations": ["merge"]})
}

test_elsewhere_changes_pass if {
	change := sluice.document(object.union(crew, {"command": {"operations": ["delete"], "writes": ["public.customers"]}}))
	count(agents.hold) == 0 with input as change
	agents.allow with input as change
}

test_risk_is_held if {
	reasons(agents.hold) == {"risk 80: bulk-read, secrets"} with input as ask({"risk": 80, "labels": ["bulk-read", "secrets"]})
	count(agents.hold) == 0 with input as ask({"risk": 69})
}

test_card_is_masked_for_the_crew if {
	agents.mask == {{"column": "public.customers.card", "action": "redact"}} with input as ask({})
	count(agents.mask) == 0 with input as sluice.document({"principal": {"groups": ["crew-support", "pci"]}})
}

test_agents_read_a_bounded_number_of_rows if {
	agents.limit == {{"rows": 10000}} with input as ask({})
	count(agents.limit) == 0 with input as sluice.document({"principal": {"kinds": ["human"]}})
}

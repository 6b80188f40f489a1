package mass_change_test

import data.mass_change
import data.sluice

ask(command) := sluice.document({"command": command})

test_held[name] if {
	some name, case in {
		"delete": {"operations": ["delete"], "writes": ["public.orders"]},
		"update of what is not known": {"operations": ["update"]},
		"truncate": {"operations": ["truncate"], "writes": ["public.orders"], "flags": {"drop": true}},
		"create": {"operations": ["create"], "writes": ["public.new"], "flags": {"ddl": true}},
		"cascade": {"operations": ["truncate"], "flags": {"cascade": true}, "writes": []},
	}
	count(mass_change.hold) >= 1 with input as ask(case)
}

test_reason if {
	mass_change.hold == {{
		"approval": "change",
		"reason": "delete on public.orders, every row: there is no WHERE",
	}} with input as ask({"operations": ["delete"], "writes": ["public.orders"]})
}

test_pass[name] if {
	some name, case in {
		"read": {"reads": ["public.orders"]},
		"delete of some": {"operations": ["delete"], "writes": ["public.orders"], "flags": {"where": true}},
		"insert": {"operations": ["insert"], "writes": ["public.orders"]},
		"temporary table": {"operations": ["create"], "flags": {"ddl": true, "temp": true}},
	}
	count(mass_change.hold) == 0 with input as ask(case)
}

test_migrations_pass if {
	count(mass_change.hold) == 0 with input as sluice.document({
		"principal": {"groups": ["migrations"]},
		"command": {"operations": ["drop"], "flags": {"ddl": true, "drop": true, "cascade": true}},
	})
}

package read_only_test

import data.read_only
import data.sluice

ask(command) := sluice.document({"command": command})

test_reads_pass[name] if {
	some name, case in {
		"select": {"reads": ["public.customers"], "functions": ["lower"]},
		"explain": {"operations": ["explain", "select"]},
		"cursor": {"operations": ["declare", "select"]},
		"session": {"operations": ["session"]},
	}
	count(read_only.deny) == 0 with input as ask(case)
}

test_denied[name] if {
	some name, case in {
		"insert": {"operations": ["insert"]},
		"copy": {"operations": ["copy_in"]},
		"write of a function": {"writes": ["public.audit"]},
		"nextval": {"flags": {"volatile": true}},
		"into": {"flags": {"into": true}},
		"lock": {"flags": {"lock": true}},
		"file": {"flags": {"file": true}},
		"dynamic": {"flags": {"dynamic": true}},
		"not understood": {"complete": false},
	}
	count(read_only.deny) == 1 with input as ask(case)
}

test_people_and_writers_are_not_restricted if {
	change := {"command": {"operations": ["update"], "writes": ["public.orders"]}}
	count(read_only.deny) == 0 with input as sluice.document(object.union(change, {"principal": {"kinds": ["human"]}}))
	count(read_only.deny) == 0 with input as sluice.document(object.union(change, {"principal": {"groups": ["crew-writers"]}}))
	count(read_only.deny) == 2 with input as sluice.document(change)
}

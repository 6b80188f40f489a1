package duties_test

import data.duties
import data.sluice

ask(groups, command) := sluice.document({"principal": {"groups": groups}, "command": command})

test_denied[name] if {
	some name, case in {
		"rights by others": [["crew"], {"operations": ["grant"]}],
		"the trail": [["dba"], {"operations": ["delete"], "writes": ["audit.changes"]}],
		"customers by administrators": [["dba"], {"reads": ["public.customers"]}],
		"customers changed by administrators": [["dba"], {"operations": ["update"], "writes": ["public.payments"]}],
		"both sides": [["payments-create", "payments-release"], {}],
	}
	count(duties.deny) == 1 with input as ask(case[0], case[1])
}

test_pass[name] if {
	some name, case in {
		"rights by administrators": [["dba"], {"operations": ["grant"]}],
		"the trail is read": [["auditors"], {"reads": ["audit.changes"]}],
		"customers by others": [["crew"], {"reads": ["public.customers"]}],
		"one side": [["payments-create"], {}],
	}
	count(duties.deny) == 0 with input as ask(case[0], case[1])
}

test_the_person_behind_counts[proof] if {
	some proof, denies in {"token": 1, "asserted": 0}
	count(duties.deny) == denies with input as sluice.document({"principal": {
		"groups": ["payments-create"],
		"chain": [{"subject": "ada", "issuer": "", "kind": "human", "proof": proof, "groups": ["payments-release"]}],
	}})
}

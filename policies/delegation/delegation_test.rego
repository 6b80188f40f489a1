package delegation_test

import data.delegation
import data.sluice

hop(groups, proof) := {"subject": "ada", "issuer": "", "kind": "human", "proof": proof, "groups": groups}

ask(subject, chain, command) := sluice.document({
	"principal": {"subject": subject, "groups": ["crew-support"], "chain": chain},
	"command": command,
})

middle(subject) := {"subject": subject, "issuer": "", "kind": "agent", "proof": "token", "groups": []}

read := {"operations": ["select"]}

write := {"operations": ["update"]}

test_both_may[name] if {
	some name, case in {
		"reads": ["agent-7", ["analysts"], read],
		"writes": ["agent-7", ["crew-support"], write],
		"reader for a writer": ["agent-8", ["crew-support"], read],
	}
	delegation.allow with input as ask(case[0], [hop(case[1], "token")], case[2])
}

test_an_agent_in_between_that_may if {
	delegation.allow with input as ask("agent-7", [hop(["crew-support"], "token"), middle("agent-8")], read)
}

test_one_of_them_may_not[name] if {
	some name, case in {
		"the human": ["agent-7", [hop(["analysts"], "token")], write],
		"the agent": ["agent-8", [hop(["crew-support"], "token")], write],
		"an unknown agent": ["agent-9", [hop(["crew-support"], "token")], read],
		"a human of no group": ["agent-7", [hop([], "token")], read],
		"one of two": ["agent-7", [hop(["crew-support"], "token"), hop(["analysts"], "token")], write],
		"an agent in between": ["agent-7", [hop(["crew-support"], "token"), middle("agent-8")], write],
		"a mixed command": ["agent-8", [hop(["crew-support"], "token")], {"operations": ["select", "insert"]}],
		"an operation of no list": ["agent-7", [hop(["crew-support"], "token")], {"operations": ["drop"]}],
		"no operation": ["agent-7", [hop(["crew-support"], "token")], {"operations": []}],
		"not understood": ["agent-7", [hop(["crew-support"], "token")], {"operations": ["select"], "complete": false}],
	}
	not delegation.allow with input as ask(case[0], case[1], case[2])
	count(delegation.deny) == 0 with input as ask(case[0], case[1], case[2])
}

test_nobody_behind_it[name] if {
	some name, chain in {
		"none": [],
		"asserted": [hop(["crew-support"], "asserted")],
		"only an agent": [middle("agent-7")],
	}
	not delegation.allow with input as ask("agent-7", chain, read)
	count(delegation.deny) == 1 with input as ask("agent-7", chain, read)
}

test_a_person_alone if {
	person := {"principal": {"kinds": ["human"], "groups": ["analysts"]}}
	delegation.allow with input as sluice.document(object.union(person, {"command": read}))
	not delegation.allow with input as sluice.document(object.union(person, {"command": write}))
	count(delegation.deny) == 0 with input as sluice.document(person)
}

package pii_test

import data.pii
import data.sluice

who(groups) := sluice.document({"principal": {"groups": groups}})

columns contains m.column if some m in pii.mask

test_nobody_in_particular if {
	columns == {"public.customers.email", "public.customers.phone", "public.customers.card"} with input as who([])
}

test_support_reaches_people if columns == {"public.customers.card"} with input as who(["support-leads"])

test_payments_see_cards if {
	columns == {"public.customers.email", "public.customers.phone"} with input as who(["pci"])
}

test_research_gets_pseudonyms if {
	{"column": "public.customers.name", "action": "pseudonym"} in pii.mask with input as who(["research"])
	count(pii.mask) == 4 with input as who(["research"])
}

acting_for(hop) := sluice.document({"principal": {"groups": ["pci"], "chain": [object.union(
	{"subject": "ada", "issuer": "", "kind": "human"},
	hop,
)]}})

test_an_agent_sees_no_more_than_its_human if {
	"public.customers.card" in columns with input as acting_for({"proof": "token", "groups": []})
	not "public.customers.card" in columns with input as acting_for({"proof": "token", "groups": ["pci"]})
}

test_a_claim_that_nobody_proved_takes_nothing_away if {
	not "public.customers.card" in columns with input as acting_for({"proof": "asserted", "groups": []})
}

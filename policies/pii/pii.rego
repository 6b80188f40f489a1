# METADATA
# title: Personal data by role
# description: |
#   Who sees personal data, and how much of it: support sees how to reach a person, payments sees cards, the rest sees
#   enough to tell two rows apart. A mask names its column literally: the gateway must know it before anything runs.
# custom:
#   controls: [AC-3(14), AC-4, SI-19]
package pii

support := {"support-leads"}

payments := {"pci"}

research := {"research"}

mask contains {"column": "public.customers.email", "action": "partial"} if not works_in(support)

mask contains {"column": "public.customers.phone", "action": "partial"} if not works_in(support)

mask contains {"column": "public.customers.card", "action": "redact"} if not works_in(payments)

# Research counts people and does not need to know them: the same name is the same pseudonym.
mask contains {"column": "public.customers.name", "action": "pseudonym"} if works_in(research)

# Whoever the subject acts for must be in the group too: an agent sees no more than its human.
works_in(groups) if {
	some group in input.principal.groups
	group in groups
	every hop in input.principal.chain {
		proven_in(hop, groups)
	}
}

proven_in(hop, _) if hop.proof != "token"

proven_in(hop, groups) if {
	some group in hop.groups
	group in groups
}

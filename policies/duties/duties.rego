# METADATA
# title: Separation of duties
# description: |
#   Who changes data does not change who may, nor the trail of it; who administers does not read customers; and nobody is
#   on both sides at once. A person behind an agent counts with it.
# custom:
#   controls: [AC-5, AU-9]
package duties

administrators := {"dba"}

# Relations that only administrators, and those that only others, may touch.
trail := {"audit"}

customer_data := {"public.customers", "public.payments"}

# Pairs of groups that no one person may be in.
conflicts := {["payments-create", "payments-release"], ["dba", "auditors"]}

deny contains {"reason": sprintf("%s is for administrators", [op])} if {
	some op in input.command.operations
	op in {"grant", "revoke", "security_label"}
	not administers
}

deny contains {"reason": sprintf("%s belongs to the trail of changes, which nobody writes by hand", [relation])} if {
	some relation in input.command.writes
	split(relation, ".")[0] in trail
}

deny contains {"reason": sprintf("administrators do not work with %s", [relation]), "hint": "Ask somebody who does."} if {
	administers
	some relation in touched
	relation in customer_data
}

deny contains {"reason": sprintf("nobody is in %s and in %s at once", pair), "hint": "Have one of the groups taken away."} if {
	some pair in conflicts
	pair[0] in groups
	pair[1] in groups
}

administers if {
	some group in groups
	group in administrators
}

touched contains relation if some relation in input.command.reads

touched contains relation if some relation in input.command.writes

groups contains group if some group in input.principal.groups

groups contains group if {
	some hop in input.principal.chain
	hop.proof == "token"
	some group in hop.groups
}

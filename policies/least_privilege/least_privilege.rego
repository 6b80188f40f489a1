# METADATA
# title: Least privilege by group and label
# description: |
#   Nothing but what data.yaml grants: a group may do some operations on some relations of the connections that have the
#   grant's labels. A command is allowed when one grant covers all of it.
# custom:
#   controls: [AC-3, AC-6]
package least_privilege

allow if {
	input.command.complete
	some grant in data.least_privilege.grants
	grant.group in input.principal.groups
	every name, value in grant.labels {
		input.connection.labels[name] == value
	}
	every op in input.command.operations {
		op in grant.operations
	}
	every relation in input.command.reads {
		covers(grant.relations, relation)
	}
	every relation in input.command.writes {
		covers(grant.relations, relation)
	}
}

# A relation is named whole, or as all of a schema: "public.*".
covers(relations, relation) if relation in relations

covers(relations, relation) if {
	schema := split(relation, ".")[0]
	sprintf("%s.*", [schema]) in relations
}

# METADATA
# title: Delegation
# description: |
#   An agent's right is the intersection with its human's: what rights.yaml gives the agent by its name, and what it gives
#   the human by group. An agent that acts for nobody has none. A person alone has the person's right.
# custom:
#   controls: [AC-3, AC-6, IA-9]
package delegation

allow if {
	not agent
	needed != set()
	every right in needed {
		right in rights_of(input.principal.groups)
	}
}

allow if {
	agent
	vouched_for
	needed != set()
	every right in needed {
		right in agent_rights(input.principal.subject)
		every hop in hops {
			right in rights_of_hop(hop)
		}
	}
}

deny contains {
	"reason": "an agent acts for a person, and nobody vouches for one here",
	"hint": "Log in with a token that names the person (an act claim).",
} if {
	agent
	not vouched_for
}

agent if "agent" in input.principal.kinds

# Those in between and at the origin, as far as the identity provider vouches for them. What a client says of itself is
# no hop to trust.
hops contains hop if {
	some hop in input.principal.chain
	hop.proof == "token"
}

vouched_for if {
	some hop in hops
	hop.kind != "agent"
}

agent_rights(subject) := {right | some right in data.delegation.rights.agents[subject]}

rights_of_hop(hop) := agent_rights(hop.subject) if hop.kind == "agent"

rights_of_hop(hop) := rights_of(hop.groups) if hop.kind != "agent"

rights_of(groups) := {right |
	some group in groups
	some right in data.delegation.rights.groups[group]
}

# What the command needs: of an operation that is in no list, a right that nobody has.
needed contains right if {
	some op in input.command.operations
	some right, operations in data.delegation.rights.operations
	op in operations
}

needed contains sprintf("an operation that rights.yaml does not know: %s", [op]) if {
	some op in input.command.operations
	not known(op)
}

needed contains "what the parser understands" if not input.command.complete

known(op) if {
	some operations in data.delegation.rights.operations
	op in operations
}

# METADATA
# title: Questions about what is masked
# description: |
#   A mask hides a value, not the answer to a question about it: WHERE mail LIKE 'a%' says yes or no, ORDER BY shows the
#   order, GROUP BY shows which rows are equal. Such questions wait for a human. Equality with a constant or a parameter
#   is what programs do all day, and passes.
# custom:
#   controls: [AC-4, AC-23, SI-19]
package probing

exempt := {"privacy"}

hold contains {"approval": "disclosure", "reason": why} if {
	not excepted
	some fact, why in questions
	input.command.postgres[fact]
}

# With the server's own analysis this fact covers every operator; with strict lineage it is equality alone, since
# everything else has been refused.
hold contains {"approval": "disclosure", "reason": "rows are chosen by a comparison with a masked column"} if {
	not excepted
	input.command.resolved != "catalog"
	input.command.postgres.filters_protected_const
}

deny contains {
	"reason": "code that the gateway does not know chooses rows of a relation with masked columns",
	"hint": "Leave out the function in the condition, or tell your human.",
} if {
	not excepted
	input.command.postgres.filters_on_opaque_function
	input.command.postgres.reads_protected_relation
}

questions := {
	"filters_derived": "rows are chosen by something computed from a masked column",
	"filters_null_protected": "rows are chosen by whether a masked column is null",
	"joins_protected_with_protected": "masked columns are compared with each other",
	"orders_by_protected": "rows are sorted by a masked column",
	"groups_by_protected": "rows are grouped by a masked column",
}

excepted if {
	some group in input.principal.groups
	group in exempt
}

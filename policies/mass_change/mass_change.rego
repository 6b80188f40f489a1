# METADATA
# title: Changes of shape and of everything wait
# description: |
#   A change of the schema, a TRUNCATE, and a DELETE or UPDATE without WHERE wait for a human, wherever they are sent; so
#   does what reaches objects that it does not name.
# custom:
#   controls: [CM-3, CM-5, SI-10]
package mass_change

# Who changes shapes all day: migrations.
exempt := {"migrations"}

hold contains {"approval": "change", "reason": sprintf("%s on %s, every row: there is no WHERE", [op, target])} if {
	not excepted
	some op in input.command.operations
	op in {"delete", "update"}
	not input.command.flags.where
	some target in targets
}

hold contains {"approval": "change", "reason": sprintf("TRUNCATE empties %s", [target])} if {
	not excepted
	"truncate" in input.command.operations
	some target in targets
}

hold contains {"approval": "change", "reason": sprintf("%s changes the shape of %s", [op, target])} if {
	not excepted
	input.command.flags.ddl
	not input.command.flags.temp
	some op in input.command.operations
	some target in targets
}

hold contains {"approval": "change", "reason": "CASCADE reaches what is not named here"} if {
	not excepted
	input.command.flags.cascade
}

targets contains target if some target in input.command.writes

targets contains "something unnamed" if count(input.command.writes) == 0

excepted if {
	some group in input.principal.groups
	group in exempt
}

# METADATA
# title: Agents on production data
# description: |
#   What a crew of agents may do: read and write rows; shapes and rights stay as they are; changes and deletions of rows
#   in production wait for a human; a card number is for those who work with cards.
# custom:
#   controls: [AC-3, AC-6, CM-5]
package agents

# Whose commands this policy allows, by group of the token's subject.
crews := {"crew-support", "crew-sales"}

# Who sees card numbers.
card_readers := {"pci"}

# Rows that one read may return to an agent.
row_limit := 10000

# What a human looks at first, in production.
watched := {"delete", "update", "merge", "copy_in"}

ask_for_change := "Tell your human to open a change in #db-changes."

allow if {
	some group in input.principal.groups
	group in crews
}

deny contains {"reason": "DROP needs a migration", "hint": ask_for_change} if {
	input.command.flags.drop
	not truncates
}

deny contains {"reason": "a change of the schema needs a migration", "hint": ask_for_change} if {
	input.command.flags.ddl
	not input.command.flags.drop
}

deny contains {"reason": "TRUNCATE empties a table for good", "hint": ask_for_change} if truncates

deny contains {"reason": "files and programs of the server are out of reach"} if input.command.flags.file

deny contains {"reason": "rights are not for agents to change", "hint": "Tell your human to ask the database team."} if {
	some op in input.command.operations
	op in {"grant", "revoke", "security_label"}
}

deny contains {
	"reason": "settings and roles stay as they are",
	"hint": "Leave the settings, and name each table with its schema.",
} if {
	"set" in input.command.operations
	not sets_only_free
}

deny contains {
	"reason": "code that is made at run time cannot be judged",
	"hint": "Send the statement itself, without DO, EXECUTE or a procedure.",
} if {
	runs_unseen_code
}

deny contains {
	"reason": "the gateway is not sure what this statement does",
	"hint": "Check that every table exists, name it with its schema, and send one plain statement.",
} if {
	not input.command.complete
}

hold contains {"approval": "change", "reason": sprintf("%s on %s%s", [op, target, every_row])} if {
	production
	some op in input.command.operations
	op in watched
	some target in input.command.writes
}

hold contains {"approval": "change", "reason": sprintf("%s, and it is not known on what", [op])} if {
	production
	some op in input.command.operations
	op in watched
	count(input.command.writes) == 0
}

# Plugins speak here: what they find can hold a command, never allow one.
hold contains {"approval": "change", "reason": sprintf("risk %d: %s", [input.command.risk, concat(", ", input.command.labels)])} if {
	input.command.risk >= 70
}

mask contains {"column": "public.customers.card", "action": "redact"} if not reads_cards

limit contains {"rows": row_limit} if "agent" in input.principal.kinds

truncates if "truncate" in input.command.operations

# Where names are looked up is a driver's and a dump's business; a role is not. Unknown settings are not free.
free_settings := {"search_path"}

sets_only_free if {
	count(input.command.postgres.settings) > 0
	every setting in input.command.postgres.settings {
		setting in free_settings
	}
}

production if input.connection.labels.environment == "production"

default every_row := ""

every_row := ", every row: there is no WHERE" if {
	some op in input.command.operations
	op in {"delete", "update"}
	not input.command.flags.where
}

runs_unseen_code if input.command.flags.dynamic

runs_unseen_code if {
	some op in input.command.operations
	op in {"do", "call"}
}

reads_cards if {
	some group in input.principal.groups
	group in card_readers
}

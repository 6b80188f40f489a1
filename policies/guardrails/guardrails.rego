# METADATA
# title: Guardrails
# description: |
#   What nobody does through the gateway, whoever allows it: reach the server's files and programs, read its secrets, stop
#   or replicate it, or send what the parser is not sure of. It allows nothing, so that it stands beside any policy.
# custom:
#   controls: [AC-3, SC-7]
package guardrails

deny contains {
	"reason": "the gateway is not sure what this statement does",
	"hint": "Check that every table exists, name it with its schema, and send one plain statement.",
} if {
	not input.command.complete
	not session
}

deny contains {"reason": "files and programs of the server are out of reach"} if input.command.flags.file

deny contains {"reason": sprintf("%s reaches the server's files, programs or network", [name])} if {
	some function in input.command.functions
	name := bare(function)
	reaches_out(name)
}

deny contains {"reason": sprintf("%s acts on the server or on other sessions", [name])} if {
	some function in input.command.functions
	name := bare(function)
	name in server_functions
}

deny contains {"reason": sprintf("%s is one of the server's secrets", [column])} if {
	some column in input.command.columns
	column in secret_columns
}

deny contains {"reason": sprintf("%s reads the server's configuration files", [relation])} if {
	some relation in input.command.reads
	relation in file_relations
}

deny contains {"reason": sprintf("%s is for the database's own administrators", [op])} if {
	some op in input.command.operations
	op in {"load", "checkpoint", "security_label"}
}

# Functions are named with or without their schema.
bare(name) := regex.replace(name, `^.*\.`, "")

reaches_out(name) if name in {
	"lo_import", "lo_export", "pg_stat_file", "pg_file_write", "pg_file_unlink", "pg_file_rename", "pg_file_sync",
	"query_to_xml", "query_to_xmlschema", "query_to_xml_and_xmlschema", "cursor_to_xml", "cursor_to_xmlschema",
}

reaches_out(name) if {
	some prefix in ["pg_read_", "pg_ls_", "dblink", "postgres_fdw_"]
	startswith(name, prefix)
}

server_functions := {
	"pg_reload_conf", "pg_rotate_logfile", "pg_terminate_backend", "pg_cancel_backend", "pg_promote", "pg_switch_wal",
	"pg_backup_start", "pg_backup_stop", "pg_start_backup", "pg_stop_backup", "pg_create_restore_point",
	"pg_create_logical_replication_slot", "pg_create_physical_replication_slot", "pg_drop_replication_slot",
	"pg_logical_slot_get_changes", "pg_logical_slot_peek_changes", "pg_logical_emit_message", "pg_wal_replay_pause",
	"pg_wal_replay_resume",
}

# By column, since every driver looks at pg_roles, a view of pg_authid without its passwords.
secret_columns := {
	"pg_catalog.pg_authid.rolpassword", "pg_catalog.pg_shadow.passwd", "pg_catalog.pg_user_mapping.umoptions",
	"pg_catalog.pg_user_mappings.umoptions", "pg_catalog.pg_subscription.subconninfo",
}

file_relations := {"pg_catalog.pg_hba_file_rules", "pg_catalog.pg_file_settings"}

session if input.command.operations == ["session"]

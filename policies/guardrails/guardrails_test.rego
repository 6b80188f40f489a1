package guardrails_test

import data.guardrails
import data.sluice

ask(command) := sluice.document({"command": command})

test_ordinary_commands_pass[name] if {
	some name, case in {
		"read": {"reads": ["public.customers"], "functions": ["now", "pg_catalog.lower", "lo_get"]},
		"session": {"operations": ["session"], "complete": false},
		"own functions": {"functions": ["public.relay", "reads.pg"]},
	}
	count(guardrails.deny) == 0 with input as ask(case)
}

test_denied[name] if {
	some name, case in {
		"incomplete": {"complete": false},
		"incomplete beside session": {"operations": ["select", "session"], "complete": false},
		"copy from a program": {"operations": ["copy_in"], "flags": {"file": true}},
		"file": {"functions": ["pg_read_file"]},
		"file, qualified": {"functions": ["pg_catalog.pg_read_binary_file"]},
		"listing": {"functions": ["pg_ls_dir"]},
		"large object to a file": {"functions": ["lo_export"]},
		"another server": {"functions": ["public.dblink_exec"]},
		"text run as SQL": {"functions": ["query_to_xml"]},
		"terminate": {"functions": ["pg_terminate_backend"]},
		"slot": {"functions": ["pg_logical_slot_get_changes"]},
		"passwords": {"reads": ["pg_catalog.pg_authid"], "columns": ["pg_catalog.pg_authid.rolpassword"]},
		"the server's own files": {"reads": ["pg_catalog.pg_hba_file_rules"]},
		"library": {"operations": ["load"]},
		"checkpoint": {"operations": ["checkpoint"]},
	}
	count(guardrails.deny) == 1 with input as ask(case)
}

test_roles_are_no_secret if {
	count(guardrails.deny) == 0 with input as ask({
		"reads": ["pg_catalog.pg_authid", "pg_catalog.pg_roles"],
		"columns": ["pg_catalog.pg_authid.rolname", "pg_catalog.pg_roles.rolname"],
	})
}

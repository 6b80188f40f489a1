# Complete input documents for tests: `with input as sluice.document({"command": {"operations": ["delete"]}})`
# differs from an ordinary read by an agent only in what is given. It is there under `sluice policy test` alone.
package sluice

input_default := {
	"principal": {
		"subject": "agent-7",
		"issuer": "https://idp.example.com",
		"groups": [],
		"kinds": ["agent"],
		"chain": [],
		"claims": {},
	},
	"connection": {"name": "orders", "protocol": "postgres", "labels": {}},
	"session": {
		"id": "01J00000000000000000000000",
		"client": {"address": "10.0.0.7", "application": "test", "user": "agent-7"},
		"in_transaction": false,
	},
	"command": {
		"protocol": "postgres",
		"digest": "",
		"fingerprint": "",
		"complete": true,
		"resolved": "catalog",
		"operations": ["select"],
		"reads": [],
		"writes": [],
		"columns": [],
		"filters": [],
		"functions": [],
		"flags": {flag: false | some flag in flags},
		"parameters": 0,
		"parameter_digests": [],
		"labels": [],
		"risk": 0,
		"postgres": {fact: false | some fact in postgres_facts},
	},
	"time": "2026-01-02T15:04:05Z",
	"generation": "sha256:test",
}

# document(over) is an ordinary read with the keys of over put in its place, however deep.
document(over) := object.union(input_default, over)

# The keys that command.postgres always has.
postgres_facts := {
	"reads_protected_relation",
	"returns_protected",
	"derives_from_protected",
	"filters_protected_const",
	"filters_derived",
	"filters_null_protected",
	"joins_protected_with_protected",
	"orders_by_protected",
	"groups_by_protected",
	"calls_opaque_function",
	"filters_on_opaque_function",
	"fires_opaque_trigger",
}

# The flags that every command has.
flags := {
	"ddl",
	"drop",
	"where",
	"multi",
	"volatile",
	"dynamic",
	"returning",
	"lock",
	"into",
	"temp",
	"file",
	"cascade",
	"limit",
	"secret",
}

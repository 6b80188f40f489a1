package least_privilege_test

import data.least_privilege
import data.sluice

ask(labels, command) := sluice.document({
	"principal": {"groups": ["crew-support"]},
	"connection": {"labels": labels},
	"command": command,
})

production := {"data": "customer", "environment": "production"}

staging := {"data": "customer", "environment": "staging"}

test_granted[name] if {
	some name, case in {
		"read": [production, {"reads": ["public.customers", "public.orders"]}],
		"nothing at all": [production, {"reads": []}],
		"change in staging": [staging, {"operations": ["update"], "reads": ["public.carts"], "writes": ["public.carts"]}],
	}
	least_privilege.allow with input as ask(case[0], case[1])
}

test_not_granted[name] if {
	some name, case in {
		"other relation": [production, {"reads": ["public.customers", "public.salaries"]}],
		"change in production": [production, {"operations": ["update"], "writes": ["public.orders"]}],
		"other schema": [staging, {"reads": ["private.orders"]}],
		"other operation": [staging, {"operations": ["drop"], "writes": ["public.orders"]}],
		"one of two operations": [production, {"operations": ["select", "delete"], "reads": ["public.orders"]}],
		"other label": [{"data": "staff"}, {"reads": ["public.orders"]}],
		"no label": [{}, {"reads": ["public.orders"]}],
		"not understood": [production, {"reads": ["public.orders"], "complete": false}],
	}
	not least_privilege.allow with input as ask(case[0], case[1])
}

test_other_groups_have_nothing if {
	not least_privilege.allow with input as sluice.document({
		"principal": {"groups": ["crew-sales"]},
		"connection": {"labels": production},
	})
}

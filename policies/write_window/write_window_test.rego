package write_window_test

import data.sluice
import data.write_window

ask(environment, at, operation) := sluice.document({
	"connection": {"labels": {"environment": environment}},
	"time": at,
	"command": {"operations": [operation]},
})

# 2026-01-05 is a Monday.
test_held[at] if {
	some at in [
		"2026-01-05T07:59:59Z", "2026-01-05T16:00:00Z", "2026-01-05T16:00:00+09:00", "2026-01-09T10:00:00Z",
		"2026-01-10T10:00:00Z",
	]
	count(write_window.hold) == 1 with input as ask("production", at, "update")
}

test_open[at] if {
	some at in ["2026-01-05T08:00:00Z", "2026-01-08T15:59:59.9Z", "2026-01-06T01:00:00-08:00"]
	count(write_window.hold) == 0 with input as ask("production", at, "update")
}

test_reads_and_other_places_are_free if {
	count(write_window.hold) == 0 with input as ask("production", "2026-01-10T10:00:00Z", "select")
	count(write_window.hold) == 0 with input as ask("staging", "2026-01-10T10:00:00Z", "update")
}

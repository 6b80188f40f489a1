# METADATA
# title: Production changes in their window
# description: |
#   Changes on production happen on working days between two hours, in UTC; outside they wait for a human. It reads the
#   time, so that its decisions are not cached.
# custom:
#   controls: [CM-3, CM-5]
package write_window

days := {"Monday", "Tuesday", "Wednesday", "Thursday"}

# Hours in UTC: from the first, before the second.
opens := 8

closes := 16

reading := {"select", "explain", "session", "declare", "fetch", "close"}

hold contains {"approval": "change", "reason": sprintf("%s outside the window for changes (%d to %d h UTC, Monday to Thursday)", [op, opens, closes])} if {
	input.connection.labels.environment == "production"
	some op in input.command.operations
	not op in reading
	not open
}

open if {
	now := time.parse_rfc3339_ns(input.time)
	time.weekday(now) in days
	hour := time.clock(now)[0]
	hour >= opens
	hour < closes
}

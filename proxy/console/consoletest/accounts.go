package consoletest

import (
	"time"

	"sluice.dev/proxy/console"
	"sluice.dev/proxy/gate/recorded"
	"sluice.dev/proxy/policy"
)

// accounts explains commands of the scene: one held, one denied, one that nothing allows, one that a shadow policy
// would have denied.
func accounts(g *Gateway, base *console.Hold, now time.Time) {
	const folder = "/etc/sluice/policies/agents/agents.rego"
	account := func(id, ticket, verdict, text string, ago time.Duration, reasons ...string) *recorded.Account {
		return &recorded.Account{Command: id, Ticket: ticket, Verdict: verdict, Text: text, Time: now.Add(-ago), Session: base.Session,
			Who: "agent-7 for analyst-3", Connection: base.Connection, Reasons: reasons, Generation: base.Generation}
	}
	op := func(name string) policy.InputValue {
		return policy.InputValue{Path: "input.command.operations", Value: []any{name}}
	}
	production := policy.InputValue{Path: "input.connection.labels.environment", Value: "production"}
	groups := policy.InputValue{Path: "input.principal.groups", Value: []any{"crew-support"}}
	allow := policy.Because{Policy: "agents", Rule: "allow", File: folder, Line: 8, Source: `allow if "crew-support" in input.principal.groups`, Values: []policy.InputValue{groups}}

	read := account("01JDEXR1AAAAAAAAAAAAAAAAAA", "", "allow", "SELECT id, name, email, card FROM customers WHERE email = ‹redacted:5f2c9a1e›", 5*time.Minute)
	read.Masks = []string{"public.customers.email=partial"}
	read.Rules = []policy.Because{allow}
	read.Shadow = []policy.Because{{Policy: "trial", Shadow: true, Rule: "deny", File: "/etc/sluice/policies/trial/trial.rego", Line: 3, Reason: "customers are out of bounds",
		Source: `deny contains "customers are out of bounds" if "public.customers" in input.command.reads`,
		Values: []policy.InputValue{{Path: "input.command.reads", Value: []any{"public.customers"}}}}}

	nobody := account("01JDEXR2BBBBBBBBBBBBBBBBBB", "", "deny", "SELECT * FROM payroll", 4*time.Minute, policy.NothingAllows)
	nobody.NotAllowed = []policy.Because{{Policy: "agents", Rule: "allow", File: folder, Line: 8, Source: allow.Source,
		Ended: &policy.Condition{Line: 9, Source: `input.connection.name == "payroll"`}, Values: []policy.InputValue{groups, {Path: "input.connection.name", Value: "orders"}}}}

	drop := account("01JDEXR3CCCCCCCCCCCCCCCCCC", "", "deny", "DROP TABLE orders", 3*time.Minute, "agents: DROP needs a migration")
	drop.Rules = []policy.Because{{Policy: "agents", Rule: "deny", File: folder, Line: 14, Reason: "DROP needs a migration", Hint: "Tell your human to open a change in #db-changes.",
		Source: `deny contains {"reason": "DROP needs a migration", "hint": "Tell your human to open a change in #db-changes."} if {`,
		Values: []policy.InputValue{{Path: "input.command.flags.drop", Value: true}, op("drop")}}}

	held := account("01JDEXR4DDDDDDDDDDDDDDDDDD", "HX4K-2Q", "hold", base.Command, 70*time.Second, "agents: delete on public.customers")
	held.Rules = []policy.Because{{Policy: "agents", Rule: "hold", Approval: "change", File: folder, Line: 21, Reason: "delete on public.customers",
		Source: `hold contains {"approval": "change", "reason": sprintf("%s on %s", [op, t])} if {`,
		Values: []policy.InputValue{op("delete"), {Path: "input.command.writes", Value: []any{"public.customers"}}, production}}}
	for _, a := range []*recorded.Account{read, nobody, drop, held} {
		g.Explained(a)
	}

	who := "agent-7 for analyst-3"
	g.SetShadows(recorded.ShadowReport{Records: 18211, From: now.Add(-26 * time.Hour), Policies: []recorded.ShadowPolicy{{
		Policy: "trial", From: now.Add(-25 * time.Hour), To: now.Add(-time.Minute), Commands: 4120, Same: 4071, Failed: 1,
		Changes: []recorded.ShadowChange{
			{From: "allow", To: "deny", Who: who, Connection: "orders", Commands: 41, Example: read.Command},
			{From: "allow", To: "hold", Who: "etl", Connection: "warehouse", Commands: 7, Example: read.Command},
			{From: "hold", To: "deny", Who: who, Connection: "orders", Commands: 1, Example: held.Command},
		},
		Said: []recorded.ShadowSaid{
			{Says: "deny: customers are out of bounds", Commands: 42, Example: read.Command},
			{Says: "hold change: counting is odd", Commands: 7, Example: read.Command},
			{Says: "error: evaluation was cut off after 50ms", Commands: 1, Example: read.Command},
		},
	}}})
}

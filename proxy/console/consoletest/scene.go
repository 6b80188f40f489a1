package consoletest

import (
	"errors"
	"time"

	"sluice.dev/proxy/console"
	"sluice.dev/proxy/identity"
)

// Scene fills a gateway with one of everything, for eyes and for tests: holds in every state, sessions, a recording
// that holds and one that does not.
func Scene(g *Gateway, issuer string) {
	now := time.Now()
	agent := console.Party{Subject: "agent-7", Issuer: issuer, Kinds: []string{"agent"}, Chain: []identity.Hop{
		{Subject: "analyst-3", Issuer: issuer, Kind: "human", Proof: identity.ProofToken},
		{Subject: "crew-support", Kind: "crew", Proof: identity.ProofAsserted},
	}}
	other := console.Party{Subject: "agent-2", Issuer: issuer, Kinds: []string{"agent"}, Chain: []identity.Hop{{Subject: "dba-2", Issuer: issuer, Kind: "human", Proof: identity.ProofToken}}}
	dba := []console.Approval{{Name: "change", Approvers: []string{"dba"}, Required: 1, Self: "deny"}}
	base := console.Hold{
		State: console.Pending, Requester: agent, Client: console.Client{Address: "10.0.0.7:51884", Application: "crewai", User: "agent-7"},
		Session: "01JDEXQ4ZJ8N0Q8Z1T6M7R2VWX", Connection: "orders", Protocol: "postgres", Database: "orders", Role: "crew_app",
		Labels:      map[string]string{"environment": "production", "data": "customer"},
		Description: "DELETE on public.customers", Command: "DELETE FROM customers WHERE id = $1 AND email = ‹redacted:5f2c9a1e›", Parameters: []string{"4711"},
		Risk: 70, Classes: []string{"mass-change"}, Reasons: []console.Reason{{Policy: "agents", Approval: "change", Text: "delete on public.customers"}},
		Approvals: dba, Waiters: 1, Created: now.Add(-70 * time.Second), Expires: now.Add(9*time.Minute + 30*time.Second),
		Digest: "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", Generation: "sha256:0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0",
	}
	put := func(ticket string, change func(*console.Hold)) {
		h := base
		h.Ticket = ticket
		change(&h)
		g.Put(h)
	}
	vote := func(yes bool, reason string, ago time.Duration) []console.Approval {
		return []console.Approval{{Name: "change", Approvers: []string{"dba"}, Required: 1, Self: "deny", Votes: []console.Vote{
			{Subject: "dba-2", Issuer: issuer, Display: "Dana, database administrator", Approve: yes, Reason: reason, At: now.Add(-ago)},
		}}}
	}
	for i, s := range []struct {
		ticket  string
		state   console.State
		outcome string
	}{
		{"7KQM-W3", console.Withdrawn, ""},
		{"B2YT-9C", console.Expired, ""},
		{"ZQ4D-8R", console.Unknown, ""},
		{"M3FH-5V", console.Broken, ""},
		{"D8PX-2N", console.Denied, ""},
		{"R6JC-4T", console.Claimed, ""},
		{"TN5W-7G", console.Done, "committed"},
		{"V9KB-3M", console.Approved, ""},
	} {
		ago := time.Duration(9-i) * 23 * time.Minute
		put(s.ticket, func(h *console.Hold) {
			h.State, h.Outcome, h.Created, h.Decided, h.Waiters = s.state, s.outcome, now.Add(-ago-time.Minute), now.Add(-ago), 0
			switch s.state {
			case console.Denied:
				h.Approvals = vote(false, "wrong customer", ago)
			case console.Approved, console.Done, console.Claimed, console.Unknown:
				h.Approvals = vote(true, "ticket CRM-4711, asked by Ana", ago)
			}
		})
	}
	put("PX2V-6H", func(h *console.Hold) { h.Requester, h.Description = other, "UPDATE on public.prices" })
	put("W4GT-8S", func(h *console.Hold) {
		h.Description = "UPDATE on public.invoices"
		h.Command = "WITH late AS (\n  SELECT i.id\n  FROM public.invoices i\n  JOIN public.customers c ON c.id = i.customer_id\n  WHERE i.due < now() - interval '90 days'\n    AND c.email = ‹redacted:5f2c9a1e›\n    AND c.phone <> ‹redacted:b07de422›\n)\nUPDATE public.invoices SET status = 'written-off', note = 'by\u202Eagent'\nWHERE id IN (SELECT id FROM late)\nRETURNING id, status, amount"
		h.Parameters = nil
		h.InTransaction = true
		h.Reasons = []console.Reason{{Policy: "agents", Approval: "change", Text: "update on public.invoices"}, {Policy: "finance", Approval: "money", Text: "writes off money: two people must agree"}}
		h.Approvals = append(vote(true, "books are closed, go on", time.Minute), console.Approval{Name: "money", Approvers: []string{"finance", "platform"}, Required: 2, Self: "deny"})
		h.Approvals[0].Votes[0].Subject, h.Approvals[0].Votes[0].Display = "dba-1", "Dirk"
		h.Expires = now.Add(3*time.Minute + 20*time.Second)
	})
	put("HX4K-2Q", func(*console.Hold) {})

	accounts(g, &base, now)

	open := console.Session{
		ID: base.Session, Principal: agent, Client: base.Client, Connection: "orders", Protocol: "postgres", Database: "orders",
		Started: now.Add(-6 * time.Minute), Ends: now.Add(7*time.Hour + 54*time.Minute), Commands: 38, Denied: 1, Held: "HX4K-2Q", Recorded: true, Generation: base.Generation,
	}
	ended := open
	ended.ID, ended.Held, ended.Ended, ended.Reason = "01JDEVB0M3C2F6Y6H0K9D4S8TA", "", now.Add(-3*time.Minute), "the client closed it"
	g.PutSession(ended, errors.New("chunk 2: its digest is not the one in the log (record 4711)"),
		console.Frame{Kind: "statement", Text: "SELECT 1"}, console.Frame{Offset: 2 * time.Millisecond, Kind: "complete", Text: "SELECT 1"})
	g.PutSession(open, console.ErrOpenEnd,
		console.Frame{Kind: "statement", Text: "SELECT id, name, email, card FROM customers WHERE email = ‹redacted:5f2c9a1e›\nORDER BY id LIMIT 3"},
		console.Frame{Offset: 4 * time.Millisecond, Kind: "columns", Cells: []string{"id", "name", "email", "card"}},
		console.Frame{Offset: 4 * time.Millisecond, Kind: "row", Cells: []string{"1", "Ada Lovelace", "a***@example.com", "***"}},
		console.Frame{Offset: 4 * time.Millisecond, Kind: "row", Cells: []string{"\x00\x00\x00\x02", "Grace Hopper", "g***@example.com", ""}, Nulls: []bool{false, false, false, true}},
		console.Frame{Offset: 5 * time.Millisecond, Kind: "elided", Text: "1 row"},
		console.Frame{Offset: 5 * time.Millisecond, Kind: "complete", Text: "SELECT 3"},
		console.Frame{Offset: 41 * time.Second, Kind: "statement", Text: "DROP TABLE orders"},
		console.Frame{Offset: 41*time.Second + 1*time.Millisecond, Kind: "error", Text: "42501 sluice: denied by policy agents: DROP needs a migration"},
		console.Frame{Offset: 62 * time.Second, Kind: "statement", Text: base.Command},
		console.Frame{Offset: 62 * time.Second, Kind: "notice", Text: "sluice: held by policy agents: delete on public.customers. Ticket HX4K-2Q, waiting for an approver (dba)"},
	)
}

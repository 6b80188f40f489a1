package approval_test

import (
	"slices"
	"testing"

	"sluice.dev/proxy/approval"
)

// TestToldAgain: a kill may come between a change and what Events made of it,
// so a start tells what led to where each live hold stands, and of no other.
func TestToldAgain(t *testing.T) {
	b := open(t)
	two := rule(func(r *approval.Rule) { r.Required = 2 })
	pending := b.request(request("s1", "delete 1")).Ticket()
	half := b.request(request("s1", "delete 2", two)).Ticket()
	b.approve(half, person("dba-2", "dba"))
	approved := b.request(request("s1", "delete 3", two)).Ticket()
	b.approve(approved, person("dba-2", "dba"))
	b.approve(approved, person("dba-3", "dba"))
	claimed := b.request(request("s1", "delete 4"))
	b.approve(claimed.Ticket(), person("dba-2", "dba"))
	claim(t, claimed, true)
	denied := b.request(request("s1", "delete 5")).Ticket()
	if err := b.Deny(t.Context(), denied, person("dba-2", "dba"), "no"); err != nil {
		t.Fatal(err)
	}
	b.mu.Lock()
	b.events = nil
	b.mu.Unlock()
	b.restart()
	got := map[string][]string{}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.events {
		what := string(e.Kind)
		if e.Vote != nil {
			what += " " + e.Vote.Subject
		}
		if e.Again {
			what += " again"
		}
		got[e.Hold.Ticket] = append(got[e.Hold.Ticket], what)
	}
	for ticket, want := range map[string][]string{
		pending:          {"requested again"},
		half:             {"requested again", "vote dba-2 again"},
		approved:         {"requested again", "vote dba-2 again", "vote dba-3 again"},
		claimed.Ticket(): {"finished"},
		denied:           nil,
	} {
		if !slices.Equal(got[ticket], want) {
			t.Errorf("told %q, want %q", got[ticket], want)
		}
	}
}

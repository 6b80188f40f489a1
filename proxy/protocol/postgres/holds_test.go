package postgres_test

import (
	"regexp"
	"testing"

	"sluice.dev/proxy/console"
	"sluice.dev/proxy/server/api"
	"sluice.dev/proxy/server/servertest"
)

var ticketForm = regexp.MustCompile(`[Tt]icket ([0-9A-Z]{4}-[0-9A-Z]+)`)

// ticketOf is the ticket that a notice or error names.
func ticketOf(m message) string {
	found := ticketForm.FindStringSubmatch(m.fields()['M'])
	if found == nil {
		return ""
	}
	return found[1]
}

// approver is the API as a person in group dba uses it.
func approver(t testing.TB, g *servertest.Gateway) *api.Client {
	t.Helper()
	c, err := api.At(g.URL, g.Token("dba-2", "dba"))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func approve(t testing.TB, g *servertest.Gateway, ticket string) console.Hold {
	t.Helper()
	h, err := approver(t, g).Approve(t.Context(), ticket, "looked at it")
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func deny(t testing.TB, g *servertest.Gateway, ticket string) {
	t.Helper()
	if _, err := approver(t, g).Deny(t.Context(), ticket, "wrong customer"); err != nil {
		t.Fatal(err)
	}
}

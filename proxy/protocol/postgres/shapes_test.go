package postgres_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"sluice.dev/proxy/server/servertest"
)

// Statements of one shape share an analysis. What each says of its own
// literals is its own: positions by which they are redacted, ordinals, limits.
func TestStatementsOfOneShape(t *testing.T) {
	g := servertest.Start(t, servertest.Options{Rego: map[string]string{"base": servertest.AllowAll + `
deny contains {"reason": "sorted by what is masked"} if input.command.postgres.orders_by_protected
`}})
	ctx := context.Background()
	conn := connect(t, g.DSN(g.Agent()), pgx.QueryExecModeSimpleProtocol)
	for i := range 12 {
		var item, email string
		if err := conn.QueryRow(ctx, fmt.Sprintf("SELECT item FROM orders WHERE id = %d /* %d */", i+1, i)).Scan(&item); err != nil || item != fmt.Sprintf("item %d", i+1) {
			t.Fatalf("%q, %v", item, err)
		}
		// A long literal before a short one, and the other way round.
		name, pad := "Ada Brandt", fmt.Sprintf("%*d", 1+i*7%11, i)
		if err := conn.QueryRow(ctx, fmt.Sprintf("SELECT email FROM customers WHERE '%s' <> '-' AND name = '%s' AND email = 'ada.brandt@example.com'", pad, name)).Scan(&email); err != nil || email != "a***@example.com" {
			t.Fatalf("%q, %v", email, err)
		}
	}
	// An ordinal is no value: the second sorts by what is masked.
	if _, err := conn.Exec(ctx, "SELECT city, email FROM customers ORDER BY 1"); err != nil {
		t.Error(err)
	}
	if _, err := conn.Exec(ctx, "SELECT city, email FROM customers ORDER BY 2"); err == nil {
		t.Error("what it sorts by is not known to the policy")
	}
	redacted := 0
	for _, e := range g.Records("cmd.intent") {
		text := e.Action.Text
		for _, secret := range []string{"ada.brandt@example.com"} {
			if strings.Contains(text, secret) {
				t.Errorf("a record holds a value compared with a masked column: %s", text)
			}
		}
		if strings.Contains(text, "name = 'Ada Brandt' AND email = ") && strings.Contains(text, "redacted:") {
			redacted++
		}
	}
	if redacted != 12 {
		t.Errorf("%d of 12 records have their literal redacted and the rest kept", redacted)
	}
}

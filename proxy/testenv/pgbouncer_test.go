package testenv_test

import (
	"testing"

	"sluice.dev/proxy/testenv"
)

func TestPgBouncer(t *testing.T) {
	if err := testenv.Install(t.Context(), t.Output(), "pgbouncer"); err != nil {
		t.Fatal(err)
	}
	s := testenv.Postgres(t, testenv.PostgresOptions{Init: []string{users}})
	b, err := testenv.StartPgBouncer(t.Context(), s, "app", "app-password")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := b.Stop(); err != nil {
			t.Error(err)
		}
	}()
	if got := one[int](t, b.DSN("postgres"), "SELECT max(id) FROM t"); got != 42 {
		t.Errorf("max(id) = %d", got)
	}
}

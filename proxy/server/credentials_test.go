package server_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sluice.dev/proxy/identity/password"
	"sluice.dev/proxy/server/api"
	"sluice.dev/proxy/testenv"
)

// TestSessionPasswords logs in with PostgreSQL's own client: a session password is good where a token is, for its
// connection, until it is revoked.
func TestSessionPasswords(t *testing.T) {
	r := openReal(t)
	psql := filepath.Join(r.pg.BinDir, "psql")
	if _, err := os.Stat(psql); err != nil {
		t.Skipf("PostgreSQL %s came without psql", r.pg.Version)
	}
	run := func(credential, connection string) (string, error) {
		cmd := exec.CommandContext(t.Context(), psql, "-XAt", "-c", "SELECT email FROM customers WHERE id = 1",
			"postgresql://agent-7@"+r.address+"/"+connection+"?sslmode=disable")
		cmd.Env = append(os.Environ(), "PGPASSWORD="+credential)
		out, err := cmd.CombinedOutput()
		return strings.TrimSpace(string(out)), err
	}
	support := r.api("analyst-3", "crew-support")
	c, err := support.Issue(t.Context(), "orders")
	if err != nil {
		t.Fatal(err)
	}
	token := r.token("analyst-3", testenv.Claims{"groups": []string{"crew-support"}, "kind": "human"})
	want, err := run(token, "orders")
	if err != nil || !strings.HasSuffix(want, "@example.com") || strings.HasPrefix(want, "user1@") {
		t.Fatalf("with a token: %q, %v", want, err)
	}
	if got, err := run(c.Password, "orders"); err != nil || got != want {
		t.Errorf("with a session password: %q, %v; with the token: %q", got, err, want)
	}
	if got, err := run(c.Password, "nowhere"); err == nil || !strings.Contains(got, `is for connection "orders" alone`) {
		t.Errorf("another connection: %q, %v", got, err)
	}
	if got, err := run(password.Prefix+strings.Repeat("A", password.Size-len(password.Prefix)), "orders"); err == nil || !strings.Contains(got, "unknown or expired") {
		t.Errorf("one that was never issued: %q, %v", got, err)
	}

	var p *api.Problem
	if _, err := support.Issue(t.Context(), "nowhere"); !errors.As(err, &p) || p.Kind != api.KindNotFound {
		t.Errorf("for no connection: %v", err)
	}
	asked, err := api.At(r.url, c.Password)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := asked.Issue(t.Context(), "orders"); !errors.As(err, &p) || p.Kind != api.KindUnauthorized {
		t.Errorf("a session password got another: %v", err)
	}
	if _, err := api.Over(filepath.Join(r.dir, "data", "admin.sock")).Issue(t.Context(), "orders"); !errors.As(err, &p) || p.Kind != api.KindForbidden {
		t.Errorf("over the admin socket, which has no identity: %v", err)
	}

	// Another's revocation leaves it, its owner's ends it.
	if n, err := r.api("somebody", "crew-support").Revoke(t.Context()); err != nil || n != 0 {
		t.Errorf("another revoked %d, %v", n, err)
	}
	if got, err := run(c.Password, "orders"); err != nil || got != want {
		t.Errorf("after another's revocation: %q, %v", got, err)
	}
	if n, err := support.Revoke(t.Context()); err != nil || n != 1 {
		t.Errorf("revoked %d, %v", n, err)
	}
	if got, err := run(c.Password, "orders"); err == nil || !strings.Contains(got, "unknown or expired") {
		t.Errorf("revoked: %q, %v", got, err)
	}

	// At rest there is no credential: not in the log, the state, a recording.
	err = filepath.WalkDir(filepath.Join(r.dir, "data"), func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if strings.Contains(string(b), c.Password) {
			t.Errorf("%s holds the session password", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

package console_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"sluice.dev/proxy/console"
	"sluice.dev/proxy/identity"
)

// browserDir holds playwright-core (proxy/testenv/deps.sh browser). The test is skipped, and says so, without it.
func browserDir(t *testing.T) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Skip("no cache folder: ", err)
	}
	dir := filepath.Join(cache, "sluice", "browser")
	if _, err := os.Stat(filepath.Join(dir, "node_modules", "playwright-core")); err != nil {
		t.Skip("no browser to look with: run proxy/testenv/deps.sh browser")
	}
	if _, err := exec.LookPath("chromium"); err != nil {
		t.Skip("no chromium: run proxy/testenv/deps.sh browser")
	}
	return dir
}

// play runs a script of testdata against the site.
func (s *site) play(script string, args ...string) {
	s.Helper()
	cmd := exec.CommandContext(s.Context(), "node", append([]string{filepath.Join("testdata", script), s.url}, args...)...)
	cmd.Env = append(os.Environ(), "SLUICE_BROWSER="+browserDir(s.T))
	out, err := cmd.CombinedOutput()
	s.Logf("%s", out)
	if err != nil {
		s.Errorf("%s: %v", script, err)
	}
}

// TestLook looks at every page in Chromium: light, dark, on a phone, on paper. CONSOLE_SHOTS keeps the pictures.
func TestLook(t *testing.T) {
	browserDir(t)
	s := open(t)
	dir := os.Getenv("CONSOLE_SHOTS")
	if dir == "" {
		dir = t.TempDir()
	}
	s.play("look.mjs", dir)
}

// TestLive uses the console in Chromium while things happen in the gateway.
func TestLive(t *testing.T) {
	browserDir(t)
	s := open(t)
	if !console.Vendored() {
		t.Skip("htmx is not in this binary: run make assets, then test again")
	}
	control := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ticket := r.URL.Query().Get("ticket")
		h, err := s.gateway.Hold(r.Context(), "PX2V-6H")
		if err != nil {
			t.Error(err)
		}
		switch r.URL.Path {
		case "/new":
			h.Ticket, h.Requester.Chain = ticket, nil
			s.gateway.Put(h)
		case "/deny":
			if err := s.gateway.Deny(r.Context(), ticket, &identity.Principal{Subject: "dba-9", Groups: []string{"dba"}}, "no"); err != nil {
				t.Error(err)
			}
		case "/session":
			s.gateway.PutSession(console.Session{ID: "01JDEZZZ", Principal: h.Requester, Connection: "orders", Protocol: "postgres", Started: time.Now()}, nil)
		}
	}))
	defer control.Close()
	s.play("live.mjs", control.URL)
}

package console_test

import (
	"context"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"sluice.dev/proxy/console"
	"sluice.dev/proxy/identity"
)

func TestForgedForms(t *testing.T) {
	s := open(t)
	dba := s.as("dba-2")
	other := s.as("dba-2")
	_, page := s.get(other, "/status")
	foreign := csrfField.FindStringSubmatch(page)[1]
	for name, try := range map[string]func() (int, string){
		"no token":   func() (int, string) { return s.post(dba, "/t/HX4K-2Q/approve", url.Values{"csrf": {""}}) },
		"another's":  func() (int, string) { return s.post(dba, "/t/HX4K-2Q/approve", url.Values{"csrf": {foreign}}) },
		"cross-site": func() (int, string) { return s.post(dba, "/t/HX4K-2Q/approve", nil, "Sec-Fetch-Site", "cross-site") },
		"same-site":  func() (int, string) { return s.post(dba, "/t/HX4K-2Q/approve", nil, "Sec-Fetch-Site", "same-site") },
		"foreign origin": func() (int, string) {
			return s.post(dba, "/t/HX4K-2Q/approve", nil, "Sec-Fetch-Site", "", "Origin", "https://evil.example")
		},
		"not logged in": func() (int, string) { return s.post(s.browser(), "/t/HX4K-2Q/approve", url.Values{"csrf": {foreign}}) },
		"huge": func() (int, string) {
			return s.post(dba, "/t/HX4K-2Q/approve", url.Values{"reason": {strings.Repeat("x", 20000)}, "csrf": {"x"}})
		},
		"long reason": func() (int, string) {
			return s.post(dba, "/t/HX4K-2Q/approve", url.Values{"reason": {strings.Repeat("x", 1001)}})
		},
		"turned reason": func() (int, string) { return s.post(dba, "/t/HX4K-2Q/approve", url.Values{"reason": {"ok\u202Eko"}}) },
		"in the query": func() (int, string) {
			return s.post(dba, "/t/HX4K-2Q/approve?csrf="+csrfOf(s, dba), url.Values{"csrf": {""}})
		},
	} {
		code, _ := try()
		if code != 403 && code != 422 {
			t.Errorf("%s: %d", name, code)
		}
		if st := s.state("HX4K-2Q"); st != console.Pending {
			t.Fatalf("%s: it is %s", name, st)
		}
	}
	// The same by GET changes nothing either.
	for _, path := range []string{"/t/HX4K-2Q/approve", "/t/HX4K-2Q/deny", "/reload", "/logout"} {
		if code, _ := s.get(dba, path); code != 404 && code != 405 {
			t.Errorf("GET %s: %d", path, code)
		}
	}
}

func csrfOf(s *site, c *http.Client) string {
	_, page := s.get(c, "/status")
	return csrfField.FindStringSubmatch(page)[1]
}

func TestHeaders(t *testing.T) {
	s := open(t)
	dba := s.as("dba-2")
	for _, path := range []string{"/holds", "/t/HX4K-2Q", "/nowhere", "/signed-out"} {
		resp, err := dba.Get(s.url + path)
		if err != nil {
			t.Fatal(err)
		}
		_, page := body(t, resp)
		h := resp.Header
		for name, want := range map[string]string{
			"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY",
		} {
			if h.Get(name) != want {
				t.Errorf("%s: %s: %q", path, name, h.Get(name))
			}
		}
		csp := h.Get("Content-Security-Policy")
		if !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: %s", path, csp)
		}
		hasNot(t, page, " style=", "onclick", "javascript:")
	}
	if code, _ := s.get(dba, "/static/"); code != 404 {
		t.Errorf("a listing of the static files: %d", code)
	}
	// Another name for this machine is not this console.
	req, _ := http.NewRequest(http.MethodGet, s.url+"/holds", nil)
	req.Host = "rebound.example"
	resp, err := dba.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if code, _ := body(t, resp); code != http.StatusMisdirectedRequest {
		t.Errorf("served for another host: %d", code)
	}
}

func TestCookies(t *testing.T) {
	for _, c := range []struct {
		base, name string
		secure     bool
	}{
		{"https://gw.example.com:8443", "__Host-sluice-login", true},
		{"http://127.0.0.1:8443", "sluice-login", false},
	} {
		s := open(t)
		s.options.URL = c.base
		if err := s.console.Configure(s.options); err != nil {
			t.Fatal(err)
		}
		req, _ := http.NewRequest(http.MethodGet, s.url+"/login?next=/t/HX4K-2Q", nil)
		req.Host = strings.SplitN(c.base, "//", 2)[1]
		client := s.browser()
		client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		to, err := resp.Location()
		if err != nil {
			t.Fatal(err)
		}
		q := to.Query()
		if q.Get("code_challenge_method") != "S256" || q.Get("nonce") == "" || q.Get("state") == "" || q.Get("redirect_uri") != c.base+"/login/callback" {
			t.Errorf("log-in request: %s", to)
		}
		got := resp.Cookies()[0]
		if got.Name != c.name || got.Secure != c.secure || !got.HttpOnly || got.SameSite != http.SameSiteLaxMode || got.Path != "/" || got.Domain != "" {
			t.Errorf("%s: cookie %v", c.base, got)
		}
		if (resp.Header.Get("Strict-Transport-Security") != "") != c.secure {
			t.Errorf("%s: HSTS %q", c.base, resp.Header.Get("Strict-Transport-Security"))
		}
	}
}

// An attacker who brings his own code, another's state or a stale log-in gets nowhere.
func TestLoginAttacks(t *testing.T) {
	s := open(t)
	stop := func(c *http.Client) *http.Client {
		c.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
			if r.URL.Path == "/login/callback" {
				return http.ErrUseLastResponse
			}
			return nil
		}
		return c
	}
	// callback is the way back that the provider gave a browser, not yet taken.
	callback := func(c *http.Client) string {
		resp, err := s.idp.Login(t.Context(), stop(c), s.url+"/login", "dba-2")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.Header.Get("Location")
	}
	get := func(c *http.Client, u string) int {
		c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		resp, err := c.Get(u)
		if err != nil {
			t.Fatal(err)
		}
		code, _ := body(t, resp)
		return code
	}
	mine, victim := s.browser(), s.browser()
	way := callback(mine)
	if code := get(victim, way); code != 403 {
		t.Errorf("another browser's way back was taken: %d", code)
	}
	_ = callback(victim) // has a log-in of its own under way
	if code := get(victim, way); code != 403 {
		t.Errorf("another browser's way back was taken for an own one: %d", code)
	}
	if code := get(mine, strings.Replace(way, "state=", "state=x", 1)); code != 403 {
		t.Errorf("a changed state was taken: %d", code)
	}
	if code := get(mine, way); code != 403 {
		t.Errorf("a way back was good after a failed one: %d", code)
	}
	again := s.browser()
	way = callback(again)
	if code := get(again, way); code != 303 {
		t.Errorf("the right way back: %d", code)
	}
	if code := get(again, way); code != 403 {
		t.Errorf("a way back was good twice: %d", code)
	}
	if code := get(s.browser(), s.url+"/login/callback?error=access_denied&error_description=%3Cscript%3E"); code != 403 {
		t.Errorf("an error out of nowhere: %d", code)
	}
}

// A nonce that is not ours, or a principal that cannot be verified, ends the log-in.
func TestLoginVerifies(t *testing.T) {
	s := open(t, func(o *console.Options) {
		o.Verify = func(context.Context, string) (*identity.Principal, error) {
			return nil, errorText("groups are missing")
		}
	})
	resp, err := s.idp.Login(t.Context(), s.browser(), s.url+"/holds", "dba-2")
	if err != nil {
		t.Fatal(err)
	}
	if code, page := body(t, resp); code != 403 || !strings.Contains(page, "Groups are missing") {
		t.Errorf("%d\n%s", code, page)
	}
}

func TestProviderGone(t *testing.T) {
	s := open(t)
	s.idp.Fail(true)
	if code, page := s.get(s.browser(), "/holds"); code != 503 || !strings.Contains(page, "cannot be reached") {
		t.Errorf("%d\n%s", code, page)
	}
	s.idp.Fail(false)
	s.as("dba-2") // it is asked again
}

func TestTooManyLogins(t *testing.T) {
	clock := time.Now()
	s := open(t, func(o *console.Options) { o.Now = func() time.Time { return clock } })
	jar, _ := cookiejar.New(nil)
	c := s.browser()
	c.Jar = jar
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	seen := map[int]int{}
	for range 70 {
		code, _ := s.get(c, "/login")
		seen[code]++
	}
	if seen[429] != 10 || seen[303] != 60 {
		t.Errorf("of 70 log-ins at once: %v", seen)
	}
	clock = clock.Add(3 * time.Second)
	if code, _ := s.get(c, "/login"); code != 303 {
		t.Errorf("three seconds later: %d", code)
	}
}

func TestOptions(t *testing.T) {
	s := open(t)
	for _, bad := range []string{"", "gw.example.com", "http://gw.example.com", "https://gw/console", "https://u:p@gw", "ftp://gw", "https://gw?x=1"} {
		o := s.options
		o.URL = bad
		if err := s.console.Configure(o); err == nil {
			t.Errorf("url %q was accepted", bad)
		}
	}
	o := s.options
	o.Verify = nil
	if err := s.console.Configure(o); err == nil {
		t.Error("no Verify was accepted")
	}
}

func TestLiveEnds(t *testing.T) {
	s := open(t)
	dba := s.as("dba-2")
	stream := func() *http.Response {
		resp, err := dba.Get(s.url + "/live")
		if err != nil {
			t.Fatal(err)
		}
		return resp
	}
	var all []*http.Response
	for range 6 {
		all = append(all, stream())
	}
	if resp := stream(); resp.StatusCode != http.StatusNoContent {
		t.Errorf("a seventh live connection: %s", resp.Status)
	} else {
		resp.Body.Close()
	}
	// What happens reaches those who may see it, and nobody else.
	s.gateway.Tell(console.Change{Kind: console.ChangeSession, ID: "secret-session"})
	h, _ := s.gateway.Hold(t.Context(), "HX4K-2Q")
	h.Ticket, h.Approvals = "NOT-DBA", nil
	s.gateway.Put(h)
	s.gateway.Tell(console.Change{Kind: console.ChangeHold, ID: "HX4K-2Q"})
	s.gateway.Tell(console.Change{Kind: console.ChangeHealth})
	text := ""
	buf := make([]byte, 4096)
	for !strings.Contains(text, "event: health") {
		n, err := all[0].Body.Read(buf)
		text += string(buf[:n])
		if err != nil {
			t.Fatal(err)
		}
	}
	has(t, text, "event: hold-HX4K-2Q\n")
	hasNot(t, text, "secret-session", "NOT-DBA")
	// Signing out ends them all.
	if code, _ := s.post(dba, "/logout", nil); code != 200 {
		t.Fatal(code)
	}
	for _, resp := range all {
		if _, err := io.ReadAll(resp.Body); err != nil {
			t.Errorf("a live connection broke: %v", err)
		}
		resp.Body.Close()
	}
}

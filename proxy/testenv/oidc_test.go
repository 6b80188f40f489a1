package testenv_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"sluice.dev/proxy/testenv"
)

func authorize(s *testenv.OIDCServer, back string) string {
	return s.Issuer + "/authorize?" + url.Values{
		"client_id": {s.ClientID}, "redirect_uri": {back}, "response_type": {"code"}, "scope": {"openid"}, "state": {"x"},
		"code_challenge": {"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"}, "code_challenge_method": {"S256"},
	}.Encode()
}

func TestLoginPageListsThePeople(t *testing.T) {
	s := testenv.OIDC(t, testenv.OIDCOptions{})
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	resp, err := client.Get(authorize(s, "http://127.0.0.1:9/auth/callback"))
	if err != nil {
		t.Fatal(err)
	}
	page, _ := io.ReadAll(resp.Body)
	resp.Body.Close()
	for _, p := range testenv.People() {
		if !contains(string(page), p.Subject, p.Name) {
			t.Errorf("%s is not on the page:\n%s", p.Subject, page)
		}
	}
}

func TestLoginGoesBackOnlyWhereItMay(t *testing.T) {
	s := testenv.OIDC(t, testenv.OIDCOptions{})
	client := &http.Client{Transport: &http.Transport{}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer client.CloseIdleConnections()
	to := func(back string) string {
		t.Helper()
		resp, err := client.Get(authorize(s, back))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.Header.Get("Location")
	}
	for _, back := range []string{"http://127.0.0.1:8080/auth/callback", "https://localhost:8443/x"} {
		if at := to(back); !strings.HasPrefix(at, "/login?") {
			t.Errorf("back to %s: at %q", back, at)
		}
	}
	for _, back := range []string{"https://evil.example/x", "http://127.0.0.1.evil.example:80/x", "javascript:alert(1)"} {
		if at := to(back); at != "" {
			t.Errorf("back to %s: at %q", back, at)
		}
	}
	s.AllowRedirects("https://gw.example:8443/auth/callback")
	if at := to("https://gw.example:8443/auth/callback"); !strings.HasPrefix(at, "/login?") {
		t.Errorf("an allowed one: at %q", at)
	}
	if _, err := s.Login(t.Context(), client, s.Issuer+"/keys", "dba-2"); err == nil {
		t.Error("a page that is no login is one")
	}
}

func TestKeysArePublishedAndForgotten(t *testing.T) {
	s := testenv.OIDC(t, testenv.OIDCOptions{Algorithm: "ES256"})
	count := func() int {
		t.Helper()
		var set struct{ Keys []map[string]any }
		resp, err := http.Get(s.Issuer + "/keys")
		if err != nil {
			t.Fatal(err)
		}
		defer http.DefaultClient.CloseIdleConnections()
		defer resp.Body.Close()
		if err := json.NewDecoder(resp.Body).Decode(&set); err != nil {
			t.Fatal(err)
		}
		for _, k := range set.Keys {
			if k["d"] != nil || k["kid"] == "" {
				t.Errorf("published: %v", k)
			}
		}
		return len(set.Keys)
	}
	if n := count(); n != 1 {
		t.Errorf("%d keys", n)
	}
	if err := s.Rotate(); err != nil {
		t.Fatal(err)
	}
	if n := count(); n != 2 {
		t.Errorf("%d keys after a rotation", n)
	}
	s.Forget()
	if n := count(); n != 1 || s.KeyFetches() != 3 {
		t.Errorf("%d keys, asked for %d times", n, s.KeyFetches())
	}
	s.Fail(true)
	resp, err := http.Get(s.Issuer + "/keys")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("dead, it answers %s", resp.Status)
	}
}

func TestOnlyLoopback(t *testing.T) {
	if s, err := testenv.StartOIDC(testenv.OIDCOptions{Address: "0.0.0.0:0"}); err == nil {
		s.Stop()
		t.Error("a provider without passwords listens on every address")
	}
	if s, err := testenv.StartOIDC(testenv.OIDCOptions{Algorithm: "HS256"}); err == nil {
		s.Stop()
		t.Error("HS256")
	}
}

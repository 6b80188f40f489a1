package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"sluice.dev/proxy/console"
	"sluice.dev/proxy/console/consoletest"
	"sluice.dev/proxy/gate/recorded"
	"sluice.dev/proxy/identity/oidc"
	"sluice.dev/proxy/server/api"
	"sluice.dev/proxy/testenv"
)

// What net/http lets linger for half a second after an answer is no leak.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("net/http.(*conn).closeWriteAndWait"))
}

type site struct {
	*testing.T
	url     string
	idp     *testenv.OIDCServer
	gateway *consoletest.Gateway
}

func open(t *testing.T) *site {
	t.Helper()
	s := &site{T: t, idp: testenv.OIDC(t, testenv.OIDCOptions{}), gateway: consoletest.New()}
	consoletest.Scene(s.gateway, s.idp.Issuer)
	provider, err := oidc.New(t.Context(), oidc.Options{Issuer: s.idp.Issuer, Audiences: []string{"sluice"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(provider.Close)
	srv := httptest.NewServer(api.New(api.Options{
		Backend: s.gateway, Caller: api.Bearer(provider.Verify),
		Access: func() console.Access {
			return console.Access{Auditors: []string{"audit"}, Operators: []string{"platform"}}
		},
	}))
	t.Cleanup(srv.Close)
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	s.url = srv.URL
	return s
}

func (s *site) as(subject string, groups ...string) *api.Client {
	s.Helper()
	c, err := api.At(s.url, s.idp.Issue(testenv.Claims{"sub": subject, "groups": groups}))
	if err != nil {
		s.Fatal(err)
	}
	return c
}

// kind is the kind of problem, "" for none and "?" for another error.
func kind(err error) api.Kind {
	var p *api.Problem
	switch {
	case err == nil:
		return ""
	case errors.As(err, &p):
		return p.Kind
	}
	return "?"
}

func TestAPI(t *testing.T) {
	s := open(t)
	ctx := t.Context()
	dba, ops, audit, ana := s.as("dba-2", "dba"), s.as("ops-1", "platform"), s.as("audit-1", "audit"), s.as("analyst-3", "analysts")

	holds, err := dba.Holds(ctx, console.Filter{States: []console.State{console.Pending}})
	if err != nil || len(holds) != 3 {
		t.Fatalf("%d holds, %v", len(holds), err)
	}
	if holds, err = ana.Holds(ctx, console.Filter{}); err != nil || len(holds) != 10 {
		t.Fatalf("the analyst sees %d holds, %v; want the 10 that are done for her", len(holds), err)
	}
	if _, err := ana.Hold(ctx, "PX2V-6H"); kind(err) != api.KindNotFound {
		t.Errorf("another's hold: %v", err)
	}
	if _, err := dba.Hold(ctx, "../sessions"); kind(err) != api.KindInvalid {
		t.Errorf("not a ticket: %v", err)
	}
	if _, err := dba.Deny(ctx, "HX4K-2Q", " "); kind(err) != api.KindInvalid {
		t.Errorf("a denial without a reason: %v", err)
	}
	if _, err := ana.Approve(ctx, "HX4K-2Q", ""); kind(err) != api.KindForbidden {
		t.Errorf("approved by whom it is done for: %v", err)
	}
	if h, err := dba.Approve(ctx, "HX4K-2Q", "ok"); err != nil || h.State != console.Approved || h.Votes()[0].Reason != "ok" {
		t.Errorf("%+v, %v", h, err)
	}
	if _, err := dba.Approve(ctx, "HX4K-2Q", "ok"); kind(err) != api.KindConflict {
		t.Errorf("approved twice: %v", err)
	}
	if h, err := ops.Approve(ctx, "W4GT-8S", ""); err != nil || h.State != console.Pending {
		t.Errorf("one of two: %+v, %v", h.State, err)
	}

	if sessions, err := ana.Sessions(ctx, false); err != nil || len(sessions) != 2 {
		t.Errorf("%d sessions, %v", len(sessions), err)
	}
	if sessions, err := dba.Sessions(ctx, false); err != nil || len(sessions) != 0 {
		t.Errorf("%d sessions that are none of his, %v", len(sessions), err)
	}
	id := "01JDEXQ4ZJ8N0Q8Z1T6M7R2VWX"
	if err := audit.Kill(ctx, id, ""); kind(err) != api.KindForbidden {
		t.Errorf("killed by an auditor: %v", err)
	}
	if err := ops.Kill(ctx, id, "runs wild"); err != nil {
		t.Error(err)
	}
	if err := ops.Kill(ctx, id, "again"); kind(err) != api.KindNotFound {
		t.Errorf("killed twice: %v", err)
	}
	if _, err := ops.Replay(ctx, id); kind(err) != api.KindForbidden {
		t.Errorf("replayed by an operator: %v", err)
	}
	for session, want := range map[string]string{id: "10 frames, " + console.ErrOpenEnd.Error(), "01JDEVB0M3C2F6Y6H0K9D4S8TA": "2 frames, chunk 2: its digest is not the one in the log (record 4711)"} {
		frames, err := audit.Replay(ctx, session)
		if err != nil {
			t.Fatal(err)
		}
		n, got := 0, ""
		for _, err := range frames {
			if err != nil {
				got = ", " + err.Error()
				break
			}
			n++
		}
		if got = strings.Replace("N frames", "N", map[bool]string{true: "10", false: "2"}[n == 10], 1) + got; got != want {
			t.Errorf("%s: %d: %s, want %s", session, n, got, want)
		}
	}
	for name, c := range map[string]*api.Client{"an approver": dba, "an operator": ops, "whom it is for": ana} {
		if _, err := c.Explain(ctx, "HX4K-2Q"); kind(err) != api.KindForbidden {
			t.Errorf("%s read a record: %v", name, err)
		}
		if _, err := c.Decisions(ctx, recorded.Filter{}); kind(err) != api.KindForbidden {
			t.Errorf("%s read the records: %v", name, err)
		}
		if _, err := c.Shadows(ctx, "", time.Time{}); kind(err) != api.KindForbidden {
			t.Errorf("%s read the shadow: %v", name, err)
		}
	}
	if a, err := audit.Explain(ctx, "hx4k-2q"); err != nil || len(a.Rules) != 1 || a.Rules[0].Line != 21 || len(a.Rules[0].Values) != 3 {
		t.Errorf("explain: %+v, %v", a, err)
	}
	if _, err := audit.Explain(ctx, "NONE"); kind(err) != api.KindNotFound {
		t.Errorf("explain what is not there: %v", err)
	}
	if all, err := audit.Decisions(ctx, recorded.Filter{Verdict: "deny"}); err != nil || len(all) != 2 {
		t.Errorf("denied: %+v, %v", all, err)
	}
	if r, err := audit.Shadows(ctx, "", time.Now()); err != nil || len(r.Policies) != 1 || r.Policies[0].Changes[0].Commands != 41 {
		t.Errorf("shadow: %+v, %v", r, err)
	}
	if _, err := audit.Reload(ctx); kind(err) != api.KindForbidden {
		t.Errorf("reloaded by an auditor: %v", err)
	}
	s.gateway.FailReload(errors.New("demo.hcl:14: no"))
	if _, err := ops.Reload(ctx); kind(err) != api.KindInvalid || !strings.Contains(err.Error(), "demo.hcl:14") {
		t.Errorf("a broken configuration: %v", err)
	}
	if st, err := dba.Status(ctx); err != nil || st.ReloadError != "" {
		t.Errorf("an approver reads the configuration: %+v, %v", st, err)
	}
	if st, err := ops.Status(ctx); err != nil || st.ReloadError == "" {
		t.Errorf("an operator does not: %+v, %v", st, err)
	}
}

func TestTokens(t *testing.T) {
	s := open(t)
	tokens := s.idp.Forged(testenv.Claims{"sub": "dba-2", "groups": []string{"dba"}})
	tokens["none at all"] = ""
	tokens["garbage"] = "garbage"
	tokens["long"] = strings.Repeat("x", 17<<10)
	tokens["another audience"] = s.idp.Issue(testenv.Claims{"sub": "dba-2", "groups": []string{"dba"}, "aud": "other"})
	for name, token := range tokens {
		req, _ := http.NewRequest(http.MethodPost, s.url+"/api/v1/holds/HX4K-2Q/approve", strings.NewReader(`{"reason":"mine"}`))
		req.Header.Set("Authorization", "Bearer "+token)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		var p api.Problem
		if resp.StatusCode != http.StatusUnauthorized || resp.Header.Get("WWW-Authenticate") == "" || resp.Header.Get("Content-Type") != "application/problem+json" || json.Unmarshal(b, &p) != nil || p.Kind != api.KindUnauthorized {
			t.Errorf("%s: %s %s", name, resp.Status, b)
		}
		if len(token) > 20 && strings.Contains(string(b), token[len(token)-20:]) {
			t.Errorf("%s: the answer holds the token", name)
		}
	}
	if h, _ := s.gateway.Hold(t.Context(), "HX4K-2Q"); h.State != console.Pending {
		t.Errorf("it is %s", h.State)
	}
}

func TestBadRequests(t *testing.T) {
	s := open(t)
	token := s.idp.Issue(testenv.Claims{"sub": "dba-2", "groups": []string{"dba"}})
	for _, c := range []struct {
		method, path, body string
		code               int
	}{
		{"POST", "holds/HX4K-2Q/approve", "{", 400},
		{"POST", "holds/HX4K-2Q/approve", `{"reason":"` + strings.Repeat("x", 20<<10) + `"}`, 413},
		{"POST", "holds/HX4K-2Q/approve", `{"reason":"` + strings.Repeat("x", 1001) + `"}`, 422},
		{"POST", "holds/HX4K-2Q/approve", `{"reason":"a\u0000b"}`, 422},
		{"GET", "holds?limit=no", "", 400},
		{"GET", "decisions?verdict=maybe", "", 400},
		{"GET", "decisions?limit=1001", "", 400},
		{"GET", "shadow?since=yesterday", "", 400},
		{"GET", "nothing", "", 404},
		{"DELETE", "holds/HX4K-2Q", "", 405},
	} {
		req, _ := http.NewRequest(c.method, s.url+"/api/v1/"+c.path, strings.NewReader(c.body))
		req.Header.Set("Authorization", "Bearer "+token)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != c.code && (c.code != 405 || resp.StatusCode != http.StatusNotFound) {
			t.Errorf("%s %s: %d, want %d", c.method, c.path, resp.StatusCode, c.code)
		}
	}
}

func TestWatch(t *testing.T) {
	s := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var got []string
	for h, err := range s.as("dba-2", "dba").Watch(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, h.Ticket+" "+string(h.State))
		switch len(got) {
		case 3: // all that wait were told
			secret := h
			secret.Ticket, secret.Approvals = "NOT-DBA", nil
			s.gateway.Put(secret)
			h.Ticket = "NEW-01"
			s.gateway.Put(h)
		case 4:
			if _, err := s.as("dba-3", "dba").Deny(ctx, "NEW-01", "no"); err != nil {
				t.Fatal(err)
			}
		case 5: // a change of which the stream says only that there was one
			s.gateway.Quietly(func() {
				if _, err := s.as("dba-3", "dba").Deny(ctx, "PX2V-6H", "no"); kind(err) != "" {
					t.Error(err)
				}
			})
			s.gateway.Tell(console.Change{Kind: console.ChangeHold})
		case 6:
			cancel()
		}
	}
	want := "PX2V-6H pending, W4GT-8S pending, HX4K-2Q pending, NEW-01 pending, NEW-01 denied, PX2V-6H denied"
	if strings.Join(got, ", ") != want {
		t.Errorf("told %v\nwant %s", got, want)
	}
}

func TestClientRefuses(t *testing.T) {
	for _, bad := range []string{"", "gw", "http://gw.example.com", "ftp://gw", "unix:///x"} {
		if _, err := api.At(bad, "t"); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
	// Not a gateway, and a redirect that would carry the token away.
	srv := httptest.NewServer(http.RedirectHandler("http://evil.example/", http.StatusTemporaryRedirect))
	defer srv.Close()
	defer http.DefaultClient.CloseIdleConnections()
	c, err := api.At(srv.URL, "secret")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Status(t.Context()); !errors.Is(err, api.ErrUnreachable) {
		t.Errorf("%v", err)
	}
}

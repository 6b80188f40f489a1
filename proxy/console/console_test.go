package console_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"sluice.dev/proxy/console"
	"sluice.dev/proxy/console/consoletest"
	"sluice.dev/proxy/identity/oidc"
	"sluice.dev/proxy/testenv"
)

// What net/http lets linger for half a second after an answer is no leak.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("net/http.(*conn).closeWriteAndWait"))
}

// site is a console on loopback with a real OpenID provider and a gateway in memory.
type site struct {
	*testing.T
	url     string
	idp     *testenv.OIDCServer
	gateway *consoletest.Gateway
	console *console.Console
	options console.Options
	clients []*http.Client
}

func open(t *testing.T, change ...func(*console.Options)) *site {
	t.Helper()
	s := &site{T: t, idp: testenv.OIDC(t, testenv.OIDCOptions{TokenLifetime: 24 * time.Hour}), gateway: consoletest.New()}
	consoletest.Scene(s.gateway, s.idp.Issuer)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.url = "http://" + ln.Addr().String()
	ctx, cancel := context.WithCancel(t.Context())
	provider, err := oidc.New(ctx, oidc.Options{Issuer: s.idp.Issuer, Audiences: []string{s.idp.ClientID}})
	if err != nil {
		t.Fatal(err)
	}
	s.options = console.Options{
		URL: s.url, Issuer: s.idp.Issuer, ClientID: s.idp.ClientID, Verify: provider.Verify,
		Access:  console.Access{Auditors: []string{"audit"}, Operators: []string{"platform"}},
		Gateway: "demo", Backend: s.gateway, Client: &http.Client{Transport: &http.Transport{}},
	}
	for _, f := range change {
		f(&s.options)
	}
	if s.console, err = console.New(ctx, s.options); err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: s.console.Handler()}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(ln) }()
	t.Cleanup(func() {
		cancel()
		for _, c := range s.clients {
			c.CloseIdleConnections()
		}
		s.options.Client.CloseIdleConnections()
		provider.Close()
		_ = srv.Shutdown(context.Background())
		<-done
	})
	return s
}

// browser is a client with a cookie jar and no log-in.
func (s *site) browser() *http.Client {
	jar, _ := cookiejar.New(nil)
	c := &http.Client{Jar: jar, Transport: &http.Transport{}}
	s.clients = append(s.clients, c)
	return c
}

// as is a browser in which somebody logged in, on the way to a page.
func (s *site) as(subject string) *http.Client {
	s.Helper()
	c := s.browser()
	resp, err := s.idp.Login(s.Context(), c, s.url+"/holds", subject)
	if err != nil {
		s.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK || resp.Request.URL.Path != "/holds" {
		b, _ := io.ReadAll(resp.Body)
		s.Fatalf("log-in of %s ended at %s: %s\n%s", subject, resp.Request.URL, resp.Status, b)
	}
	return c
}

func (s *site) get(c *http.Client, path string) (int, string) {
	s.Helper()
	resp, err := c.Get(s.url + path)
	if err != nil {
		s.Fatal(err)
	}
	return body(s.T, resp)
}

func body(t *testing.T, resp *http.Response) (int, string) {
	t.Helper()
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

var csrfField = regexp.MustCompile(`name="csrf" value="([^"]+)"`)

// post sends a form as a browser of the console's own pages would.
func (s *site) post(c *http.Client, path string, form url.Values, header ...string) (int, string) {
	s.Helper()
	if form == nil {
		form = url.Values{}
	}
	if !form.Has("csrf") {
		_, page := s.get(c, "/status")
		if m := csrfField.FindStringSubmatch(page); m != nil {
			form.Set("csrf", m[1])
		}
	}
	req, _ := http.NewRequest(http.MethodPost, s.url+path, strings.NewReader(form.Encode()))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := c.Do(req)
	if err != nil {
		s.Fatal(err)
	}
	return body(s.T, resp)
}

func (s *site) state(ticket string) console.State {
	s.Helper()
	h, err := s.gateway.Hold(s.Context(), ticket)
	if err != nil {
		s.Fatal(err)
	}
	return h.State
}

func has(t *testing.T, text string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(text, w) {
			t.Errorf("no %q in:\n%s", w, text)
		}
	}
}

func hasNot(t *testing.T, text string, want ...string) {
	t.Helper()
	for _, w := range want {
		if strings.Contains(text, w) {
			t.Errorf("%q is in:\n%s", w, text)
		}
	}
}

func TestApproveAndDeny(t *testing.T) {
	s := open(t)
	dba := s.as("dba-2")
	code, page := s.get(dba, "/holds")
	if code != 200 {
		t.Fatal(code)
	}
	has(t, page, "HX4K-2Q", "agent-7", "analyst-3", "delete on public.customers", `<mark class="redacted">‹redacted:5f2c9a1e›</mark>`, "environment=production", "Review and decide", "not proven")

	_, page = s.get(dba, "/t/HX4K-2Q")
	has(t, page, "4711", "Approve", "Deny", `for="reason"`)
	code, page = s.post(dba, "/t/HX4K-2Q/deny", nil)
	if code != 422 || s.state("HX4K-2Q") != console.Pending {
		t.Fatalf("a denial without a reason: %d, %s", code, s.state("HX4K-2Q"))
	}
	has(t, page, "Say why you deny it")
	code, page = s.post(dba, "/t/HX4K-2Q/approve", url.Values{"reason": {"  CRM-1 \n ok <b>"}})
	if code != 200 || s.state("HX4K-2Q") != console.Approved {
		t.Fatalf("approve: %d, %s", code, s.state("HX4K-2Q"))
	}
	has(t, page, "Your approval is recorded", "CRM-1 ok &lt;b&gt;", "Dana")
	hasNot(t, page, `formaction=`)
	code, page = s.post(dba, "/t/HX4K-2Q/deny", url.Values{"reason": {"too late"}})
	if code != 409 {
		t.Fatal(code)
	}
	has(t, page, "Too late", "already approved")

	code, _ = s.post(dba, "/t/PX2V-6H/approve", nil)
	if code != 403 || s.state("PX2V-6H") != console.Pending {
		t.Fatalf("one's own agent's command was approved: %d, %s", code, s.state("PX2V-6H"))
	}
	_, page = s.get(dba, "/t/PX2V-6H")
	has(t, page, "somebody else must decide it")
	hasNot(t, page, `formaction=`)

	want := []string{"console console.login  dba-2", "console holds.list  dba-2", "console holds.show HX4K-2Q dba-2", "console holds.approved PX2V-6H dba-2 denied: "}
	has(t, strings.Join(s.gateway.Uses(), "\n"), want...)
}

func TestWhoSeesWhat(t *testing.T) {
	s := open(t)
	clients := map[string]*http.Client{}
	for _, c := range []struct {
		subject, path string
		code          int
		text          string
	}{
		{"analyst-3", "/t/HX4K-2Q", 200, "none of the groups"},
		{"analyst-3", "/t/PX2V-6H", 404, "for your groups"}, // another's agent
		{"analyst-3", "/t/NONE-00", 404, "for your groups"}, // the same words: nobody learns which tickets there are
		{"analyst-3", "/status", 200, "Ready"},
		{"analyst-3", "/sessions/01JDEXQ4ZJ8N0Q8Z1T6M7R2VWX", 403, "for auditors"},
		{"dba-2", "/sessions", 200, "No open session"},
		{"ops-1", "/sessions", 200, "End this session"},
		{"ops-1", "/sessions/01JDEXQ4ZJ8N0Q8Z1T6M7R2VWX", 403, "for auditors"},
		{"audit-1", "/sessions/01JDEXQ4ZJ8N0Q8Z1T6M7R2VWX", 200, `<span class="null">NULL</span>`},
		{"audit-1", "/sessions/01JDEXQ4ZJ8N0Q8Z1T6M7R2VWX", 200, "The session goes on"},
		{"audit-1", "/sessions/01JDEXQ4ZJ8N0Q8Z1T6M7R2VWX", 200, `\x00000002`},
		{"audit-1", "/sessions/01JDEVB0M3C2F6Y6H0K9D4S8TA", 200, "digest is not the one in the log"},
		{"audit-1", "/sessions/none", 404, "no recording"},
		{"audit-1", "/t/HX4K-2Q", 200, "none of the groups that may decide"},
		{"audit-1", "/nowhere", 404, "no page"},
		// Why: the rules are for who decides, for auditors and operators; a requester's human reads the reasons alone.
		{"dba-2", "/t/HX4K-2Q", 200, "agents/agents.rego:21"},
		{"ops-1", "/t/HX4K-2Q", 200, "agents/agents.rego:21"},
		{"audit-1", "/t/HX4K-2Q", 200, "the connection&#39;s environment"},
		{"dba-2", "/t/W4GT-8S", 200, "cannot be shown: No decision about W4GT-8S"},
		{"dba-2", "/decisions", 403, "for auditors"},
		{"ops-1", "/decisions/HX4K-2Q", 403, "for auditors"},
		{"analyst-3", "/decisions/01JDEXR3CCCCCCCCCCCCCCCCCC", 403, "for auditors"},
		{"dba-2", "/shadow", 403, "for auditors"},
		{"audit-1", "/decisions", 200, "shadow disagrees"},
		{"audit-1", "/decisions?verdict=deny", 200, "no policy allows it"},
		{"audit-1", "/decisions?id=+HX4K-2Q", 200, "held"},
		{"audit-1", "/decisions/01JDEXR3CCCCCCCCCCCCCCCCCC", 200, "agents/agents.rego:14"},
		{"audit-1", "/decisions/01JDEXR2BBBBBBBBBBBBBBBBBB", 200, "input.connection.name == &#34;payroll&#34;"},
		{"audit-1", "/decisions/01JDEXR1AAAAAAAAAAAAAAAAAA", 200, "in shadow, not enforced"},
		{"audit-1", "/decisions/nothing", 404, "No decision about nothing"},
		{"audit-1", "/decisions/a%22b", 404, "no command"},
		{"audit-1", "/shadow?since=24h", 200, "would decide 49 otherwise"},
	} {
		if clients[c.subject] == nil {
			clients[c.subject] = s.as(c.subject)
		}
		code, page := s.get(clients[c.subject], c.path)
		if code != c.code || !strings.Contains(page, c.text) {
			t.Errorf("%s at %s: %d, want %d with %q:\n%s", c.subject, c.path, code, c.code, c.text, page)
		}
	}
	_, page := s.get(clients["analyst-3"], "/t/HX4K-2Q")
	hasNot(t, page, "agents.rego", "hold contains")
	_, page = s.get(clients["audit-1"], "/decisions?verdict=deny")
	hasNot(t, page, "HX4K-2Q", "shadow disagrees")
	if code, _ := s.post(s.as("audit-1"), "/sessions/01JDEXQ4ZJ8N0Q8Z1T6M7R2VWX/kill", nil); code != 403 {
		t.Errorf("an auditor killed a session: %d", code)
	}
	if code, _ := s.post(s.as("audit-1"), "/reload", nil); code != 403 {
		t.Errorf("an auditor reloaded: %d", code)
	}
	has(t, strings.Join(s.gateway.Uses(), "\n"), "console reload  audit-1 denied: ", "console sessions.replay 01JDEXQ4ZJ8N0Q8Z1T6M7R2VWX ops-1 denied: ")
	if code, page := s.post(s.as("ops-1"), "/sessions/01JDEXQ4ZJ8N0Q8Z1T6M7R2VWX/kill", url.Values{"reason": {"runs wild"}}); code != 200 || !strings.Contains(page, "ended by ops-1: runs wild") {
		t.Errorf("kill: %d\n%s", code, page)
	}
}

func TestReload(t *testing.T) {
	s := open(t)
	ops := s.as("ops-1")
	if code, page := s.post(ops, "/reload", nil); code != 200 || !strings.Contains(page, "was loaded again") {
		t.Fatalf("%d\n%s", code, page)
	}
	s.gateway.FailReload(errorText("configs/demo.hcl:14: plugin \"pii\": sha256 mismatch\n  14:   sha256 = \"9f\""))
	if code, page := s.post(ops, "/reload", nil); code != 422 || !strings.Contains(page, "demo.hcl:14") {
		t.Fatalf("%d\n%s", code, page)
	}
	_, page := s.get(ops, "/status")
	has(t, page, "was refused", "demo.hcl:14")
	_, page = s.get(s.as("dba-2"), "/status")
	hasNot(t, page, "demo.hcl:14")
}

type errorText string

func (e errorText) Error() string { return string(e) }

func TestNothingUnrecorded(t *testing.T) {
	s := open(t)
	dba := s.as("dba-2")
	s.gateway.FailUsed(errorf(console.ErrUnavailable, "the audit log has stopped"))
	for _, path := range []string{"/holds", "/t/HX4K-2Q", "/sessions", "/status"} {
		if code, page := s.get(dba, path); code != 503 || !strings.Contains(page, "audit log has stopped") || strings.Contains(page, "4711") {
			t.Errorf("%s was shown unrecorded: %d\n%s", path, code, page)
		}
	}
	c := s.browser()
	resp, err := s.idp.Login(t.Context(), c, s.url+"/holds", "dba-2")
	if err != nil {
		t.Fatal(err)
	}
	if code, _ := body(t, resp); code != 503 {
		t.Errorf("a log-in that cannot be recorded: %d", code)
	}
}

func errorf(kind error, text string) error { return &kindError{kind, text} }

type kindError struct {
	kind error
	text string
}

func (e *kindError) Error() string { return e.text }
func (e *kindError) Unwrap() error { return e.kind }

func TestSessionsEnd(t *testing.T) {
	clock := time.Now()
	s := open(t, func(o *console.Options) {
		o.Now = func() time.Time { return clock }
		o.MaxSessions = 2
	})
	ended := func(c *http.Client) bool {
		c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		code, _ := s.get(c, "/holds")
		return code == http.StatusSeeOther
	}
	dba := s.as("dba-2")
	if ended(dba) {
		t.Fatal("a fresh log-in has ended")
	}
	clock = clock.Add(31 * time.Minute)
	if !ended(dba) {
		t.Error("31 minutes without use and still in")
	}
	dba = s.as("dba-2")
	for range 4 {
		clock = clock.Add(14 * time.Minute)
		if ended(dba) {
			t.Fatal("used every 14 minutes and out before the hour")
		}
	}
	clock = clock.Add(5 * time.Minute)
	if !ended(dba) {
		t.Error("in for more than an hour")
	}
	first := s.as("dba-2")
	clock = clock.Add(time.Second)
	second := s.as("ops-1")
	clock = clock.Add(time.Second)
	third := s.as("audit-1")
	if !ended(first) || ended(second) || ended(third) {
		t.Error("of three log-ins with room for two, the oldest and only it should be out")
	}
	if code, page := s.post(second, "/logout", nil); code != http.StatusSeeOther || !ended(second) {
		t.Errorf("log-out: %d %s", code, page)
	}
	if err := s.console.Configure(s.options); err != nil {
		t.Fatal(err)
	}
	if ended(third) {
		t.Error("a reload that changes nothing logged somebody out")
	}
	other := s.options
	other.ClientID = "another"
	if err := s.console.Configure(other); err != nil {
		t.Fatal(err)
	}
	if !ended(third) {
		t.Error("a log-in outlived its client id")
	}
}

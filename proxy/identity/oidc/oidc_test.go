package oidc_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"sluice.dev/proxy/identity"
	"sluice.dev/proxy/identity/oidc"
	"sluice.dev/proxy/testenv"
)

// What net/http lets linger for half a second after an answer is no leak.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("net/http.(*conn).closeWriteAndWait"))
}

// clock is a time that moves when told to.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Now()} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) forward(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func provider(t *testing.T, s *testenv.OIDCServer, o oidc.Options) *oidc.Provider {
	t.Helper()
	o.Issuer = s.Issuer
	if o.Audiences == nil {
		o.Audiences = []string{"sluice"}
	}
	p, err := oidc.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// refused checks the kind of the error and that nothing of the token is in its text.
func refused(t *testing.T, name string, who *identity.Principal, err error, raw string, kinds ...error) {
	t.Helper()
	if err == nil {
		t.Errorf("%s: accepted as %v", name, who)
		return
	}
	ok := false
	for _, k := range kinds {
		ok = ok || errors.Is(err, k)
	}
	if !ok {
		t.Errorf("%s: %v, want one of %v", name, err, kinds)
	}
	for _, part := range strings.Split(raw, ".") {
		if len(part) > 8 && strings.Contains(err.Error(), part[:8]) {
			t.Errorf("%s: the error shows the token: %v", name, err)
		}
	}
}

func TestEveryAlgorithm(t *testing.T) {
	for _, alg := range []string{"RS256", "PS256", "ES256", "EdDSA"} {
		s := testenv.OIDC(t, testenv.OIDCOptions{Algorithm: alg})
		p := provider(t, s, oidc.Options{})
		raw := s.Issue(testenv.Claims{"sub": "agent-7"})
		if who, err := p.Verify(t.Context(), raw); err != nil || who.Subject != "agent-7" || who.Issuer != s.Issuer {
			t.Errorf("%s: %v, %v", alg, who, err)
		}
		for name, raw := range s.Forged(testenv.Claims{"sub": "agent-7"}) {
			who, err := p.Verify(t.Context(), raw)
			refused(t, alg+", "+name, who, err, raw, oidc.ErrSignature, oidc.ErrAlgorithm, oidc.ErrMalformed)
		}
		only := provider(t, s, oidc.Options{Algorithms: []string{"RS512"}})
		who, err := only.Verify(t.Context(), raw)
		refused(t, alg+" where it is not listed", who, err, raw, oidc.ErrAlgorithm)
	}
}

func TestPrincipal(t *testing.T) {
	s := testenv.OIDC(t, testenv.OIDCOptions{})
	exp := time.Now().Add(time.Hour).Truncate(time.Second)
	at := func(c testenv.Claims) testenv.Claims {
		c["jti"], c["exp"] = "t1", exp.Unix()
		return c
	}
	kinds := oidc.Options{KindClaim: "kind", Kinds: map[string]string{"service": "agent", "person": "human"}}
	for name, c := range map[string]struct {
		o      oidc.Options
		claims testenv.Claims
		want   identity.Principal
	}{
		"plain": {
			oidc.Options{}, at(testenv.Claims{"sub": "agent-7", "groups": []string{"crew-support", "", "b"}, "name": "Agent 7", "secret": "x"}),
			identity.Principal{Subject: "agent-7", Groups: []string{"crew-support", "b"}, Display: "Agent 7"},
		},
		"one group, and paths": {
			oidc.Options{GroupsClaim: "realm_access.roles", SubjectClaim: "https://x.example/id", Claims: []string{"team", "limits.rows", "absent"}},
			at(testenv.Claims{"sub": "ignored", "https://x.example/id": "a", "realm_access": map[string]any{"roles": "one"}, "team": []any{"x", 1, 1.5, true, nil}, "limits": map[string]any{"rows": 9007199254740993}}),
			identity.Principal{Subject: "a", Groups: []string{"one"}, Claims: map[string]any{"team": []any{"x", int64(1), 1.5, true, nil}, "limits.rows": int64(9007199254740993)}},
		},
		"kinds are translated": {
			kinds, at(testenv.Claims{"sub": "a", "kind": []string{"service", "odd", "service"}}),
			identity.Principal{Subject: "a", Kinds: []string{"agent"}},
		},
		"kinds as they are": {
			oidc.Options{KindClaim: "kind"}, at(testenv.Claims{"sub": "a", "kind": "robot"}),
			identity.Principal{Subject: "a", Kinds: []string{"robot"}},
		},
		"an actor acts": {
			oidc.Options{}, at(testenv.Claims{"sub": "analyst-3", "name": "Ana", "groups": []string{"analysts"}, "act": map[string]any{"sub": "agent-7"}}),
			identity.Principal{
				Subject: "agent-7", Groups: []string{"analysts"}, Kinds: []string{"agent"},
				Chain: []identity.Hop{{Subject: "analyst-3", Issuer: s.Issuer, Kind: "human", Proof: "token", Groups: []string{"analysts"}}},
			},
		},
		"earlier actors are between": {
			kinds, at(testenv.Claims{"sub": "analyst-3", "kind": "person", "groups": "analysts", "act": map[string]any{
				"sub": "task-9", "groups": []string{"tasks"}, "kind": "odd", "act": map[string]any{
					"sub": "agent-7", "iss": "https://other", "kind": "service", "act": map[string]any{"sub": "crew-1"},
				},
			}}),
			identity.Principal{
				Subject: "task-9", Groups: []string{"analysts"}, ActorGroups: []string{"tasks"}, Kinds: []string{"agent"},
				Chain: []identity.Hop{
					{Subject: "analyst-3", Issuer: s.Issuer, Kind: "human", Proof: "token", Groups: []string{"analysts"}},
					{Subject: "crew-1", Issuer: s.Issuer, Kind: "agent", Proof: "token"},
					{Subject: "agent-7", Issuer: "https://other", Kind: "agent", Proof: "token"},
				},
			},
		},
		"a kind claim that does not know the human makes no human": {
			kinds, at(testenv.Claims{"sub": "x", "act": map[string]any{"sub": "y"}}),
			identity.Principal{Subject: "y", Kinds: []string{"agent"}, Chain: []identity.Hop{{Subject: "x", Issuer: s.Issuer, Proof: "token"}}},
		},
	} {
		p := provider(t, s, c.o)
		c.want.Issuer, c.want.TokenID, c.want.NotAfter = s.Issuer, "t1", exp.Add(30*time.Second)
		if c.want.Claims == nil {
			c.want.Claims = map[string]any{}
		}
		got, err := p.Verify(t.Context(), s.Issue(c.claims))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if d := cmp.Diff(&c.want, got); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func TestRefusals(t *testing.T) {
	s := testenv.OIDC(t, testenv.OIDCOptions{})
	c := newClock()
	p := provider(t, s, oidc.Options{Audiences: []string{"sluice", "other"}, KindClaim: "kind", Claims: []string{"deep", "long"}, Now: c.Now})
	unix := func(d time.Duration) int64 { return c.Now().Add(d).Unix() }
	deep := map[string]any{}
	for range 8 {
		deep = map[string]any{"x": deep}
	}
	nested := func(n int) map[string]any {
		act := map[string]any{"sub": "a"}
		for range n - 1 {
			act = map[string]any{"sub": "a", "act": act}
		}
		return act
	}
	type claims = testenv.Claims
	for name, bad := range map[string]struct {
		claims testenv.Claims
		kind   error
	}{
		"expired":                         {claims{"exp": unix(-31 * time.Second)}, oidc.ErrExpired},
		"expired long ago":                {claims{"exp": 1}, oidc.ErrExpired},
		"never expires":                   {claims{"exp": nil}, oidc.ErrMalformed},
		"expires when time has ended":     {claims{"exp": 1e300}, oidc.ErrMalformed},
		"expires before time began":       {claims{"exp": -5}, oidc.ErrMalformed},
		"exp is text":                     {claims{"exp": "tomorrow"}, oidc.ErrMalformed},
		"not yet":                         {claims{"nbf": unix(32 * time.Second)}, oidc.ErrNotYet},
		"issued tomorrow":                 {claims{"iat": unix(24 * time.Hour)}, oidc.ErrNotYet},
		"another audience":                {claims{"aud": "somebody"}, oidc.ErrAudience},
		"several other audiences":         {claims{"aud": []string{"somebody", "sluice "}}, oidc.ErrAudience},
		"no audience":                     {claims{"aud": nil}, oidc.ErrAudience},
		"an audience of another type":     {claims{"aud": 5}, oidc.ErrMalformed},
		"another issuer":                  {claims{"iss": "https://evil.example"}, oidc.ErrIssuer},
		"the issuer with a slash":         {claims{"iss": s.Issuer + "/"}, oidc.ErrIssuer},
		"no issuer":                       {claims{"iss": nil}, oidc.ErrIssuer},
		"no subject":                      {claims{"sub": nil}, oidc.ErrMalformed},
		"an empty subject":                {claims{"sub": ""}, oidc.ErrMalformed},
		"a numeric subject":               {claims{"sub": 7}, oidc.ErrMalformed},
		"a long subject":                  {claims{"sub": strings.Repeat("x", 256)}, oidc.ErrMalformed},
		"a subject with a line end":       {claims{"sub": "a\nlevel=error"}, oidc.ErrMalformed},
		"a subject that turns the text":   {claims{"sub": "a\u202etxt"}, oidc.ErrMalformed},
		"groups of numbers":               {claims{"groups": []int{1}}, oidc.ErrMalformed},
		"groups as an object":             {claims{"groups": map[string]any{"a": true}}, oidc.ErrMalformed},
		"too many groups":                 {claims{"groups": make([]string, 1001)}, oidc.ErrMalformed},
		"groups that are elsewhere":       {claims{"_claim_names": map[string]any{"groups": "src1"}, "_claim_sources": map[string]any{"src1": map[string]any{"endpoint": "http://127.0.0.1:1/"}}}, oidc.ErrMalformed},
		"kind is a number":                {claims{"kind": 3}, oidc.ErrMalformed},
		"act is text":                     {claims{"act": "agent"}, oidc.ErrMalformed},
		"act without a subject":           {claims{"act": map[string]any{"client": "x"}}, oidc.ErrMalformed},
		"act with an issuer that is none": {claims{"act": map[string]any{"sub": "x", "iss": 4}}, oidc.ErrMalformed},
		"act nested nine deep":            {claims{"act": nested(9)}, oidc.ErrMalformed},
		"bound to a key":                  {claims{"cnf": map[string]any{"jkt": "abc"}}, oidc.ErrMalformed},
		"a claim too deep":                {claims{"deep": deep}, oidc.ErrMalformed},
		"a claim too long":                {claims{"long": strings.Repeat("x", 1025)}, oidc.ErrMalformed},
	} {
		if _, ok := bad.claims["sub"]; !ok {
			bad.claims["sub"] = "agent-7"
		}
		raw := s.Issue(bad.claims)
		who, err := p.Verify(t.Context(), raw)
		refused(t, name, who, err, raw, bad.kind)
	}
	for name, good := range map[string]testenv.Claims{
		"within the skew":            {"exp": unix(-28 * time.Second), "nbf": unix(28 * time.Second), "iat": unix(28 * time.Second)},
		"one audience of several":    {"aud": []string{"somebody", "other"}},
		"eight actors":               {"act": nested(8)},
		"a fraction of a second":     {"exp": float64(unix(time.Minute)) + 0.5},
		"no groups":                  {"groups": nil},
		"an unlisted claim too deep": {"odd": deep},
		"another script":             {"sub": "анна-3"},
	} {
		if _, ok := good["sub"]; !ok {
			good["sub"] = "agent-7"
		}
		if _, err := p.Verify(t.Context(), s.Issue(good)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTypes(t *testing.T) {
	s := testenv.OIDC(t, testenv.OIDCOptions{})
	p := provider(t, s, oidc.Options{})
	for typ, ok := range map[string]bool{
		"JWT": true, "jwt": true, "at+jwt": true, "application/at+jwt": true, "AT+JWT": true,
		"logout+jwt": false, "secevent+jwt": false, "dpop+jwt": false, "application/jwk": false, "JOSE": false,
	} {
		raw := s.IssueType(typ, testenv.Claims{"sub": "a"})
		who, err := p.Verify(t.Context(), raw)
		if ok && err != nil {
			t.Errorf("%s: %v", typ, err)
		} else if !ok {
			refused(t, typ, who, err, raw, oidc.ErrMalformed)
		}
	}
}

func TestSizes(t *testing.T) {
	s := testenv.OIDC(t, testenv.OIDCOptions{})
	p := provider(t, s, oidc.Options{})
	if raw := s.IssueSize(4096, testenv.Claims{"sub": "a"}); len(raw) < 4096 {
		t.Errorf("a token of %d bytes", len(raw))
	} else if _, err := p.Verify(t.Context(), raw); err != nil {
		t.Errorf("4 KB: %v", err)
	}
	raw := s.IssueSize(16<<10+1, testenv.Claims{"sub": "a"})
	who, err := p.Verify(t.Context(), raw)
	refused(t, "too large", who, err, raw, oidc.ErrMalformed)
	good := s.Issue(testenv.Claims{"sub": "a"})
	for name, raw := range map[string]string{
		"nothing": "", "dots": strings.Repeat(".", 10000), "two dots": "..", "a password": "hunter2hunter2hunter2",
		"no payload": strings.Split(good, ".")[0] + "..", "four parts": good + ".x", "a space after": good + " ",
		"a line end within": strings.Replace(good, ".", ".\n", 1), "padding": good + "=", "JSON form": `{"payload":"x","protected":"y","signature":"z"}`,
	} {
		who, err := p.Verify(t.Context(), raw)
		refused(t, name, who, err, raw, oidc.ErrMalformed, oidc.ErrSignature)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for name, o := range map[string]oidc.Options{
		"plain http":     {Issuer: "http://idp.example.com", Audiences: []string{"a"}},
		"no issuer":      {Audiences: []string{"a"}},
		"no host":        {Issuer: "https://", Audiences: []string{"a"}},
		"a password":     {Issuer: "https://u:p@idp.example.com", Audiences: []string{"a"}},
		"no audience":    {Issuer: "https://idp.example.com"},
		"empty audience": {Issuer: "https://idp.example.com", Audiences: []string{""}},
		"HS256":          {Issuer: "https://idp.example.com", Audiences: []string{"a"}, Algorithms: []string{"RS256", "HS256"}},
		"none":           {Issuer: "https://idp.example.com", Audiences: []string{"a"}, Algorithms: []string{"none"}},
		"times":          {Issuer: "https://idp.example.com", Audiences: []string{"a"}, MaxStale: time.Second},
	} {
		o.Lazy = true
		if p, err := oidc.New(context.Background(), o); err == nil {
			p.Close()
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestConsoleLogin(t *testing.T) {
	s := testenv.OIDC(t, testenv.OIDCOptions{})
	raw := codeFlow(t, s, "dba-2")
	p := provider(t, s, oidc.Options{Audiences: []string{s.ClientID}, KindClaim: "kind"})
	who, err := p.Verify(t.Context(), raw)
	if err != nil {
		t.Fatal(err)
	}
	if who.Subject != "dba-2" || !who.In([]string{"dba"}) || who.Kinds[0] != "human" || who.Display == "" {
		t.Errorf("%+v", who)
	}
	// The console's token is not for the data path.
	who, err = provider(t, s, oidc.Options{}).Verify(t.Context(), raw)
	refused(t, "an ID token at the gateway", who, err, raw, oidc.ErrAudience)
}

func TestProvidersChooseByIssuer(t *testing.T) {
	a, b := testenv.OIDC(t, testenv.OIDCOptions{}), testenv.OIDC(t, testenv.OIDCOptions{})
	c := testenv.OIDC(t, testenv.OIDCOptions{})
	both := oidc.Providers{provider(t, a, oidc.Options{}), provider(t, b, oidc.Options{})}
	for _, s := range []*testenv.OIDCServer{a, b} {
		if who, err := both.Verify(t.Context(), s.Issue(testenv.Claims{"sub": "x"})); err != nil || who.Issuer != s.Issuer {
			t.Errorf("%v, %v", who, err)
		}
	}
	raw := c.Issue(testenv.Claims{"sub": "x"})
	who, err := both.Verify(t.Context(), raw)
	refused(t, "a third issuer", who, err, raw, oidc.ErrIssuer)
	who, err = both.Verify(t.Context(), "password")
	refused(t, "no token", who, err, "password", oidc.ErrMalformed)
	raw = a.Issue(testenv.Claims{"sub": "x", "iss": b.Issuer})
	who, err = both.Verify(t.Context(), raw)
	refused(t, "one issuer in the name of another", who, err, raw, oidc.ErrSignature)
}

package oidc_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"sluice.dev/proxy/identity/oidc"
	"sluice.dev/proxy/testenv"
)

// hostile serves what no decent provider does.
type hostile struct {
	*httptest.Server
	issuer, jwksURI string // "" is its own
	keys            string
	keysHandler     http.HandlerFunc // instead of keys
}

func newHostile(t *testing.T, h *hostile) *hostile {
	mux := http.NewServeMux()
	h.Server = httptest.NewServer(mux)
	t.Cleanup(h.Close)
	if h.issuer == "" {
		h.issuer = h.URL
	}
	if h.jwksURI == "" {
		h.jwksURI = h.URL + "/keys"
	}
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"issuer": h.issuer, "jwks_uri": h.jwksURI})
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, r *http.Request) {
		if h.keysHandler != nil {
			h.keysHandler(w, r)
			return
		}
		fmt.Fprint(w, h.keys)
	})
	return h
}

func jwks(t *testing.T, keys ...jose.JSONWebKey) string {
	t.Helper()
	b, err := json.Marshal(jose.JSONWebKeySet{Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func rsaKey(t *testing.T, bits int) *rsa.PrivateKey {
	t.Helper()
	k, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestNoUsableKeysIsUnavailable(t *testing.T) {
	t.Setenv("GODEBUG", "rsa1024min=0")
	elsewhere := newHostile(t, &hostile{keys: jwks(t, jose.JSONWebKey{Key: rsaKey(t, 2048).Public(), KeyID: "k"})})
	good := jwks(t, jose.JSONWebKey{Key: rsaKey(t, 2048).Public(), KeyID: "k"})
	for name, h := range map[string]*hostile{
		"another issuer in the document": {issuer: "https://evil.example", keys: good},
		"keys in clear text elsewhere":   {jwksURI: "http://192.0.2.1/keys"},
		"keys in a file":                 {jwksURI: "file:///etc/passwd"},
		"a redirect": {keysHandler: func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL+"/keys", http.StatusFound)
		}},
		"an answer without end": {keysHandler: func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, `{"keys":[`)
			for r.Context().Err() == nil {
				if _, err := fmt.Fprint(w, strings.Repeat(`{"kty":"odd"},`, 1000)); err != nil {
					return
				}
			}
		}},
		"not JSON":               {keys: "<html>"},
		"no keys":                {keys: `{"keys":[]}`},
		"another kind of JSON":   {keys: `[1]`},
		"a symmetric key":        {keys: jwks(t, jose.JSONWebKey{Key: []byte(strings.Repeat("k", 32)), KeyID: "k", Algorithm: "HS256"})},
		"a key for encryption":   {keys: jwks(t, jose.JSONWebKey{Key: rsaKey(t, 2048).Public(), KeyID: "k", Use: "enc"})},
		"a short key":            {keys: jwks(t, jose.JSONWebKey{Key: rsaKey(t, 1024).Public(), KeyID: "k"})},
		"an unknown kind of key": {keys: `{"keys":[{"kty":"quantum","kid":"k"}]}`},
		"an error with a good set": {keysHandler: func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusInternalServerError)
			fmt.Fprint(w, good)
		}},
	} {
		newHostile(t, h)
		p, err := oidc.New(t.Context(), oidc.Options{Issuer: h.URL, Audiences: []string{"sluice"}})
		if !errors.Is(err, oidc.ErrUnavailable) {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil {
			p.Close()
		} else if len(err.Error()) > 600 {
			t.Errorf("%s: an error of %d bytes", name, len(err.Error()))
		}
	}
}

// A good key among ones that we do not know, and a private one published by mistake, whose public half still counts.
func TestOddKeysDoNotHideGoodOnes(t *testing.T) {
	k := rsaKey(t, 2048)
	set := jwks(t, jose.JSONWebKey{Key: k, KeyID: "good"})
	h := newHostile(t, &hostile{keys: strings.Replace(set, `{"keys":[`, `{"keys":[{"kty":"OKP","crv":"Ed448","x":"AA"},{"kty":"quantum"},7,`, 1)})
	p, err := oidc.New(t.Context(), oidc.Options{Issuer: h.URL, Audiences: []string{"sluice"}})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	for kid, ok := range map[string]bool{"good": true, "": true, "other": false} {
		o := &jose.SignerOptions{}
		if kid != "" {
			o.WithHeader("kid", kid)
		}
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: k}, o)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := jwt.Signed(signer).Claims(map[string]any{"iss": h.URL, "aud": "sluice", "sub": "a", "exp": time.Now().Add(time.Hour).Unix()}).Serialize()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Verify(t.Context(), raw); (err == nil) != ok {
			t.Errorf("kid %q: %v", kid, err)
		}
	}
}

// The issuer accepts the connection and says nothing. Who waits gives up with its own context; Close does not hang.
func TestSilentIssuer(t *testing.T) {
	asked := make(chan struct{}, 1)
	h := newHostile(t, &hostile{keysHandler: func(_ http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		<-r.Context().Done()
	}})
	p, err := oidc.New(t.Context(), oidc.Options{Issuer: h.URL, Audiences: []string{"sluice"}, Lazy: true})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- p.Ready(ctx) }()
	<-asked
	cancel()
	if err := <-done; !errors.Is(err, oidc.ErrUnavailable) || !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	p.Close()
}

// Many clients at once, good and bad, while the keys rotate: every answer is right, and the issuer is asked seldom.
func TestCrowd(t *testing.T) {
	s := testenv.OIDC(t, testenv.OIDCOptions{Algorithm: "ES256"})
	c := newClock()
	p := provider(t, s, oidc.Options{Now: c.Now, CacheEntries: 8})
	const rounds = 5
	for range rounds {
		var wg sync.WaitGroup
		good := s.Issue(testenv.Claims{"sub": "a"})
		for range 8 {
			wg.Go(func() {
				for range 10 {
					if _, err := p.Verify(t.Context(), good); err != nil {
						t.Errorf("good: %v", err)
					}
					if who, err := p.Verify(t.Context(), s.Issue(testenv.Claims{"sub": "a", "aud": "x"})); !errors.Is(err, oidc.ErrAudience) {
						t.Errorf("another audience: %v, %v", who, err)
					}
				}
			})
		}
		wg.Wait()
		if err := s.Rotate(); err != nil {
			t.Fatal(err)
		}
		c.forward(10 * time.Second)
	}
	if n := s.KeyFetches(); n > rounds {
		t.Errorf("%d fetches for %d keys", n, rounds)
	}
}

package oidc_test

import (
	"errors"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"sluice.dev/proxy/identity/oidc"
	"sluice.dev/proxy/testenv"
)

// FuzzVerify: nothing but what the issuer signed is accepted, every refusal has a kind, and no text shows the input.
func FuzzVerify(f *testing.F) {
	s, err := testenv.StartOIDC(testenv.OIDCOptions{Algorithm: "ES256"})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(s.Stop)
	p, err := oidc.New(f.Context(), oidc.Options{Issuer: s.Issuer, Audiences: []string{"sluice"}})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(p.Close)
	good := s.Issue(testenv.Claims{"sub": "agent-7"})
	signed := good[:strings.LastIndexByte(good, '.')]
	f.Add(good)
	for _, raw := range s.Forged(testenv.Claims{"sub": "agent-7"}) {
		f.Add(raw)
	}
	f.Add("a.b.c")
	f.Fuzz(func(t *testing.T, raw string) {
		who, err := p.Verify(t.Context(), raw)
		if err == nil {
			// An ECDSA signature has more than one valid form; what it signs has one.
			if !strings.HasPrefix(raw, signed+".") {
				t.Fatalf("accepted as %v: %q", who, raw)
			}
			return
		}
		for _, kind := range []error{oidc.ErrMalformed, oidc.ErrAlgorithm, oidc.ErrIssuer, oidc.ErrSignature} {
			if errors.Is(err, kind) {
				return
			}
		}
		t.Fatalf("no kind: %v", err)
	})
}

// FuzzClaims: a signed token may say anything; what becomes of it can be shown and is bounded.
func FuzzClaims(f *testing.F) {
	s, err := testenv.StartOIDC(testenv.OIDCOptions{Algorithm: "ES256"})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(s.Stop)
	p, err := oidc.New(f.Context(), oidc.Options{Issuer: s.Issuer, Audiences: []string{"sluice"}, KindClaim: "kind", Claims: []string{"x"}, CacheEntries: -1})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(p.Close)
	f.Add("sub", "groups", `{"sub":"a","groups":["b"],"act":{"sub":"c"},"x":{"y":[1,2.5,null]}}`)
	f.Add("kind", "act", `{"sub":"a","act":{"sub":"b","act":{"sub":"c"}}}`)
	f.Fuzz(func(t *testing.T, a, b, v string) {
		who, err := p.Verify(t.Context(), s.Issue(testenv.Claims{"sub": "s", a: v, b: []string{v, a}, "x": map[string]any{b: v}}))
		if err != nil {
			return
		}
		for _, h := range append(who.Proven(), who.Chain...) {
			for _, text := range append([]string{h.Subject, h.Issuer}, h.Groups...) {
				if len(text) > 255 || text == "" || !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
					t.Fatalf("%q in %+v", text, who)
				}
			}
		}
		if who.NotAfter.IsZero() {
			t.Fatal("it never ends")
		}
	})
}

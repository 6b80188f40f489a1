package oidc_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"sluice.dev/proxy/identity/oidc"
	"sluice.dev/proxy/testenv"
)

func TestRotation(t *testing.T) {
	s := testenv.OIDC(t, testenv.OIDCOptions{})
	c := newClock()
	p := provider(t, s, oidc.Options{Now: c.Now})
	old := s.Issue(testenv.Claims{"sub": "a"})
	if _, err := p.Verify(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	if err := s.Rotate(); err != nil {
		t.Fatal(err)
	}
	c.forward(11 * time.Second)
	if _, err := p.Verify(t.Context(), s.Issue(testenv.Claims{"sub": "a"})); err != nil {
		t.Errorf("the new key: %v", err)
	}
	if _, err := p.Verify(t.Context(), old); err != nil {
		t.Errorf("the old key, still published: %v", err)
	}
	if n := s.KeyFetches(); n != 2 {
		t.Errorf("%d fetches, want the first and the one for the new key", n)
	}
	// The old key was stolen. Its tokens are in the cache, which must not save them.
	s.Forget()
	c.forward(11 * time.Minute)
	waitFor(t, func() bool {
		_, err := p.Verify(t.Context(), old)
		return errors.Is(err, oidc.ErrSignature)
	})
}

// Keys past Refresh are renewed behind the callers' backs, so the first call after may still see the old ones.
func waitFor(t *testing.T, done func() bool) {
	t.Helper()
	for !done() {
		select {
		case <-t.Context().Done():
			t.Fatal("it never came to be")
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func TestForgedKeyIDsDoNotHammerTheIssuer(t *testing.T) {
	s := testenv.OIDC(t, testenv.OIDCOptions{Algorithm: "ES256"})
	c := newClock()
	p := provider(t, s, oidc.Options{Now: c.Now})
	good := s.Issue(testenv.Claims{"sub": "a"})
	for range 100 {
		for _, raw := range s.Forged(testenv.Claims{"sub": "a"}) {
			if who, err := p.Verify(t.Context(), raw); err == nil {
				t.Fatalf("accepted as %v", who)
			}
		}
	}
	if n := s.KeyFetches(); n != 1 {
		t.Errorf("%d fetches for 1,000 forged tokens within MinFetch", n)
	}
	if _, err := p.Verify(t.Context(), good); err != nil {
		t.Errorf("meanwhile a good one: %v", err)
	}
	for range 5 {
		c.forward(10 * time.Second)
		for range 20 {
			for _, raw := range s.Forged(testenv.Claims{"sub": "a"}) {
				_, _ = p.Verify(t.Context(), raw)
			}
		}
	}
	if n := s.KeyFetches(); n != 6 {
		t.Errorf("%d fetches, want one per MinFetch", n)
	}
}

func TestStaleKeysFailClosed(t *testing.T) {
	s := testenv.OIDC(t, testenv.OIDCOptions{TokenLifetime: 24 * time.Hour})
	c := newClock()
	p := provider(t, s, oidc.Options{Now: c.Now})
	raw := s.Issue(testenv.Claims{"sub": "a"})
	s.Fail(true)
	c.forward(59 * time.Minute)
	if _, err := p.Verify(t.Context(), raw); err != nil {
		t.Errorf("keys of 59 minutes: %v", err)
	}
	c.forward(2 * time.Minute) // now in the cache, too
	who, err := p.Verify(t.Context(), raw)
	refused(t, "keys of 61 minutes", who, err, raw, oidc.ErrUnavailable)
	if !errors.Is(p.Ready(t.Context()), oidc.ErrUnavailable) {
		t.Error("it says that it is ready")
	}
	s.Fail(false)
	who, err = p.Verify(t.Context(), raw)
	refused(t, "asked a moment ago", who, err, raw, oidc.ErrUnavailable)
	c.forward(10 * time.Second)
	if _, err := p.Verify(t.Context(), raw); err != nil {
		t.Errorf("the issuer is back: %v", err)
	}
	if err := p.Ready(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestLazy(t *testing.T) {
	s := testenv.OIDC(t, testenv.OIDCOptions{})
	s.Fail(true)
	if _, err := oidc.New(t.Context(), oidc.Options{Issuer: s.Issuer, Audiences: []string{"sluice"}}); !errors.Is(err, oidc.ErrUnavailable) {
		t.Errorf("without the issuer: %v", err)
	}
	c := newClock()
	p := provider(t, s, oidc.Options{Lazy: true, Now: c.Now})
	before := s.Requests("/.well-known/openid-configuration")
	for _, raw := range []string{"", "password", "a.b.c"} {
		if _, err := p.Verify(t.Context(), raw); !errors.Is(err, oidc.ErrMalformed) {
			t.Errorf("%q: %v", raw, err)
		}
	}
	if n := s.Requests("/.well-known/openid-configuration"); n != before {
		t.Errorf("what is no token made %d requests", n-before)
	}
	raw := s.Issue(testenv.Claims{"sub": "a"})
	who, err := p.Verify(t.Context(), raw)
	refused(t, "without the issuer", who, err, raw, oidc.ErrUnavailable)
	s.Fail(false)
	c.forward(10 * time.Second)
	if _, err := p.Verify(t.Context(), raw); err != nil {
		t.Error(err)
	}
}

func TestCallersWaitNoLongerThanTheirContext(t *testing.T) {
	s := testenv.OIDC(t, testenv.OIDCOptions{})
	p := provider(t, s, oidc.Options{Lazy: true})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	raw := s.Issue(testenv.Claims{"sub": "a"})
	who, err := p.Verify(ctx, raw)
	refused(t, "a caller that has gone", who, err, raw, oidc.ErrUnavailable)
	waitFor(t, func() bool { _, err := p.Verify(t.Context(), raw); return err == nil })
}

func TestClosed(t *testing.T) {
	s := testenv.OIDC(t, testenv.OIDCOptions{})
	p := provider(t, s, oidc.Options{})
	raw := s.Issue(testenv.Claims{"sub": "a"})
	if _, err := p.Verify(t.Context(), raw); err != nil {
		t.Fatal(err)
	}
	p.Close()
	who, err := p.Verify(t.Context(), raw)
	refused(t, "closed", who, err, raw, oidc.ErrUnavailable)
}

func TestExpiryInTheCache(t *testing.T) {
	s := testenv.OIDC(t, testenv.OIDCOptions{TokenLifetime: time.Minute})
	c := newClock()
	p := provider(t, s, oidc.Options{Now: c.Now, CacheEntries: 2})
	raw := s.Issue(testenv.Claims{"sub": "a"})
	for range 3 {
		if _, err := p.Verify(t.Context(), raw); err != nil {
			t.Fatal(err)
		}
	}
	c.forward(91 * time.Second)
	who, err := p.Verify(t.Context(), raw)
	refused(t, "expired", who, err, raw, oidc.ErrExpired)
}

func TestCacheGivesTheSamePrincipal(t *testing.T) {
	s := testenv.OIDC(t, testenv.OIDCOptions{})
	for entries, want := range map[int]bool{0: true, -1: false} {
		p := provider(t, s, oidc.Options{CacheEntries: entries})
		raw := s.Issue(testenv.Claims{"sub": "a"})
		first, err := p.Verify(t.Context(), raw)
		if err != nil {
			t.Fatal(err)
		}
		again, err := p.Verify(t.Context(), raw)
		if err != nil {
			t.Fatal(err)
		}
		if (first == again) != want {
			t.Errorf("CacheEntries %d: from the cache: %v", entries, first == again)
		}
	}
}

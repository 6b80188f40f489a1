package oidc

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"reflect"
	"slices"

	jose "github.com/go-jose/go-jose/v4"
)

const (
	maxKeys     = 64
	maxResponse = 1 << 20
)

// usable picks the keys that can verify a token: public, asymmetric, not for encryption, of a decent size. Others are
// passed over, as RFC 7517 §5 asks, so that an issuer may add what we do not know.
func usable(raw []json.RawMessage) []jose.JSONWebKey {
	var set []jose.JSONWebKey
	for _, r := range raw[:min(len(raw), maxKeys)] {
		var key jose.JSONWebKey
		if json.Unmarshal(r, &key) != nil || key.Use == "enc" {
			continue
		}
		key = key.Public() // of a symmetric key there is none
		if !key.Valid() {
			continue
		}
		// Below 2,048 bits a key can be broken; a huge one is a way to keep us busy.
		if k, ok := key.Key.(*rsa.PublicKey); ok && (k.N.BitLen() < 2048 || k.N.BitLen() > 8192) {
			continue
		}
		set = append(set, key)
	}
	return set
}

func same(a, b []jose.JSONWebKey) bool {
	return slices.EqualFunc(a, b, func(x, y jose.JSONWebKey) bool {
		return x.KeyID == y.KeyID && x.Algorithm == y.Algorithm && reflect.DeepEqual(x.Key, y.Key)
	})
}

// signature verifies one token for go-oidc (whose KeySet it fulfils) and keeps why it failed, which go-oidc reduces
// to text.
type signature struct {
	keys *keys
	algs []jose.SignatureAlgorithm
	ctx  context.Context //nolint:containedctx // lives for one call

	generation           uint64
	refused, unavailable error
}

var (
	errUnknownKey = errors.New("no current key of the issuer made it")
	errThrottled  = errors.New("no key that we know made it, and the issuer was asked for its keys a moment ago")
)

// VerifySignature returns the payload if a current key signed it.
func (s *signature) VerifySignature(_ context.Context, raw string) ([]byte, error) {
	jws, err := jose.ParseSignedCompact(raw, s.algs)
	if err != nil {
		s.refused = errors.New("it cannot be read")
		return nil, s.refused
	}
	if payload, ok := s.try(jws); ok {
		return payload, nil
	}
	// The key may be new: OpenID Connect Core §10.1.1.
	asked, err := s.keys.renewed(s.ctx)
	if err != nil {
		s.unavailable = err
		return nil, err
	}
	if !asked {
		s.refused = errThrottled
		return nil, s.refused
	}
	if payload, ok := s.try(jws); ok {
		return payload, nil
	}
	s.refused = errUnknownKey
	return nil, s.refused
}

func (s *signature) try(jws *jose.JSONWebSignature) (payload []byte, ok bool) {
	s.keys.mu.Lock()
	set := s.keys.set // replaced, never changed
	s.generation = s.keys.generation
	s.keys.mu.Unlock()
	h := jws.Signatures[0].Header
	for i := range set {
		key := &set[i]
		if h.KeyID != "" && key.KeyID != h.KeyID || key.Algorithm != "" && key.Algorithm != h.Algorithm {
			continue
		}
		if payload, err := jws.Verify(key); err == nil {
			return payload, true
		}
	}
	return nil, false
}

// bounded is the client with limits: no redirects (a key set that is elsewhere is not the issuer's), no long answers.
func bounded(c *http.Client) *http.Client {
	if c == nil {
		c = &http.Client{Timeout: fetchTime, Transport: http.DefaultTransport.(*http.Transport).Clone()}
	}
	limited := *c
	limited.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	next := c.Transport
	if next == nil {
		next = http.DefaultTransport
	}
	limited.Transport = capped{next}
	return &limited
}

// capped cuts answers off at maxResponse; what is cut is no JSON and so refused.
type capped struct{ http.RoundTripper }

func (c capped) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := c.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(resp.Body, maxResponse), resp.Body}
	return resp, nil
}

// CloseIdleConnections passes on what http.Client asks of its transport.
func (c capped) CloseIdleConnections() {
	if t, ok := c.RoundTripper.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

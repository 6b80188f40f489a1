// Package oidc proves a principal from a JWT of an OpenID provider: an access token (RFC 9068) or an ID token that a
// client puts where it always put its password.
//
// github.com/coreos/go-oidc does discovery and the token's form and issuer. The list of audiences, clock skew, token
// kinds, delegation (RFC 8693 act), limits on sizes and on key fetches, and the freshness of keys are here.
package oidc

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	goidc "github.com/coreos/go-oidc/v3/oidc"
	jose "github.com/go-jose/go-jose/v4"

	"sluice.dev/proxy/identity"
)

// Options of a Provider. Only Issuer and Audiences have no default.
type Options struct {
	// Issuer is compared with iss byte by byte; its discovery document names the keys. https, or http on loopback.
	Issuer string
	// Audiences of which a token must have one.
	Audiences []string

	// Claims by name. A name that the token does not have as it stands is a path: "realm_access.roles". Where the
	// default is "", the claim is not read.
	SubjectClaim string // "sub"
	GroupsClaim  string // "groups": a string or an array of strings
	DisplayClaim string // "name"
	KindClaim    string // "": a string or an array of strings
	ActorClaim   string // "act" (RFC 8693 §4.1)
	// Kinds translates the values of KindClaim; a value that is not in it is dropped. Empty: they are kinds as they
	// are.
	Kinds map[string]string
	// Claims that a principal keeps for policies to see. None by default.
	Claims []string

	// Skew is how far the issuer's clock may be from ours. Default 30 s; negative: none.
	Skew time.Duration
	// Algorithms that may sign. Default: RS, PS and ES with 256, 384, 512, and EdDSA. HS* and none are refused in any
	// case.
	Algorithms []string
	// Types are the values of the header's typ that are a token for us; "" is a header without one. Default: "", JWT,
	// at+jwt. It tells access tokens from things that the issuer signs for other uses (logout+jwt, secevent+jwt).
	Types []string
	// MaxTokenBytes: default 16 KiB.
	MaxTokenBytes int

	// MinFetch is the least time between two requests for keys, whatever tokens come. Default 10 s.
	MinFetch time.Duration
	// Refresh is the age at which keys are asked for again in the background. Default 10 min.
	Refresh time.Duration
	// MaxStale is the age beyond which keys are not trusted. Default 1 h.
	MaxStale time.Duration
	// Lazy: New does not ask the issuer; the first Verify does.
	Lazy bool
	// CacheEntries bounds the memory of tokens found good, by SHA-256. Default 1024; negative: none.
	CacheEntries int
	// Client talks to the issuer. Default: a client of its own, 10 s. Redirects are never followed.
	Client *http.Client
	// Now is the clock. Default time.Now.
	Now func() time.Time
}

var asymmetric = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}

// Provider verifies tokens of one issuer. It is safe for concurrent use. Close it when it is not needed any more.
type Provider struct {
	options  Options
	algs     []jose.SignatureAlgorithm
	verifier *goidc.Config
	keys     *keys
	cache    *cache
}

// New makes a Provider. Unless Options.Lazy it asks the issuer for its keys and fails with ErrUnavailable without
// them.
func New(ctx context.Context, o Options) (*Provider, error) {
	if err := check(&o); err != nil {
		return nil, err
	}
	p := &Provider{options: o, cache: newCache(o.CacheEntries)}
	for _, a := range o.Algorithms {
		p.algs = append(p.algs, jose.SignatureAlgorithm(a))
	}
	// Audience, expiry and nbf are ours: go-oidc knows one audience and no skew.
	p.verifier = &goidc.Config{SkipClientIDCheck: true, SkipExpiryCheck: true, SupportedSigningAlgs: o.Algorithms, Now: o.Now}
	p.keys = newKeys(o, p.cache.clear)
	if !o.Lazy {
		if err := p.keys.fresh(ctx); err != nil {
			p.Close()
			return nil, p.refuse(ErrUnavailable, "%w", err)
		}
	}
	return p, nil
}

func check(o *Options) error {
	if err := secure(o.Issuer); err != nil {
		return fmt.Errorf("oidc: issuer %q: %w", o.Issuer, err)
	}
	if len(o.Audiences) == 0 || slices.Contains(o.Audiences, "") {
		return fmt.Errorf("oidc: %s: name the audiences of which a token must have one", o.Issuer)
	}
	setDefault(&o.SubjectClaim, "sub")
	setDefault(&o.GroupsClaim, "groups")
	setDefault(&o.DisplayClaim, "name")
	setDefault(&o.ActorClaim, "act")
	setDefault(&o.Skew, 30*time.Second)
	setDefault(&o.MaxTokenBytes, 16<<10)
	setDefault(&o.MinFetch, 10*time.Second)
	setDefault(&o.Refresh, 10*time.Minute)
	setDefault(&o.MaxStale, time.Hour)
	setDefault(&o.CacheEntries, 1024)
	o.Skew = max(o.Skew, 0)
	if o.MinFetch > o.Refresh || o.Refresh > o.MaxStale {
		return fmt.Errorf("oidc: %s: MinFetch (%s), Refresh (%s) and MaxStale (%s) must not shrink in this order", o.Issuer, o.MinFetch, o.Refresh, o.MaxStale)
	}
	if len(o.Algorithms) == 0 {
		o.Algorithms = asymmetric
	}
	for _, a := range o.Algorithms {
		if !slices.Contains(asymmetric, a) {
			return fmt.Errorf("oidc: %s: algorithm %q is not accepted: use some of %s", o.Issuer, a, strings.Join(asymmetric, ", "))
		}
	}
	if len(o.Types) == 0 {
		o.Types = []string{"", "JWT", "at+jwt"}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return nil
}

func setDefault[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

// secure is whether a URL may be asked for keys: whoever can change the answer can be anybody.
func secure(raw string) error {
	u, err := url.Parse(raw)
	if err != nil {
		return errors.New("not a URL")
	}
	switch host := u.Hostname(); {
	case u.User != nil || u.Fragment != "" || host == "":
		return errors.New("it must be https://host[:port][/path]")
	case u.Scheme == "https":
		return nil
	case u.Scheme == "http" && loopback(host):
		return nil
	}
	return errors.New("it must begin with https:// (http is for loopback addresses)")
}

// Issuer whose tokens it verifies.
func (p *Provider) Issuer() string { return p.options.Issuer }

// Close ends what it has running and waits for it. Verify fails from then on.
func (p *Provider) Close() { p.keys.close() }

// Ready is whether a token can be verified now: nil, or an ErrUnavailable.
func (p *Provider) Ready(ctx context.Context) error {
	if err := p.keys.fresh(ctx); err != nil {
		return p.refuse(ErrUnavailable, "%w", err)
	}
	return nil
}

// Verify proves who bears the token. The error is one of this package's; its text never has the token in it. The
// principal may be shared with other callers and must not be changed.
func (p *Provider) Verify(ctx context.Context, raw string) (*identity.Principal, error) {
	if len(raw) > p.options.MaxTokenBytes {
		return nil, p.refuse(ErrMalformed, "it is larger than %d bytes", p.options.MaxTokenBytes)
	}
	// Only while keys can be trusted: a token that was good under keys which may have been withdrawn since is not.
	if p.keys.trusted() {
		if who := p.cache.get(raw, p.options.Now()); who != nil {
			return who, nil
		}
	}
	if err := p.inspect(raw); err != nil {
		return nil, err
	}
	if err := p.keys.fresh(ctx); err != nil {
		return nil, p.refuse(ErrUnavailable, "%w", err)
	}
	set := &signature{keys: p.keys, algs: p.algs, ctx: ctx}
	token, err := goidc.NewVerifier(p.options.Issuer, set, p.verifier).Verify(ctx, raw)
	switch {
	case set.unavailable != nil:
		return nil, p.refuse(ErrUnavailable, "%w", set.unavailable)
	case set.refused != nil:
		return nil, p.refuse(ErrSignature, "%w", set.refused)
	case err != nil:
		// Form, issuer and algorithm have been looked at; what is left is a payload that go-oidc cannot read. Its
		// text may quote the payload, so it stays here.
		return nil, p.refuse(ErrMalformed, "its claims cannot be read")
	}
	who, err := p.principal(token)
	if err != nil {
		return nil, err
	}
	p.cache.put(raw, who, set.generation)
	return who, nil
}

// Providers are the issuers that a gateway trusts.
type Providers []*Provider

// Verify asks the provider whose issuer the token claims to be from.
func (ps Providers) Verify(ctx context.Context, raw string) (*identity.Principal, error) {
	for _, p := range ps {
		if len(raw) <= p.options.MaxTokenBytes && Issuer(raw) == p.options.Issuer {
			return p.Verify(ctx, raw)
		}
	}
	if len(ps) == 1 {
		return ps[0].Verify(ctx, raw) // it says what is wrong
	}
	if Issuer(raw) == "" {
		return nil, fmt.Errorf("oidc: %w: it is no JWT that names its issuer", ErrMalformed)
	}
	return nil, fmt.Errorf("oidc: %w: none of those configured", ErrIssuer)
}

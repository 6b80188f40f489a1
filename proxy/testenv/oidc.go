package testenv

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zitadel/oidc/v3/pkg/op"
	"golang.org/x/text/language"
)

// Person can log in at the provider's page, by one click.
type Person struct {
	Subject, Name string
	Groups        []string
	Kind          string // the claim "kind"; empty: "human"
}

// People are who the demo's login page lists.
func People() []Person {
	return []Person{
		{Subject: "dba-2", Name: "Dana, database administrator", Groups: []string{"dba"}},
		{Subject: "audit-1", Name: "Avery, auditor", Groups: []string{"audit"}},
		{Subject: "ops-1", Name: "Ola, operator", Groups: []string{"platform"}},
		{Subject: "analyst-3", Name: "Ana, analyst", Groups: []string{"analysts"}},
	}
}

// OIDCOptions say what provider to start. The zero value serves the demo.
type OIDCOptions struct {
	// Address is where it listens; loopback only. Empty: a free port of 127.0.0.1.
	Address string
	// Algorithm signs: RS256 (the default), PS256, ES256 or EdDSA.
	Algorithm string
	// People can log in. nil: People().
	People []Person
	// ClientID is the one client, the console. Empty: sluice-console. With a ClientSecret the client must know it,
	// without it must use PKCE; it may do both.
	ClientID, ClientSecret string
	// RedirectURIs the client may come back to, beside every path on localhost and loopback addresses.
	RedirectURIs []string
	// Audience is what Issue puts in aud. Empty: sluice.
	Audience string
	// TokenLifetime of what it issues. Zero: an hour.
	TokenLifetime time.Duration
}

// OIDCServer is a running OpenID provider: zitadel's, with its storage in memory. It is safe for concurrent use.
type OIDCServer struct {
	Issuer   string
	ClientID string
	Audience string

	opts    OIDCOptions
	store   *oidcStore
	http    *http.Server
	served  chan struct{}
	failing atomic.Bool

	mu      sync.Mutex
	fetches map[string]int
}

// OIDC starts a provider that stops when the test ends.
func OIDC(tb TB, o OIDCOptions) *OIDCServer {
	tb.Helper()
	s, err := StartOIDC(o)
	if err != nil {
		tb.Fatalf("%v", err)
	}
	tb.Cleanup(s.Stop)
	return s
}

// StartOIDC starts a provider on loopback, in clear text, which runs until Stop.
func StartOIDC(o OIDCOptions) (*OIDCServer, error) {
	if o.Address == "" {
		o.Address = "127.0.0.1:0"
	}
	if o.Algorithm == "" {
		o.Algorithm = "RS256"
	}
	if o.People == nil {
		o.People = People()
	}
	if o.ClientID == "" {
		o.ClientID = "sluice-console"
	}
	if o.Audience == "" {
		o.Audience = "sluice"
	}
	if o.TokenLifetime == 0 {
		o.TokenLifetime = time.Hour
	}
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", o.Address)
	if err != nil {
		return nil, fmt.Errorf("testenv: OpenID provider: %w", err)
	}
	if !l.Addr().(*net.TCPAddr).IP.IsLoopback() {
		l.Close()
		return nil, fmt.Errorf("testenv: OpenID provider: %s is not loopback", o.Address)
	}
	s := &OIDCServer{
		Issuer: "http://" + l.Addr().String(), ClientID: o.ClientID, Audience: o.Audience,
		opts: o, served: make(chan struct{}), fetches: map[string]int{},
	}
	if err := s.serve(l); err != nil {
		l.Close()
		return nil, fmt.Errorf("testenv: OpenID provider: %w", err)
	}
	return s, nil
}

func (s *OIDCServer) serve(l net.Listener) error {
	key, err := newSigningKey(s.opts.Algorithm)
	if err != nil {
		return err
	}
	s.store = newOIDCStore(s.opts, key)
	config := &op.Config{CodeMethodS256: true, AuthMethodPost: true, SupportedUILocales: []language.Tag{language.English}}
	_, _ = rand.Read(config.CryptoKey[:]) // does not fail
	provider, err := op.NewProvider(config, s.store, op.StaticIssuer(s.Issuer), op.WithAllowInsecure())
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/", provider)
	page := &loginPage{store: s.store, callback: op.AuthCallbackURL(provider)}
	mux.HandleFunc("GET /login", page.show)
	mux.Handle("POST /login", op.NewIssuerInterceptor(provider.IssuerFromRequest).HandlerFunc(page.choose))
	s.http = &http.Server{Handler: s.watch(mux), ReadHeaderTimeout: 10 * time.Second}
	go func() { // ends with Stop, which waits for it
		defer close(s.served)
		if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			panic(fmt.Sprintf("testenv: OpenID provider: %v", err)) // nothing else would tell the test
		}
	}()
	return nil
}

// watch counts requests and plays the outage.
func (s *OIDCServer) watch(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.fetches[r.URL.Path]++
		s.mu.Unlock()
		if s.failing.Load() {
			http.Error(w, "the provider plays dead", http.StatusServiceUnavailable)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// Stop ends the provider.
func (s *OIDCServer) Stop() {
	_ = s.http.Close() // its listener is all that could fail, and we leave
	<-s.served
}

// Fail makes every request fail with 503, or ends that.
func (s *OIDCServer) Fail(on bool) { s.failing.Store(on) }

// KeyFetches is how often somebody asked for the signing keys.
func (s *OIDCServer) KeyFetches() int { return s.Requests("/keys") }

// Requests is how often somebody asked for the path.
func (s *OIDCServer) Requests(path string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fetches[path]
}

// AllowRedirects lets the client come back to more URIs: a console's address may be known only after the provider's.
func (s *OIDCServer) AllowRedirects(uris ...string) { s.store.allowRedirects(uris) }

// Rotate makes a new signing key, which signs from now on; the old ones stay published.
func (s *OIDCServer) Rotate() error {
	key, err := newSigningKey(s.opts.Algorithm)
	if err != nil {
		return err
	}
	s.store.addKey(key)
	return nil
}

// Forget unpublishes all keys but the current one, as a provider does after a key was stolen.
func (s *OIDCServer) Forget() { s.store.forgetOldKeys() }

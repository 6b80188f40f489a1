package console

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"sluice.dev/proxy/identity"
)

// loginFor is how long somebody may take at the identity provider.
const loginFor = 10 * time.Minute

// attempt is what a browser carries, sealed, while it is at the identity provider.
type attempt struct {
	State    string
	Nonce    string
	Verifier string // PKCE, RFC 7636 §4.1
	Next     string
	Until    time.Time
}

// provider is the identity provider, found at the first log-in and kept.
type provider struct {
	issuer string
	mu     sync.Mutex
	found  *oidc.Provider
}

func newProvider(issuer string) *provider { return &provider{issuer: issuer} }

func (p *provider) get(ctx context.Context, client *http.Client) (*oidc.Provider, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.found != nil {
		return p.found, nil
	}
	// go-oidc keeps the client of this context for later key fetches, but never the context's end.
	found, err := oidc.NewProvider(oidc.ClientContext(ctx, client), p.issuer)
	if err != nil {
		return nil, fmt.Errorf("%w: the identity provider %s cannot be reached: %w", ErrUnavailable, p.issuer, err)
	}
	p.found = found
	return found, nil
}

// config is the OAuth client of this request's settings.
func (s *settings) config(p *oidc.Provider) (*oauth2.Config, error) {
	secret := ""
	if s.ClientSecret != nil {
		var err error
		if secret, err = s.ClientSecret(); err != nil {
			return nil, fmt.Errorf("%w: console: the client secret cannot be read; tell the operator", ErrUnavailable)
		}
	}
	return &oauth2.Config{
		ClientID: s.ClientID, ClientSecret: secret, Endpoint: p.Endpoint(),
		RedirectURL: s.base.String() + "/login/callback", Scopes: s.scopes(),
	}, nil
}

// login sends the browser to the identity provider (OpenID Connect Core 3.1.2.1, RFC 7636).
func (c *Console) login(w http.ResponseWriter, r *http.Request) {
	if err := c.begin(w, r); err != nil {
		c.fail(w, r, nil, err)
	}
}

func (c *Console) begin(w http.ResponseWriter, r *http.Request) error {
	s := c.set.Load()
	if !c.limiter.allow(r) {
		w.Header().Set("Retry-After", "10")
		return errTooMany
	}
	idp, err := s.idp.get(r.Context(), s.Client)
	if err != nil {
		return err
	}
	conf, err := s.config(idp)
	if err != nil {
		return err
	}
	a := attempt{
		State: oauth2.GenerateVerifier(), Nonce: oauth2.GenerateVerifier(), Verifier: oauth2.GenerateVerifier(),
		Next: next(r.URL.Query().Get("next")), Until: c.now().Add(loginFor),
	}
	sealed, err := c.sealer.seal(a)
	if err != nil {
		return err
	}
	http.SetCookie(w, s.cookie("login", sealed, loginFor))
	http.Redirect(w, r, conf.AuthCodeURL(a.State, oidc.Nonce(a.Nonce), oauth2.S256ChallengeOption(a.Verifier)), http.StatusSeeOther)
	return nil
}

var errTooMany = errors.New("too many log-ins from your address; wait a moment")

// callback ends the log-in.
func (c *Console) callback(w http.ResponseWriter, r *http.Request) {
	s := c.set.Load()
	to, err := c.finish(w, r, s)
	if err != nil {
		c.log.WarnContext(r.Context(), "console log-in failed", "from", r.RemoteAddr, "error", err)
		c.fail(w, r, nil, err)
		return
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

func (c *Console) finish(w http.ResponseWriter, r *http.Request, s *settings) (string, error) {
	if !c.limiter.allow(r) {
		w.Header().Set("Retry-After", "10")
		return "", errTooMany
	}
	var a attempt
	if err := c.sealer.open(s.cookieValue(r, "login"), &a); err != nil {
		return "", fmt.Errorf("%w: this log-in was not begun in this browser, or the gateway was restarted; sign in again", ErrForbidden)
	}
	http.SetCookie(w, s.cookie("login", "", 0)) // once only
	q := r.URL.Query()
	switch {
	case c.now().After(a.Until):
		return "", fmt.Errorf("%w: this log-in took longer than %s; sign in again", ErrForbidden, loginFor)
	case subtle.ConstantTimeCompare([]byte(q.Get("state")), []byte(a.State)) != 1:
		return "", fmt.Errorf("%w: this log-in answers another one; sign in again", ErrForbidden)
	case q.Get("error") != "":
		return "", fmt.Errorf("%w: the identity provider refused: %s", ErrForbidden, clean(q.Get("error")+" "+q.Get("error_description")))
	}
	p, err := c.redeem(r.Context(), s, a, q.Get("code"))
	if err != nil {
		return "", err
	}
	if err := c.backend.Used(r.Context(), Use{Action: "console.login", Via: "console", From: r.RemoteAddr, By: p}); err != nil {
		return "", err
	}
	// A new cookie at each log-in, and the old log-in of this browser ends.
	c.sessions.remove(s.cookieValue(r, "session"))
	http.SetCookie(w, s.cookie("session", c.sessions.add(p, c.now(), s.SessionFor), s.SessionFor))
	return a.Next, nil
}

// redeem changes the code for an ID token and checks it (OpenID Connect Core 3.1.3.7). The errors of the token
// endpoint are logged and not shown: its answer may repeat what we sent.
func (c *Console) redeem(ctx context.Context, s *settings, a attempt, code string) (*identity.Principal, error) {
	idp, err := s.idp.get(ctx, s.Client)
	if err != nil {
		return nil, err
	}
	conf, err := s.config(idp)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(oidc.ClientContext(ctx, s.Client), 20*time.Second)
	defer cancel()
	token, err := conf.Exchange(ctx, code, oauth2.VerifierOption(a.Verifier))
	if err != nil {
		var refused *oauth2.RetrieveError
		if errors.As(err, &refused) {
			return nil, fmt.Errorf("%w: the identity provider did not accept the log-in (%s); sign in again", ErrForbidden, clean(refused.ErrorCode))
		}
		return nil, fmt.Errorf("%w: the identity provider's token endpoint cannot be reached", ErrUnavailable)
	}
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return nil, fmt.Errorf("%w: the identity provider sent no ID token", ErrForbidden)
	}
	checked, err := idp.Verifier(&oidc.Config{ClientID: s.ClientID, Now: c.now}).Verify(ctx, raw)
	if err != nil {
		return nil, fmt.Errorf("%w: the ID token does not hold: %w", ErrForbidden, err)
	}
	if subtle.ConstantTimeCompare([]byte(checked.Nonce), []byte(a.Nonce)) != 1 {
		return nil, fmt.Errorf("%w: the ID token answers another log-in", ErrForbidden)
	}
	p, err := s.Verify(ctx, raw)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrForbidden, err)
	}
	return p, nil
}

// logout ends the log-in here; the identity provider keeps its own.
func (c *Console) logout(w http.ResponseWriter, r *http.Request, v *visit) error {
	c.sessions.remove(v.cookieValue(r, "session"))
	http.SetCookie(w, v.cookie("session", "", 0))
	http.Redirect(w, r, "/signed-out", http.StatusSeeOther)
	return c.backend.Used(r.Context(), Use{Action: "console.logout", Via: "console", From: r.RemoteAddr, By: v.by})
}

// next is where to go after the log-in: a path of ours, never another site.
func next(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || len(raw) > 512 || u.IsAbs() || u.Host != "" || u.User != nil ||
		!strings.HasPrefix(raw, "/") || strings.HasPrefix(raw, "//") || strings.ContainsAny(raw, "\\\r\n\t") ||
		strings.HasPrefix(u.Path, "//") || strings.HasPrefix(u.Path, "/login") || strings.HasPrefix(u.Path, "/live") {
		return "/holds"
	}
	return u.RequestURI()
}

// clean makes foreign text fit to be shown: printable ASCII, bounded.
func clean(s string) string {
	out := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, s)
	return strings.TrimSpace(out[:min(len(out), 200)])
}

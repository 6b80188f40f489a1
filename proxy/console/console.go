// Package console is the web page for approvers, operators and auditors: the holds that wait, with who, why and what,
// the sessions, their recordings, and how the gateway is. Pages are rendered here and work by plain links and forms;
// a browser with scripts has them kept up to date by server-sent events.
package console

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"sluice.dev/proxy/identity"
)

// Options are what a console needs. A reload hands new ones to Configure.
type Options struct {
	// URL is where browsers reach the console: scheme and host, no path. Plain http only on loopback.
	URL string
	// Issuer, ClientID and ClientSecret log people in: authorization code with PKCE. ClientSecret is asked for each
	// time, so that it may be rotated; nil or "" is a public client.
	Issuer       string
	ClientID     string
	ClientSecret func() (string, error)
	// Scopes beside openid. Default: profile, email, groups.
	Scopes []string
	// Verify makes a principal of an ID token issued to ClientID: signature, expiry, audience, groups. The console
	// itself checks the nonce, and audience and signature once more.
	Verify func(ctx context.Context, rawIDToken string) (*identity.Principal, error)
	Access Access

	Gateway     string // its name, in titles
	Development bool
	Backend     Backend

	// SessionFor is how long a log-in lasts (default 1h), whatever the ID token's own expiry; IdleFor how long one
	// lasts without a page or a live connection (default 30m). MaxSessions bounds those kept in memory (default 1000).
	SessionFor, IdleFor time.Duration
	MaxSessions         int
	// MaxLive bounds the live connections (default 256), of one log-in to 6.
	MaxLive int

	Client *http.Client // to the identity provider; default with a 10 s timeout
	Now    func() time.Time
	Logger *slog.Logger
}

// Console serves the pages. Its sessions live in memory: a restart logs people out.
type Console struct {
	set      atomic.Pointer[settings]
	backend  Backend
	sessions *sessions
	limiter  *limiter
	live     *live
	pages    *template.Template
	handler  http.Handler
	sealer   sealer
	now      func() time.Time
	log      *slog.Logger
}

// settings is what a reload may change; a request reads it once.
type settings struct {
	Options
	base   *url.URL
	secure bool // https: Secure cookies and the __Host- prefix
	idp    *provider
}

// New returns a console. Nothing is asked of the identity provider before the first log-in, so that a gateway starts
// without it. ctx ends the live connections.
func New(ctx context.Context, o Options) (*Console, error) {
	if o.Backend == nil {
		return nil, errors.New("console: no backend")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	pages, err := parsePages(o.Now)
	if err != nil {
		return nil, err
	}
	seal, err := newSealer()
	if err != nil {
		return nil, err
	}
	c := &Console{
		backend: o.Backend, pages: pages, sealer: seal, now: o.Now, log: o.Logger,
		sessions: newSessions(orInt(o.MaxSessions, 1000)),
		limiter:  newLimiter(o.Now),
		live:     newLive(ctx, orInt(o.MaxLive, 256)),
	}
	if err := c.Configure(o); err != nil {
		return nil, err
	}
	c.handler = c.routes()
	return c, nil
}

// Configure swaps in new options; Backend, Now, Logger and the bounds stay those of New. A change of issuer, client or
// URL logs everybody out.
func (c *Console) Configure(o Options) error {
	base, err := baseURL(o.URL)
	if err != nil {
		return err
	}
	if o.ClientID == "" || o.Issuer == "" || o.Verify == nil {
		return errors.New("console: issuer, client_id and a way to verify ID tokens are needed")
	}
	o.SessionFor = orDuration(o.SessionFor, time.Hour)
	o.IdleFor = orDuration(o.IdleFor, 30*time.Minute)
	if o.Scopes == nil {
		o.Scopes = []string{"profile", "email", "groups"}
	}
	if o.Client == nil {
		o.Client = &http.Client{Timeout: 10 * time.Second}
	}
	s := &settings{Options: o, base: base, secure: base.Scheme == "https"}
	old := c.set.Load()
	same := old != nil && old.Issuer == o.Issuer && old.ClientID == o.ClientID && *old.base == *base
	if same {
		s.idp = old.idp
	} else {
		s.idp = newProvider(o.Issuer)
	}
	c.set.Store(s)
	if old != nil && !same {
		c.sessions.clear()
	}
	return nil
}

// Handler serves the console at the root of its URL.
func (c *Console) Handler() http.Handler { return c.handler }

func (c *Console) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/holds", http.StatusSeeOther) })
	mux.Handle("GET /static/", static())
	mux.HandleFunc("GET /login", c.login)
	mux.HandleFunc("GET /login/callback", c.callback)
	mux.HandleFunc("GET /signed-out", c.signedOut)

	mux.Handle("GET /holds", c.page(c.holds))
	mux.Handle("GET /t/{ticket}", c.page(c.ticket))
	mux.Handle("GET /sessions", c.page(c.sessionList))
	mux.Handle("GET /sessions/{id}", c.page(c.recording))
	mux.Handle("GET /decisions", c.page(c.decisions))
	mux.Handle("GET /decisions/{id}", c.page(c.decision))
	mux.Handle("GET /shadow", c.page(c.shadow))
	mux.Handle("GET /status", c.page(c.status))
	mux.Handle("GET /live", c.page(c.events))

	mux.Handle("POST /t/{ticket}/approve", c.act(c.approve))
	mux.Handle("POST /t/{ticket}/deny", c.act(c.deny))
	mux.Handle("POST /sessions/{id}/kill", c.act(c.kill))
	mux.Handle("POST /reload", c.act(c.reload))
	mux.Handle("POST /logout", c.act(c.logout))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		c.fail(w, r, nil, fmt.Errorf("%w: there is no page %s", ErrNotFound, r.URL.Path))
	})
	return c.guard(mux)
}

// baseURL checks console.url: plain http would show cookies to the network, so it is for loopback alone.
func baseURL(raw string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimSuffix(raw, "/"))
	switch {
	case err != nil:
		return nil, fmt.Errorf("console: url %q: %w", raw, err)
	case u.Host == "" || u.Path != "" || u.RawQuery != "" || u.User != nil:
		return nil, fmt.Errorf("console: url %q: give scheme and host alone, as https://gw.example.com:8443", raw)
	case u.Scheme == "https", u.Scheme == "http" && loopback(u.Hostname()):
		return u, nil
	}
	return nil, fmt.Errorf("console: url %q: use https; plain http is for loopback alone", raw)
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

func orInt(v, def int) int {
	if v > 0 {
		return v
	}
	return def
}

func orDuration(v, def time.Duration) time.Duration {
	if v > 0 {
		return v
	}
	return def
}

// scopes is openid and the configured others.
func (s *settings) scopes() []string {
	if slices.Contains(s.Scopes, "openid") {
		return s.Scopes
	}
	return append([]string{"openid"}, s.Scopes...)
}

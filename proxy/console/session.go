package console

import (
	"crypto/rand"
	"crypto/sha256"
	"net/http"
	"sync"
	"time"

	"sluice.dev/proxy/identity"
)

// login is one person's log-in to the console.
type login struct {
	by      *identity.Principal
	csrf    string
	expires time.Time

	mu   sync.Mutex
	seen time.Time
	done chan struct{} // closed when it ends, so that its live connections end with it
	once sync.Once
}

func (l *login) end() { l.once.Do(func() { close(l.done) }) }

// touch is whether the log-in is still good; it counts as use.
func (l *login) touch(now time.Time, idle time.Duration) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.After(l.expires) || now.Sub(l.seen) > idle {
		return false
	}
	l.seen = now
	return true
}

func (l *login) lastSeen() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.seen
}

// sessions keeps log-ins by the digest of their cookie, so that a dump of memory is no key ring. At most max are
// kept: the one that was unused longest goes first.
type sessions struct {
	mu  sync.Mutex
	max int
	by  map[[32]byte]*login
}

func newSessions(limit int) *sessions {
	return &sessions{max: limit, by: map[[32]byte]*login{}}
}

// add begins a log-in and returns its cookie's value.
func (s *sessions) add(p *identity.Principal, now time.Time, last time.Duration) string {
	// The page's own lifetime counts, not the ID token's, which only says how long that token may be presented.
	own := *p
	own.NotAfter = now.Add(last)
	l := &login{by: &own, csrf: rand.Text(), expires: own.NotAfter, seen: now, done: make(chan struct{})}
	value := rand.Text() + rand.Text()
	s.mu.Lock()
	defer s.mu.Unlock()
	for k, v := range s.by {
		if now.After(v.expires) {
			v.end()
			delete(s.by, k)
		}
	}
	for len(s.by) >= s.max {
		var oldest [32]byte
		var when time.Time
		for k, v := range s.by {
			if seen := v.lastSeen(); when.IsZero() || seen.Before(when) {
				oldest, when = k, seen
			}
		}
		s.by[oldest].end()
		delete(s.by, oldest)
	}
	s.by[sha256.Sum256([]byte(value))] = l
	return value
}

// get returns the log-in of a cookie's value, or nil.
func (s *sessions) get(value string, now time.Time, idle time.Duration) *login {
	if value == "" || len(value) > 128 {
		return nil
	}
	key := sha256.Sum256([]byte(value))
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.by[key]
	if l == nil {
		return nil
	}
	if !l.touch(now, idle) {
		l.end()
		delete(s.by, key)
		return nil
	}
	return l
}

func (s *sessions) remove(value string) {
	key := sha256.Sum256([]byte(value))
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := s.by[key]; l != nil {
		l.end()
		delete(s.by, key)
	}
}

func (s *sessions) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k, l := range s.by {
		l.end()
		delete(s.by, k)
	}
}

// cookieName has the __Host- prefix on https: no subdomain and no plain page can set such a cookie (RFC 6265bis §4.1.3.2).
func (s *settings) cookieName(name string) string {
	if s.secure {
		return "__Host-sluice-" + name
	}
	return "sluice-" + name
}

// cookie is Lax and not Strict: a ticket's link comes from a chat or a terminal, and a Strict cookie would not come
// along. No GET changes anything.
func (s *settings) cookie(name, value string, maxAge time.Duration) *http.Cookie {
	c := &http.Cookie{
		Name: s.cookieName(name), Value: value, Path: "/",
		HttpOnly: true, Secure: s.secure, SameSite: http.SameSiteLaxMode,
		MaxAge: int(maxAge / time.Second),
	}
	if value == "" {
		c.MaxAge = -1
	}
	return c
}

func (s *settings) cookieValue(r *http.Request, name string) string {
	c, err := r.Cookie(s.cookieName(name))
	if err != nil {
		return ""
	}
	return c.Value
}

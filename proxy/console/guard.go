package console

import (
	"crypto/subtle"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// maxForm bounds a form's body; a reason is at most maxReason of it.
const (
	maxForm   = 16 << 10
	maxReason = 1000 // characters
)

// policy is the Content-Security-Policy: everything from here, no inline script or style, no frames, forms to here
// alone. form-action also governs redirects after a post; ours stay here.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// guard sets the headers that every answer has, and refuses requests for other hosts and from other origins.
func (c *Console) guard(next http.Handler) http.Handler {
	origin := http.NewCrossOriginProtection()
	origin.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.fail(w, r, nil, fmt.Errorf("%w: the form was sent from another site", ErrForbidden))
	}))
	inner := origin.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := c.set.Load()
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
		h.Set("Cache-Control", "no-store")
		if s.secure {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		// A name that is not ours would be DNS rebinding. Static files are harmless, and help to see what is wrong.
		if !strings.EqualFold(r.Host, s.base.Host) && !strings.HasPrefix(r.URL.Path, "/static/") {
			c.plainRefusal(w, http.StatusMisdirectedRequest, "This console is at "+s.base.String()+" only.")
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		inner.ServeHTTP(w, r)
	})
}

func (c *Console) plainRefusal(w http.ResponseWriter, code int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(code)
	fmt.Fprintln(w, "sluice: "+text)
}

// visit is one request of somebody who is logged in.
type visit struct {
	*settings
	*login
}

type visitHandler func(w http.ResponseWriter, r *http.Request, v *visit) error

// page serves what is read: it asks for a log-in first.
func (c *Console) page(h visitHandler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v := c.visit(r)
		switch {
		case v != nil:
			if err := h(w, r, v); err != nil {
				c.fail(w, r, v, err)
			}
		case r.Header.Get("HX-Request") != "" || r.URL.Path == "/live":
			// A part of a page, not a page: let the browser ask for the whole again, which leads to the log-in.
			w.Header().Set("HX-Refresh", "true")
			c.plainRefusal(w, http.StatusUnauthorized, "You are not signed in any more. Load the page again.")
		default:
			http.Redirect(w, r, "/login?next="+url.QueryEscape(r.URL.RequestURI()), http.StatusSeeOther)
		}
	})
}

// act serves what changes something: log-in and form token are needed, and the origin was checked before.
func (c *Console) act(h visitHandler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v := c.visit(r)
		if v == nil {
			c.fail(w, r, nil, fmt.Errorf("%w: you are not signed in any more; nothing was changed", ErrForbidden))
			return
		}
		if err := r.ParseForm(); err != nil {
			c.fail(w, r, v, fmt.Errorf("%w: the form cannot be read: %w", ErrInvalid, err))
			return
		}
		if subtle.ConstantTimeCompare([]byte(r.PostForm.Get("csrf")), []byte(v.csrf)) != 1 {
			c.fail(w, r, v, fmt.Errorf("%w: the form is not from this log-in; load the page again. Nothing was changed", ErrForbidden))
			return
		}
		if err := h(w, r, v); err != nil {
			c.fail(w, r, v, err)
		}
	})
}

func (c *Console) visit(r *http.Request) *visit {
	s := c.set.Load()
	l := c.sessions.get(s.cookieValue(r, "session"), c.now(), s.IdleFor)
	if l == nil {
		return nil
	}
	return &visit{s, l}
}

// reason reads the form's reason: bounded, on one line, without control characters.
func reason(r *http.Request) (string, error) {
	text := strings.Join(strings.Fields(r.PostForm.Get("reason")), " ")
	return text, CheckReason(text)
}

// CheckReason refuses a reason that would not be fit for a record or an error text: too long, or with control
// characters. Empty is good.
func CheckReason(text string) error {
	n := 0
	for _, ch := range text {
		if n++; n > maxReason {
			return fmt.Errorf("%w: the reason is longer than %d characters", ErrInvalid, maxReason)
		}
		if ch < ' ' || ch == 0x7f || ch == '\uFFFD' || (ch >= '\u202A' && ch <= '\u202E') || (ch >= '\u2066' && ch <= '\u2069') {
			return fmt.Errorf("%w: the reason has characters that cannot be shown", ErrInvalid)
		}
	}
	return nil
}

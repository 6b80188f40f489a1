package testenv

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// loginPage lists who can log in; a click does it. It stands for the provider's real page, passwords and all.
type loginPage struct {
	store    *oidcStore
	callback func(context.Context, string) string
}

var loginTemplate = template.Must(template.New("login").Parse(`<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Log in (demo provider)</title>
<style>body{font:1rem/1.5 system-ui,sans-serif;max-width:26rem;margin:3rem auto;padding:0 1rem}
button{display:block;width:100%;font:inherit;text-align:left;padding:.8rem 1rem;margin:.6rem 0;border:1px solid #777;border-radius:.4rem;background:#fff;cursor:pointer}
small{color:#444;display:block}</style>
<h1>Who are you?</h1>
<p>This throw-away OpenID provider belongs to the demo. Nobody has a password here.</p>
<form method="post" action="/login"><input type="hidden" name="id" value="{{.ID}}">
{{range .People}}<button name="subject" value="{{.Subject}}">{{.Name}} <small>{{.Subject}} · {{range $i, $g := .Groups}}{{if $i}}, {{end}}{{$g}}{{end}}</small></button>
{{end}}</form></html>
`))

func (l *loginPage) show(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_ = loginTemplate.Execute(w, map[string]any{"ID": r.FormValue("id"), "People": l.store.opts.People}) // the browser left
}

func (l *loginPage) choose(w http.ResponseWriter, r *http.Request) {
	id := r.FormValue("id")
	if err := l.store.choose(id, r.FormValue("subject")); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	http.Redirect(w, r, l.callback(r.Context(), id), http.StatusFound)
}

// Login does what a person at a browser does: opens the URL that leads to the provider (the provider's own, or one that
// redirects there, such as a console's login), clicks on the subject, and follows the way back. The client needs a
// cookie jar if the console does. The response is the last one, its body unread.
func (s *OIDCServer) Login(ctx context.Context, client *http.Client, start, subject string) (*http.Response, error) {
	page, err := get(ctx, client, start)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(page.Body, 64<<10))
	page.Body.Close()
	if err != nil {
		return nil, fmt.Errorf("testenv: login page: %w", err)
	}
	at := page.Request.URL
	if page.StatusCode != http.StatusOK || !strings.HasPrefix(at.String(), s.Issuer+"/login?") {
		return nil, fmt.Errorf("testenv: %s led to %s, %s: %s, not to the login page", start, at, page.Status, body)
	}
	form := url.Values{"id": {at.Query().Get("id")}, "subject": {subject}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.Issuer+"/login", strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return client.Do(req)
}

func get(ctx context.Context, client *http.Client, target string) (*http.Response, error) {
	if client == nil {
		return nil, errors.New("testenv: Login needs a client")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return nil, err
	}
	return client.Do(req)
}

package console

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"sluice.dev/proxy/gate/recorded"
	"sluice.dev/proxy/identity"
)

// view is what every page knows, and Body what only it knows.
type view struct {
	Title       string
	Nav         string // which of the pages of the menu this is
	Gateway     string
	Development bool
	Me          *identity.Principal // nil: not logged in
	Auditor     bool
	Operator    bool
	CSRF        string
	Refresh     int    // seconds between loads for a browser without scripts; 0: never
	Live        bool   // whether the page listens to /live
	Said        string // what happened, after a form
	Body        any
}

func (v *visit) view(title, nav string, body any) *view {
	return &view{
		Title: title, Nav: nav, Gateway: v.Gateway, Development: v.Development,
		Me: v.by, Auditor: v.Access.Auditor(v.by), Operator: v.Access.Operator(v.by), CSRF: v.csrf, Body: body,
	}
}

// show renders into memory first, so that an error in a template never leaves half a page.
func (c *Console) show(w http.ResponseWriter, code int, name string, data *view) error {
	var b bytes.Buffer
	if err := c.pages.ExecuteTemplate(&b, name, data); err != nil {
		return fmt.Errorf("console: page %s: %w", name, err)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(code)
	_, _ = w.Write(b.Bytes()) // a browser that went away
	return nil
}

// used records a page's use. Parts that a live page asks for belong to the page that was recorded.
func (c *Console) used(r *http.Request, v *visit, action, object string) error {
	if r.URL.Query().Get("part") != "" {
		return nil
	}
	return c.backend.Used(r.Context(), Use{Action: action, Object: object, Via: "console", From: r.RemoteAddr, By: v.by})
}

// refuse records that somebody tried what is not theirs, and is the error that says so.
func (c *Console) refuse(r *http.Request, v *visit, action, object, text string) error {
	u := Use{Action: action, Object: object, Via: "console", From: r.RemoteAddr, By: v.by, Denied: text}
	if err := c.backend.Used(r.Context(), u); err != nil {
		return err
	}
	return fmt.Errorf("%w: %s", ErrForbidden, text)
}

// maxDecided is how many decided holds the list shows.
const maxDecided = 50

type holdsBody struct {
	Waiting []Hold
	Decided []Hold
	Mine    int // of those that wait, how many the reader may decide
	May     map[string]bool
}

// holds is GET /holds: what waits, then what was decided. It has no buttons to decide with, on purpose: the list moves
// while one reads it, and a tap must not hit another command than the one that was read.
func (c *Console) holds(w http.ResponseWriter, r *http.Request, v *visit) error {
	if err := c.used(r, v, "holds.list", ""); err != nil {
		return err
	}
	body := holdsBody{May: map[string]bool{}}
	waiting, err := c.backend.Holds(r.Context(), Filter{States: []State{Pending}})
	if err != nil {
		return err
	}
	decided, err := c.backend.Holds(r.Context(), Filter{States: States()[1:], Limit: 4 * maxDecided})
	if err != nil {
		return err
	}
	hidden := func(h Hold) bool { return !v.Access.SeesHold(v.by, &h) }
	body.Waiting = slices.DeleteFunc(waiting, hidden)
	body.Decided = slices.DeleteFunc(decided, hidden)
	body.Decided = body.Decided[:min(len(body.Decided), maxDecided)]
	for i := range body.Waiting {
		if ok, _ := v.Access.MayDecide(v.by, &body.Waiting[i]); ok {
			body.May[body.Waiting[i].Ticket] = true
			body.Mine++
		}
	}
	title := "Nothing waits"
	if n := len(body.Waiting); n > 0 {
		title = fmt.Sprintf("(%d) Waiting", n)
	}
	p := v.view(title, "holds", body)
	p.Refresh, p.Live = 20, true
	return c.show(w, http.StatusOK, part(r, "holds", "list"), p)
}

type ticketBody struct {
	Hold Hold
	May  bool
	Why  string // why not
	// Account are the rules that hold it; nil: they are not for the reader, or NoAccount says why there are none.
	Account   *recorded.Account
	NoAccount string
}

// ticket is GET /t/{ticket}: everything about one hold, and the form to decide it.
func (c *Console) ticket(w http.ResponseWriter, r *http.Request, v *visit) error {
	h, err := c.seenHold(r, v)
	if err != nil {
		return err
	}
	if err := c.used(r, v, "holds.show", h.Ticket); err != nil {
		return err
	}
	body := ticketBody{Hold: h}
	body.May, body.Why = v.Access.MayDecide(v.by, &h)
	if v.Access.SeesWhy(v.by, &h) {
		if body.Account, err = c.backend.Explain(r.Context(), h.Ticket); err != nil {
			body.NoAccount = sentence(err, ErrNotFound, ErrUnavailable) // the command can be judged without
		}
	}
	p := v.view(h.Ticket+" "+string(h.State), "holds", body)
	p.Live = true
	switch r.URL.Query().Get("done") {
	case "approved":
		p.Said = "Your approval is recorded."
	case "denied":
		p.Said = "Your denial is recorded."
	}
	return c.show(w, http.StatusOK, part(r, "ticket", "hold"), p)
}

// seenHold is the request's hold; one that the reader may not see is as one that does not exist.
func (c *Console) seenHold(r *http.Request, v *visit) (Hold, error) {
	ticket := strings.ToUpper(r.PathValue("ticket")) // typed from a terminal
	h, err := c.backend.Hold(r.Context(), ticket)
	if err == nil && v.Access.SeesHold(v.by, &h) {
		return h, nil
	}
	if err == nil || errors.Is(err, ErrNotFound) {
		return Hold{}, fmt.Errorf("%w: there is no ticket %s, or it is not for your groups", ErrNotFound, clean(ticket))
	}
	return Hold{}, err
}

func (c *Console) approve(w http.ResponseWriter, r *http.Request, v *visit) error {
	return c.decide(w, r, v, "approved")
}

func (c *Console) deny(w http.ResponseWriter, r *http.Request, v *visit) error {
	return c.decide(w, r, v, "denied")
}

func (c *Console) decide(w http.ResponseWriter, r *http.Request, v *visit, word string) error {
	h, err := c.seenHold(r, v)
	if err != nil {
		return err
	}
	text, err := reason(r)
	if err != nil {
		return err
	}
	if word == "approved" {
		err = c.backend.Approve(r.Context(), h.Ticket, v.by, text)
	} else {
		if text == "" {
			return fmt.Errorf("%w: say why you deny it: the agent and its human read the reason. Nothing was changed", ErrInvalid)
		}
		err = c.backend.Deny(r.Context(), h.Ticket, v.by, text)
	}
	if errors.Is(err, ErrForbidden) {
		return c.refuse(r, v, "holds."+word, h.Ticket, strings.TrimPrefix(err.Error(), ErrForbidden.Error()+": "))
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, "/t/"+h.Ticket+"?done="+word, http.StatusSeeOther)
	return nil
}

type statusBody struct {
	Status
	Behind uint64
}

// status is GET /status.
func (c *Console) status(w http.ResponseWriter, r *http.Request, v *visit) error {
	if err := c.used(r, v, "status", ""); err != nil {
		return err
	}
	st, err := c.backend.Status(r.Context())
	if err != nil {
		return err
	}
	if !v.Access.Operator(v.by) && !v.Access.Auditor(v.by) {
		st.ReloadError = "" // quotes the configuration
	}
	p := v.view("Gateway", "status", statusBody{st, st.LogHead - min(st.LogHead, st.LogDurable)})
	p.Refresh, p.Live = 30, true
	if r.URL.Query().Get("done") == "reloaded" {
		p.Said = "The configuration was loaded again."
	}
	return c.show(w, http.StatusOK, part(r, "status", "state"), p)
}

func (c *Console) reload(w http.ResponseWriter, r *http.Request, v *visit) error {
	if !v.Access.Operator(v.by) {
		return c.refuse(r, v, "reload", "", "loading the configuration is for operators")
	}
	if err := c.backend.Reload(r.Context(), v.by); err != nil {
		return err
	}
	http.Redirect(w, r, "/status?done=reloaded", http.StatusSeeOther)
	return nil
}

// part is the template to render: the whole page, or the part that a live page asks for.
func part(r *http.Request, whole, piece string) string {
	if r.URL.Query().Get("part") == piece {
		return whole + "-" + piece
	}
	return whole
}

type message struct {
	Text  string
	Retry bool // offer to sign in again
}

func (c *Console) signedOut(w http.ResponseWriter, r *http.Request) {
	s := c.set.Load()
	p := &view{Title: "Signed out", Gateway: s.Gateway, Development: s.Development, Body: message{"You are signed out here. Your identity provider may still know you.", true}}
	if err := c.show(w, http.StatusOK, "message", p); err != nil {
		c.fail(w, r, nil, err)
	}
}

// fail answers with the error as a page. Errors of ours are made to be read; of others only the log has the text.
func (c *Console) fail(w http.ResponseWriter, r *http.Request, v *visit, err error) {
	code, title, text := http.StatusInternalServerError, "Something broke", "The gateway could not make this page. The operator's log has the reason."
	switch {
	case errors.Is(err, errTooMany):
		code, title, text = http.StatusTooManyRequests, "Too fast", sentence(err)
	case errors.Is(err, ErrNotFound):
		code, title, text = http.StatusNotFound, "Not found", sentence(err, ErrNotFound)
	case errors.Is(err, ErrForbidden):
		code, title, text = http.StatusForbidden, "Not allowed", sentence(err, ErrForbidden)
	case errors.Is(err, ErrConflict):
		code, title, text = http.StatusConflict, "Too late", sentence(err, ErrConflict)
	case errors.Is(err, ErrInvalid):
		code, title, text = http.StatusUnprocessableEntity, "Not accepted", sentence(err, ErrInvalid)
	case errors.Is(err, ErrUnavailable):
		code, title, text = http.StatusServiceUnavailable, "Not available", sentence(err, ErrUnavailable)
	default:
		c.log.ErrorContext(r.Context(), "console", "path", r.URL.Path, "error", err)
	}
	s := c.set.Load()
	p := &view{Title: title, Gateway: s.Gateway, Development: s.Development, Body: message{text, v == nil && code != http.StatusNotFound}}
	if v != nil {
		p = v.view(title, "", p.Body)
	}
	if err := c.show(w, code, "message", p); err != nil {
		c.log.ErrorContext(r.Context(), "console", "path", r.URL.Path, "error", err)
		c.plainRefusal(w, http.StatusInternalServerError, text)
	}
}

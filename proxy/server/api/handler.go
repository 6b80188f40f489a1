package api

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"sluice.dev/proxy/console"
	"sluice.dev/proxy/identity"
)

// Options are what a handler needs.
type Options struct {
	Backend console.Backend
	// Access is asked for at each request, so that a reload counts at once.
	Access func() console.Access
	// Caller says who asks. It returns a *Problem for who may not ask at all.
	Caller func(r *http.Request) (*identity.Principal, error)
	// Socket marks the admin socket: its caller sees everything, may reload and kill, and may not approve, deny or
	// replay, which need an identity.
	Socket bool
	// Passwords issues session passwords; nil: this door does not.
	Passwords Passwords
	Logger    *slog.Logger
}

type handler struct {
	Options
	via     string
	streams chan struct{} // slots for open event streams
}

// New returns the handler of Prefix.
func New(o Options) http.Handler {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	h := &handler{o, "api", make(chan struct{}, maxStreams)}
	if o.Socket {
		h.via = "socket"
	}
	mux := http.NewServeMux()
	route := func(pattern string, f func(http.ResponseWriter, *http.Request, *identity.Principal) error) {
		method, path, _ := strings.Cut(pattern, " ")
		mux.HandleFunc(method+" "+Prefix+path, func(w http.ResponseWriter, r *http.Request) { h.serve(w, r, f) })
	}
	route("GET status", h.status)
	route("GET holds", h.holds)
	route("GET holds/{ticket}", h.hold)
	route("POST holds/{ticket}/approve", h.approve)
	route("POST holds/{ticket}/deny", h.deny)
	route("GET sessions", h.sessions)
	route("POST sessions/{id}/kill", h.kill)
	route("GET sessions/{id}/replay", h.replay)
	route("GET decisions", h.decisions)
	route("GET decisions/{id}", h.explain)
	route("GET shadow", h.shadow)
	route("GET events", h.events)
	route("POST credentials", h.issue)
	route("DELETE credentials", h.revoke)
	route("POST reload", h.reload)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		problem(http.StatusNotFound, KindNotFound, "the API has no "+r.Method+" "+r.URL.Path).write(w)
	})
	return mux
}

func (h *handler) serve(w http.ResponseWriter, r *http.Request, f func(http.ResponseWriter, *http.Request, *identity.Principal) error) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	by, err := h.Caller(r)
	if err == nil {
		err = f(w, r, by)
	}
	if err != nil {
		h.problemOf(r, err).write(w)
	}
}

// problemOf maps the backend's errors; what is not of a known kind is for the log alone.
func (h *handler) problemOf(r *http.Request, err error) *Problem {
	var p *Problem
	detail := err.Error()
	switch {
	case errors.As(err, &p):
		return p
	case errors.Is(err, console.ErrNotFound):
		return problem(http.StatusNotFound, KindNotFound, detail)
	case errors.Is(err, console.ErrForbidden):
		return problem(http.StatusForbidden, KindForbidden, detail)
	case errors.Is(err, console.ErrConflict):
		return problem(http.StatusConflict, KindConflict, detail)
	case errors.Is(err, console.ErrInvalid):
		return problem(http.StatusUnprocessableEntity, KindInvalid, detail)
	case errors.Is(err, console.ErrUnavailable):
		return problem(http.StatusServiceUnavailable, KindUnavailable, detail)
	}
	h.Logger.ErrorContext(r.Context(), "api", "path", r.URL.Path, "error", err)
	return problem(http.StatusInternalServerError, KindInternal, "something broke; the operator's log has the reason")
}

func (h *handler) used(r *http.Request, by *identity.Principal, action, object string) error {
	return h.Backend.Used(r.Context(), console.Use{Action: action, Object: object, Via: h.via, From: r.RemoteAddr, By: by})
}

// refuse records that somebody tried what is not theirs, and is the problem that says so.
func (h *handler) refuse(r *http.Request, by *identity.Principal, action, object, text string) error {
	u := console.Use{Action: action, Object: object, Via: h.via, From: r.RemoteAddr, By: by, Denied: text}
	if err := h.Backend.Used(r.Context(), u); err != nil {
		return err
	}
	return problem(http.StatusForbidden, KindForbidden, text)
}

const needIdentity = " needs an identity, which the admin socket has not: use --gateway URL with a token (SLUICE_TOKEN or --token-file)"

func (h *handler) status(w http.ResponseWriter, r *http.Request, by *identity.Principal) error {
	st, err := h.Backend.Status(r.Context())
	if err != nil {
		return err
	}
	// A log that has stopped is no reason to hide that it has.
	if err := h.used(r, by, "status", ""); err != nil && !errors.Is(err, console.ErrUnavailable) {
		return err
	}
	if a := h.Access(); !h.Socket && !a.Operator(by) && !a.Auditor(by) {
		st.ReloadError = "" // quotes the configuration
	}
	return writeJSON(w, st)
}

func (h *handler) holds(w http.ResponseWriter, r *http.Request, by *identity.Principal) error {
	q := r.URL.Query()
	f := console.Filter{Connection: q.Get("connection"), Session: q.Get("session")}
	for _, s := range q["state"] {
		f.States = append(f.States, console.State(s))
	}
	if s := q.Get("limit"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 {
			return problem(http.StatusBadRequest, KindInvalid, "limit is a number from 1")
		}
		f.Limit = n
	}
	if err := h.used(r, by, "holds.list", ""); err != nil {
		return err
	}
	holds, err := h.Backend.Holds(r.Context(), f)
	if err != nil {
		return err
	}
	access := h.Access()
	holds = slices.DeleteFunc(holds, func(x console.Hold) bool { return !h.Socket && !access.SeesHold(by, &x) })
	if holds == nil {
		holds = []console.Hold{}
	}
	return writeJSON(w, HoldList{holds})
}

// seen is the request's hold; one that the caller may not see does not exist for it.
func (h *handler) seen(r *http.Request, by *identity.Principal) (console.Hold, error) {
	ticket, err := TicketOf(r.PathValue("ticket"))
	if err != nil {
		return console.Hold{}, problem(http.StatusBadRequest, KindInvalid, err.Error())
	}
	hold, err := h.Backend.Hold(r.Context(), ticket)
	if err != nil && !errors.Is(err, console.ErrNotFound) {
		return console.Hold{}, err
	}
	if access := h.Access(); err != nil || (!h.Socket && !access.SeesHold(by, &hold)) {
		return console.Hold{}, problem(http.StatusNotFound, KindNotFound, "there is no ticket "+ticket+", or it is not for your groups")
	}
	return hold, nil
}

func (h *handler) hold(w http.ResponseWriter, r *http.Request, by *identity.Principal) error {
	hold, err := h.seen(r, by)
	if err != nil {
		return err
	}
	if err := h.used(r, by, "holds.show", hold.Ticket); err != nil {
		return err
	}
	return writeJSON(w, hold)
}

func (h *handler) approve(w http.ResponseWriter, r *http.Request, by *identity.Principal) error {
	return h.decide(w, r, by, "holds.approved", h.Backend.Approve)
}

func (h *handler) deny(w http.ResponseWriter, r *http.Request, by *identity.Principal) error {
	return h.decide(w, r, by, "holds.denied", h.Backend.Deny)
}

func (h *handler) decide(w http.ResponseWriter, r *http.Request, by *identity.Principal, action string, do func(context.Context, string, *identity.Principal, string) error) error {
	if h.Socket {
		return h.refuse(r, by, action, r.PathValue("ticket"), "approving and denying"+needIdentity)
	}
	hold, err := h.seen(r, by)
	if err != nil {
		return err
	}
	text, err := readReason(r)
	if err != nil {
		return err
	}
	if action == "holds.denied" && text == "" {
		return problem(http.StatusUnprocessableEntity, KindInvalid, "a denial needs a reason: the agent and its human read it")
	}
	err = do(r.Context(), hold.Ticket, by, text)
	if errors.Is(err, console.ErrForbidden) {
		return h.refuse(r, by, action, hold.Ticket, err.Error())
	}
	if err != nil {
		return err
	}
	// What it became: with several approvers needed it may still wait.
	if hold, err = h.Backend.Hold(r.Context(), hold.Ticket); err != nil {
		return err
	}
	return writeJSON(w, hold)
}

func (h *handler) sessions(w http.ResponseWriter, r *http.Request, by *identity.Principal) error {
	if err := h.used(r, by, "sessions.list", ""); err != nil {
		return err
	}
	all, err := h.Backend.Sessions(r.Context())
	if err != nil {
		return err
	}
	access := h.Access()
	all = slices.DeleteFunc(all, func(s console.Session) bool { return !h.Socket && !access.SeesSession(by, &s) })
	if r.URL.Query().Get("open") != "" {
		all = slices.DeleteFunc(all, func(s console.Session) bool { return !s.Open() })
	}
	if all == nil {
		all = []console.Session{}
	}
	return writeJSON(w, SessionList{all})
}

func (h *handler) kill(w http.ResponseWriter, r *http.Request, by *identity.Principal) error {
	if access := h.Access(); !h.Socket && !access.Operator(by) {
		return h.refuse(r, by, "sessions.kill", r.PathValue("id"), "ending sessions is for operators")
	}
	text, err := readReason(r)
	if err != nil {
		return err
	}
	if err := h.Backend.Kill(r.Context(), r.PathValue("id"), by, text); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// lineTimeout is for one write to a caller that does not read.
const lineTimeout = 30 * time.Second

func (h *handler) replay(w http.ResponseWriter, r *http.Request, by *identity.Principal) error {
	if h.Socket {
		return h.refuse(r, by, "sessions.replay", r.PathValue("id"), "replaying"+needIdentity)
	}
	if access := h.Access(); !access.Auditor(by) {
		return h.refuse(r, by, "sessions.replay", r.PathValue("id"), "recordings are for auditors")
	}
	frames, err := h.Backend.Replay(r.Context(), r.PathValue("id"), by)
	if err != nil {
		return err
	}
	out := http.NewResponseController(w)
	w.Header().Set("Content-Type", "application/x-ndjson")
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	last := ReplayLine{End: true}
	for f, err := range frames {
		if errors.Is(err, console.ErrOpenEnd) {
			last.Open = true
			break
		}
		if err != nil {
			last = ReplayLine{Error: err.Error()}
			break
		}
		if out.SetWriteDeadline(time.Now().Add(lineTimeout)) != nil || enc.Encode(ReplayLine{Frame: &f}) != nil {
			return nil // the caller went away
		}
	}
	_ = enc.Encode(last) // or it went away now
	return nil
}

func (h *handler) reload(w http.ResponseWriter, r *http.Request, by *identity.Principal) error {
	if access := h.Access(); !h.Socket && !access.Operator(by) {
		return h.refuse(r, by, "reload", "", "reloading is for operators")
	}
	if err := h.Backend.Reload(r.Context(), by); err != nil {
		return err
	}
	st, err := h.Backend.Status(r.Context())
	if err != nil {
		return err
	}
	return writeJSON(w, st)
}

func readReason(r *http.Request) (string, error) {
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return "", problem(http.StatusRequestEntityTooLarge, KindInvalid, "the request is too long")
	}
	var body Reason
	if len(b) > 0 {
		if err := json.Unmarshal(b, &body); err != nil {
			return "", problem(http.StatusBadRequest, KindInvalid, `the body is {"reason": "…"}`)
		}
	}
	text := strings.Join(strings.Fields(body.Reason), " ")
	return text, console.CheckReason(text)
}

func writeJSON(w http.ResponseWriter, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(append(b, '\n')) // a caller that went away
	return nil
}

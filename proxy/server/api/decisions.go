package api

import (
	"net/http"
	"strconv"
	"time"

	"sluice.dev/proxy/gate/recorded"
	"sluice.dev/proxy/identity"
)

// maxDecisions bounds one answer of GET decisions.
const maxDecisions = 1000

// mayRead is nil for auditors alone; what they may not is recorded.
func (h *handler) mayRead(r *http.Request, by *identity.Principal, action, object string) error {
	switch {
	case h.Socket:
		return h.refuse(r, by, action, object, "reading records"+needIdentity)
	case !h.Access().Auditor(by):
		return h.refuse(r, by, action, object, "records are for auditors")
	}
	return h.used(r, by, action, object)
}

func (h *handler) decisions(w http.ResponseWriter, r *http.Request, by *identity.Principal) error {
	q := r.URL.Query()
	f := recorded.Filter{Verdict: q.Get("verdict"), Connection: q.Get("connection")}
	switch f.Verdict {
	case "", "allow", "hold", "deny":
	default:
		return problem(http.StatusBadRequest, KindInvalid, "verdict is allow, hold or deny")
	}
	if s := q.Get("limit"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || n > maxDecisions {
			return problem(http.StatusBadRequest, KindInvalid, "limit is a number from 1 to "+strconv.Itoa(maxDecisions))
		}
		f.Limit = n
	}
	if err := h.mayRead(r, by, "decisions.list", ""); err != nil {
		return err
	}
	all, err := h.Backend.Decisions(r.Context(), f)
	if err != nil {
		return err
	}
	if all == nil {
		all = []recorded.Summary{}
	}
	return writeJSON(w, DecisionList{all})
}

// explain is of a command's id, a ticket, or a record's number.
func (h *handler) explain(w http.ResponseWriter, r *http.Request, by *identity.Principal) error {
	id, err := TicketOf(r.PathValue("id")) // all three have its signs
	if err != nil {
		return problem(http.StatusBadRequest, KindInvalid, "give a command's id, a ticket, or a record's number")
	}
	if err := h.mayRead(r, by, "decisions.explain", id); err != nil {
		return err
	}
	acc, err := h.Backend.Explain(r.Context(), id)
	if err != nil {
		return err
	}
	return writeJSON(w, acc)
}

func (h *handler) shadow(w http.ResponseWriter, r *http.Request, by *identity.Principal) error {
	q, since := r.URL.Query(), time.Time{}
	if s := q.Get("since"); s != "" {
		var err error
		if since, err = time.Parse(time.RFC3339, s); err != nil {
			return problem(http.StatusBadRequest, KindInvalid, "since is a time such as 2026-01-31T14:00:00Z")
		}
	}
	if err := h.mayRead(r, by, "shadow", ""); err != nil {
		return err
	}
	report, err := h.Backend.Shadows(r.Context(), q.Get("policy"), since)
	if err != nil {
		return err
	}
	return writeJSON(w, report)
}

package console

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"sluice.dev/proxy/gate/recorded"
)

type decisionsBody struct {
	All     []recorded.Summary
	Verdict string // the filter
}

// decisions is GET /decisions: the latest decided commands, for auditors.
func (c *Console) decisions(w http.ResponseWriter, r *http.Request, v *visit) error {
	if !v.Access.Auditor(v.by) {
		return c.refuse(r, v, "decisions.list", "", "records are for auditors")
	}
	if id := strings.TrimSpace(r.URL.Query().Get("id")); id != "" { // the form that asks for one
		http.Redirect(w, r, "/decisions/"+pathSegment(id), http.StatusSeeOther)
		return nil
	}
	if err := c.used(r, v, "decisions.list", ""); err != nil {
		return err
	}
	body := decisionsBody{}
	switch verdict := r.URL.Query().Get("verdict"); verdict {
	case "allow", "hold", "deny":
		body.Verdict = verdict
	}
	var err error
	if body.All, err = c.backend.Decisions(r.Context(), recorded.Filter{Verdict: body.Verdict}); err != nil {
		return err
	}
	return c.show(w, http.StatusOK, "decisions", v.view("Decisions", "decisions", body))
}

// decision is GET /decisions/{id}: why one command was decided as it was, by its id, ticket or number.
func (c *Console) decision(w http.ResponseWriter, r *http.Request, v *visit) error {
	id := r.PathValue("id")
	if !v.Access.Auditor(v.by) {
		return c.refuse(r, v, "decisions.explain", clean(id), "records are for auditors")
	}
	if pathSegment(id) != id {
		return fmt.Errorf("%w: %s is no command's id, ticket or number", ErrNotFound, clean(id))
	}
	if err := c.used(r, v, "decisions.explain", id); err != nil {
		return err
	}
	acc, err := c.backend.Explain(r.Context(), id)
	if err != nil {
		return err
	}
	return c.show(w, http.StatusOK, "decision", v.view("Why "+verdictWord(acc.Verdict), "decisions", acc))
}

// pathSegment leaves of what was typed what an id may be made of.
func pathSegment(s string) string {
	s = s[:min(len(s), 64)]
	return strings.Map(func(r rune) rune {
		if r == '-' || r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' {
			return r
		}
		return -1
	}, s)
}

// spansOfTime are those that the shadow page offers.
var spansOfTime = map[string]time.Duration{"1h": time.Hour, "24h": 24 * time.Hour, "168h": 7 * 24 * time.Hour}

type shadowBody struct {
	recorded.ShadowReport
	Since string
}

// shadow is GET /shadow: what policies in shadow mode would have done, for auditors.
func (c *Console) shadow(w http.ResponseWriter, r *http.Request, v *visit) error {
	if !v.Access.Auditor(v.by) {
		return c.refuse(r, v, "shadow", "", "records are for auditors")
	}
	if err := c.used(r, v, "shadow", ""); err != nil {
		return err
	}
	body, since := shadowBody{}, time.Time{}
	if d := spansOfTime[r.URL.Query().Get("since")]; d > 0 {
		body.Since, since = r.URL.Query().Get("since"), c.now().Add(-d)
	}
	var err error
	if body.ShadowReport, err = c.backend.Shadows(r.Context(), "", since); err != nil {
		return err
	}
	return c.show(w, http.StatusOK, "shadow", v.view("Shadow", "decisions", body))
}

// verdictWord is what became of a command, as pages say it.
func verdictWord(verdict string) string {
	switch verdict {
	case "allow":
		return "allowed"
	case "hold":
		return "held"
	}
	return "denied"
}

// verdictIcon is the state whose icon a verdict has.
func verdictIcon(verdict string) State {
	switch verdict {
	case "allow":
		return Approved
	case "hold":
		return Pending
	}
	return Denied
}

// would is how many commands a shadow policy would have decided otherwise.
func would(p recorded.ShadowPolicy) (n int) {
	for _, c := range p.Changes {
		n += c.Commands
	}
	return n
}

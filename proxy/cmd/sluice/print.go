package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"sluice.dev/proxy/console"
)

// json reports whether programs read the output.
func (a *app) json() bool { return a.format == "json" }

func (a *app) printJSON(v any) error {
	enc := json.NewEncoder(a.out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// table writes rows under heads, in columns.
func (a *app) table(heads []string, rows [][]string) error {
	w := tabwriter.NewWriter(a.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, strings.Join(heads, "\t"))
	for _, r := range rows {
		for i := range r {
			r[i] = cellText(r[i])
		}
		fmt.Fprintln(w, strings.Join(r, "\t"))
	}
	return w.Flush()
}

// cellText is one line without what a terminal would obey.
func cellText(s string) string { return console.Visible(strings.Join(strings.Fields(s), " ")) }

// stamp is a time with its zone, and how far away it is.
func stamp(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04 MST") + " (" + console.Relative(t, time.Now()) + ")"
}

func party(p console.Party) string {
	s := p.Subject
	for _, h := range p.Proven() {
		s += " for " + h.Subject
	}
	return s
}

// holdText is one hold in full, who and why before what.
func holdText(w io.Writer, h console.Hold) {
	say := func(name, text string) {
		if text != "" {
			fmt.Fprintf(w, "%-12s %s\n", name, cellText(text))
		}
	}
	state := string(h.State)
	if h.Outcome != "" {
		state += ", " + h.Outcome
	}
	say("Ticket", h.Ticket)
	say("State", state)
	say("Who", party(h.Requester))
	for _, r := range h.Reasons {
		say("Why", fmt.Sprintf("%s (policy %s, approval %s)", r.Text, r.Policy, r.Approval))
	}
	say("What", h.Description)
	for i, l := range strings.Split(strings.TrimRight(h.Command, "\n"), "\n") {
		name := ""
		if i == 0 {
			name = "Command"
		}
		fmt.Fprintf(w, "%-12s %s\n", name, console.Visible(l))
	}
	for i, p := range h.Parameters {
		say(fmt.Sprintf("  $%d", i+1), p)
	}
	where := h.Connection + " (" + h.Protocol
	if h.Database != "" {
		where += ", database " + h.Database
	}
	if h.Role != "" {
		where += ", role " + h.Role
	}
	say("Where", where+")")
	if h.InTransaction {
		say("", "inside an open transaction, which keeps its locks")
	}
	say("From", strings.TrimSpace(h.Client.Address+" "+h.Client.Application))
	for _, r := range h.Approvals {
		say("Needs", fmt.Sprintf("%d of %s, has %d", r.Required, strings.Join(r.Approvers, ", "), r.Given()))
	}
	for _, v := range h.Votes() {
		word := "Denied by"
		if v.Approve {
			word = "Approved by"
		}
		say(word, strings.TrimSuffix(v.Who()+": "+v.Reason, ": "))
	}
	say("Asked", stamp(h.Created))
	if h.State == console.Pending || h.State == console.Approved {
		say("Until", stamp(h.Expires))
	}
	say("Session", h.Session)
	say("Action", h.Digest)
}

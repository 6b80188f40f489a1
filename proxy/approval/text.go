package approval

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"sluice.dev/proxy/identity"
)

// Bounds of what a hold keeps, in bytes. With the bounds of a principal they
// keep an entry under state.MaxValue.
const (
	maxCommand    = 192 << 10
	maxParameters = 128 << 10
	maxParameter  = 4 << 10
	maxLine       = 1 << 10
	maxReasons    = 64
)

// keepText keeps the command as far as the bounds allow, and says when it is cut:
// an approver must know that there is more.
func (h *Hold) keepText(command string, parameters []string) {
	h.Command = h.visible(command, maxCommand)
	room := maxParameters
	for _, p := range parameters {
		p = h.visible(p, maxParameter)
		if room -= len(p) + 8; room < 0 {
			h.Cut = true
			break
		}
		h.Parameters = append(h.Parameters, p)
	}
}

// visible is the first n bytes of s, with what an approver could not see, or what
// would change how the rest is seen, made visible: control characters, and marks
// that turn the direction of writing.
func (h *Hold) visible(s string, n int) string {
	hides := func(r rune) bool {
		return unicode.IsControl(r) && r != '\n' && r != '\t' || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029'
	}
	if len(s) > n {
		s, h.Cut = cut(s, n), true
	}
	s = strings.ToValidUTF8(s, "\uFFFD")
	if strings.IndexFunc(s, hides) >= 0 {
		var b strings.Builder
		for _, r := range s {
			if b.Len() > n {
				break
			}
			if hides(r) {
				fmt.Fprintf(&b, "‹U+%04X›", r)
			} else {
				b.WriteRune(r)
			}
		}
		s = b.String()
	}
	if len(s) > n { // making things visible takes room
		s, h.Cut = cut(s, n), true
	}
	return s
}

// cut shortens to at most n bytes, between two characters.
func cut(s string, n int) string {
	for back := 0; back < utf8.UTFMax-1 && n > 0 && !utf8.RuneStart(s[n]); back++ {
		n--
	}
	return s[:n]
}

// bound makes one line of at most maxLine bytes: reasons go to terminals and logs.
func bound(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	if len(s) > maxLine {
		s = cut(s, maxLine-3) + "…"
	}
	return strings.TrimSpace(s)
}

func boundReasons(in []Reason) []Reason {
	out := make([]Reason, 0, min(len(in), maxReasons))
	for _, r := range in[:min(len(in), maxReasons)] {
		out = append(out, Reason{Policy: r.Policy, Approval: r.Approval, Reason: bound(r.Reason)})
	}
	return out
}

// requester is the principal as the ledger keeps it: without claims, each hop
// with its issuer, so that "the same person" can be told.
func requester(p *identity.Principal) identity.Principal {
	k := *p
	k.Claims = nil
	k.Chain = append([]identity.Hop(nil), p.Chain...)
	for i := range k.Chain {
		if k.Chain[i].Issuer == "" {
			k.Chain[i].Issuer = p.Issuer
		}
	}
	return k
}

func defaultName(p *identity.Principal) string {
	host := p.Issuer
	if u, err := url.Parse(p.Issuer); err == nil && u.Host != "" {
		host = u.Host
	}
	return p.Subject + "@" + host
}

// Notice is the line that tells a client that its command is held (CONTRACT 5).
// where is the ticket's address in the console, or empty.
func (h Hold) Notice(where string) string {
	var b strings.Builder
	b.WriteString("held")
	policy, seen := "", map[Reason]bool{}
	for _, r := range h.Reasons {
		r.Approval = "" // two approvals for one reason are one reason
		switch {
		case seen[r]:
			continue
		case policy == "":
			b.WriteString(" by policy " + r.Policy + ": ")
		case policy != r.Policy:
			b.WriteString("; by policy " + r.Policy + ": ")
		default:
			b.WriteString("; ")
		}
		policy, seen[r] = r.Policy, true
		b.WriteString(r.Reason)
	}
	b.WriteString(". Ticket " + h.Ticket + ", waiting for ")
	for i, m := range h.Missing() {
		if i > 0 {
			b.WriteString(" and ")
		}
		b.WriteString(people(m.Needed) + " (" + strings.Join(m.Approvers, ", ") + ")")
	}
	if where != "" {
		b.WriteString(": " + where)
	}
	return b.String()
}

func people(n int) string {
	if n == 1 {
		return "an approver"
	}
	return strconv.Itoa(n) + " approvers"
}

// Text is what the client reads of an outcome that does not let it go on, and
// the hint what to do then (CONTRACT 5).
func (o Outcome) Text() (text, hint string) {
	ticket := "ticket " + o.Hold.Ticket
	if o.Err != nil {
		return ticket + " could not be waited for: the gateway is stopping", "Connect again and send the same statement again."
	}
	switch o.Hold.State {
	case Pending:
		return ticket + " is not decided yet",
			"Wait for the approval, then send the same statement again; a comment in it may differ. It is kept until " + o.Hold.Expires.UTC().Format("15:04") + " UTC."
	case Denied:
		return ticket + " was denied by " + o.Hold.Denial.Name + ": " + o.Hold.Denial.Reason,
			"Do not retry or rephrase. Tell your human."
	case Expired:
		return ticket + " has expired: " + o.Hold.Note, "Send the same statement again to ask for a new approval."
	case Withdrawn:
		return ticket + " was withdrawn: " + o.Hold.Note, "Send the same statement again to ask for a new approval."
	case Claimed:
		return ticket + " is approved and is being run for an equal statement", "Do not send it again; ask for the outcome of the ticket."
	case Done, Unknown:
		return ticket + " was run once for an equal statement: " + o.Hold.Outcome, "Do not send it again unless it should happen twice."
	}
	return ticket + " is approved", "Send the same statement again."
}

package console

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"sluice.dev/proxy/identity"
)

// span is a piece of a command as a page shows it.
type span struct {
	Text string
	Kind string // "", "redacted" or "unseen"
}

// maxShown bounds a command on a page, in bytes; the record has all of it.
const maxShown = 64 << 10

// spans splits a command so that its redactions stand out, and so that characters nobody would see (controls,
// invisible ones, and those that turn the writing direction) are spelled out: an approver must judge what is sent and
// not what it looks like.
func spans(s string) []span {
	var out []span
	var plain strings.Builder
	flush := func() {
		if plain.Len() > 0 {
			out = append(out, span{Text: plain.String()})
			plain.Reset()
		}
	}
	rest := 0
	if len(s) > maxShown {
		cut := maxShown
		for cut > 0 && !utf8.RuneStart(s[cut]) {
			cut--
		}
		rest = len(s) - cut
		s = s[:cut]
	}
	for len(s) > 0 {
		if n := redaction(s); n > 0 {
			flush()
			out = append(out, span{s[:n], "redacted"})
			s = s[n:]
			continue
		}
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && n == 1:
			flush()
			out = append(out, span{fmt.Sprintf("⟨byte %02X⟩", s[0]), "unseen"})
		case unseen(r):
			flush()
			out = append(out, span{fmt.Sprintf("⟨U+%04X⟩", r), "unseen"})
		default:
			plain.WriteRune(r)
		}
		s = s[n:]
	}
	flush()
	if rest > 0 {
		out = append(out, span{fmt.Sprintf("⟨%d bytes more⟩", rest), "unseen"})
	}
	return out
}

// redaction is the length of the redaction (‹redacted:hmac8›, ‹secret›) that s begins with, or 0.
func redaction(s string) int {
	for _, open := range []string{"‹redacted:", "‹redacted›", "‹secret"} {
		if !strings.HasPrefix(s, open) {
			continue
		}
		if end := strings.Index(s, "›"); end >= 0 && end < 64 {
			return end + len("›")
		}
	}
	return 0
}

func unseen(r rune) bool {
	if r == '\n' || r == '\t' {
		return false
	}
	return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || unicode.In(r, unicode.Zl, unicode.Zp) ||
		(unicode.Is(unicode.Zs, r) && r != ' ') || unicode.Is(unicode.Co, r)
}

// Visible is a text from outside, fit for a page or a terminal: characters that nobody would see, or that a terminal
// would obey, are spelled out.
func Visible(s string) string {
	var b strings.Builder
	for _, p := range spans(s) {
		b.WriteString(p.Text)
	}
	return b.String()
}

// absolute is a time with its zone. The gateway's own texts use UTC, so that a ticket reads the same everywhere.
func absolute(t time.Time) string {
	if t.IsZero() {
		return "—"
	}
	return t.UTC().Format("2006-01-02 15:04:05 MST")
}

// CellText is a value of a row as one reads it: bytes that are no text become PostgreSQL's \x form.
func CellText(s string) string {
	if utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' && r != '\r' }) {
		return s
	}
	return fmt.Sprintf(`\x%x`, s)
}

// Relative is how far a time is from now: "in 9 min", "3 h ago".
func Relative(t, now time.Time) string {
	if t.IsZero() {
		return ""
	}
	d := t.Sub(now)
	past := d < 0
	if past {
		d = -d
	}
	var s string
	switch {
	case d < 5*time.Second:
		return "now"
	case d < 100*time.Second:
		s = fmt.Sprintf("%d s", int(d.Seconds()))
	case d < 100*time.Minute:
		s = fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		s = fmt.Sprintf("%d h", int(d.Hours()))
	default:
		s = fmt.Sprintf("%d days", int(d.Hours()/24))
	}
	if past {
		return s + " ago"
	}
	return "in " + s
}

// offset is a time within a recording.
func offset(d time.Duration) string {
	d = max(d, 0)
	return fmt.Sprintf("%d:%02d.%03d", int(d.Minutes()), int(d.Seconds())%60, d.Milliseconds()%1000)
}

// Name is a party as a line of a page says it.
func (p Party) Name() string {
	if p.Display != "" && p.Display != p.Subject {
		return Visible(p.Display) + " (" + Visible(p.Subject) + ")"
	}
	return Visible(p.Subject)
}

// Kind is the party's first kind, or "".
func (p Party) Kind() string {
	if len(p.Kinds) == 0 {
		return ""
	}
	return p.Kinds[0]
}

// Proven are the hops of the chain that somebody vouched for, the nearest first: for whom, and for whom that one.
func (p Party) Proven() []identity.Hop { return p.hops(true) }

// Asserted are the hops that the client only claims.
func (p Party) Asserted() []identity.Hop { return p.hops(false) }

func (p Party) hops(proven bool) []identity.Hop {
	var out []identity.Hop
	for i := len(p.Chain) - 1; i >= 0; i-- {
		if p.Chain[i].Proven() == proven {
			out = append(out, p.Chain[i])
		}
	}
	return out
}

// Who is the voter.
func (v Vote) Who() string {
	if v.Display != "" && v.Display != v.Subject {
		return Visible(v.Display) + " (" + Visible(v.Subject) + ")"
	}
	return Visible(v.Subject)
}

// Given counts the approvals so far.
func (a Approval) Given() int {
	n := 0
	for _, v := range a.Votes {
		if v.Approve {
			n++
		}
	}
	return n
}

// Votes are all that was said about a hold, in order.
func (h Hold) Votes() []Vote {
	var out []Vote
	said := map[Vote]bool{}
	for _, a := range h.Approvals {
		for _, v := range a.Votes {
			if !said[v] {
				said[v] = true
				out = append(out, v)
			}
		}
	}
	return out
}

// Open is whether the session goes on.
func (s Session) Open() bool { return s.Ended.IsZero() }

// short is a digest's beginning, for the eye.
func short(digest string) string {
	head, hex, ok := strings.Cut(digest, ":")
	if !ok {
		head, hex = "", digest
	}
	if len(hex) > 12 {
		hex = hex[:12] + "…"
	}
	if head != "" {
		return head + ":" + hex
	}
	return hex
}

package gate

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"sort"
	"strings"
	"unicode/utf8"
)

// redacted is the form of a command that may be kept and shown.
type redacted struct {
	text   string
	params []string
}

// maxShown bounds one parameter in a record or a notice, in bytes.
const maxShown = 256

// redact makes the kept form of a command, once, after classification: what is
// compared with or written to a protected column, what plugins mark, password
// clauses and, where the configuration says so, every literal become
// ‹redacted:hmac8›. The rest stays, so that an approver can judge. Text that
// could not be parsed is kept as digest and length alone (DESIGN, rule 6).
func (s *Session) redact(c *Command, j *judged) *redacted {
	if c.redacted != nil {
		return c.redacted
	}
	out := &redacted{}
	if c.Unparsed {
		sum := sha256.Sum256(c.Text)
		out.text = fmt.Sprintf("‹unparsed: %d bytes, sha256:%s›", max(c.size, int64(len(c.Text))), hex.EncodeToString(sum[:8]))
		c.redacted = out
		return out
	}
	protected := func(columns []string) bool {
		return slices.ContainsFunc(columns, func(c string) bool { return slices.Contains(j.conn.Protected, c) })
	}
	all := s.gw.RedactAll()
	var cuts [][2]int
	for _, l := range c.Literals {
		if all || l.Secret || protected(l.Columns) {
			cuts = append(cuts, [2]int{l.From, l.To})
		}
	}
	hidden := make(map[int]bool)
	for _, sp := range j.class.spans {
		if sp.Param >= 0 {
			hidden[sp.Param] = true
			continue
		}
		cuts = append(cuts, [2]int{int(sp.From), int(sp.To)})
	}
	out.text = s.cut(c.Text, cuts)
	for i, p := range c.Params {
		switch {
		case p.Null:
			out.params = append(out.params, "NULL")
		case all || hidden[i] || protected(p.Columns):
			out.params = append(out.params, s.placeholder(p.Value))
		case p.Binary && p.Text != "":
			out.params = append(out.params, shorten(p.Text))
		case p.Binary || !utf8.Valid(p.Value):
			out.params = append(out.params, fmt.Sprintf("‹binary: %d bytes›", len(p.Value)))
		default:
			out.params = append(out.params, shorten(string(p.Value)))
		}
	}
	c.redacted = out
	return out
}

func shorten(s string) string {
	if len(s) <= maxShown {
		return s
	}
	return strings.ToValidUTF8(s[:maxShown], "") + fmt.Sprintf("… (%d bytes)", len(s))
}

// cut replaces byte ranges of a text, which may overlap, by placeholders.
func (s *Session) cut(text []byte, cuts [][2]int) string {
	if len(cuts) == 0 {
		return string(text)
	}
	sort.Slice(cuts, func(i, j int) bool { return cuts[i][0] < cuts[j][0] })
	var b strings.Builder
	at := 0
	for i := 0; i < len(cuts); {
		from, to := cuts[i][0], cuts[i][1]
		for i++; i < len(cuts) && cuts[i][0] < to; i++ {
			to = max(to, cuts[i][1])
		}
		from, to = min(max(from, at), len(text)), min(max(to, at), len(text))
		if from >= to {
			continue
		}
		b.Write(text[at:from])
		b.WriteString(s.placeholder(text[from:to]))
		at = to
	}
	b.Write(text[at:])
	return b.String()
}

// placeholder stands for a secret; equal secrets of one session look equal.
func (s *Session) placeholder(v []byte) string {
	return "‹redacted:" + s.gw.Key.Short(s.ID, v) + "›"
}

// The badge plugin: staff badges in values, reads of all of them, and deletes
// that somebody has to approve.
package main

import (
	"bytes"
	"errors"

	"sluice.dev/examples/plugins"
	sluice "sluice.dev/sdk/go"
)

const (
	badge         = 0 // an index into Kinds
	digits        = 6
	longestPrefix = 8
)

const settings = `{
	"type": "object",
	"additionalProperties": false,
	"properties": {
		"prefix": {"description": "what badges begin with; BDG if absent", "type": "string", "pattern": "^[A-Z]{1,8}$"}
	}
}`

var prefix []byte // and the “-” behind it

func init() {
	sluice.Register(sluice.Plugin{
		Manifest: sluice.Manifest{
			Name: "badge", Version: "1.0.0",
			Description: "finds staff badges (BDG-123455, check digit), labels bulk reads of the table badges, holds deletes",
			Kinds:       []string{"badge"}, Reach: 16, Settings: settings, Vectors: plugins.Vectors,
		},
		Configure: configure, Mask: mask, Classify: classify, Trigger: trigger,
	})
}

func main() {}

func configure(s sluice.Value) error {
	given := "BDG"
	if p := s.Get("prefix"); p != nil {
		given = p.String()
	}
	if len(given) > longestPrefix {
		return errors.New("/prefix: too long")
	}
	prefix = append([]byte(given), '-')
	return nil
}

func mask(b *sluice.Batch, found *sluice.Edits) error {
	for i := range b.Cells() {
		value, _ := b.Cell(i)
		for at := 0; ; {
			from := find(value, at)
			if from < 0 {
				break
			}
			at = from + len(prefix) + digits
			found.Add(i, from, at, badge)
		}
	}
	return nil
}

// find is where the next badge begins from a place on, -1 if there is none.
func find(value []byte, at int) int {
	for at+len(prefix)+digits <= len(value) {
		next := bytes.IndexByte(value[at:], prefix[0])
		if next < 0 {
			break
		}
		if at += next; isBadge(value, at) {
			return at
		}
		at++
	}
	return -1
}

// isBadge looks for the prefix, “-” and six digits, the last of which is the
// sum of the others mod 10, and no letter or digit around.
//
// A loop pays for all that is in it, whether a turn gets there or not, and for
// a function only when it is called.
//
//go:noinline
func isBadge(value []byte, at int) bool {
	end := at + len(prefix) + digits
	return end <= len(value) && bytes.HasPrefix(value[at:], prefix) && checked(value[end-digits:end]) &&
		(at == 0 || !alphanumeric(value[at-1])) && (end == len(value) || !alphanumeric(value[end]))
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

func alphanumeric(c byte) bool { return digit(c) || c|0x20 >= 'a' && c|0x20 <= 'z' }

func checked(d []byte) bool {
	sum := 0
	for i, c := range d {
		if !digit(c) {
			return false
		}
		if i < len(d)-1 {
			sum += int(c - '0')
		}
	}
	return sum%10 == int(d[len(d)-1]-'0')
}

func classify(c *sluice.Command, is *sluice.Classification) error {
	sql := c.Protocol == "postgres" || c.Protocol == "mysql"
	if sql && hasWord(c.Text, "badges") && !hasWord(c.Text, "where") {
		is.Label("bulk-badges")
		is.Risk(60)
		is.Reason("the table badges without WHERE")
	}
	return nil
}

// hasWord looks for a word in any case of letters; words are of letters,
// digits, “_” and what is not ASCII.
func hasWord(text []byte, word string) bool {
	for from := 0; from < len(text); from++ {
		to := from
		for to < len(text) && (alphanumeric(text[to]) || text[to] == '_' || text[to] >= 0x80) {
			to++
		}
		if to-from == len(word) && same(text[from:to], word) {
			return true
		}
		from = to
	}
	return false
}

func same(text []byte, word string) bool {
	for i, c := range text {
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		if c != word[i] {
			return false
		}
	}
	return true
}

func trigger(c *sluice.Command) (*sluice.Hold, error) {
	if c.Decision.Get("verdict").String() == "allow" && c.Facts.Get("operations").Has("delete") {
		return &sluice.Hold{Approval: "change", Reason: "a delete"}, nil
	}
	return nil, nil //nolint:nilnil // no hold
}

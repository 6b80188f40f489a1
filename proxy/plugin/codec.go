package plugin

import (
	"fmt"
	"slices"
	"sync/atomic"
	"unicode/utf8"
)

// The byte layouts of sluice/1, little-endian; sdk/ABI.md 4-6 is the authority.

const (
	abiVersion = 1
	// errorFlag in a result's length says that the result is an error's text.
	errorFlag = 1 << 31
	// absent is the length of a NULL cell, and of a replacement that is not there.
	absent = 1<<32 - 1

	batchHeader = 32
	columnSize  = 28
	cellSize    = 12
	editHeader  = 8
	editSize    = 24
)

// Tags of a command's and a result's fields.
const (
	tagProtocol  = 1
	tagText      = 2
	tagFacts     = 3
	tagGroup     = 4
	tagParam     = 5
	tagNullParam = 6
	tagDecision  = 7

	tagLabel  = 1
	tagRisk   = 2
	tagReason = 3
	tagSpan   = 4

	tagApproval   = 1
	tagHoldReason = 2
)

// Param is a bound value.
type Param struct {
	Null   bool
	Binary bool // Value is in the protocol's binary format
	Value  []byte
}

// Command is what a module is told of a command.
type Command struct {
	Protocol string
	Text     string
	Facts    []byte // a JSON object
	Groups   []string
	Params   []Param
	// Scope of pseudonyms; the module does not see it.
	Scope string

	least int // the manifest's
}

// value is what a module sees of a bound value.
func (c *Command) value(i int) []byte {
	if v := c.Params[i].Value; len(v) >= c.least {
		return v
	}
	return nil
}

func fieldSize(n int) int { return 8 + n }

func (c *Command) size(decision []byte) int {
	n := fieldSize(len(c.Protocol)) + fieldSize(len(c.Text))
	if len(c.Facts) > 0 {
		n += fieldSize(len(c.Facts))
	}
	for _, g := range c.Groups {
		n += fieldSize(len(g))
	}
	for i := range c.Params {
		if c.Params[i].Null {
			n += fieldSize(0)
		} else {
			n += fieldSize(1 + len(c.value(i)))
		}
	}
	if decision != nil {
		n += fieldSize(len(decision))
	}
	return n
}

// put writes the command over b, which has its size.
func (c *Command) put(b, decision []byte) {
	field := func(tag uint32, n int) []byte {
		le.PutUint32(b, tag)
		le.PutUint32(b[4:], uint32(n))
		f := b[8 : 8+n]
		b = b[8+n:]
		return f
	}
	copy(field(tagProtocol, len(c.Protocol)), c.Protocol)
	copy(field(tagText, len(c.Text)), c.Text)
	if len(c.Facts) > 0 {
		copy(field(tagFacts, len(c.Facts)), c.Facts)
	}
	for _, g := range c.Groups {
		copy(field(tagGroup, len(g)), g)
	}
	for i := range c.Params {
		p, v := &c.Params[i], c.value(i)
		if p.Null {
			field(tagNullParam, 0)
			continue
		}
		f := field(tagParam, 1+len(v))
		f[0] = 0
		if p.Binary {
			f[0] = 1
		}
		copy(f[1:], v)
	}
	if decision != nil {
		copy(field(tagDecision, len(decision)), decision)
	}
}

// Span is a range of bytes that a classifier found sensitive.
type Span struct {
	// Param is -1 for the command's text, else the index of the parameter.
	Param    int
	From, To uint32
	Kind     string
}

// Classification is what a module says of a command.
type Classification struct {
	Labels []string // sorted, each once
	Risk   int      // 0 to 100
	Reason string   // one line
	Spans  []Span   // sorted by place
	// Note is for whoever asks: what follows from this answer to this input, so
	// that it is worked out once. nil: the answer is not remembered.
	Note *atomic.Value
}

// HoldRequest is a module's wish that somebody approves.
type HoldRequest struct {
	Approval string // an approval block's name
	Reason   string
}

// fields walks tag, length, bytes. It stops with an error's text.
func fields(b []byte, each func(tag uint32, v []byte) string) string {
	for len(b) > 0 {
		if len(b) < 8 {
			return "a result that ends inside a field"
		}
		tag, n := le.Uint32(b), le.Uint32(b[4:])
		if uint64(n) > uint64(len(b)-8) {
			return "a result whose field is longer than it"
		}
		if bad := each(tag, b[8:8+n]); bad != "" {
			return bad
		}
		b = b[8+n:]
	}
	return ""
}

// validName is the form of labels, kinds, approvals and capabilities.
func validName(s string) bool {
	if len(s) == 0 || len(s) > 64 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
		case (c == '-' || c == '_' || c == '.' || c == ':') && i > 0:
		default:
			return false
		}
	}
	return true
}

func readReason(v []byte) (string, string) {
	if len(v) > MaxReason || !utf8.Valid(v) {
		return "", fmt.Sprintf("a reason that is not UTF-8 of at most %d bytes", MaxReason)
	}
	return printable(v), ""
}

func decodeClassification(b []byte, c *Command) (Classification, string) {
	var out Classification
	bad := fields(b, func(tag uint32, v []byte) (bad string) {
		switch tag {
		case tagLabel:
			if !validName(string(v)) {
				return "a label that is not of the form [a-z0-9][a-z0-9-_.:]*"
			}
			if len(out.Labels) == MaxLabels {
				return fmt.Sprintf("more than %d labels", MaxLabels)
			}
			out.Labels = append(out.Labels, string(v))
		case tagRisk:
			if len(v) != 4 || le.Uint32(v) > 100 {
				return "a risk that is not between 0 and 100"
			}
			out.Risk = max(out.Risk, int(le.Uint32(v)))
		case tagReason:
			out.Reason, bad = readReason(v)
		case tagSpan:
			return out.addSpan(v, c)
		}
		return bad
	})
	if bad != "" {
		return Classification{}, bad
	}
	slices.Sort(out.Labels)
	out.Labels = slices.Compact(out.Labels)
	slices.SortFunc(out.Spans, func(a, b Span) int {
		if a.Param != b.Param {
			return a.Param - b.Param
		}
		if a.From != b.From {
			return int(int64(a.From) - int64(b.From))
		}
		return int(int64(a.To) - int64(b.To))
	})
	return out, ""
}

func (out *Classification) addSpan(v []byte, c *Command) string {
	if len(v) < 12 || len(out.Spans) == MaxSpans {
		return fmt.Sprintf("a span that is too short, or more than %d", MaxSpans)
	}
	where, from, to := le.Uint32(v), le.Uint32(v[4:]), le.Uint32(v[8:])
	size := uint64(len(c.Text))
	if where > 0 {
		if uint64(where) > uint64(len(c.Params)) {
			return fmt.Sprintf("a span in parameter %d of %d", where-1, len(c.Params))
		}
		size = uint64(len(c.value(int(where - 1))))
	}
	if from >= to || uint64(to) > size {
		return fmt.Sprintf("a span of bytes %d to %d of %d", from, to, size)
	}
	kind := string(v[12:])
	if kind != "" && !validName(kind) {
		return "a span whose kind is not of the form [a-z0-9][a-z0-9-_.:]*"
	}
	out.Spans = append(out.Spans, Span{Param: int(where) - 1, From: from, To: to, Kind: kind})
	return ""
}

func decodeHold(b []byte) (*HoldRequest, string) {
	if len(b) == 0 {
		return nil, ""
	}
	out := &HoldRequest{}
	bad := fields(b, func(tag uint32, v []byte) (bad string) {
		switch tag {
		case tagApproval:
			if !validName(string(v)) {
				return "an approval's name that is not of the form [a-z0-9][a-z0-9-_.:]*"
			}
			out.Approval = string(v)
		case tagHoldReason:
			out.Reason, bad = readReason(v)
		}
		return bad
	})
	if bad == "" && out.Approval == "" {
		bad = "a hold without an approval"
	}
	if bad != "" {
		return nil, bad
	}
	return out, ""
}

// DecodeClassification reads what a module returns, as Classify does: for
// tests of plugins and SDKs.
func DecodeClassification(b []byte, c *Command) (Classification, error) {
	out, bad := decodeClassification(b, c)
	if bad != "" {
		return out, fmt.Errorf("plugin: %s", bad)
	}
	return out, nil
}

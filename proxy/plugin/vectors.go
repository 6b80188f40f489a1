package plugin

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Vector is one self-test of a module: an input and what must come of it
// (sdk/ABI.md 9).
type Vector struct {
	Line     int    // where it stands in its file
	Does     string // "mask", "classify" or "trigger"
	Settings string // JSON; "" is {}

	// Of mask: cells of one batch, and what is found in them.
	Batch Batch
	Edits []Edit

	// Of classify and trigger.
	Command  Command
	Decision string
	Want     Classification
	WantRisk bool // a risk is given
	Hold     *HoldRequest
	NoHold   bool
}

// ParseVectors reads a file of vectors: blocks of lines, set apart by blank
// lines. Errors name the line.
//
//	# a comment
//	settings: {"detectors": ["email"]}     (alone: for all blocks that follow)
//
//	mask
//	text: Write to ‹email ann@example.com›, please.
//
//	classify postgres
//	text: DELETE FROM t
//	facts: {"operations": ["delete"]}
//	labels: mass-change
//	risk: 70
func ParseVectors(file string) ([]Vector, error) {
	var out []Vector
	var block []string
	settings, first := "", 0
	flush := func() error {
		if len(block) == 0 {
			return nil
		}
		if s, ok := strings.CutPrefix(block[0], "settings:"); ok && len(block) == 1 {
			settings, block = strings.TrimSpace(s), nil
			return nil
		}
		v, err := parseVector(block, first)
		if err != nil {
			return err
		}
		if v.Settings == "" {
			v.Settings = settings
		}
		out, block = append(out, v), nil
		return nil
	}
	line := 0
	for l := range strings.SplitSeq(file, "\n") {
		line++
		l = strings.TrimSuffix(l, "\r")
		switch {
		case strings.HasPrefix(l, "#"):
		case strings.TrimSpace(l) == "":
			if err := flush(); err != nil {
				return nil, err
			}
		default:
			if len(block) == 0 {
				first = line
			}
			block = append(block, l)
		}
	}
	return out, flush()
}

func parseVector(block []string, first int) (Vector, error) {
	v := Vector{Line: first}
	fail := func(i int, format string, args ...any) (Vector, error) {
		return v, fmt.Errorf("line %d: %s", first+i, fmt.Sprintf(format, args...))
	}
	does, rest, _ := strings.Cut(block[0], " ")
	v.Does = does
	switch does {
	case "mask":
		v.Batch.Columns = []Column{{Name: "value", Type: "text"}}
	case "classify", "trigger":
		v.Command.Protocol = strings.TrimSpace(rest)
	default:
		return fail(0, "%q: a vector begins with mask, classify or trigger", does)
	}
	for i, l := range block[1:] {
		key, value, ok := strings.Cut(l, ":")
		if !ok {
			return fail(i+1, "%q: a line is “key: value”", l)
		}
		value = strings.TrimPrefix(value, " ")
		if strings.HasPrefix(value, `"`) {
			q, err := strconv.Unquote(value)
			if err != nil {
				return fail(i+1, "a value in quotes is not a Go string: %v", err)
			}
			value = q
		}
		if err := v.set(key, value); err != nil {
			return fail(i+1, "%v", err)
		}
	}
	return v, nil
}

func (v *Vector) set(key, value string) error {
	if key == "settings" {
		v.Settings = value
		return nil
	}
	if v.Does == "mask" {
		return v.setMask(key, value)
	}
	switch key {
	case "text":
		text, edits, err := parseMarks(value, 0)
		if err != nil {
			return err
		}
		v.Command.Text = text
		for _, e := range edits {
			v.Want.Spans = append(v.Want.Spans, Span{Param: -1, From: e.From, To: e.To, Kind: e.Kind})
		}
	case "param":
		text, edits, err := parseMarks(value, 0)
		if err != nil {
			return err
		}
		for _, e := range edits {
			v.Want.Spans = append(v.Want.Spans, Span{Param: len(v.Command.Params), From: e.From, To: e.To, Kind: e.Kind})
		}
		v.Command.Params = append(v.Command.Params, Param{Value: []byte(text)})
	case "null":
		v.Command.Params = append(v.Command.Params, Param{Null: true})
	case "facts", "decision":
		if !json.Valid([]byte(value)) {
			return fmt.Errorf("%s: not JSON", key)
		}
		if key == "facts" {
			v.Command.Facts = []byte(value)
		} else {
			v.Decision = value
		}
	case "groups":
		v.Command.Groups = strings.Fields(value)
	case "labels":
		v.Want.Labels = strings.Fields(value)
		slices.Sort(v.Want.Labels)
	case "risk":
		n, err := strconv.Atoi(value)
		if err != nil || n < 0 || n > 100 {
			return fmt.Errorf("risk: %q is not between 0 and 100", value)
		}
		v.Want.Risk, v.WantRisk = n, true
	case "hold":
		if v.NoHold = value == "none"; !v.NoHold {
			v.Hold = &HoldRequest{Approval: value}
		}
	default:
		return fmt.Errorf("%q: a %s has text, param, null, facts, decision, groups, labels, risk, hold, settings", key, v.Does)
	}
	return nil
}

func (v *Vector) setMask(key, value string) error {
	switch key {
	case "text":
		text, edits, err := parseMarks(value, uint32(len(v.Batch.Cells)))
		if err != nil {
			return err
		}
		v.Batch.Cells = append(v.Batch.Cells, Cell{Column: uint32(len(v.Batch.Columns) - 1), Value: []byte(text)})
		v.Edits = append(v.Edits, edits...)
	case "null":
		v.Batch.Cells = append(v.Batch.Cells, Cell{Column: uint32(len(v.Batch.Columns) - 1), Null: true})
	case "column": // table.name type, for the cells that follow
		name, kind, _ := strings.Cut(value, " ")
		c := Column{Type: kind, Name: name}
		if dot := strings.LastIndexByte(name, '.'); dot >= 0 {
			c.Table, c.Name = name[:dot], name[dot+1:]
		}
		v.Batch.Columns = append(v.Batch.Columns, c)
	default:
		return fmt.Errorf("%q: a mask has text, null, column, settings", key)
	}
	return nil
}

// parseMarks reads “Write to ‹email ann@example.com›”, and with the module's
// own replacement “‹email ann@example.com → someone›”.
func parseMarks(s string, cell uint32) (text string, edits []Edit, err error) {
	const open, shut, arrow = "‹", "›", " → "
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(s, open)
		b.WriteString(before)
		if !ok {
			return b.String(), edits, nil
		}
		mark, after, ok := strings.Cut(rest, shut)
		kind, what, ok2 := strings.Cut(mark, " ")
		if !ok || !ok2 {
			return "", nil, fmt.Errorf("a mark is ‹kind text›")
		}
		e := Edit{Cell: cell, From: uint32(b.Len()), Kind: kind}
		if found, with, ok := strings.Cut(what, arrow); ok {
			what, e.Replacement = found, []byte(with)
		}
		b.WriteString(what)
		e.To = uint32(b.Len())
		edits = append(edits, e)
		s = after
	}
}

package plugin

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Difference is one thing that a module said otherwise than a vector wants.
type Difference struct {
	What string `json:"what"` // "cell 2", "labels"
	Want string `json:"want"`
	Got  string `json:"got"`
}

// Compare tries the vector on a module and lists what is not as it should be.
// An error is a call that failed.
func (v *Vector) Compare(ctx context.Context, m *Module) (out []Difference, err error) {
	differ := func(what, want, got string) {
		if want != got {
			out = append(out, Difference{What: what, Want: want, Got: got})
		}
	}
	switch v.Does {
	case "mask":
		got, err := m.Mask(ctx, &v.Batch, nil)
		if err != nil {
			return nil, err
		}
		for i, c := range v.Batch.Cells {
			differ(fmt.Sprintf("cell %d", i+1), Marked(c.Value, uint32(i), v.Edits), Marked(c.Value, uint32(i), got))
		}
	case "classify":
		got, err := m.Classify(ctx, &v.Command)
		if err != nil {
			return nil, err
		}
		differ("labels", strings.Join(v.Want.Labels, " "), strings.Join(got.Labels, " "))
		if v.WantRisk {
			differ("risk", strconv.Itoa(v.Want.Risk), strconv.Itoa(got.Risk))
		}
		differ("text", markedSpans([]byte(v.Command.Text), -1, v.Want.Spans), markedSpans([]byte(v.Command.Text), -1, got.Spans))
		for i, p := range v.Command.Params {
			differ(fmt.Sprintf("parameter %d", i+1), markedSpans(p.Value, i, v.Want.Spans), markedSpans(p.Value, i, got.Spans))
		}
	case "trigger":
		got, err := m.Trigger(ctx, &v.Command, []byte(v.Decision))
		if err != nil {
			return nil, err
		}
		said := "none"
		if got != nil {
			said = got.Approval
		}
		switch {
		case v.Hold != nil:
			differ("hold", v.Hold.Approval, said)
		case v.NoHold:
			differ("hold", "none", said)
		}
	}
	return out, nil
}

// Run is Compare with the first difference as an error.
func (v *Vector) Run(ctx context.Context, m *Module) error {
	diff, err := v.Compare(ctx, m)
	if err != nil || len(diff) == 0 {
		return err
	}
	d := diff[0]
	return fmt.Errorf("%s: found %s, want %s", d.What, d.Got, d.Want)
}

// Marked writes a cell with its edits as vectors do: ‹kind text›, and
// ‹kind text → replacement› for the module's own. What is not UTF-8 is quoted.
func Marked(text []byte, cell uint32, edits []Edit) string {
	var b strings.Builder
	at := uint32(0)
	for _, e := range edits {
		if e.Cell != cell {
			continue
		}
		b.Write(text[at:e.From])
		fmt.Fprintf(&b, "‹%s %s", e.Kind, text[e.From:e.To])
		if e.Replacement != nil {
			fmt.Fprintf(&b, " → %s", e.Replacement)
		}
		b.WriteString("›")
		at = e.To
	}
	b.Write(text[at:])
	if !utf8.ValidString(b.String()) {
		return strconv.Quote(b.String())
	}
	return b.String()
}

// markedSpans writes a command's text (-1) or parameter with its spans, which
// may overlap: then they are listed.
func markedSpans(text []byte, param int, spans []Span) string {
	var edits []Edit
	last := uint32(0)
	for _, s := range spans {
		if s.Param != param {
			continue
		}
		if s.From < last || int(s.To) > len(text) {
			return fmt.Sprintf("%s %v", text, spans)
		}
		edits, last = append(edits, Edit{From: s.From, To: s.To, Kind: s.Kind}), s.To
	}
	return Marked(text, 0, edits)
}

// selfTest runs the vectors that the module carries.
func (m *Module) selfTest(ctx context.Context) error {
	list, err := ParseVectors(m.manifest.Vectors)
	if err != nil {
		return fmt.Errorf("the module's vectors: %w", err)
	}
	return m.RunVectors(ctx, list, func(v *Vector, diff []Difference, err error) error {
		if err == nil && len(diff) > 0 {
			err = fmt.Errorf("%s: found %s, want %s", diff[0].What, diff[0].Got, diff[0].Want)
		}
		if err != nil {
			return fmt.Errorf("the module fails its own vector at line %d: %w", v.Line, err)
		}
		return nil
	})
}

// RunVectors tries vectors on instances of their own, one for each run of equal
// settings, and tells each what differed, or which call failed. It ends with
// the first error of each, or when settings are refused.
func (m *Module) RunVectors(ctx context.Context, list []Vector, each func(v *Vector, diff []Difference, err error) error) error {
	for len(list) > 0 {
		n := 1
		for n < len(list) && list[n].Settings == list[0].Settings {
			n++
		}
		if err := m.runVectorsWith(ctx, list[:n], each); err != nil {
			return err
		}
		list = list[n:]
	}
	return nil
}

func (m *Module) runVectorsWith(ctx context.Context, list []Vector, each func(v *Vector, diff []Difference, err error) error) error {
	settings := list[0].Settings
	if settings == "" {
		settings = "{}"
	}
	try := &Module{
		runtime: m.runtime, name: m.name, digest: m.digest, limits: m.limits, grants: m.grants, provides: m.provides,
		manifest: m.manifest, schema: m.schema, settings: []byte(settings), compiled: m.compiled,
		slots: make(chan *instance, 1), ended: make(chan struct{}),
	}
	try.limits.Failures = len(list) + 1 // one bad vector says nothing of the next
	in, err := try.fresh()
	if err != nil {
		return fmt.Errorf("the vectors from line %d on: %w", list[0].Line, err)
	}
	try.slots <- in
	defer func() {
		if in := <-try.slots; in != nil {
			in.close()
		}
	}()
	for i := range list {
		diff, err := list[i].Compare(ctx, try)
		if err := each(&list[i], diff, err); err != nil {
			return err
		}
	}
	return nil
}

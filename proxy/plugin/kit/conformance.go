package kit

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"sluice.dev/proxy/plugin"
)

// Check is one thing that the ABI asks of a module.
type Check struct {
	Name    string `json:"name"`
	Section string `json:"section"` // of sdk/ABI.md
	OK      bool   `json:"ok"`
	// Detail says what went wrong, or what was measured.
	Detail string `json:"detail,omitempty"`
}

// Conformance holds a module to the ABI by calling it with everything that a
// gateway may send. The limits are the default ones. It returns what was
// checked; a module that does not load fails the first check.
func Conformance(ctx context.Context, r *plugin.Runtime, wasm, settings []byte) []Check {
	c := &conformance{ctx: ctx}
	m, err := Open(ctx, r, wasm, settings, plugin.Limits{})
	c.is("the module loads: exports, imports, manifest, settings", "2-3", err, "")
	if err != nil {
		return c.checks
	}
	defer m.Close(context.WithoutCancel(ctx)) //nolint:errcheck // nothing follows
	c.m = m
	c.vectors()
	c.alloc()
	inputs := c.inputs()
	c.answers(inputs)
	for _, entry := range []string{"classify", "trigger"} {
		if m.Can(entry) {
			c.unknownTags(entry)
		}
	}
	if m.Can("mask") {
		c.unknownKind()
	}
	c.freshAndUsed(inputs)
	return c.checks
}

type conformance struct {
	ctx    context.Context
	m      *plugin.Module
	checks []Check
}

func (c *conformance) is(name, section string, err error, detail string) {
	check := Check{Name: name, Section: section, OK: err == nil, Detail: detail}
	if err != nil {
		check.Detail = Explain(err)
	}
	c.checks = append(c.checks, check)
}

func (c *conformance) guest() (*plugin.Guest, error) { return c.m.Guest() }

func (c *conformance) vectors() {
	outcomes, err := Test(c.ctx, c.m, nil)
	for i := range outcomes {
		if o := &outcomes[i]; err == nil && !o.OK() {
			err = fmt.Errorf("the vector at line %d fails: %s", o.Line, failure(o))
		}
	}
	c.is("its own vectors pass", "9", err, fmt.Sprintf("%d vectors", len(outcomes)))
}

func failure(o *Outcome) string {
	if o.Error != "" {
		return o.Error
	}
	d := o.Diff[0]
	return fmt.Sprintf("%s: got %s, want %s", d.What, d.Got, d.Want)
}

// alloc asks for every size that the gateway may ask for, each twice.
func (c *conformance) alloc() {
	g, err := c.guest()
	if err == nil {
		defer g.Close()
		for size := uint32(4096); size <= plugin.MaxInput && err == nil; size *= 2 {
			for range 2 {
				var at uint32
				if at, err = g.Room(size); err == nil && at == 0 {
					err = errors.New("it gave address 0")
				}
				if err != nil {
					err = fmt.Errorf("sluice_alloc(%d): %w", size, err)
					break
				}
			}
		}
	}
	c.is("sluice_alloc gives room for each input of up to 4 MiB", "3.1", err, "")
}

// answers calls every entry with every input on a fresh instance each, and
// reads what comes back.
func (c *conformance) answers(inputs []input) {
	failed := map[string]error{}
	dearest := map[string]int64{}
	var entries []string
	for i := range inputs {
		in := &inputs[i]
		if _, seen := dearest[in.entry]; !seen {
			entries = append(entries, in.entry)
			dearest[in.entry] = 0
		}
		result, fuel, err := c.once(in.entry, in.bytes)
		if err == nil {
			err = in.read(result)
		}
		if err != nil && failed[in.entry] == nil {
			failed[in.entry] = fmt.Errorf("%s: %w", in.name, err)
		}
		in.result, in.failed = result, err != nil
		dearest[in.entry] = max(dearest[in.entry], fuel)
	}
	for _, e := range entries {
		c.is("sluice_"+e+" answers every input within its fuel and in the form of the ABI", sectionOf(e), failed[e],
			fmt.Sprintf("the dearest of %d inputs took %d of 10,000,000 fuel", count(inputs, e), dearest[e]))
	}
}

func count(inputs []input, entry string) (n int) {
	for i := range inputs {
		if inputs[i].entry == entry {
			n++
		}
	}
	return n
}

func sectionOf(entry string) string {
	if entry == "mask" {
		return "5-6"
	}
	return "4"
}

func (c *conformance) once(entry string, b []byte) ([]byte, int64, error) {
	g, err := c.guest()
	if err != nil {
		return nil, 0, err
	}
	defer g.Close()
	return g.Call(entry, b)
}

// unknownTags puts fields of tags that nobody knows before, between and behind
// those of a command: the answer must be the same.
func (c *conformance) unknownTags(entry string) {
	err := func() error {
		for _, cmd := range commands() {
			plain := cmd.Encode(c.m.Manifest().Least, decisionFor(entry))
			want, _, err := c.once(entry, plain)
			if err != nil {
				return err
			}
			got, _, err := c.once(entry, withUnknown(plain))
			if err != nil {
				return err
			}
			if !bytes.Equal(got, want) {
				return fmt.Errorf("another answer with unknown fields: %q, without: %q", got, want)
			}
		}
		return nil
	}()
	c.is("sluice_"+entry+" skips fields of unknown tags", "4", err, "")
}

func withUnknown(b []byte) []byte {
	unknown := func(out []byte, tag uint32, v string) []byte {
		out = binary.LittleEndian.AppendUint32(out, tag)
		out = binary.LittleEndian.AppendUint32(out, uint32(len(v)))
		return append(out, v...)
	}
	out := unknown(nil, 1000, "something new")
	for len(b) > 0 {
		n := 8 + binary.LittleEndian.Uint32(b[4:])
		out = append(out, b[:n]...)
		out = unknown(out, 0xfffffff0, "")
		b = b[n:]
	}
	return unknown(out, 77, "\x00\xff")
}

// unknownKind sends a batch of a kind that no ABI has.
func (c *conformance) unknownKind() {
	b, err := (&plugin.Batch{Columns: []plugin.Column{{Name: "c", Type: "text"}}, Cells: []plugin.Cell{{Value: []byte("text")}}}).Encode()
	if err == nil {
		binary.LittleEndian.PutUint32(b, 0x7fff)
		_, _, err = c.once("mask", b)
		var ce *plugin.CallError
		switch {
		case err == nil:
			err = errors.New("it answered a batch of kind 32,767 as if it knew it")
		case errors.As(err, &ce):
			err = nil // an error or a trap: the call failed, as it must
		}
	}
	c.is("sluice_mask fails a batch of unknown kind", "5", err, "")
}

// freshAndUsed compares the answers of fresh instances with those of one that
// has answered everything else before, twice over.
func (c *conformance) freshAndUsed(inputs []input) {
	err := func() error {
		g, err := c.guest()
		if err != nil {
			return err
		}
		defer g.Close()
		for range 2 {
			for i := range inputs {
				in := &inputs[i]
				if in.failed {
					continue // reported already
				}
				got, _, err := g.Call(in.entry, in.bytes)
				if err != nil {
					return fmt.Errorf("sluice_%s, %s: a used instance failed where a fresh one answered: %w", in.entry, in.name, err)
				}
				if err := in.read(got); err != nil {
					return fmt.Errorf("sluice_%s, %s: a used instance: %w", in.entry, in.name, err)
				}
				if !in.same(got) {
					return fmt.Errorf("sluice_%s, %s: a used instance answers otherwise than a fresh one", in.entry, in.name)
				}
			}
		}
		return nil
	}()
	c.is("a used instance answers as a fresh one", "1", err, "")
}

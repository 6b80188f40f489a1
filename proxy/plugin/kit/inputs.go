package kit

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"

	"sluice.dev/proxy/plugin"
)

// input is one call of the conformance run.
type input struct {
	name, entry string
	bytes       []byte
	decode      func(result []byte) (any, error)
	result      []byte // of a fresh instance
	failed      bool
}

func (in *input) read(result []byte) error { _, err := in.decode(result); return err }

// same compares by meaning: a module may lay out equal edits in two ways.
func (in *input) same(result []byte) bool {
	if bytes.Equal(result, in.result) {
		return true
	}
	a, err1 := in.decode(result)
	b, err2 := in.decode(in.result)
	return err1 == nil && err2 == nil && reflect.DeepEqual(a, b)
}

// inputs are what every module must bear, and what its own vectors look at.
func (c *conformance) inputs() (out []input) {
	man := c.m.Manifest()
	for _, entry := range []string{"classify", "trigger"} {
		if !c.m.Can(entry) {
			continue
		}
		for name, cmd := range named(commands()) {
			out = append(out, commandInput(name, entry, cmd, man.Least))
		}
	}
	if c.m.Can("mask") {
		for name, b := range batches() {
			out = append(out, batchInput(name, b, man.Kinds))
		}
	}
	list, err := plugin.ParseVectors(man.Vectors)
	if err != nil {
		return out // the check of the vectors says it
	}
	for i := range list {
		v := &list[i]
		name := fmt.Sprintf("the vector at line %d", v.Line)
		switch {
		case v.Does == "mask" && c.m.Can("mask"):
			out = append(out, batchInput(name, &v.Batch, man.Kinds))
		case v.Does != "mask" && c.m.Can(v.Does):
			out = append(out, commandInput(name, v.Does, &v.Command, man.Least))
		}
	}
	return out
}

func decisionFor(entry string) []byte {
	if entry == "trigger" {
		return []byte(`{"verdict":"allow"}`)
	}
	return nil
}

func commandInput(name, entry string, c *plugin.Command, least int) input {
	in := input{name: name, entry: entry, bytes: c.Encode(least, decisionFor(entry))}
	if entry == "trigger" {
		in.decode = func(b []byte) (any, error) { return plugin.DecodeHold(b) }
	} else {
		seen := *c
		seen.Params = nil
		for _, p := range c.Params {
			if len(p.Value) < least {
				p.Value = nil
			}
			seen.Params = append(seen.Params, p)
		}
		in.decode = func(b []byte) (any, error) { return plugin.DecodeClassification(b, &seen) }
	}
	return in
}

func batchInput(name string, b *plugin.Batch, kinds []string) input {
	encoded, err := b.Encode()
	if err != nil { // a vector of more than one call
		encoded, _ = (&plugin.Batch{}).Encode()
		b = &plugin.Batch{}
	}
	return input{name: name, entry: "mask", bytes: encoded, decode: func(r []byte) (any, error) { return plugin.DecodeEdits(r, b, kinds) }}
}

func named(list []*plugin.Command) map[string]*plugin.Command {
	out := map[string]*plugin.Command{}
	for _, c := range list {
		out[fmt.Sprintf("a command of %d bytes with %d values (%.24q)", len(c.Text), len(c.Params), c.Text)] = c
	}
	return out
}

const sample = "Call ann@example.com or +44 20 7946 0958; card 4111 1111 1111 1111, AKIAIOSFODNN7EXAMPLE, DE89370400440532013000. "

const prose = "She called on 2024-03-07 about order 100423; said the parcel never came, and would like it sent again. "

func commands() []*plugin.Command {
	facts := []byte(`{"complete":true,"resolved":"server","operations":["select","delete"],"reads":["public.t"],"writes":["public.t"],"columns":[],"functions":["now"],"flags":{"where":false,"drop":true},"parameters":3,"ünï":"\u00e9\ud83d\ude00"}`)
	return []*plugin.Command{
		{},
		{Protocol: "postgres", Text: "DELETE FROM t", Facts: facts, Groups: []string{"a", "b", "ünï"}},
		{Protocol: "ssh", Text: "rm -rf \"$HOME\" 'unterminated"},
		{Protocol: "redis", Text: "SET k " + sample, Params: []plugin.Param{
			{Null: true}, {Value: []byte{}}, {Value: []byte(sample)}, {Binary: true, Value: []byte{0, 0xff, 1}}, {Value: []byte("\xff\xfe\x80")}}},
		{Protocol: "mysql", Text: "SELECT '\xff\xc3\x28' -- \x00 /* \xed\xa0\x80", Facts: []byte(`{}`)},
		{Protocol: "new-protocol", Text: strings.Repeat("(", 3000)},
		{Protocol: "postgres", Text: "SELECT '" + strings.Repeat(sample, 60000/len(sample)) + "'", Facts: facts},
	}
}

// ordinary is how many bytes the gateway hands over at once. Where a call runs
// out of fuel it hands over less, down to dense: so much of whatever takes a
// module longest must be answered.
const (
	ordinary = 32 << 10
	dense    = 4 << 10
)

func batches() map[string]*plugin.Batch {
	text := []plugin.Column{{Name: "note", Table: "public.t", Type: "text"}}
	cells := func(values ...string) *plugin.Batch {
		b := &plugin.Batch{Columns: text}
		for _, v := range values {
			b.Cells = append(b.Cells, plugin.Cell{Value: []byte(v)})
		}
		return b
	}
	nothing := make([]string, plugin.MaxCells)
	wide := &plugin.Batch{Columns: make([]plugin.Column, plugin.MaxColumns)}
	for i := range wide.Columns {
		wide.Cells = append(wide.Cells, plugin.Cell{Column: uint32(i), Value: []byte("x")})
	}
	mixed := cells(sample, "", "plain")
	mixed.Columns = append(mixed.Columns, plugin.Column{Binary: true, Type: "bytea"})
	mixed.Cells = append(mixed.Cells, plugin.Cell{Null: true}, plugin.Cell{Column: 1, Value: []byte{0, 1, 0xff, 0xfe}}, plugin.Cell{Column: 1, Null: true})
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	return map[string]*plugin.Batch{
		"no cells":                     {},
		"text, empty, NULL and binary": mixed,
		"invalid UTF-8":                cells("\xff", "\xc3", "\xed\xa0\x80", "ann\xff@example.com", "caf\xe9 4111\xff1111"),
		"every byte":                   cells(string(every)),
		"8,192 empty cells":            cells(nothing...),
		"2,048 columns":                wide,
		"32 KiB of prose":              cells(strings.Repeat(prose, ordinary/len(prose))),
		"4 KiB of one letter":          cells(strings.Repeat("a", dense)),
		"4 KiB of digits":              cells(strings.Repeat("4111 1111 1111 111", dense/18)),
		"4 KiB of findings":            cells(strings.Repeat(sample, dense/len(sample))),
		"4 KiB of @ and dots":          cells(strings.Repeat("a@b.c", dense/5)),
		"4 KiB of open brackets":       cells(strings.Repeat(`{"a":[`, dense/6)),
	}
}

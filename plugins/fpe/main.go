// The fpe plugin makes tokens that keep a value's form: length, separators,
// digits and letters where they were. See README.md for what it is not.
package main

import (
	_ "embed"
	"errors"
	"strings"

	sluice "sluice.dev/sdk/go"
)

//go:embed vectors.txt
var vectors string

const settings = `{
	"type": "object",
	"additionalProperties": false,
	"required": ["columns"],
	"properties": {
		"columns": {
			"description": "whose values become tokens, by name or table and name",
			"type": "array", "minItems": 1, "maxItems": 200,
			"items": {"type": "string", "minLength": 1}
		},
		"alphabet": {
			"description": "what is changed: digits, or alphanumeric for ASCII letters too; digits if absent",
			"enum": ["digits", "alphanumeric"]
		},
		"keep_first": {"description": "how many of these characters stay at the beginning; 0 if absent", "type": "integer", "minimum": 0, "maximum": 12},
		"keep_last": {"description": "how many stay at the end; 0 if absent", "type": "integer", "minimum": 0, "maximum": 12},
		"luhn": {"description": "the last digit stays a check digit (Luhn) if it was one; with digits and keep_last 0 alone", "type": "boolean"},
		"tweak": {"description": "another one gives other tokens for equal values", "type": "string", "maxLength": 64}
	}
}`

// Kinds of findings: token has a replacement, and unfit has none, since the
// value has too few or too many characters that may change.
const (
	token = iota
	unfit
)

var (
	columns []string
	maker   tokens
)

func init() {
	sluice.Register(sluice.Plugin{
		Manifest: sluice.Manifest{
			Name: "fpe", Version: "1.0.0",
			Description:  "makes tokens that keep a value's form, with the host's key",
			Capabilities: []string{"pseudonym"},
			Kinds:        []string{"token", "unfit"}, Reach: 1024, Settings: settings, Vectors: vectors,
		},
		Configure: configure,
		Mask:      mask,
	})
}

func main() {}

func configure(s sluice.Value) error {
	columns = s.Get("columns").Strings()
	maker = tokens{
		letters: s.Get("alphabet").String() == "alphanumeric", first: s.Get("keep_first").Int(), last: s.Get("keep_last").Int(),
		luhn: s.Get("luhn").Bool(), tweak: s.Get("tweak").String(),
	}
	if maker.luhn && (maker.letters || maker.last > 0) {
		return errors.New("/luhn: a check digit is of digits, and the last of them may not be kept")
	}
	return nil
}

// What a call's fuel pays for, by a guess at what each thing costs: when it is
// spent, values are found without a token and not refused.
const (
	mostWork = 9_500_000
	cellWork = 900    // to find a value without a token
	knownJob = 3_500  // a token that is known
	tokenJob = 6_000  // a new one
	callWork = 20_000 // and each call of the host that it needs
)

func mask(b *sluice.Batch, out *sluice.Edits) error {
	work := mostWork - cellWork*b.Cells()
	known := map[string]string{} // of this batch alone: another may have another scope
	last, on := -1, false
	for i := range b.Cells() {
		value, column := b.Cell(i)
		if len(value) == 0 {
			continue
		}
		if column != last {
			last, on = column, named(b.Column(column))
		}
		if !on {
			continue
		}
		if work < knownJob {
			out.Add(i, 0, len(value), unfit)
			continue
		}
		work -= knownJob
		if t, ok := known[string(value)]; ok {
			out.Replace(i, 0, len(value), token, []byte(t))
			continue
		}
		if b.Window() || b.Column(column).Binary() && !plain(b.Column(column).Type()) {
			out.Add(i, 0, len(value), unfit)
			continue
		}
		t, calls, fit := maker.prepare(value)
		need := tokenJob + calls*(callWork+64*len(maker.tweak))
		if !fit || need > work {
			out.Add(i, 0, len(value), unfit)
			continue
		}
		work -= need
		made, ok := t.encrypt()
		if !ok {
			return errors.New("the gateway's pseudonym is not of the form p- and 12 hex digits")
		}
		known[string(value)] = string(made)
		out.Replace(i, 0, len(value), token, made)
	}
	return nil
}

func named(c sluice.Column) bool {
	for _, name := range columns {
		if name == c.Name() || strings.HasSuffix("."+c.Table()+"."+c.Name(), "."+name) {
			return true
		}
	}
	return false
}

// plain says whether a type's binary format is its text.
func plain(kind string) bool {
	return kind == "" || kind == "text" || kind == "varchar" || kind == "bpchar" || kind == "json" || kind == "xml" || kind == "name"
}

// The prompt plugin finds phrases that must not travel to or from a model:
// markers of proprietary prompts, and canaries. See README.md.
package main

import (
	_ "embed"
	"errors"
	"strconv"

	sluice "sluice.dev/sdk/go"
)

//go:embed vectors.txt
var vectors string

// Kinds of findings.
const (
	marker = iota
	canary
)

const settings = `{
	"type": "object",
	"additionalProperties": false,
	"properties": {
		"markers": {
			"description": "phrases of proprietary prompts; case, spaces and invisible characters do not count",
			"type": "array", "maxItems": 200,
			"items": {"type": "string", "minLength": 8, "maxLength": 200}
		},
		"canaries": {
			"description": "strings planted to be seen if they leak; matched in the same way",
			"type": "array", "maxItems": 200,
			"items": {"type": "string", "minLength": 8, "maxLength": 200}
		},
		"exact": {
			"description": "match byte for byte instead; false if absent",
			"type": "boolean"
		}
	}
}`

// reach is how long a finding may be: a phrase of 200 characters with as many
// spaces and invisible characters between them as are looked across.
const reach = 4096

const shortest = 8

var (
	words matcher
	found []finding
)

func init() {
	sluice.Register(sluice.Plugin{
		Manifest: sluice.Manifest{
			Name: "prompt", Version: "1.0.0",
			Description: "finds markers of proprietary prompts and canaries, in spite of case, spaces and invisible characters",
			Kinds:       []string{"prompt-marker", "prompt-canary"}, Reach: reach, Least: shortest, Settings: settings, Vectors: vectors,
		},
		Configure: configure,
		Mask:      mask,
		Classify:  classify,
	})
}

func main() {}

func configure(s sluice.Value) error {
	words = matcher{exact: s.Get("exact").Bool()}
	for kind, name := range []string{"markers", "canaries"} {
		for i, p := range s.Get(name).Strings() {
			if !words.add(p, kind) {
				return errors.New("/" + name + "/" + strconv.Itoa(i) + ": has fewer than 8 bytes that count; take a longer phrase")
			}
		}
	}
	return nil
}

func mask(b *sluice.Batch, out *sluice.Edits) error {
	for i := range b.Cells() {
		value, _ := b.Cell(i)
		if len(value) < shortest {
			continue
		}
		found = words.find(value, found[:0])
		for _, f := range found {
			out.Add(i, f.from, f.to, f.kind)
		}
	}
	return nil
}

func classify(c *sluice.Command, is *sluice.Classification) error {
	const mostSpans = 4096
	spans, canaries := 0, false
	look := func(v []byte, add func(from, to int, kind string)) {
		found = words.find(v, found[:0])
		for _, f := range found {
			if spans++; spans >= mostSpans {
				add(f.from, len(v), "prompt-marker") // the rest
				return
			}
			canaries = canaries || f.kind == canary
			add(f.from, f.to, [...]string{"prompt-marker", "prompt-canary"}[f.kind])
		}
	}
	look(c.Text, is.Span)
	for i, p := range c.Params {
		if len(p.Value) >= shortest && spans < mostSpans {
			look(p.Value, func(from, to int, kind string) { is.ParamSpan(i, from, to, kind) })
		}
	}
	switch {
	case spans == 0:
		return nil
	case canaries:
		is.Risk(90)
		is.Reason("carries a canary, which only leaked text can have")
	default:
		is.Risk(60)
		is.Reason("carries text of a proprietary prompt")
	}
	is.Label("prompt-leak")
	return nil
}

// The secrets plugin finds credentials in values and in the text of commands:
// keys and tokens of known forms, private keys, connection strings, and what is
// assigned to a name like password. See README.md.
package main

import (
	_ "embed"
	"strings"

	sluice "sluice.dev/sdk/go"
)

//go:embed vectors.txt
var vectors string

// Kinds of findings, which are the detectors.
const (
	awsKey = iota
	gcpKey
	azureKey
	githubToken
	gitlabToken
	slackToken
	stripeKey
	openAIKey
	anthropicKey
	npmToken
	pypiToken
	privateKey
	jwt
	connectionString
	password
	highEntropy
)

var kinds = []string{
	"aws-key", "gcp-key", "azure-key", "github-token", "gitlab-token", "slack-token", "stripe-key", "openai-key", "anthropic-key",
	"npm-token", "pypi-token", "private-key", "jwt", "connection-string", "password", "high-entropy",
}

var settings = `{
	"type": "object",
	"additionalProperties": false,
	"properties": {
		"detectors": {
			"description": "what to look for; all if absent",
			"type": "array", "minItems": 1, "uniqueItems": true,
			"items": {"enum": ["` + strings.Join(kinds, `", "`) + `"]}
		},
		"entropy": {
			"description": "bits for each character, from which on a value behind a name like token is a secret; 3.5 if absent",
			"type": "number", "minimum": 0, "maximum": 8
		}
	}
}`

// longest is how long a finding may be: a PEM block of a 4,096-bit key has
// 3.2 KiB.
const longest = 8192

// shortest is the length of the shortest value that has a finding: pwd=abcd
const shortest = 8

const defaultEntropy = 3.5

var (
	on      uint32
	entropy float64
	found   []finding
)

func init() {
	reset()
	sluice.Register(sluice.Plugin{
		Manifest: sluice.Manifest{
			Name: "secrets", Version: "1.0.0",
			Description: "finds cloud keys, tokens, private keys, JWTs, connection strings and assigned passwords in values and in command text",
			Kinds:       kinds, Reach: longest, Least: shortest, Settings: settings, Vectors: vectors,
		},
		Configure: configure,
		Mask:      mask,
		Classify:  classify,
	})
}

func main() {}

func reset() { on, entropy = 1<<len(kinds)-1, defaultEntropy }

func configure(s sluice.Value) error {
	reset()
	if list := s.Get("detectors"); list != nil {
		on = 0
		for i, k := range kinds {
			if list.Has(k) {
				on |= 1 << i
			}
		}
	}
	if n := s.Get("entropy"); n != nil {
		entropy = number(n)
	}
	return nil
}

// number reads a JSON number that is not negative; what has an exponent is
// taken for its digits.
func number(v sluice.Value) (n float64) {
	scale := 0.0
	for _, c := range v {
		switch {
		case c == '.':
			scale = 1
		case c < '0' || c > '9':
			return n
		case scale > 0:
			scale /= 10
			n += float64(c-'0') * scale
		default:
			n = n*10 + float64(c-'0')
		}
	}
	return n
}

func mask(b *sluice.Batch, out *sluice.Edits) error {
	for i := range b.Cells() {
		value, _ := b.Cell(i)
		if len(value) < shortest {
			continue
		}
		found = find(value, found[:0])
		for _, f := range found {
			out.Add(i, f.from, f.to, f.kind)
		}
	}
	return nil
}

// mostSpans is the ABI's limit for one command.
const mostSpans = 4096

func classify(c *sluice.Command, is *sluice.Classification) error {
	spans, assigned := 0, false
	look := func(v []byte, add func(from, to int, kind string)) {
		found = find(v, found[:0])
		for _, f := range found {
			if spans++; spans >= mostSpans {
				add(f.from, len(v), kinds[f.kind]) // the rest
				return
			}
			assigned = assigned || f.kind == password
			add(f.from, f.to, kinds[f.kind])
		}
	}
	look(c.Text, is.Span)
	for i, p := range c.Params {
		if len(p.Value) >= shortest && spans < mostSpans {
			look(p.Value, func(from, to int, kind string) { is.ParamSpan(i, from, to, kind) })
		}
	}
	if spans == 0 {
		return nil
	}
	is.Label("secret-in-text")
	if assigned {
		is.Risk(60)
		is.Reason("sets or carries a password in plain text")
	} else {
		is.Risk(40)
		is.Reason("carries what looks like a secret")
	}
	return nil
}

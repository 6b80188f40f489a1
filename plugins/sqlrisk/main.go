// The sqlrisk plugin judges SQL beyond what the gateway's parser says of it:
// how much it may change, whether it takes data out, gives rights away, or
// carries secrets. See README.md.
package main

import (
	_ "embed"

	sluice "sluice.dev/sdk/go"
)

//go:embed vectors.txt
var vectors string

const settings = `{
	"type": "object",
	"additionalProperties": false,
	"properties": {
		"literals": {
			"description": "how many literals a statement may have before it is called literal-flood; 500 if absent",
			"type": "integer", "minimum": 1, "maximum": 100000
		}
	}
}`

const defaultLiterals = 500

var (
	literals = defaultLiterals
	tokens   []token
)

func init() {
	sluice.Register(sluice.Plugin{
		Manifest: sluice.Manifest{
			Name: "sqlrisk", Version: "1.0.0",
			Description: "labels SQL as mass-change, destructive, privilege, exfiltration, file-access, tautology, literal-flood, slow or secret-in-text",
			Settings:    settings, Vectors: vectors,
			Least: shortestSecret,
		},
		Configure: configure,
		Classify:  classify,
	})
}

func main() {}

func configure(s sluice.Value) error {
	literals = defaultLiterals
	if n := s.Get("literals").Int(); n > 0 {
		literals = n
	}
	return nil
}

func classify(c *sluice.Command, is *sluice.Classification) error {
	switch c.Protocol {
	case "postgres", "mysql":
	default:
		return nil
	}
	tokens = lex(c.Text, tokens[:0])
	j := judge{text: c.Text, tokens: tokens, is: is}
	j.facts(c.Facts)
	for len(j.tokens) > 0 {
		j.statement()
	}
	for i, p := range c.Params {
		if from, to, kind := findSecret(p.Value); to > 0 && !p.Null {
			j.mark("secret-in-text", 40, "a bound value looks like a secret")
			is.ParamSpan(i, from, to, kind)
		}
	}
	j.finish()
	return nil
}

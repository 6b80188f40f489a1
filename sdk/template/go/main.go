// The my-plugin plugin finds a code name in values.
package main

import (
	"bytes"
	_ "embed"

	sluice "sluice.dev/sdk/go"
)

//go:embed vectors.txt
var vectors string

const settings = `{
	"type": "object",
	"additionalProperties": false,
	"properties": {
		"word": {"description": "what to look for; Bluebird if absent", "type": "string", "minLength": 3, "maxLength": 64}
	}
}`

const codename = 0 // an index into Kinds

var word = []byte("Bluebird")

func init() {
	sluice.Register(sluice.Plugin{
		Manifest: sluice.Manifest{
			Name: "my-plugin", Version: "0.1.0", Description: "finds a code name",
			Kinds: []string{"codename"}, Reach: 256, Settings: settings, Vectors: vectors,
		},
		Configure: configure,
		Mask:      mask,
		// Classify: labels, risk and reason of a command.
		// Trigger:  asks that somebody approves it.
	})
}

func main() {}

func configure(s sluice.Value) error {
	word = []byte("Bluebird")
	if w := s.Get("word").String(); w != "" {
		word = []byte(w)
	}
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
			at = from + len(word)
			found.Add(i, from, at, codename)
		}
	}
	return nil
}

// find is where the word is next, from a place on; -1 if it is not.
func find(value []byte, at int) int {
	n := bytes.Index(value[at:], word)
	if n < 0 {
		return -1
	}
	return at + n
}

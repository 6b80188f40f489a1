// The pii plugin finds personal data in values: e-mail addresses, phone
// numbers, payment cards and bank accounts. See README.md.
package main

import (
	_ "embed"

	sluice "sluice.dev/sdk/go"
)

// Kinds of findings: indexes into the manifest's list.
const (
	email = iota
	phone
	card
	iban
)

// version is set by the linker for another build than the release.
var version = "1.0.0"

var kinds = []string{"email", "phone", "card", "iban"}

//go:embed vectors.txt
var vectors string

const settings = `{
	"type": "object",
	"additionalProperties": false,
	"properties": {
		"detectors": {
			"description": "what to look for; all if absent",
			"type": "array", "minItems": 1, "uniqueItems": true,
			"items": {"enum": ["email", "phone", "card", "iban"]}
		}
	}
}`

var (
	scanner = everything()
	found   []finding
)

func init() {
	sluice.Register(sluice.Plugin{
		Manifest: sluice.Manifest{
			Name: "pii", Version: version,
			Description: "finds e-mail addresses, phone numbers, payment cards (Luhn) and IBANs (checksum)",
			Kinds:       kinds, Reach: 512, Settings: settings, Vectors: vectors,
		},
		Configure: configure,
		Mask:      mask,
	})
}

func main() {}

func configure(s sluice.Value) error {
	list := s.Get("detectors")
	if list == nil {
		scanner = everything()
		return nil
	}
	scanner = detectors{email: list.Has("email"), phone: list.Has("phone"), card: list.Has("card"), iban: list.Has("iban")}
	return nil
}

func mask(b *sluice.Batch, out *sluice.Edits) error {
	list := found
	for i := range b.Cells() {
		value, _ := b.Cell(i)
		if len(value) < shortest {
			continue
		}
		list = scanner.find(value, list[:0])
		for _, f := range list {
			out.Add(i, f.from, f.to, f.kind)
		}
	}
	found = list
	return nil
}

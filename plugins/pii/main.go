// The pii plugin finds personal data in values: addresses, phone numbers,
// payment cards, bank accounts, national ids, network addresses and wallets.
// See README.md.
package main

import (
	_ "embed"
	"strings"

	sluice "sluice.dev/sdk/go"
)

// Kinds of findings, which are the detectors: indexes into the manifest's list.
const (
	email = iota
	phone
	card
	iban
	ssn
	nino
	steuerID
	nir
	dni
	codiceFiscale
	bsn
	pesel
	personnummer
	cpf
	aadhaar
	ipv4
	ipv6
	bitcoin
	ethereum
)

// version is set by the linker for another build than the release.
var version = "1.1.0"

var kinds = []string{
	"email", "phone", "card", "iban",
	"us-ssn", "uk-nino", "de-steuer-id", "fr-nir", "es-dni", "it-codice-fiscale", "nl-bsn", "pl-pesel", "se-personnummer", "br-cpf", "in-aadhaar",
	"ipv4", "ipv6", "bitcoin", "ethereum",
}

//go:embed vectors.txt
var vectors string

var settings = `{
	"type": "object",
	"additionalProperties": false,
	"properties": {
		"detectors": {
			"description": "what to look for; email, phone, card and iban if absent",
			"type": "array", "minItems": 1, "uniqueItems": true,
			"items": {"enum": ["all", "` + strings.Join(kinds, `", "`) + `"]}
		}
	}
}`

var (
	scanner = usual()
	found   []finding
)

func init() {
	sluice.Register(sluice.Plugin{
		Manifest: sluice.Manifest{
			Name: "pii", Version: version,
			Description: "finds e-mail addresses, phone numbers, payment cards, IBANs, national ids, IP addresses and wallets, by checksum where there is one",
			Kinds:       kinds, Reach: 512, Settings: settings, Vectors: vectors,
		},
		Configure: configure,
		Mask:      mask,
	})
}

func main() {}

func configure(s sluice.Value) error {
	scanner = usual()
	list := s.Get("detectors")
	if list == nil {
		return nil
	}
	if list.Has("all") {
		scanner = everything()
		return nil
	}
	var on []int
	for i, k := range kinds {
		if list.Has(k) {
			on = append(on, i)
		}
	}
	scanner = only(on...)
	return nil
}

func mask(b *sluice.Batch, out *sluice.Edits) error {
	list := found
	work = mostWork - cellWork*b.Cells()
	for i := range b.Cells() {
		value, _ := b.Cell(i)
		if len(value) < shortest {
			continue
		}
		if work < 0 {
			out.Add(i, 0, len(value), scanner.first)
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

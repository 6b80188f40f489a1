// The jsonmask plugin finds values inside JSON by their paths. See README.md.
package main

import (
	_ "embed"
	"errors"
	"strconv"
	"strings"

	sluice "sluice.dev/sdk/go"
)

//go:embed vectors.txt
var vectors string

const settings = `{
	"type": "object",
	"additionalProperties": false,
	"required": ["paths"],
	"properties": {
		"paths": {
			"description": "what to hide: RFC 9535 with names, indices, wildcards and descendants",
			"type": "array", "minItems": 1, "maxItems": 64,
			"items": {"type": "string", "minLength": 1, "maxLength": 500}
		},
		"columns": {
			"description": "text columns that hold JSON, by name or table and name: what is none there is hidden whole",
			"type": "array", "maxItems": 200,
			"items": {"type": "string", "minLength": 1}
		},
		"text": {
			"description": "what of other text cells: strict looks at what begins like an object or an array and hides it whole where it is no JSON, valid leaves that alone, off looks at none; strict if absent",
			"enum": ["strict", "valid", "off"]
		},
		"containers": {
			"description": "how objects and arrays that a path selects are hidden: whole, or the leaves in them; whole if absent",
			"enum": ["whole", "leaves"]
		}
	}
}`

var (
	doc     document
	columns []string
	text    string
)

func init() {
	sluice.Register(sluice.Plugin{
		Manifest: sluice.Manifest{
			Name: "jsonmask", Version: "1.0.0",
			Description: "finds values inside JSON by paths, in text, json and jsonb cells; what is no JSON is hidden whole",
			Kinds:       []string{"json-value", "json-document"}, Reach: 1024, Settings: settings, Vectors: vectors,
		},
		Configure: configure,
		Mask:      mask,
	})
}

func main() {}

func configure(s sluice.Value) error {
	doc = document{leaves: s.Get("containers").String() == "leaves"}
	columns, text = s.Get("columns").Strings(), s.Get("text").String()
	for i, p := range s.Get("paths").Strings() {
		steps, err := parsePath(p)
		if err != "" {
			return errors.New("/paths/" + strconv.Itoa(i) + ": " + err)
		}
		doc.paths = append(doc.paths, steps)
	}
	return nil
}

// Kinds of findings.
const (
	jsonValue = iota
	jsonDocument
)

// how a cell is taken.
const (
	skip    = iota
	perhaps // JSON if it looks like it
	certain // JSON, and hidden whole if it is not
)

func mask(b *sluice.Batch, out *sluice.Edits) error {
	last, how, binary := -1, skip, false
	for i := range b.Cells() {
		value, column := b.Cell(i)
		if len(value) == 0 {
			continue
		}
		if column != last {
			last, how, binary = column, taken(b.Column(column)), b.Column(column).Binary()
		}
		if how != skip {
			cell(out, i, value, how, binary, b.Window())
		}
	}
	return nil
}

func taken(c sluice.Column) int {
	switch c.Type() {
	case "json", "jsonb":
		return certain
	}
	for _, name := range columns {
		if name == c.Name() || name == c.Table()+"."+c.Name() || strings.HasSuffix(c.Table()+"."+c.Name(), "."+name) {
			return certain
		}
	}
	if text == "off" {
		return skip
	}
	return perhaps
}

func cell(out *sluice.Edits, i int, value []byte, how int, binary, window bool) {
	from := 0
	if binary && value[0] == 1 {
		from = 1 // jsonb's version (jsonb_send); no JSON text begins with it
	}
	begins := from
	for begins < len(value) && space(value[begins]) {
		begins++
	}
	looks := begins < len(value) && (value[begins] == '{' || value[begins] == '[')
	if how == perhaps && !looks && !window {
		return
	}
	if window && (how == certain || text != "valid") {
		// A part of a document has no paths.
		out.Add(i, 0, len(value), jsonDocument)
		return
	}
	if !doc.find(value, from) {
		if how == perhaps && text == "valid" {
			return
		}
		out.Add(i, from, len(value), jsonDocument)
		return
	}
	for _, f := range doc.found {
		if f.scalar {
			out.Replace(i, f.from, f.to, jsonValue, null)
		} else {
			out.Add(i, f.from, f.to, jsonValue)
		}
	}
}

var null = []byte("null")

package main

import (
	"errors"
	"strconv"

	sluice "sluice.dev/sdk/go"
)

func init() {
	sluice.Register(sluice.Plugin{
		Manifest: sluice.Manifest{
			Name: "probe", Version: "1.0.0", Description: "a \"probe\" \\ of\n\tall \x7f é 😀",
			Capabilities: []string{"pseudonym", "log"}, Kinds: []string{"whole", "plain"}, Reach: 64, Least: 3,
			Settings: `{"type": "object", "properties": {"mode": {"type": "string"}}}`,
			Vectors:  "mask\ncolumn: plain text\ntext: ‹plain abc›\n",
		},
		Configure: configure, Mask: mask, Classify: classify, Trigger: trigger,
	})
}

func main() {}

func configure(s sluice.Value) error {
	mode := s.Get("mode").String()
	if mode == "refuse" {
		return errors.New("/mode: refuse is refused")
	}
	sluice.Log(sluice.Warn, "configured "+mode)
	return nil
}

func mask(b *sluice.Batch, found *sluice.Edits) error {
	for i := range b.Cells() {
		v, at := b.Cell(i)
		if len(v) == 0 {
			continue
		}
		switch string(v) {
		case "fail":
			return errors.New("asked to fail")
		case "log":
			sluice.Log(sluice.Info, "saw log")
		case "trap":
			panic("trap")
		}
		c := b.Column(at)
		switch c.Name() {
		case "plain":
			found.Add(i, 0, len(v), 1)
		case "erase":
			found.Replace(i, 0, 1, 0, nil)
		case "stand-in":
			p, ok := sluice.Pseudonym(nil, "word", v)
			if !ok {
				return errors.New("no pseudonym")
			}
			found.Replace(i, 0, len(v), 0, p)
		default:
			text := strconv.Itoa(i) + "/" + strconv.Itoa(b.Cells()) + " " + strconv.Itoa(at) + "/" + strconv.Itoa(b.Columns()) + " " +
				c.Name() + "|" + c.Table() + "|" + c.Type() + "|" + strconv.Itoa(len(v))
			if c.Binary() {
				text += " binary"
			}
			if b.Window() {
				text += " window"
			}
			found.Replace(i, 0, len(v), 0, []byte(text))
		}
	}
	return nil
}

func classify(c *sluice.Command, is *sluice.Classification) error {
	is.Label("protocol:" + c.Protocol)
	for _, g := range c.Groups {
		is.Label("group:" + g)
	}
	if len(c.Text) > 0 {
		is.Span(0, 1, "text")
	}
	for i, p := range c.Params {
		how := "text"
		switch {
		case p.Null:
			how = "null"
		case p.Binary:
			how = "binary"
		}
		is.Label("param" + strconv.Itoa(i) + ":" + how + ":" + strconv.Itoa(len(p.Value)))
		if len(p.Value) > 0 {
			is.ParamSpan(i, 0, len(p.Value), how)
		}
	}
	if c.Facts.Get("flags", "where").Bool() {
		is.Label("where")
	}
	if c.Facts.Get("operations").Has("a\"b\\é😀") {
		is.Label("operation")
	}
	is.Risk(3)
	is.Risk(c.Facts.Get("risk").Int())
	if r := c.Facts.Get("reason").String(); r != "" {
		is.Reason(r)
	}
	return nil
}

func trigger(c *sluice.Command) (*sluice.Hold, error) {
	if c.Decision.Get("fail").Bool() {
		return nil, errors.New("asked to fail")
	}
	approval := c.Decision.Get("approval").String()
	if approval == "" {
		return nil, nil
	}
	return &sluice.Hold{Approval: approval, Reason: c.Decision.Get("reason").String()}, nil
}

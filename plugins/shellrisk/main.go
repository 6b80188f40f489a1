// The shellrisk plugin judges the text of shell commands: what they may
// destroy, take out, or leave behind. See README.md.
package main

import (
	_ "embed"

	sluice "sluice.dev/sdk/go"
)

//go:embed vectors.txt
var vectors string

func init() {
	sluice.Register(sluice.Plugin{
		Manifest: sluice.Manifest{
			Name: "shellrisk", Version: "1.0.0",
			Description: "labels shell commands as destructive, exfiltration, privilege, download-and-run, persistence or obfuscated",
			Vectors:     vectors,
		},
		Classify: classify,
	})
}

func main() {}

func classify(c *sluice.Command, is *sluice.Classification) error {
	switch c.Protocol {
	case "ssh", "kubernetes":
	default:
		return nil
	}
	j := judge{text: c.Text}
	j.script(c.Text, 0)
	for _, l := range j.labels {
		is.Label(l)
	}
	if j.risk > 0 {
		is.Risk(j.risk)
		is.Reason(j.why)
	}
	return nil
}

package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"sluice.dev/proxy/console"
	"sluice.dev/proxy/plugin"
	"sluice.dev/proxy/plugin/kit"
)

func (a *app) pluginRun() *cobra.Command {
	var t tried
	var format, table, protocol string
	show := false
	c := &cobra.Command{
		Use: "run MODULE", Short: "Send rows or commands from standard input through a module", Args: cobra.ExactArgs(1),
		Long: "A module that masks gets rows: CSV with a head, JSON lines or plain text. They come out with what was found redacted,\nor as the module itself replaces it; with --show, findings are marked instead: ‹kind text›. A module that classifies\ngets commands, one a line. What was counted goes to standard error.",
		RunE: func(c *cobra.Command, args []string) error {
			m, done, err := a.open(c, args[0], &t, plugin.Limits{})
			if err != nil {
				return err
			}
			defer done()
			if !m.Can("mask") {
				format = "text"
			}
			rows, err := kit.NewRows(c.InOrStdin(), format, table)
			if err != nil {
				return wrong("--format: %v", err)
			}
			if !m.Can("mask") {
				return explained(kit.Judge(c.Context(), m, protocol, rows, a.printJudged))
			}
			stats, err := kit.Run(c.Context(), m, rows, a.out, show)
			if err != nil {
				return explained(err)
			}
			if a.json() {
				return json.NewEncoder(a.errs).Encode(stats)
			}
			fmt.Fprintln(a.errs, stats)
			return nil
		},
	}
	t.flags(c)
	f := c.Flags()
	f.StringVar(&format, "format", "", "csv, jsonl or text; else guessed: JSON lines or text")
	f.StringVar(&table, "table", "", "schema.table that the module is told the columns are of")
	f.StringVar(&protocol, "protocol", "postgres", "that commands are said to be of")
	f.BoolVar(&show, "show", false, "mark what is found, change nothing")
	return c
}

// explained adds what the module itself said, which a gateway would not show.
func explained(err error) error {
	if err == nil {
		return nil
	}
	return &exit{exitNotSo, fmt.Errorf("%s", kit.Explain(err))}
}

func (a *app) printJudged(text string, c plugin.Classification, h *plugin.HoldRequest) error {
	if a.json() {
		enc := json.NewEncoder(a.out)
		enc.SetEscapeHTML(false)
		return enc.Encode(struct {
			Text   string              `json:"text"`
			Labels []string            `json:"labels"`
			Risk   int                 `json:"risk"`
			Reason string              `json:"reason,omitempty"`
			Spans  []plugin.Span       `json:"spans,omitempty"`
			Hold   *plugin.HoldRequest `json:"hold,omitempty"`
		}{text, append([]string{}, c.Labels...), c.Risk, c.Reason, c.Spans, h})
	}
	fmt.Fprintln(a.out, console.Visible(kit.MarkedCommand(text, c.Spans)))
	said := fmt.Sprintf("risk %d", c.Risk)
	if len(c.Labels) > 0 {
		said += ", " + strings.Join(c.Labels, ", ")
	}
	if c.Reason != "" {
		said += ": " + c.Reason
	}
	if h != nil {
		said += "; hold for " + h.Approval + ": " + h.Reason
	}
	fmt.Fprintln(a.out, "  "+cellText(said))
	return nil
}

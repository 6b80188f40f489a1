package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"sluice.dev/proxy/gate/recorded"
	"sluice.dev/proxy/generation"
	"sluice.dev/proxy/mask"
	"sluice.dev/proxy/plugin"
)

func (a *app) pluginReplay() *cobra.Command {
	var dir, input, only string
	c := &cobra.Command{
		Use: "replay RECORD", Short: "Run the recorded module again on a recorded command, and say whether it answers the same", Args: cobra.ExactArgs(1),
		Long: "RECORD is a command's id as a client reads it ([cmd …]), a ticket, or the number of a record as audit show prints it.\n" +
			"The module and what it was loaded with come from the log, as of the generation that decided: a fresh instance, this\n" +
			"one call. The input has to have the digest that the record names, which is made with the gateway's mask key, so this\n" +
			"runs where the key is (--config). A record holds text and values redacted; where that hides something, --input gives\n" +
			"them, for those who may have them: {\"text\": \"…\", \"params\": [\"17\", null, {\"binary\": \"base64\"}]}.\n\n" +
			"Same: this module, with these settings, on this very input, says what the record says it said. It proves nothing\n" +
			"about masking, whose inputs are not recorded, nor about triggers. Exit 0: all the same; 1: one differs, or FILE is not\nthe input; 3: the input is not known, or the key or an object cannot be read.",
		RunE: func(c *cobra.Command, args []string) error {
			d, err := a.auditDir(dir)
			if err != nil {
				return err
			}
			e, err := recordedDecision(d, args[0])
			if err != nil {
				return err
			}
			given, err := readGiven(input)
			if err != nil {
				return err
			}
			said, err := recorded.Plugins(d, e)
			if err != nil {
				return &exit{exitNotSo, err}
			}
			key, err := a.maskKey(c.Context())
			if err != nil {
				return &exit{exitNoReach, err}
			}
			r, err := plugin.NewRuntime(c.Context(), plugin.Options{Logger: a.logger(0), Pseudonym: key.PluginPseudonym})
			if err != nil {
				return err
			}
			defer r.Close(context.WithoutCancel(c.Context())) //nolint:errcheck // nothing follows
			var list []*recorded.Replay
			for i := range said {
				if only != "" && said[i].Plugin != only {
					continue
				}
				x, err := said[i].Run(c.Context(), r, key, given)
				if err != nil {
					return &exit{exitNoReach, err}
				}
				list = append(list, x)
			}
			if len(list) == 0 {
				return &exit{exitNotSo, fmt.Errorf("plugin %s did not classify this command", only)}
			}
			return a.printReplays(list, given != nil)
		},
	}
	f := c.Flags()
	f.StringVar(&dir, "dir", "", "the log's folder; else data_dir/audit of --config")
	f.StringVar(&input, "input", "", "JSON file with the command's text and bound values as the client sent them")
	f.StringVar(&only, "plugin", "", "this plugin alone")
	return c
}

func readGiven(path string) (*recorded.Given, error) {
	if path == "" {
		return nil, nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, &exit{exitNoReach, err}
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	g := &recorded.Given{}
	if err := d.Decode(g); err != nil {
		return nil, wrong("--input %s: %v", path, err)
	}
	return g, nil
}

// maskKey is the gateway's, which must be there: it is not made here.
func (a *app) maskKey(ctx context.Context) (*mask.Key, error) {
	p, err := generation.ReadProcess(a.config)
	if err != nil {
		return nil, err
	}
	if p.MaskKey != nil {
		s, err := p.MaskKey.Fetch(ctx)
		if err != nil {
			return nil, err
		}
		return mask.NewKey([]byte(s.Reveal())), nil
	}
	b, err := os.ReadFile(filepath.Join(p.DataDir, "mask.key"))
	if err != nil {
		return nil, fmt.Errorf("the gateway's mask key, which the digest of an input is made with: %w", err)
	}
	return mask.NewKey(b), nil
}

func (a *app) printReplays(list []*recorded.Replay, given bool) error {
	code := exitDone
	for _, x := range list {
		switch {
		case !x.Proven && !given:
			code = exitNoReach
		case !x.Same:
			code = max(code, exitNotSo)
		}
	}
	if a.json() {
		if err := a.printJSON(list); err != nil {
			return err
		}
	} else {
		for _, x := range list {
			a.printReplay(x, given)
		}
	}
	if code != exitDone {
		return &exit{code, errSilent}
	}
	return nil
}

func (a *app) printReplay(x *recorded.Replay, given bool) {
	say := func(text string) { fmt.Fprintf(a.out, "plugin %s: %s\n", cellText(x.Plugin), cellText(text)) }
	answer := func(name string, s *recorded.Answer) {
		text := fmt.Sprintf("risk %d", s.Risk)
		if len(s.Labels) > 0 {
			text += ", " + strings.Join(s.Labels, ", ")
		}
		if s.Reason != "" {
			text += ": " + s.Reason
		}
		fmt.Fprintf(a.out, "  %-9s %s\n", name, cellText(text))
	}
	switch {
	case !x.Proven && given:
		say("not run: the input given is not the one that the record names")
	case !x.Proven:
		say("not run: the record does not hold the whole input (something is redacted or cut): give it with --input")
	case x.Error != "":
		say("the call failed now, and did not then: " + x.Error)
	case x.Same:
		say("the same")
	case x.Clock:
		say("another answer; it may read the clock, so that proves nothing")
	default:
		say("ANOTHER ANSWER")
	}
	answer("recorded", &x.Recorded)
	if x.Now != nil && !x.Same {
		answer("now", x.Now)
	}
	fmt.Fprintf(a.out, "  module    %s\n", x.Module)
	if x.Proven {
		fmt.Fprintf(a.out, "  input     proven: its digest is the record's\n")
	}
}

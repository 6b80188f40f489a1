package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"sluice.dev/proxy/console"
)

func (a *app) sessionsReplay() *cobra.Command {
	return &cobra.Command{
		Use: "replay SESSION", Short: "Show what a session said and got, checked against the log; needs an auditor's token", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cl, err := a.client()
			if err != nil {
				return err
			}
			frames, err := cl.Replay(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			for f, err := range frames {
				if errors.Is(err, console.ErrOpenEnd) {
					fmt.Fprintln(a.errs, err)
					return nil
				}
				if err != nil {
					return err
				}
				if a.json() {
					err = json.NewEncoder(a.out).Encode(f)
				} else {
					_, err = fmt.Fprintln(a.out, frameText(f))
				}
				if err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// frameText is one line of a replay, or more for a statement of several lines.
func frameText(f console.Frame) string {
	at := fmt.Sprintf("%10.3fs  ", f.Offset.Seconds())
	switch f.Kind {
	case "statement":
		return at + "> " + strings.ReplaceAll(console.Visible(f.Text), "\n", "\n"+strings.Repeat(" ", len(at))+"> ")
	case "columns", "row":
		cells := make([]string, len(f.Cells))
		for i, c := range f.Cells {
			cells[i] = cellText(console.CellText(c))
			if i < len(f.Nulls) && f.Nulls[i] {
				cells[i] = "NULL"
			}
		}
		mark := "  "
		if f.Kind == "columns" {
			mark = "# "
		}
		return at + mark + strings.Join(cells, " | ")
	}
	return at + f.Kind + ": " + cellText(f.Text)
}

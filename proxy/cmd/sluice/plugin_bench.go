package main

import (
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"sluice.dev/proxy/plugin"
	"sluice.dev/proxy/plugin/kit"
)

func (a *app) pluginBench() *cobra.Command {
	var t tried
	var input, format string
	var each time.Duration
	c := &cobra.Command{
		Use: "bench MODULE", Short: "Measure a module: MB/s, time a call, fuel a KiB", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			m, done, err := a.open(c, args[0], &t, plugin.Limits{Instances: 1})
			if err != nil {
				return err
			}
			defer done()
			var batch *plugin.Batch
			if input != "" {
				f, err := os.Open(input) //nolint:gosec // the file that the user names
				if err != nil {
					return &exit{exitNoReach, err}
				}
				defer f.Close() //nolint:errcheck // it is only read
				rows, err := kit.NewRows(f, format, "")
				if err != nil {
					return wrong("--format: %v", err)
				}
				if batch, err = kit.BatchOf(rows); err != nil {
					return fmt.Errorf("%s: %w", input, err)
				}
			}
			list, err := kit.Bench(c.Context(), m, batch, each)
			if err != nil {
				return explained(err)
			}
			if a.json() {
				return a.printJSON(list)
			}
			rows := make([][]string, 0, len(list))
			for _, x := range list {
				rows = append(rows, []string{x.What, fmt.Sprint(x.Bytes), fmt.Sprintf("%.0f", x.MBps), x.Mean.String(), x.P99.String(), x.Longest.String(),
					fmt.Sprintf("%.0f", x.FuelKiB), fmt.Sprint(x.Dearest)})
			}
			return a.table([]string{"CALL", "BYTES", "MB/S", "MEAN", "P99", "LONGEST", "FUEL/KIB", "DEAREST FUEL"}, rows)
		},
	}
	t.flags(c)
	f := c.Flags()
	f.StringVar(&input, "input", "", "rows to measure with, up to 64 KiB of them; else a sample")
	f.StringVar(&format, "format", "", "csv, jsonl or text; else guessed: JSON lines or text")
	f.DurationVar(&each, "time", time.Second, "how long each kind of call is measured")
	return c
}

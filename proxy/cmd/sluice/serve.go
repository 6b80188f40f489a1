package main

import (
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"sluice.dev/proxy/server"
)

func (a *app) serve() *cobra.Command {
	var level slog.Level
	quiet := false
	c := &cobra.Command{
		Use: "serve", Short: "Run the gateway until Ctrl-C or SIGTERM; SIGHUP reloads", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			hup := make(chan os.Signal, 1)
			signal.Notify(hup, syscall.SIGHUP)
			defer signal.Stop(hup)
			progress := a.errs
			if quiet {
				progress = nil
			}
			err := server.Run(c.Context(), server.Options{Config: []string{a.config}, Version: versionText(), Progress: progress,
				Logger: a.logger(level), Ready: func(map[string]net.Addr) {}}, hup)
			return a.explained(err)
		},
	}
	c.Flags().TextVar(&level, "log", slog.LevelInfo, "debug, info, warn or error")
	c.Flags().BoolVar(&quiet, "quiet", false, "no lines about the start")
	return c
}

// logger writes text for people on a terminal, JSON for everything else.
func (a *app) logger(level slog.Level) *slog.Logger {
	o := &slog.HandlerOptions{Level: level}
	if f, ok := a.errs.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return slog.New(slog.NewTextHandler(a.errs, o))
	}
	return slog.New(slog.NewJSONHandler(a.errs, o))
}

// explained prints what is wrong with a configuration, with its source, and
// leaves an error that says no more.
func (a *app) explained(err error) error {
	if err == nil {
		return nil
	}
	if text := server.Explain(err); text != err.Error() && !a.json() {
		_, _ = io.WriteString(a.errs, text+"\n")
		return &exit{exitNotSo, errSilent}
	}
	return err
}

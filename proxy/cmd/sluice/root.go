package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"sluice.dev/proxy/console"
	"sluice.dev/proxy/server/api"
)

// Exit codes (CONTRACT 4).
const (
	exitDone    = 0
	exitNotSo   = 1 // refused, invalid, tampered, changed
	exitUsage   = 2
	exitNoReach = 3
)

// app is what all subcommands share: where to write, and the global flags.
type app struct {
	out, errs io.Writer
	started   bool // the command line was understood

	config    string
	format    string
	gateway   string
	tokenFile string
}

// run is the whole program; ctx ends at Ctrl-C and SIGTERM.
func run(ctx context.Context, args []string, out, errs io.Writer) int {
	a := &app{out: out, errs: errs}
	root := a.root()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitDone
	}
	code := a.exitCode(err)
	if text := err.Error(); text != "" {
		fmt.Fprintf(errs, "sluice: %s\n", console.Visible(text))
	}
	if code == exitUsage {
		fmt.Fprintln(errs, "See sluice --help.")
	}
	return code
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "sluice",
		Short:         "An identity-aware gateway for AI agents and people",
		Long:          "Sluice stands between agents and databases: it knows who asks, decides every command, holds the risky ones\nfor a human, masks what comes back, and keeps evidence.",
		SilenceErrors: true,
		SilenceUsage:  true,
		PersistentPreRunE: func(*cobra.Command, []string) error {
			a.started = true
			if a.format != "" && a.format != "json" {
				return wrong("-o %s: the only format is json", a.format)
			}
			return nil
		},
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	root.SetOut(a.out)
	root.SetErr(a.errs)
	flags := root.PersistentFlags()
	flags.StringVar(&a.config, "config", env("SLUICE_CONFIG", "sluice.hcl"), "configuration: a file or a folder (SLUICE_CONFIG)")
	flags.StringVarP(&a.format, "output", "o", "", "json: for programs")
	flags.StringVar(&a.gateway, "gateway", os.Getenv("SLUICE_GATEWAY"), "URL of a gateway to ask instead of the admin socket in data_dir (SLUICE_GATEWAY)")
	flags.StringVar(&a.tokenFile, "token-file", "", "file with the token for --gateway; else SLUICE_TOKEN")
	root.AddCommand(
		a.approve(),
		a.audit(),
		a.creds(),
		a.deny(),
		a.fmt(),
		a.holds(),
		a.plan(),
		a.plugin(),
		a.policy(),
		a.reload(),
		a.serve(),
		a.sessions(),
		a.status(),
		a.validate(),
		a.version(),
	)
	return root
}

func env(name, def string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return def
}

// exit is an error with an exit code of its own.
type exit struct {
	code int
	err  error
}

func (e *exit) Error() string { return e.err.Error() }
func (e *exit) Unwrap() error { return e.err }

// wrong is wrong use.
func wrong(format string, args ...any) error {
	return &exit{exitUsage, fmt.Errorf(format, args...)}
}

func (a *app) exitCode(err error) int {
	var own *exit
	var problem *api.Problem
	switch {
	case errors.As(err, &own):
		return own.code
	case errors.As(err, &problem):
		if problem.Kind == api.KindUnavailable || problem.Kind == api.KindInternal {
			return exitNoReach
		}
		return exitNotSo
	case errors.Is(err, api.ErrUnreachable):
		return exitNoReach
	case !a.started:
		return exitUsage
	}
	return exitNotSo
}

// group is a command that only has subcommands.
func group(use, short string, subs ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short, Args: cobra.NoArgs, RunE: func(c *cobra.Command, _ []string) error {
		names := ""
		for _, s := range c.Commands() {
			names += " " + s.Name()
		}
		return wrong("%s needs one of:%s", c.Name(), names)
	}}
	c.AddCommand(subs...)
	return c
}

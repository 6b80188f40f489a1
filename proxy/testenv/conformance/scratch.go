package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"sluice.dev/proxy/protocol/postgres/conformance"
	"sluice.dev/proxy/server/servertest"
	"sluice.dev/proxy/testenv"
)

// scratch runs the suite against gateways of its own, one for each mode.
func scratch(ctx context.Context, o conformance.Options, lineage, version, format string, stdout, stderr io.Writer) int {
	modes := map[string][]string{"": {"server", "strict"}, "both": {"server", "strict"}, "strict": {"strict"}, "server": {"server"}}[lineage]
	if modes == nil {
		fmt.Fprintf(stderr, "conformance: -lineage %s: use strict, server or both\n", lineage)
		return exitUsage
	}
	worst := exitDone
	for _, mode := range modes {
		fmt.Fprintf(stderr, "starting PostgreSQL and a gateway with lineage = %q …\n", mode)
		worst = max(worst, withGateway(ctx, o, mode, version, format, stdout, stderr))
		if ctx.Err() != nil {
			break
		}
	}
	return worst
}

// stage is a servertest.TB for a program.
type stage struct {
	log      io.Writer
	cleanups []func()
	failed   bool
}

type fatal string

func (s *stage) Helper()          {}
func (s *stage) Failed() bool     { return s.failed }
func (s *stage) Cleanup(f func()) { s.cleanups = append(s.cleanups, f) }
func (s *stage) Logf(format string, args ...any) {
	fmt.Fprintf(s.log, format+"\n", args...)
}

func (s *stage) Fatalf(format string, args ...any) {
	s.failed = true
	panic(fatal(fmt.Sprintf(format, args...)))
}

func (s *stage) TempDir() string {
	dir, err := os.MkdirTemp("", "sluice-conformance-")
	if err != nil {
		s.Fatalf("%v", err)
	}
	s.Cleanup(func() { os.RemoveAll(dir) }) //nolint:errcheck // a temporary directory
	return dir
}

func (s *stage) end() {
	for i := len(s.cleanups) - 1; i >= 0; i-- {
		s.cleanups[i]()
	}
}

func withGateway(ctx context.Context, o conformance.Options, mode, version, format string, stdout, stderr io.Writer) (code int) {
	s := &stage{log: stderr}
	defer s.end()
	defer func() {
		if f, ok := recover().(fatal); ok {
			fmt.Fprintln(stderr, "conformance:", f)
			code = exitNoReach
		}
	}()
	g := servertest.Start(s, servertest.Options{Init: []string{}, Masks: masks(), Lineage: mode, Postgres: testenv.PostgresOptions{Version: version}})
	o.Late = o.Late || mode == "strict" // MASKING.md
	o.Via, o.Direct = g.DSN(g.Agent()), g.DB.SuperDSN("orders")
	return report(ctx, o, format, stdout, stderr)
}

// masks is the mask block of a gateway of ours.
func masks() string {
	var b strings.Builder
	b.WriteString("mask \"conformance\" {\n  columns = [\n")
	for _, c := range conformance.Protected() {
		fmt.Fprintf(&b, "    %q,\n", c)
	}
	b.WriteString("  ]\n  action = \"redact\"\n}\n")
	return b.String()
}

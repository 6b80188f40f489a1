// Command conformance proves, or refutes, that a gateway masks protected
// columns: the suite of proxy/protocol/postgres/conformance against VIA and
// DIRECT or, without them, against a gateway of its own on a scratch
// PostgreSQL. It is what `make mask-conformance` runs.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"strings"
	"syscall"

	"sluice.dev/proxy/protocol/postgres/conformance"
)

// Exit codes.
const (
	exitDone    = 0
	exitLeaks   = 1
	exitUsage   = 2
	exitNoReach = 3
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	f := flag.NewFlagSet("conformance", flag.ContinueOnError)
	f.SetOutput(stderr)
	o := conformance.Options{Progress: stderr}
	f.StringVar(&o.Via, "via", os.Getenv("VIA"), "connection string through the gateway, as somebody for whom columns are masked (or VIA)")
	f.StringVar(&o.Direct, "direct", os.Getenv("DIRECT"), "connection string to the same database, as its superuser or owner (or DIRECT)")
	f.Uint64Var(&o.Seed, "seed", 1, "of the generated statements")
	f.IntVar(&o.Count, "count", 1500, "how many statements to generate")
	f.IntVar(&o.Every, "every", 1, "take each n-th hand-written case only")
	f.StringVar(&o.Only, "only", "", "hand-written cases with this in their name, and nothing else")
	f.BoolVar(&o.Late, "late", false, "explain what shows through a definition that its owner changed beside the gateway a moment before")
	f.DurationVar(&o.Wait, "wait", 0, "limit of one statement (default 20s)")
	modes := f.String("modes", "", "ways to send hand-written cases, of simple, extended, binary and rows (default all): simple,binary")
	ignore := f.String("ignore", "", "regular expression: what differs in every answer of the gateway on purpose")
	format := f.String("o", "text", "text or json")
	setup := f.Bool("setup", false, "print what the gateway has to be told, and exit")
	lineage := f.String("lineage", "", "without VIA: the gateway's modes to run, strict, server or both (default both)")
	postgres := f.String("postgres", "", "without VIA: PostgreSQL's major version (default: the newest installed)")
	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return exitDone
		}
		return exitUsage
	}
	usage := func(format string, args ...any) int {
		fmt.Fprintf(stderr, "conformance: "+format+"\n", args...)
		return exitUsage
	}
	if *ignore != "" {
		var err error
		if o.Ignore, err = regexp.Compile(*ignore); err != nil {
			return usage("-ignore: %v", err)
		}
	}
	for word := range strings.SplitSeq(*modes, ",") {
		i := slices.IndexFunc(conformance.Modes, func(m conformance.Mode) bool { return m.String() == word })
		if i < 0 && *modes != "" {
			return usage("-modes %s: there is no %q", *modes, word)
		}
		if i >= 0 {
			o.Modes = append(o.Modes, conformance.Modes[i])
		}
	}
	switch {
	case *setup:
		conformance.Setup(stdout)
		return exitDone
	case f.NArg() > 0:
		return usage("unexpected %q", f.Arg(0))
	case *format != "text" && *format != "json":
		return usage("-o %s: use text or json", *format)
	case (o.Via == "") != (o.Direct == ""):
		return usage("VIA and DIRECT belong together: give both, or none for a scratch server; -setup says what the gateway needs")
	case o.Via == "":
		return scratch(ctx, o, *lineage, *postgres, *format, stdout, stderr)
	}
	return report(ctx, o, *format, stdout, stderr)
}

// report runs the suite once and prints what it has shown.
func report(ctx context.Context, o conformance.Options, format string, stdout, stderr io.Writer) int {
	r, err := conformance.Run(ctx, o)
	if r != nil {
		if format == "json" {
			if err := r.JSON(stdout); err != nil {
				fmt.Fprintln(stderr, "conformance:", err)
				return exitNoReach
			}
		} else {
			r.Print(stdout)
		}
	}
	switch {
	case err != nil:
		fmt.Fprintln(stderr, err)
		return exitNoReach
	case r.Leaked():
		return exitLeaks
	}
	return exitDone
}

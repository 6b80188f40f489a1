// Command bench measures what the gateway costs, beside a direct connection, a
// bare TCP relay and pgbouncer, all in one run and interleaved, so that a noisy
// machine is unfair to all of them alike. It is what `make bench` runs, from
// the checkout's top; it prints a table in Markdown and is no test.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"syscall"
	"time"
)

// options of one run.
type options struct {
	short   bool
	size    int            // of each measurement: how often its work is done
	repeats int            // of each measurement, interleaved
	rows    int            // of the big table
	only    *regexp.Regexp // workloads that are measured
	hold    bool           // set up and wait, for a look by hand
}

func main() {
	if len(os.Args) == 3 && os.Args[1] == relayWord {
		if err := relay(os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, "bench: relay:", err)
			os.Exit(1)
		}
		return
	}
	var o options
	flag.BoolVar(&o.short, "short", false, "one small round and few rows: to see that it works")
	flag.IntVar(&o.size, "size", 1, "of each measurement, as a multiple of the smallest")
	flag.IntVar(&o.repeats, "repeats", 3, "rounds of each measurement")
	flag.IntVar(&o.rows, "rows", 1_000_000, "of the big table")
	only := flag.String("only", "", "measure only the workloads whose name matches this regular expression")
	flag.BoolVar(&o.hold, "hold", false, "set up, print the connection strings, and wait for Ctrl-C")
	flag.Parse()
	o.only = regexp.MustCompile(*only)
	if o.short {
		o.size, o.repeats, o.rows = 1, 1, 50_000
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	began := time.Now()
	say("starting PostgreSQL, pgbouncer, the relay and the gateway …")
	s, err := setUp(ctx, o)
	defer s.takeDown()
	if err != nil {
		return err
	}
	if o.hold {
		fmt.Println("dir\t" + s.dir)
		for _, v := range s.variants {
			fmt.Printf("%s\t%s\t%d\n", v.name, v.dsn, v.pid)
		}
		<-ctx.Done()
		return nil
	}
	var t table
	for _, w := range workloads(s, o) {
		if !o.only.MatchString(w.name) {
			continue
		}
		r, err := measure(ctx, s, w, o.repeats)
		if err != nil {
			return fmt.Errorf("%s: %w", w.name, err)
		}
		t.results = append(t.results, r)
	}
	say("memory of the gateway …")
	m, err := memory(ctx, s, o)
	if err != nil {
		return err
	}
	t.print(os.Stdout, s, o, m, time.Since(began))
	return nil
}

// say tells who waits what goes on; the table alone is on standard output.
func say(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

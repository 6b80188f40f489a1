// Command bench prints what the audit log costs beside the bare disk: latency,
// rate and CPU of one record, each layout measured in the same run, in rounds
// that take turns, so that a noisy neighbour hits all of them. The machine's
// figures mean little; the ratios are what to read.
//
//	go run ./proxy/audit/bench [-dir DIR] [-rounds 20] [-time 100ms] [-o json]
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

func main() {
	dir := flag.String("dir", os.TempDir(), "folder on the file system to measure; a scratch folder is made in it")
	rounds := flag.Int("rounds", 20, "turns of each layout")
	span := flag.Duration("time", 100*time.Millisecond, "length of a turn")
	format := flag.String("o", "table", "table or json")
	only := flag.String("only", "", "layouts whose name has this in it")
	flag.Parse()
	if *rounds < 1 || *span < time.Millisecond || flag.NArg() > 0 || *format != "table" && *format != "json" {
		flag.Usage()
		os.Exit(2)
	}
	slog.SetDefault(slog.New(slog.DiscardHandler))
	rows, err := run(*dir, *rounds, *span, *only)
	if err == nil && *format == "json" {
		err = json.NewEncoder(os.Stdout).Encode(rows)
	} else if err == nil {
		err = table(os.Stdout, rows)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run measures every layout in turns.
func run(dir string, rounds int, span time.Duration, only string) (rows []*row, err error) {
	scratch, err := os.MkdirTemp(dir, "sluice-bench-audit-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(scratch) // nothing in it is of use afterwards
	for i, r := range layouts() {
		if !strings.Contains(r.Name, only) {
			continue
		}
		own := fmt.Sprintf("%s/%d", scratch, i)
		if err := os.Mkdir(own, 0o700); err != nil {
			return nil, err
		}
		if r.bench, err = r.begin(own); err != nil {
			return nil, fmt.Errorf("%s: %w", r.Name, err)
		}
		defer func() { err = errors.Join(err, r.bench.close()) }()
		rows = append(rows, r)
	}
	for range rounds {
		for _, r := range rows {
			s, err := r.turn(span)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", r.Name, err)
			}
			r.Samples = append(r.Samples, s)
		}
	}
	return rows, nil
}

// turn measures one layout once. What is left to be done in the background, a
// checkpoint and the last tiles, is done before the next one's turn; a log at
// work does that once a second.
func (r *row) turn(span time.Duration) (sample, error) {
	before := cpu()
	began := time.Now()
	took, err := drive(r.Writers, span, r.bench.step)
	elapsed := time.Since(began)
	used := cpu() - before
	if err == nil && r.bench.settle != nil {
		err = r.bench.settle()
	}
	if err != nil {
		return sample{}, err
	}
	n := len(took)
	slices.Sort(took)
	return sample{
		Latency: micros(took[n/2]), P99: micros(took[n*99/100]),
		Rate: float64(n) / elapsed.Seconds(), CPU: micros(used) / float64(n),
	}, nil
}

func micros(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }

// cpu is the user and system time of this process.
func cpu() time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// sample is one turn: microseconds, records a second, microseconds of CPU a record.
type sample struct{ Latency, P99, Rate, CPU float64 }

// row is one layout and its turns.
type row struct {
	Name    string
	Writers int
	Base    string // the row that the ratios are against; "" is none
	Samples []sample
	begin   func(dir string) (bench, error)
	bench   bench
}

// bench is a layout that is ready: what one writer does once, what brings the
// background work to an end, if there is any, and what ends it all.
type bench struct{ step, settle, close func() error }

func table(w io.Writer, rows []*row) error {
	byName := make(map[string]*row)
	for _, r := range rows {
		byName[r.Name] = r
	}
	const form = "%-38s %7s  %-20s %-9s %-22s %-20s %s\n"
	_, err := fmt.Fprintf(w, form, "", "writers", "latency µs", "p99 µs", "records/s", "own CPU µs/record", "against its bare line")
	for _, r := range rows {
		if err != nil {
			return err
		}
		of := func(f func(sample) float64) []float64 {
			out := make([]float64, len(r.Samples))
			for i, s := range r.Samples {
				out[i] = f(s)
			}
			return out
		}
		latency, rate := func(s sample) float64 { return s.Latency }, func(s sample) float64 { return s.Rate }
		versus := ""
		if b := byName[r.Base]; b != nil {
			versus = "latency × " + spread(r.ratios(b, latency), "%.2f") + ", rate × " + spread(r.ratios(b, rate), "%.2f")
		}
		p99 := fmt.Sprintf("%.0f", median(of(func(s sample) float64 { return s.P99 })))
		_, err = fmt.Fprintf(w, form, r.Name, fmt.Sprint(r.Writers), spread(of(latency), "%.0f"), p99,
			spread(of(rate), "%.0f"), spread(of(func(s sample) float64 { return s.CPU }), "%.1f"), versus)
	}
	return err
}

// ratios compares turn by turn, since neighbours in time share the noise.
func (r *row) ratios(base *row, f func(sample) float64) []float64 {
	out := make([]float64, len(r.Samples))
	for i, s := range r.Samples {
		out[i] = f(s) / f(base.Samples[i])
	}
	return out
}

// spread is the median with the smallest and the largest.
func spread(xs []float64, form string) string {
	return fmt.Sprintf(form+" ("+form+"–"+form+")", median(xs), slices.Min(xs), slices.Max(xs))
}

func median(xs []float64) float64 {
	xs = slices.Sorted(slices.Values(xs))
	return (xs[(len(xs)-1)/2] + xs[len(xs)/2]) / 2
}

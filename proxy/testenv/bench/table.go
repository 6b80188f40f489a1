package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// pass lets the rows of a statement go by.
func pass(ctx context.Context, dsn, sql string) error {
	conn, err := pgconn.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	if strings.HasPrefix(sql, "COPY") {
		_, err := conn.CopyTo(ctx, io.Discard, sql)
		return err
	}
	r := conn.ExecParams(ctx, sql, nil, nil, nil, nil)
	for r.NextRow() { //nolint:revive // thrown away
	}
	_, err = r.Close()
	return err
}

type table struct{ results []result }

// print writes the report in Markdown.
func (t *table) print(w io.Writer, s *stage, o options, m []growth, took time.Duration) {
	fmt.Fprintf(w, "Measured in one run of %s: %d rounds, each way once a round; medians, (min..max). %s\n\n", took.Round(time.Second), o.repeats, machine(s))
	fmt.Fprintf(w, "“ratio” is the rate by that of the direct connection in the same round; “CPU” is the own user and system time of the process in between for each unit.\n\n")
	names := make([]string, 0, len(s.variants))
	for _, v := range s.variants[1:] {
		names = append(names, v.name)
	}
	fmt.Fprintf(w, "| | direct, a second |")
	for _, n := range names {
		fmt.Fprintf(w, " %s: ratio | CPU |", n)
	}
	fmt.Fprintf(w, "\n|---|---|%s\n", strings.Repeat("---|---|", len(names)))
	for _, r := range t.results {
		fmt.Fprintf(w, "| %s | %s %s |", r.workload.name, number(median(rates(r.runs[direct]))), r.workload.unit)
		for _, n := range names {
			fmt.Fprintf(w, " %s | %s |", ratio(r.runs[n], r.runs[direct]), cost(r.runs[n]))
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintf(w, "\nMemory of the gateway (RSS, MiB) while rows pass:\n\n| | rows | before | most while they pass |\n|---|---|---|---|\n")
	for _, g := range m {
		fmt.Fprintf(w, "| %s | %d | %.0f | %.0f |\n", g.name, g.rows, float64(g.before)/(1<<20), float64(g.most)/(1<<20))
	}
	fmt.Fprintf(w, "\n“Sluice” has everything on (token, policies guardrails, agents and probing, plugin sqlrisk, audit, recording) and no mask that applies; “pool” keeps connections to the database; “masks” masks columns that are read; “and pii” also looks into every other cell.\nTo run it again: `make bench`, or `go run ./proxy/testenv/bench -size %d -repeats %d -rows %d`. Each row by hand:\n\n", o.size, o.repeats, o.rows)
	for _, r := range t.results {
		fmt.Fprintf(w, "- %s: `%s`\n", r.workload.name, r.workload.command)
	}
}

func rates(runs []sample) []float64 {
	out := make([]float64, len(runs))
	for i, r := range runs {
		out[i] = r.rate
	}
	return out
}

func ratio(runs, base []sample) string {
	if len(runs) == 0 {
		return "–"
	}
	var out []float64
	for i := range runs {
		out = append(out, runs[i].rate/base[i].rate)
	}
	if len(out) == 1 {
		return fmt.Sprintf("%.2f", out[0])
	}
	return fmt.Sprintf("%.2f (%.2f..%.2f)", median(out), slices.Min(out), slices.Max(out))
}

func cost(runs []sample) string {
	if len(runs) == 0 {
		return "–"
	}
	var out []float64
	for _, r := range runs {
		out = append(out, float64(r.cpu))
	}
	m := time.Duration(median(out))
	switch {
	case m < 2*time.Millisecond:
		return fmt.Sprintf("%d µs", m.Microseconds())
	case m < 2*time.Second:
		return fmt.Sprintf("%.1f ms", float64(m)/1e6)
	}
	return fmt.Sprintf("%.2f s", m.Seconds())
}

func number(x float64) string {
	switch {
	case x >= 100:
		return fmt.Sprintf("%.0f", x)
	case x >= 1:
		return fmt.Sprintf("%.1f", x)
	}
	return fmt.Sprintf("%.2f", x)
}

// machine says where it ran.
func machine(s *stage) string {
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	load, _ := os.ReadFile("/proc/loadavg")
	return fmt.Sprintf("%d cores shared by client, gateway and server, Linux %s, %s, PostgreSQL %s (fsync off), loopback without TLS; load at the end %s.",
		runtime.NumCPU(), strings.TrimSpace(string(kernel)), runtime.Version(), s.pg.Version, strings.Join(strings.Fields(string(load))[:3], " "))
}

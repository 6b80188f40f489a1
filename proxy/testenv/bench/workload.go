package main

import (
	"context"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// workload is one row of the table. do runs it once over a connection string
// and says how many units it did in what time.
type workload struct {
	name    string
	unit    string
	command string // how to run it by hand
	do      func(ctx context.Context, dsn string) (units int, took time.Duration, err error)
	skip    func(variant string) bool // nil: none
}

// withoutPii leaves the plugin out where few cells are read: one column that
// is masked anyway; and the pool where nothing is connected.
func withoutPii(variant string) bool { return variant == finding || variant == pooling }

func withoutPool(variant string) bool { return variant == pooling }

// newText is a statement of another shape each time, which nothing that was
// learnt of an earlier one fits.
const newText = "\\set aid random(1, 100000)\n\\set r random(1, 1000000000)\nSELECT abalance AS a:r FROM pgbench_accounts WHERE aid = :aid;\n"

func workloads(s *stage, o options) []workload {
	var all []workload
	for _, mode := range []string{"simple", "extended", "prepared"} {
		for _, load := range []struct{ clients, each int }{{1, 2000}, {8, 750}, {64, 150}} {
			all = append(all, pgbench(s, fmt.Sprintf("pgbench -S, %s, %d", mode, load.clients), "tx", withoutPii,
				"-S", "-M", mode, "-c", strconv.Itoa(load.clients), "-j", strconv.Itoa(min(load.clients, 2)), "-t", strconv.Itoa(load.each*o.size)))
		}
	}
	queries, calls := 10*o.size, 25*o.size
	return append(all,
		pgbench(s, "new text each time, simple, 8", "tx", withoutPii, "-M", "simple", "-f", s.newText, "-c", "8", "-j", "2", "-t", strconv.Itoa(150*o.size)),
		pgbench(s, "connection per transaction, 4", "connections", func(variant string) bool { return variant == finding }, "-S", "-C", "-c", "4", "-j", "2", "-t", strconv.Itoa(50*o.size)),
		workload{name: "one CrewAI call", unit: "calls", command: "a new connection and its 12 statements, as NL2SQLTool with SQLAlchemy and psycopg2 sends them",
			do: func(ctx context.Context, dsn string) (int, time.Duration, error) { return crewCalls(ctx, dsn, calls) }},
		workload{name: "10,000 rows of 10 columns", unit: "queries", command: "SELECT * FROM wide (extended, text), rows read and thrown away",
			do: func(ctx context.Context, dsn string) (int, time.Duration, error) { return wideRows(ctx, dsn, queries) }, skip: withoutPool},
		workload{name: fmt.Sprintf("COPY of %d rows out", o.rows), unit: "copies", command: "COPY big TO STDOUT, 3 columns, thrown away",
			do: func(ctx context.Context, dsn string) (int, time.Duration, error) { return copyOut(ctx, dsn, o.rows) }, skip: withoutPool},
	)
}

var (
	processed = regexp.MustCompile(`number of transactions actually processed: (\d+)`)
	perSecond = regexp.MustCompile(`tps = ([0-9.]+) `)
)

func pgbench(s *stage, name, unit string, skip func(string) bool, args ...string) workload {
	args = append([]string{"-n"}, args...)
	command := "pgbench"
	for _, a := range args {
		command += " " + a
	}
	return workload{name: name, unit: unit, command: command, skip: skip, do: func(ctx context.Context, dsn string) (int, time.Duration, error) {
		out, err := exec.CommandContext(ctx, filepath.Join(s.pg.BinDir, "pgbench"), append(args, dsn)...).CombinedOutput()
		n, tps := processed.FindSubmatch(out), perSecond.FindSubmatch(out)
		if err != nil || n == nil || tps == nil {
			return 0, 0, fmt.Errorf("%s: %w\n%s", command, err, out)
		}
		count, _ := strconv.Atoi(string(n[1]))
		rate, _ := strconv.ParseFloat(string(tps[1]), 64)
		if count == 0 || rate == 0 {
			return 0, 0, fmt.Errorf("%s: no transaction\n%s", command, out)
		}
		// pgbench leaves the time of connecting out of its rate.
		return count, time.Duration(float64(count) / rate * float64(time.Second)), nil
	}}
}

// crewStatements are what one call of CrewAI's NL2SQLTool sends.
var crewStatements = []string{
	"BEGIN", "SELECT t.oid, typarray FROM pg_type t JOIN pg_namespace ns ON typnamespace = ns.oid WHERE typname = 'hstore'", "ROLLBACK",
	"BEGIN", "select pg_catalog.version()", "select current_schema()", "show transaction isolation level", "show standard_conforming_strings", "ROLLBACK",
	"BEGIN", "SELECT id, name, email FROM customers WHERE id < 20", "ROLLBACK",
}

func crewCalls(ctx context.Context, dsn string, calls int) (int, time.Duration, error) {
	began := time.Now()
	for range calls {
		conn, err := pgconn.Connect(ctx, dsn)
		if err != nil {
			return 0, 0, err
		}
		for _, sql := range crewStatements {
			if _, err := conn.Exec(ctx, sql).ReadAll(); err != nil {
				return 0, 0, fmt.Errorf("%s: %w", sql, err)
			}
		}
		if err := conn.Close(ctx); err != nil {
			return 0, 0, err
		}
	}
	return calls, time.Since(began), nil
}

func wideRows(ctx context.Context, dsn string, queries int) (int, time.Duration, error) {
	conn, err := pgconn.Connect(ctx, dsn)
	if err != nil {
		return 0, 0, err
	}
	defer conn.Close(ctx)
	began := time.Now()
	for range queries {
		r := conn.ExecParams(ctx, "SELECT * FROM wide", nil, nil, nil, nil)
		n := 0
		for r.NextRow() {
			n++
		}
		if _, err := r.Close(); err != nil || n != 10000 {
			return 0, 0, fmt.Errorf("%d rows: %w", n, err)
		}
	}
	return queries, time.Since(began), nil
}

func copyOut(ctx context.Context, dsn string, rows int) (int, time.Duration, error) {
	conn, err := pgconn.Connect(ctx, dsn)
	if err != nil {
		return 0, 0, err
	}
	defer conn.Close(ctx)
	began := time.Now()
	tag, err := conn.CopyTo(ctx, io.Discard, "COPY big TO STDOUT")
	if err != nil || tag.RowsAffected() != int64(rows) {
		return 0, 0, fmt.Errorf("%s: %w", tag, err)
	}
	return 1, time.Since(began), nil
}

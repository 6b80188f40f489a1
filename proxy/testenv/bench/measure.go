package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// sample is one run: units a second, and CPU of the process in between for
// each unit.
type sample struct {
	rate float64
	cpu  time.Duration
}

// result is all runs of one workload, by variant; the same index is the same
// round.
type result struct {
	workload workload
	runs     map[string][]sample
}

// measure runs a workload in rounds, each variant once a round.
func measure(ctx context.Context, s *stage, w workload, rounds int) (result, error) {
	r := result{w, make(map[string][]sample)}
	say("%s …", w.name)
	for range rounds {
		for _, v := range s.variants {
			if w.skip != nil && w.skip(v.name) {
				continue
			}
			before, err := cpu(v.pid)
			if err != nil {
				return r, err
			}
			units, took, err := w.do(ctx, v.dsn)
			if err != nil {
				return r, fmt.Errorf("%s: %w", v.name, err)
			}
			after, err := cpu(v.pid)
			if err != nil {
				return r, err
			}
			r.runs[v.name] = append(r.runs[v.name], sample{float64(units) / took.Seconds(), (after - before) / time.Duration(units)})
		}
	}
	return r, nil
}

// tick is the unit of /proc/PID/stat: USER_HZ, which is 100 on Linux.
const tick = 10 * time.Millisecond

// cpu is the user and system time that a process has used (proc(5), stat,
// fields 14 and 15).
func cpu(pid int) (time.Duration, error) {
	if pid == 0 {
		return 0, nil
	}
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	_, rest, ok := strings.Cut(string(b), ") ") // the name may hold anything
	f := strings.Fields(rest)
	if !ok || len(f) < 13 {
		return 0, fmt.Errorf("/proc/%d/stat: %q", pid, b)
	}
	var ticks time.Duration
	for _, x := range f[11:13] {
		n, err := strconv.Atoi(x)
		if err != nil {
			return 0, err
		}
		ticks += time.Duration(n)
	}
	return ticks * tick, nil
}

// resident is the memory of a process that is in RAM, in bytes (proc(5),
// status, VmRSS).
func resident(pid int) (int64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "VmRSS:" {
			n, err := strconv.ParseInt(f[1], 10, 64)
			return n << 10, err
		}
	}
	return 0, fmt.Errorf("/proc/%d/status has no VmRSS", pid)
}

// growth is the gateway's memory while rows pass.
type growth struct {
	name         string
	before, most int64
	rows         int
}

// memory watches the gateway while the big table passes, as it is and masked,
// by COPY and by SELECT, a tenth of it and the whole of it: constant memory is
// the same for both.
func memory(ctx context.Context, s *stage, o options) ([]growth, error) {
	var all []growth
	for _, v := range s.variants {
		if v.name != plain && v.name != masking && v.name != finding {
			continue
		}
		for _, part := range []int{o.rows / 10, o.rows} {
			for _, form := range []string{"COPY (SELECT * FROM big WHERE id <= %d) TO STDOUT", "SELECT * FROM big WHERE id <= %d"} {
				g := growth{name: v.name + ", " + strings.Fields(form)[0], rows: part}
				var err error
				if g.before, err = resident(v.pid); err != nil {
					return nil, err
				}
				done := make(chan error, 1)
				go func() { done <- pass(ctx, v.dsn, fmt.Sprintf(form, part)) }() // ends with its query
				for running := true; running; {
					select {
					case err := <-done:
						if err != nil {
							return nil, fmt.Errorf("%s: %w", g.name, err)
						}
						running = false
					case <-time.After(20 * time.Millisecond):
					}
					now, err := resident(v.pid)
					if err != nil {
						return nil, err
					}
					g.most = max(g.most, now)
				}
				all = append(all, g)
			}
		}
	}
	return all, nil
}

func median(xs []float64) float64 {
	xs = slices.Sorted(slices.Values(xs))
	if n := len(xs); n%2 == 0 {
		return (xs[n/2-1] + xs[n/2]) / 2
	}
	return xs[len(xs)/2]
}

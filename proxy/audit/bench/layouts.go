package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"sluice.dev/proxy/audit"
)

const (
	block  = 4096
	frame  = 640      // bytes of an intent with its frame, as the log writes it
	room   = 16 << 20 // bytes of a prewritten file; it is used as a ring
	origin = "bench/log/n1"
)

// layouts are the rows of the table: the bare disk, and the log.
func layouts() []*row {
	const direct, group = "bare, prewritten, direct, 4 KiB", "bare group commit, direct, %d"
	rows := []*row{
		{Name: "bare, growing file, 640 B + sync", Writers: 1, begin: growing},
		{Name: "bare, prewritten, 640 B + sync", Writers: 1, begin: prewritten},
		{Name: direct, Writers: 1, begin: directly},
		{Name: "log, intent waited for, 1", Writers: 1, Base: direct, begin: intents},
		{Name: "log, grouped and waited for, 1", Writers: 1, Base: direct, begin: rides},
		{Name: "log, intent and outcome, 1", Writers: 1, Base: direct, begin: commands},
	}
	for _, n := range []int{8, 64} {
		bare := fmt.Sprintf(group, n)
		rows = append(rows,
			&row{Name: bare, Writers: n, begin: grouped},
			&row{Name: fmt.Sprintf("log, intent waited for, %d", n), Writers: n, Base: bare, begin: intents},
			&row{Name: fmt.Sprintf("log, intent and outcome, %d", n), Writers: n, Base: bare, begin: commands})
	}
	return rows
}

// drive lets writers call step for a while and returns the time of each call.
func drive(writers int, span time.Duration, step func() error) ([]time.Duration, error) {
	end := time.Now().Add(span)
	all := make([][]time.Duration, writers)
	errs := make([]error, writers)
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() { // waited for below
			took := make([]time.Duration, 0, 1<<14)
			for now := time.Now(); now.Before(end) && errs[i] == nil; {
				errs[i] = step()
				next := time.Now()
				took = append(took, next.Sub(now))
				now = next
			}
			all[i] = took
		})
	}
	wg.Wait()
	var out []time.Duration
	for i, took := range all {
		if errs[i] != nil {
			return nil, errs[i]
		}
		out = append(out, took...)
	}
	return out, nil
}

func growing(dir string) (bench, error) {
	f, err := os.OpenFile(filepath.Join(dir, "file"), os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return bench{}, err
	}
	return bench{step: writeAndSync(f, 1<<62), close: f.Close}, nil
}

func prewritten(dir string) (bench, error) {
	path := filepath.Join(dir, "file")
	if err := audit.OS().Prewrite(path, room, nil); err != nil {
		return bench{}, err
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return bench{}, err
	}
	return bench{step: writeAndSync(f, room), close: f.Close}, nil
}

func writeAndSync(f *os.File, size int64) func() error {
	b := make([]byte, frame)
	off := int64(0)
	return func() error {
		if _, err := f.WriteAt(b, off); err != nil {
			return err
		}
		if off += frame; off+frame > size {
			off = 0
		}
		return datasync(f)
	}
}

// disk writes padded batches round and round a prewritten file.
type disk struct {
	f      audit.File
	synced bool
	buf    []byte
	off    int64
}

func openDisk(dir string) (*disk, error) {
	path := filepath.Join(dir, "file")
	if err := audit.OS().Prewrite(path, room, nil); err != nil {
		return nil, err
	}
	f, synced, err := audit.OS().OpenSegment(path)
	if err != nil {
		return nil, err
	}
	return &disk{f: f, synced: synced, buf: aligned(1 << 20)}, nil
}

// write makes n bytes durable, padded to whole blocks.
func (d *disk) write(n int) error {
	n = (n + block - 1) / block * block
	if d.off+int64(n) > room {
		d.off = 0
	}
	if _, err := d.f.WriteAt(d.buf[:n], d.off); err != nil {
		return err
	}
	d.off += int64(n)
	if d.synced {
		return nil
	}
	return d.f.Sync()
}

func directly(dir string) (bench, error) {
	d, err := openDisk(dir)
	if err != nil {
		return bench{}, err
	}
	return bench{step: func() error { return d.write(frame) }, close: d.f.Close}, nil
}

// group is the least that a group commit can be: a buffer that writers copy
// to, one goroutine that writes it, a channel that wakes them.
type group struct {
	mu     sync.Mutex
	buf    []byte
	wake   chan struct{} // closed when what is in buf is durable
	failed error
	kick   chan struct{} // holds one
	done   chan struct{}
}

func grouped(dir string) (bench, error) {
	d, err := openDisk(dir)
	if err != nil {
		return bench{}, err
	}
	g := &group{wake: make(chan struct{}), kick: make(chan struct{}, 1), done: make(chan struct{})}
	go g.run(d) // ended and waited for by done
	record := make([]byte, frame)
	step := func() error {
		g.mu.Lock()
		g.buf = append(g.buf, record...)
		wake := g.wake
		g.mu.Unlock()
		select {
		case g.kick <- struct{}{}:
		default:
		}
		<-wake
		return g.failed
	}
	return bench{step: step, close: func() error { close(g.kick); <-g.done; return d.f.Close() }}, nil
}

func (g *group) run(d *disk) {
	defer close(g.done)
	for range g.kick {
		g.mu.Lock()
		n := copy(d.buf, g.buf) // 64 records are 40 KiB
		g.buf = g.buf[:0]
		wake := g.wake
		g.wake = make(chan struct{})
		g.mu.Unlock()
		if n == 0 {
			g.mu.Lock()
			close(wake) // nobody waits: whoever appends from now on has the next one
			g.mu.Unlock()
			continue
		}
		if err := d.write(n); err != nil {
			g.failed = err
		}
		close(wake)
	}
}

// openLog opens a log and lets it make what it has ready in advance, as a
// gateway's has long been when the first client comes.
func openLog(dir string) (*audit.Log, error) {
	dir = filepath.Join(dir, "log")
	l, err := audit.Open(dir, audit.Options{Origin: origin})
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"ballast", "wal/next"} {
		for end := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
			if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
				break
			} else if time.Now().After(end) {
				return nil, errors.Join(err, l.Close())
			}
		}
	}
	return l, nil
}

func logBench(l *audit.Log, step func() error) bench {
	return bench{step: step, settle: func() error { return l.Checkpoint(context.Background()) }, close: l.Close}
}

// intents appends an intent and waits for it, as a session does.
func intents(dir string) (bench, error) {
	l, err := openLog(dir)
	if err != nil {
		return bench{}, err
	}
	ctx := context.Background()
	return logBench(l, func() error {
		s, err := l.Append(intent(""))
		if err != nil {
			return err
		}
		return l.Wait(ctx, s)
	}), nil
}

// rides appends a record that may ride, and waits for it: nobody else is woken.
func rides(dir string) (bench, error) {
	l, err := openLog(dir)
	if err != nil {
		return bench{}, err
	}
	ctx := context.Background()
	return logBench(l, func() error {
		s, err := l.Grouped(intent(""))
		if err != nil {
			return err
		}
		return l.Wait(ctx, s)
	}), nil
}

// commands does the same and lets an outcome ride with the next batch.
func commands(dir string) (bench, error) {
	l, err := openLog(dir)
	if err != nil {
		return bench{}, err
	}
	ctx := context.Background()
	var n counter
	return logBench(l, func() error {
		id := n.next()
		s, err := l.Append(intent(id))
		if err == nil {
			err = l.Wait(ctx, s)
		}
		if err == nil {
			_, err = l.Grouped(&audit.Record{
				Event: audit.CommandResult, Time: time.Now(), Session: "01K3BENCHSESSION0000000000", Command: id,
				Result: audit.Result{Outcome: audit.OK, Code: "00000", Rows: 1, BytesOut: 91, DurationUS: 120},
			})
		}
		return err
	}), nil
}

// counter gives commands their ids.
type counter struct {
	mu sync.Mutex
	n  uint64
}

func (c *counter) next() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n++
	return fmt.Sprintf("01K3BENCH%017d", c.n)
}

// intent is like what the gate records of an ordinary SELECT.
func intent(command string) *audit.Record {
	return &audit.Record{
		Event: audit.CommandIntent, Time: time.Now(), Session: "01K3BENCHSESSION0000000000", Command: command,
		Principal: audit.Principal{Subject: "agent-7", Issuer: "https://idp.example.com", Groups: groups, Kinds: kinds, Chain: chain},
		Client:    audit.Client{Address: "127.0.0.1:50123", Application: "psycopg", User: "agent-7"},
		Connection: audit.Connection{Name: "orders", Protocol: "postgres", Address: "127.0.0.1:5432", Database: "orders",
			Role: "crew_app", Credential: "env:ORDERS_PASSWORD"},
		Action: audit.Action{Class: "read", Operations: operations, Reads: reads, Text: "SELECT abalance FROM pgbench_accounts WHERE aid = $1",
			TextSize: 52, Parameters: 1, Fingerprint: "a0b1c2d3e4f50617", Complete: true, Resolved: "server"},
		Decision: audit.Decision{Verdict: audit.Allow, Policies: policies},
	}
}

var (
	groups     = []string{"crew-support"}
	kinds      = []string{"agent"}
	chain      = []audit.Hop{{Subject: "analyst-3", Issuer: "https://idp.example.com", Kind: "human", Proof: "token"}}
	operations = []string{"select"}
	reads      = []string{"public.pgbench_accounts"}
	policies   = []string{"agents"}
)

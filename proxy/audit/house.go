package audit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	signEvery      = 4096    // records, if they come faster than CheckpointEvery (audit-evidence 2.2)
	absorbEvery    = 1024    // records; else the tree waits for the tick
	maxPending     = 8 << 20 // bytes of records that the tree may be behind
	warnFree       = 25      // percent of the file system (AU-5(1))
	alarmFree      = 10
	nextSegment    = "next"
	ballastName    = "ballast"
	checkpointName = "checkpoint"
)

// housekeeper is the second goroutine of a log. It builds tiles from what is
// durable, signs checkpoints, prepares segments and looks after the space.
type housekeeper struct {
	kick    chan struct{} // holds one
	quit    chan struct{}
	drained chan struct{} // pending was taken; holds one
	signed  atomic.Uint64
	ballast atomic.Bool // the file is there

	mu       sync.Mutex
	pending  []*entry
	bytes    int
	requests []request

	prepare sync.Mutex // held by who makes or takes the next segment
	ready   bool       // it exists

	// of the goroutine alone
	tree   *tree
	stale  []string      // partial tiles of the checkpoint before
	warned int           // the percentage that was warned of last, 0 for none
	drift  time.Duration // of the wall clock against the monotonic one
	err    error         // of the last checkpoint
}

type request struct {
	size uint64
	done chan error // holds one
}

func (h *housekeeper) poke() {
	select {
	case h.kick <- struct{}{}:
	default:
	}
}

func (h *housekeeper) stop() { close(h.quit) }

// hand gives durable records to the tree. It blocks when the tree is far
// behind, which holds up the log and in the end those who append.
func (l *Log) hand(batch []*entry) {
	h := &l.house
	h.mu.Lock()
	for _, e := range batch {
		h.pending = append(h.pending, e)
		h.bytes += len(e.buf)
	}
	busy := len(h.pending) >= absorbEvery || len(h.requests) > 0
	for h.bytes > maxPending {
		h.mu.Unlock()
		h.poke()
		select {
		case <-h.drained:
		case <-l.failed:
			return
		}
		h.mu.Lock()
	}
	h.mu.Unlock()
	if busy {
		h.poke()
	}
}

// Checkpoint publishes a signed checkpoint over everything that is durable now.
func (l *Log) Checkpoint(ctx context.Context) error {
	r := request{size: uint64(l.Durable()), done: make(chan error, 1)}
	l.house.mu.Lock()
	l.house.requests = append(l.house.requests, r)
	l.house.mu.Unlock()
	l.house.poke()
	select {
	case err := <-r.done:
		return err
	case <-l.failed:
		return l.Err()
	case <-l.houseDone:
		return ErrClosed
	case <-ctx.Done():
		return fmt.Errorf("audit: waiting for a checkpoint: %w", ctx.Err())
	}
}

// housekeep is the body of the goroutine; Close waits for it.
func (l *Log) housekeep() {
	defer close(l.houseDone)
	h := &l.house
	tick := time.NewTicker(l.o.CheckpointEvery)
	defer tick.Stop()
	for running := true; running; {
		due := false
		select {
		case <-h.kick:
		case <-tick.C:
			due = true
		case <-h.quit:
			running, due = false, true
		}
		if l.broken() {
			continue // nothing more is written once the log has failed
		}
		if err := l.advance(due); err != nil {
			h.err = err
			l.fail(err)
			continue
		}
		if running {
			l.watchSpace()
			l.watchClock()
		}
	}
}

func (l *Log) broken() bool {
	select {
	case <-l.failed:
		return true
	default:
		return false
	}
}

// advance brings the tree up to date and publishes a checkpoint if it is time.
func (l *Log) advance(due bool) error {
	h := &l.house
	h.mu.Lock()
	batch := h.pending
	h.pending, h.bytes = nil, 0
	asked := len(h.requests) > 0
	h.mu.Unlock()
	select {
	case h.drained <- struct{}{}:
	default:
	}
	for _, e := range batch {
		if err := h.tree.add(e.record(), e.leaf, l.writeTile); err != nil {
			return fmt.Errorf("writing a tile: %w", err)
		}
		e.release()
	}
	if h.tree.size > h.signed.Load() && (due || asked || h.tree.size-h.signed.Load() >= signEvery) {
		if err := l.publish(); err != nil {
			return fmt.Errorf("publishing a checkpoint: %w", err)
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	later := h.requests[:0]
	for _, r := range h.requests {
		if r.size > h.signed.Load() {
			later = append(later, r)
			continue
		}
		r.done <- nil
	}
	h.requests = later
	return nil
}

// writeTile writes a full tile and removes the partial ones that it replaces.
func (l *Log) writeTile(t tile) error {
	path := l.path(t.path())
	if err := l.writeFile(path, t.data); err != nil {
		return err
	}
	if err := os.RemoveAll(path + ".p"); err != nil {
		l.o.Logger.Warn("removing replaced tiles", "path", path+".p", "error", err)
	}
	return nil
}

// publish writes the partial tiles and the checkpoint that covers them.
func (l *Log) publish() error {
	h := &l.house
	c := checkpoint{origin: l.o.Origin, size: h.tree.size, root: h.tree.root()}
	signed, err := c.sign(l.signer)
	if err != nil {
		return err
	}
	stale := h.stale
	h.stale = nil
	for _, t := range h.tree.partials() {
		path := l.path(t.path())
		if err := l.writeFile(path, t.data); err != nil {
			return err
		}
		h.stale = append(h.stale, path)
	}
	if err := l.writeFile(l.path("cp", strconv.FormatUint(c.size, 10)), signed); err != nil {
		return err
	}
	if err := l.writeFile(l.path(checkpointName), signed); err != nil {
		return err
	}
	h.signed.Store(c.size)
	for _, path := range stale {
		if path != "" && !contains(h.stale, path) {
			_ = os.Remove(path)               // gone already if its tile became full
			_ = os.Remove(filepath.Dir(path)) // only if it is empty
		}
	}
	return nil
}

func contains(list []string, s string) bool {
	for _, t := range list {
		if t == s {
			return true
		}
	}
	return false
}

// writeFile writes a file, on a full disk with the space that was kept back.
func (l *Log) writeFile(path string, b []byte) error {
	err := l.files.Write(path, b)
	if errors.Is(err, syscall.ENOSPC) && l.enterFull("no space for "+path) {
		err = l.files.Write(path, b)
	}
	return err
}

// beginSegment makes a segment with that header the current one on disk.
func (l *Log) beginSegment(h *segmentHeader) (File, bool, error) {
	l.house.prepare.Lock()
	defer l.house.prepare.Unlock()
	next := l.path("wal", nextSegment)
	if !l.house.ready {
		err := l.files.Prewrite(next, l.o.SegmentSize)
		if errors.Is(err, syscall.ENOSPC) && l.enterFull("no space for the next segment") {
			err = l.files.Prewrite(next, l.o.SegmentSize)
		}
		if err != nil {
			return nil, false, err
		}
	}
	l.house.ready = false
	f, synced, err := l.files.OpenSegment(next)
	if err != nil {
		return nil, false, err
	}
	head := aligned(block)
	h.encode(head)
	err = writeFull(f, head, 0, synced)
	if err == nil {
		err = l.files.Rename(next, l.path("wal", segmentName(h.first)))
	}
	if err != nil {
		_ = f.Close() // the first error is the one to tell
		return nil, false, err
	}
	return f, synced, nil
}

func segmentName(first uint64) string { return fmt.Sprintf("%014d.seg", first) }

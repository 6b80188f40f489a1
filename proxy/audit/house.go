package audit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

const (
	signEvery      = 1 << 16 // records, if they come faster than CheckpointEvery: each checkpoint costs the disk several syncs and is kept
	absorbEvery    = 1024    // records; else the tree waits for the tick
	maxPending     = 8 << 20 // bytes of records that the tree may be behind
	warnFree       = 25      // percent of the file system (AU-5(1))
	alarmFree      = 10
	maxPlaced      = 1024 // tiles that may be not durable yet
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
	pending  []*stretch
	count    int // records in them
	bytes    int
	requests []request

	// of the goroutine alone
	tree   *tree
	stale  []string      // partial tiles of the checkpoint before
	placed []string      // tiles that are not durable yet
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

// stretch is what the tree gets: records of one tile that follow on each other, as
// its bundle has them, and their leaf hashes. Copying them here, while they are
// in the processor's cache, lets their entries be used again at once.
type stretch struct {
	bundle []byte
	leaves []tlog.Hash
}

var stretches = sync.Pool{New: func() any { return &stretch{leaves: make([]tlog.Hash, 0, tileWidth)} }}

func (p *stretch) release() {
	p.bundle, p.leaves = p.bundle[:0], p.leaves[:0]
	stretches.Put(p)
}

// hand gives durable records to the tree, the first of that index. It blocks
// when the tree is far behind, which holds up the log and in the end those who
// append.
func (l *Log) hand(batch []*entry, index uint64) {
	h := &l.house
	h.mu.Lock()
	for i, e := range batch {
		if (index+uint64(i))%tileWidth == 0 || len(h.pending) == 0 {
			h.pending = append(h.pending, stretches.Get().(*stretch))
		}
		p := h.pending[len(h.pending)-1]
		p.bundle = appendEntry(p.bundle, e.record())
		p.leaves = append(p.leaves, e.leaf)
		h.bytes += len(e.buf)
	}
	h.count += len(batch)
	busy := h.count >= absorbEvery || len(h.requests) > 0
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
			l.preparer.poke()
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
	h.pending, h.count, h.bytes = nil, 0, 0
	asked := len(h.requests) > 0
	h.mu.Unlock()
	select {
	case h.drained <- struct{}{}:
	default:
	}
	for _, p := range batch {
		if err := h.tree.addStretch(p, l.placeTile); err != nil {
			return fmt.Errorf("writing a tile: %w", err)
		}
		p.release()
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

// placeTile writes a full tile. It becomes durable with the checkpoint over
// it: until then a start builds it anew from the segments.
func (l *Log) placeTile(t tile) error {
	path := l.path(t.path())
	if err := l.withBallast(path, func() error { return l.files.Place(path, t.data) }); err != nil {
		return err
	}
	l.house.placed = append(l.house.placed, path)
	if len(l.house.placed) < maxPlaced {
		return nil
	}
	return l.settle()
}

// settle makes the tiles durable that are not, and removes the partial ones
// that full ones replace.
func (l *Log) settle() error {
	h := &l.house
	if err := l.files.Settle(h.placed); err != nil {
		return fmt.Errorf("making %d tiles durable: %w", len(h.placed), err)
	}
	for _, path := range h.placed {
		if slices.Contains(h.stale, path) {
			continue // itself a partial one
		}
		if err := os.RemoveAll(path + ".p"); err != nil {
			l.o.Logger.Warn("removing replaced tiles", "path", path+".p", "error", err)
		}
	}
	h.placed = h.placed[:0]
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
		h.stale = append(h.stale, l.path(t.path()))
		if err := l.placeTile(t); err != nil {
			return err
		}
	}
	if err := l.settle(); err != nil {
		return err
	}
	for _, path := range []string{l.path("cp", strconv.FormatUint(c.size, 10)), l.path(checkpointName)} {
		if err := l.withBallast(path, func() error { return l.files.Write(path, signed) }); err != nil {
			return err
		}
	}
	h.signed.Store(c.size)
	for _, path := range stale {
		if !slices.Contains(h.stale, path) {
			_ = os.Remove(path)               // a later one or a full one is in its place
			_ = os.Remove(filepath.Dir(path)) // only if it is empty
		}
	}
	return nil
}

// withBallast does something that needs space, on a full disk with the space
// that was kept back.
func (l *Log) withBallast(path string, do func() error) error {
	err := do()
	if errors.Is(err, syscall.ENOSPC) && l.enterFull("no space for "+path) {
		err = do()
	}
	return err
}

package audit

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// preparer is the third goroutine of a log: it has the next segment ready, of
// zeros, before the one in use is full.
type preparer struct {
	kick  chan struct{} // holds one
	quit  chan struct{}
	done  chan struct{}
	hurry atomic.Bool // somebody waits for the segment, or for the end

	mu    sync.Mutex // held by who makes or takes the next segment
	ready bool       // it exists
}

func (p *preparer) poke() {
	select {
	case p.kick <- struct{}{}:
	default:
	}
}

func (p *preparer) stop() {
	p.hurry.Store(true)
	close(p.quit)
	<-p.done
}

// prepare is the body of the goroutine; Close waits for it.
func (l *Log) prepare() {
	p := &l.preparer
	defer close(p.done)
	for {
		select {
		case <-p.kick:
		case <-p.quit:
			return
		}
		if l.broken() {
			continue // nothing more is written once the log has failed
		}
		err := l.prepareSegment()
		if err == nil {
			continue
		}
		l.o.Logger.Error("audit log cannot prepare its next segment", "dir", l.dir, "error", err)
		if errors.Is(err, syscall.ENOSPC) && l.enterFull("no space for the next segment") {
			_ = l.prepareSegment() // with the ballast's space; else the next rotation tells
		}
	}
}

func (l *Log) prepareSegment() error {
	p := &l.preparer
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ready {
		return nil
	}
	if err := l.files.Prewrite(l.path("wal", nextSegment), l.o.SegmentSize, l.breathe); err != nil {
		return err
	}
	p.ready = true
	return nil
}

// breathe lets the batches have the disk for as long as a piece of zeros took,
// unless somebody waits for the zeros.
func (l *Log) breathe(took time.Duration) {
	if !l.preparer.hurry.Load() {
		time.Sleep(min(took, maxBreath))
	}
}

const maxBreath = 10 * time.Millisecond

// beginSegment makes a segment with that header the current one on disk.
func (l *Log) beginSegment(h *segmentHeader) (File, bool, error) {
	p := &l.preparer
	p.hurry.Store(true)
	defer p.hurry.Store(false)
	p.mu.Lock()
	defer p.mu.Unlock()
	next := l.path("wal", nextSegment)
	if !p.ready {
		write := func() error { return l.files.Prewrite(next, l.o.SegmentSize, nil) }
		err := write()
		if errors.Is(err, syscall.ENOSPC) && l.enterFull("no space for the next segment") {
			err = write()
		}
		if err != nil {
			return nil, false, err
		}
	}
	p.ready = false
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

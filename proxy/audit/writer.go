package audit

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"sync/atomic"
	"time"
)

// Limits of one write (audit-evidence 2.3): a batch takes all that waits up
// to these.
const (
	maxBatch      = 1024    // records
	maxBatchBytes = 1 << 20 // bytes of frames; one record more may go over it
	minSegment    = 128 << 10
	maxSegment    = 256 << 20
)

// segmentWriter belongs to whoever is writing (Log.writing): the writing
// goroutine, or a session that waits alone.
type segmentWriter struct {
	batch  []*entry
	file   File
	synced bool  // a write is durable when it returns
	size   int64 // of the segment
	off    int64 // where the next batch goes
	buf    []byte
	chain  chainHash
	index  uint64            // of the next record to be written
	open   map[string]intent // commands without an outcome, by id

	batches atomic.Uint64
	nanos   atomic.Int64
}

// intent is a command whose outcome is not recorded yet.
type intent struct {
	index   uint64
	session string
}

// write is the body of the writing goroutine; Close waits for it. There is no
// delay: while one batch is being written the next one gathers.
func (l *Log) write() {
	defer close(l.writerDone)
	for running := true; running; {
		select {
		case <-l.kick:
		case <-l.quit:
			running = false
		}
		for l.pick(!running) {
			l.writeOnce()
		}
	}
}

// pick takes the pen if there is something urgent to write and nobody has it:
// else whoever has it kicks again. With all set it waits for the pen, and
// takes what is grouped, too.
func (l *Log) pick(all bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for all && l.writing {
		l.free.Wait()
	}
	if l.writing || l.err != nil || len(l.queue) == 0 || l.urgent == 0 && !all {
		return false
	}
	l.takePen()
	return true
}

// takePen moves what waits to the batch. l.mu is held, nobody is writing, and
// the queue is not empty.
func (l *Log) takePen() {
	l.writing = true
	w := &l.w
	n, size := 0, 0
	limit := min(maxBatchBytes, int(l.o.SegmentSize)-block-padBlock(frameSize(MaxRecord)))
	l.crowd = 0
	for n < len(l.queue) && n < maxBatch && size < limit {
		e := l.queue[n]
		size += frameSize(len(e.record()))
		l.bytes -= e.size()
		if e.urgent {
			l.crowd++
		}
		n++
	}
	w.batch = append(w.batch[:0], l.queue[:n]...)
	l.queue = slices.Delete(l.queue, 0, n)
	if l.urgent -= l.crowd; len(l.queue) == 0 {
		l.urgent = 0 // grouped ones whose time had come counted, too
	}
	l.flying, l.flyingTo = l.queued, Seq(l.next)-Seq(len(l.queue))
	l.queued = make(chan struct{})
	l.room.Broadcast()
}

// writeOnce writes the batch of whoever has the pen, and lays it down.
func (l *Log) writeOnce() {
	err := l.writeBatch(l.w.batch)
	if err != nil {
		l.fail(err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.writing = false
	l.free.Signal()
}

// lead is a write by a session; what has become urgent meanwhile is the
// writing goroutine's.
func (l *Log) lead() {
	l.writeOnce()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.urgent > 0 && l.err == nil {
		l.wake()
	}
}

// wake tells the writing goroutine to look at the queue.
func (l *Log) wake() {
	select {
	case l.kick <- struct{}{}:
	default:
	}
}

// writeBatch makes the batch durable and wakes those who wait for it.
func (l *Log) writeBatch(batch []*entry) error {
	for _, e := range batch {
		for _, o := range e.objects {
			if err := l.keep(o); err != nil {
				return fmt.Errorf("writing an object: %w", err)
			}
		}
	}
	w := &l.w
	size := 0
	for _, e := range batch {
		size += frameSize(len(e.record()))
	}
	if w.off+int64(padBlock(size)) > w.size {
		if err := l.rotate(); err != nil {
			return fmt.Errorf("beginning a segment: %w", err)
		}
	}
	w.buf = w.buf[:0]
	for i, e := range batch {
		w.chain = nextChain(&w.chain, &e.leaf)
		w.buf = appendFrame(w.buf, e.record(), &w.chain, i == 0)
		w.follow(e, w.index+uint64(i))
	}
	w.buf = w.buf[:padBlock(size)]
	clear(w.buf[size:])
	began := time.Now()
	if err := writeFull(w.file, w.buf, w.off, w.synced); err != nil {
		return fmt.Errorf("writing records %d to %d: %w", w.index, w.index+uint64(len(batch))-1, err)
	}
	w.nanos.Add(int64(time.Since(began)))
	w.batches.Add(1)
	w.off += int64(len(w.buf))
	w.index += uint64(len(batch))
	l.durable.Store(w.index)

	l.mu.Lock()
	if l.err == nil { // else fail has closed it
		close(l.flying)
		l.flying = nil
	}
	l.flyingTo = 0
	l.mu.Unlock()
	l.hand(batch, w.index-uint64(len(batch)))
	for _, e := range batch {
		e.release()
	}
	return nil
}

// follow keeps the list of commands without an outcome.
func (w *segmentWriter) follow(e *entry, index uint64) {
	switch e.event {
	case CommandIntent:
		if !e.held && e.command != "" {
			w.open[e.command] = intent{index: index, session: e.session}
		}
	case CommandResult, CommandDeny, CommandCancel:
		delete(w.open, e.command)
	}
}

// oldest is the index of the oldest intent without an outcome, or fallback.
func (w *segmentWriter) oldest(fallback uint64) uint64 {
	for _, i := range w.open {
		fallback = min(fallback, i.index)
	}
	return fallback
}

// rotate goes on in the next segment.
func (l *Log) rotate() error {
	w := &l.w
	f, synced, err := l.beginSegment(&segmentHeader{first: w.index, oldest: w.oldest(w.index), chain: w.chain, origin: l.o.Origin})
	if err != nil {
		return err
	}
	old := w.file
	w.file, w.synced, w.size, w.off = f, synced, l.o.SegmentSize, block
	l.checkReserve()
	l.preparer.poke()
	if err := old.Close(); err != nil {
		return fmt.Errorf("closing the full segment: %w", err)
	}
	return nil
}

// writeFull writes all of b and makes it durable.
func writeFull(f File, b []byte, off int64, synced bool) error {
	n, err := f.WriteAt(b, off)
	if err == nil && n < len(b) {
		err = io.ErrShortWrite
	}
	if err != nil || synced {
		return err
	}
	return f.Sync()
}

func (w *segmentWriter) close() error {
	if w.file == nil {
		return nil
	}
	err := w.file.Close()
	w.file = nil
	if err != nil {
		return errors.Join(errors.New("audit: closing the segment"), err)
	}
	return nil
}

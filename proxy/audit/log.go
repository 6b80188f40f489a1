// Package audit keeps the evidence: canonical records in a write-ahead log
// that is durable before anything depends on it, and over them a Merkle tree
// in C2SP tlog-tiles layout with signed checkpoints, which other people's
// tools verify.
//
// A log's directory:
//
//	lock vkey key        one process at a time; the public key; the private one if the log made it
//	wal/<first>.seg      segments, prewritten; named by the index of their first record
//	tile/…               tiles and entry bundles, built from the segments
//	checkpoint, cp/<n>   the latest signed head, and every one that was published
//	objects/sha256/…     configurations, policies, plugins, long texts
//	ballast              space kept back so that a full disk can still be recorded
//
// FORMAT.md has it to the byte. Records are numbered from 0 (their index in the
// tree); a Seq is that number plus one, so that 0 can mean none.
package audit

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// Seq is a record's index plus one; 0 is none.
type Seq uint64

// Errors of a log that takes no more records.
var (
	ErrClosed = errors.New("audit: the log is closed")
	ErrFull   = errors.New("audit: the disk under the log is nearly full: no new commands; free space or move the log")
)

// GroupedDelay is the longest that a Grouped record waits before its write
// begins (DESIGN rule 3).
const GroupedDelay = 10 * time.Millisecond

// Options of a log. The zero value of each but Origin has a default.
type Options struct {
	Origin          string             // names the log in records and checkpoints, such as "demo/log/n1"; needed
	Key             ed25519.PrivateKey // signs checkpoints; nil: the file "key" in the directory, made at the first start
	CheckpointEvery time.Duration      // while there are new records; 1s
	SegmentSize     int64              // bytes, a multiple of 4096 from 128 KiB to 256 MiB; 16 MiB
	Ballast         int64              // bytes kept back for a full disk; SegmentSize
	Reserve         uint64             // bytes of free disk below which no new commands are taken; 64 MiB
	MaxQueue        int                // records that may wait for the disk before Append blocks; 8192
	MaxQueueBytes   int                // the same in bytes; 8 MiB
	Files           Files              // OS()
	Logger          *slog.Logger       // slog.Default()
}

func (o *Options) defaults() error {
	if err := checkOrigin(o.Origin); err != nil {
		return err
	}
	set(&o.CheckpointEvery, time.Second)
	set(&o.SegmentSize, 16<<20)
	set(&o.Ballast, o.SegmentSize)
	set(&o.Reserve, 64<<20)
	set(&o.MaxQueue, 8192)
	set(&o.MaxQueueBytes, 8<<20)
	if o.SegmentSize < minSegment || o.SegmentSize > maxSegment || o.SegmentSize%block != 0 {
		return fmt.Errorf("audit: segments of %d bytes: use a multiple of %d from %d to %d", o.SegmentSize, block, minSegment, maxSegment)
	}
	if o.CheckpointEvery < time.Millisecond || o.Ballast < 0 || o.MaxQueue < 1 || o.MaxQueueBytes < 1 {
		return fmt.Errorf("audit: a checkpoint every %v, a ballast of %d bytes, a queue of %d records and %d bytes: the least are 1ms, 0, 1 and 1", o.CheckpointEvery, o.Ballast, o.MaxQueue, o.MaxQueueBytes)
	}
	if o.Files == nil {
		o.Files = OS()
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return nil
}

func set[T comparable](p *T, value T) {
	var zero T
	if *p == zero {
		*p = value
	}
}

// Log is an open log. All its methods may be called from any goroutine.
type Log struct {
	dir    string
	o      Options
	files  Files
	signer note.Signer
	vkey   string
	lock   *os.File
	start  time.Time // of the monotonic clock in the records

	durable atomic.Uint64 // Seq
	kick    chan struct{} // something urgent is queued; holds one
	quit    chan struct{} // closed when nothing more will be queued
	failed  chan struct{} // closed with err set

	mu       sync.Mutex
	room     sync.Cond // the queue became shorter, or the log ended
	queue    []*entry
	bytes    int // of the queue
	next     uint64
	urgent   int  // of the queue, without the grouped ones; more once their time has come
	writing  bool // somebody holds the pen: segmentWriter is theirs
	crowd    int  // urgent records of the last batch
	armed    bool // the timer runs
	timer    *time.Timer
	queued   chan struct{} // closed when what is queued now is durable, or the log ended
	flying   chan struct{} // the same for the batch being written
	flyingTo Seq
	full     bool      // ErrFull for new commands
	closing  bool      // no more records from outside
	free     sync.Cond // nobody is writing
	ended    bool      // log.stop is queued: no more at all
	err      error     // why the log ended

	known    known
	w        segmentWriter
	house    housekeeper
	preparer preparer

	writerDone chan struct{}
	houseDone  chan struct{}
	closeOnce  sync.Once
	closeErr   error
}

// Append takes a record and starts to make it durable. It does not wait for
// the disk, unless too many records wait already. The record is not kept.
// After an error nothing was recorded.
func (l *Log) Append(r *Record) (Seq, error) { return l.append(r, urgent) }

// Grouped takes a record that may ride with the next batch. Its write begins as
// soon as somebody waits for it, else at most GroupedDelay later: the outcome of
// a read, and whatever is waited for at once, where starting the write earlier
// would only wake another goroutine for it.
func (l *Log) Grouped(r *Record) (Seq, error) { return l.append(r, grouped) }

// Durable returns the highest Seq that is on disk, with all before it.
func (l *Log) Durable() Seq { return Seq(l.durable.Load()) }

// Wait returns nil once s is on disk, or the reason why it will never be. A
// grouped record that is waited for is not left to ride any longer. Where
// nobody else waits, Wait writes by itself, which spares two changes of
// goroutine; such a write is not cut short by ctx.
func (l *Log) Wait(ctx context.Context, s Seq) error {
	for Seq(l.durable.Load()) < s {
		l.mu.Lock()
		err, end := l.err, Seq(l.next)
		if Seq(l.durable.Load()) >= s {
			l.mu.Unlock()
			return nil
		}
		if err == nil && s > end {
			err = fmt.Errorf("audit: waiting for record %d, the last is %d", s, end)
		}
		if err != nil {
			l.mu.Unlock()
			return err
		}
		if !l.writing && l.crowd <= 1 && ctx.Err() == nil {
			l.urgent = max(l.urgent, 1)
			l.takePen()
			l.mu.Unlock()
			l.lead()
			continue
		}
		ch := l.queued
		if s <= l.flyingTo {
			ch = l.flying
		} else if l.urgent == 0 {
			l.hurry()
		}
		l.mu.Unlock()
		select {
		case <-ch:
		case <-ctx.Done():
			return fmt.Errorf("audit: waiting for record %d: %w", s, ctx.Err())
		}
	}
	return nil
}

// Err returns why the log takes no more records, or nil. ErrFull passes when
// there is space again; anything else is for good.
func (l *Log) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.err != nil:
		return l.err
	case l.closing:
		return ErrClosed
	case l.full:
		return ErrFull
	}
	return nil
}

// Failed is closed for good at the first error of a write or sync.
func (l *Log) Failed() <-chan struct{} { return l.failed }

// Origin is the name in the records and checkpoints.
func (l *Log) Origin() string { return l.o.Origin }

// VKey is the line with which others verify the checkpoints.
func (l *Log) VKey() string { return l.vkey }

// Dir is the log's directory.
func (l *Log) Dir() string { return l.dir }

// Stats are a log's figures at a moment.
type Stats struct {
	Size    uint64        // records taken
	Durable uint64        // of these on disk
	Signed  uint64        // of these under a published checkpoint
	Queue   int           // records waiting for the disk
	Batches uint64        // writes since the start
	Writing time.Duration // time in these writes
	Full    bool          // ErrFull
}

// Stats returns the figures for metrics.
func (l *Log) Stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	return Stats{
		Size: l.next, Durable: l.durable.Load(), Signed: l.house.signed.Load(), Queue: len(l.queue), Full: l.full,
		Batches: l.w.batches.Load(), Writing: time.Duration(l.w.nanos.Load()),
	}
}

// fail ends the log: nothing more is taken, and whoever waits is told.
func (l *Log) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return
	}
	l.err = fmt.Errorf("audit: the log has stopped, nothing more can be recorded: %w; check the disk under %s and start again", err, l.dir)
	l.o.Logger.Error("audit log stopped", "dir", l.dir, "error", err)
	close(l.failed)
	close(l.queued)
	if l.flying != nil {
		close(l.flying)
	}
	l.queue = nil
	l.room.Broadcast()
}

// Close writes what is queued, a last record and a last checkpoint.
func (l *Log) Close() error {
	l.closeOnce.Do(func() { l.closeErr = l.shut() })
	return l.closeErr
}

func (l *Log) shut() error {
	l.mu.Lock()
	l.closing = true
	l.room.Broadcast()
	l.mu.Unlock()
	_, stopErr := l.append(&Record{Event: LogStop}, internal)
	l.mu.Lock()
	if l.timer != nil {
		l.timer.Stop()
	}
	l.mu.Unlock()
	close(l.quit)
	<-l.writerDone
	l.preparer.stop()
	l.house.stop()
	<-l.houseDone
	err := l.w.close()
	_ = l.lock.Close() // gives the lock back
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return l.err
	}
	return errors.Join(stopErr, err, l.house.err)
}

func (l *Log) path(elem ...string) string {
	return filepath.Join(append([]string{l.dir}, elem...)...)
}

package recording

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"sluice.dev/proxy/audit"
)

// Recorder records one session. Its methods may be called from any goroutine,
// but for Event, whose order is the order of the recording.
type Recorder struct {
	s      *Store
	id     string
	failed chan struct{}
	done   chan struct{} // rec.close is in the log, or the recorder has failed

	mu      sync.Mutex
	buf     []byte // whole lines
	since   time.Time
	last    time.Time
	rows    int   // of the current result
	dropped int64 // since the queue was full
	skipped int64 // rows beyond MaxRows since the last chunk
	closing bool
	err     error

	// of the store's goroutine
	chunk  int64
	total  audit.Recording
	digest hash.Hash // over the digests of all chunks
	end    audit.Seq
}

// Event records e. It never waits: what does not fit is counted instead.
func (r *Recorder) Event(e Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closing || r.err != nil {
		return
	}
	switch e.Kind {
	case KindStatement, KindColumns, KindComplete, KindError:
		r.rows = 0
	case KindRow:
		if r.rows++; r.rows > r.s.o.MaxRows {
			r.skipped++
			return
		}
	}
	if e.At.IsZero() {
		e.At = time.Now()
	}
	if len(r.buf) >= r.s.o.MaxQueue {
		r.dropped++
		return
	}
	r.tellDropped(e.At)
	r.add(&e)
}

// Skip counts n rows that the caller did not hand over because WantRow said no.
func (r *Recorder) Skip(n int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.skipped += n
}

// WantRow reports whether the next row of this result would be kept, so that a
// caller can spare itself the work for a million others.
func (r *Recorder) WantRow() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.rows < r.s.o.MaxRows && r.err == nil && !r.closing
}

// tellDropped writes how many events are missing here. r.mu is held.
func (r *Recorder) tellDropped(at time.Time) {
	if r.dropped > 0 {
		r.add(&Event{At: at, Kind: KindElided, Events: r.dropped})
		r.skipped += r.dropped
		r.dropped = 0
	}
}

// add appends a line. r.mu is held.
func (r *Recorder) add(e *Event) {
	e.shorten()
	if r.buf == nil {
		r.buf = buffer()
	}
	b, err := appendLine(r.buf, e.At.Sub(r.last), e)
	if err != nil {
		r.stop(err)
		return
	}
	if len(b)-len(r.buf) > r.s.o.ChunkSize { // many long column names, say
		r.skipped++
		return
	}
	if len(r.buf) == 0 {
		r.since = time.Now()
		r.s.dirty(r)
	}
	r.buf, r.last = b, e.At
	if len(b) >= r.s.o.ChunkSize {
		poke(r.s.kick)
	}
}

// stop ends the recorder with an error. r.mu is held.
func (r *Recorder) stop(err error) {
	if r.err == nil {
		r.err = err
		r.buf = nil
		close(r.failed)
		close(r.done)
	}
}

// Err returns why the recording cannot go on, or nil. The session must end.
func (r *Recorder) Err() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

// Failed is closed when Err is set.
func (r *Recorder) Failed() <-chan struct{} { return r.failed }

// Close writes what is left, and the record that says how many chunks there
// are. It returns when that record is durable.
func (r *Recorder) Close(ctx context.Context) error {
	r.mu.Lock()
	if !r.closing && r.err == nil {
		r.tellDropped(time.Now())
		r.closing = true
		r.s.dirty(r)
	}
	r.mu.Unlock()
	poke(r.s.seal)
	select {
	case <-r.done:
	case <-ctx.Done():
		return fmt.Errorf("recording: closing %s: %w", r.id, ctx.Err())
	}
	if err := r.Err(); err != nil {
		return err
	}
	return r.s.log.Wait(ctx, r.end)
}

// piece is a chunk on its way.
type piece struct {
	r    *Recorder
	path string
	rec  audit.Recording
}

// cut takes the next chunk that is due, and the count of what was left out of
// it; nil when there is none. Only the store's goroutine calls it.
func (r *Recorder) cut(all bool) (chunk []byte, elided int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	size := len(r.buf)
	due := all || r.closing || size >= r.s.o.ChunkSize || size > 0 && time.Since(r.since) >= r.s.o.ChunkEvery
	if r.err != nil || size == 0 || !due {
		return nil, 0
	}
	n := size
	if n > r.s.o.ChunkSize {
		n = bytes.LastIndexByte(r.buf[:r.s.o.ChunkSize], '\n') + 1
	}
	chunk, rest := r.buf[:n], r.buf[n:]
	r.buf = nil
	if len(rest) > 0 {
		r.buf = append(buffer(), rest...)
	}
	r.since = time.Now()
	elided = r.skipped
	r.skipped = 0
	return chunk, elided
}

// place gives a chunk to the file system. It is not durable yet.
func (r *Recorder) place(b []byte, elided int64) (piece, error) {
	dir := filepath.Join(r.s.dir, r.id)
	if r.chunk == 0 {
		if err := os.Mkdir(dir, 0o700); err != nil {
			return piece{}, fmt.Errorf("recording: beginning %s: %w", r.id, err)
		}
	}
	r.chunk++
	path := filepath.Join(dir, strconv.FormatInt(r.chunk, 10))
	if err := r.s.o.Files.Place(path, b); err != nil {
		return piece{}, fmt.Errorf("recording: writing %s: %w", path, err)
	}
	sum := sha256.Sum256(b)
	r.digest.Write(sum[:])
	rec := audit.Recording{
		ID: r.id, Chunk: r.chunk, SHA256: hex.EncodeToString(sum[:]),
		Bytes: int64(len(b)), Events: int64(bytes.Count(b, []byte{'\n'})), Elided: elided,
	}
	return piece{r, path, rec}, nil
}

// keep puts the digest of a chunk that is durable into the log.
func (p *piece) keep() error {
	t := &p.r.total
	t.Bytes += p.rec.Bytes
	t.Events += p.rec.Events
	t.Elided += p.rec.Elided
	_, err := p.r.s.log.Grouped(&audit.Record{Event: audit.RecordingChunk, Session: p.r.id, Recording: p.rec})
	return err
}

// rest says what is left to do after a round: nothing, the end, or to come back.
func (r *Recorder) rest() (failed, ended, more bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err != nil, r.closing && len(r.buf) == 0, len(r.buf) > 0
}

func (r *Recorder) fail(err error) {
	r.s.o.Logger.Error("recording stopped", "session", r.id, "error", err)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stop(err)
}

// finish writes rec.close, for which Close waits, if anybody does. The rows skipped after the last chunk count there.
func (r *Recorder) finish() {
	r.mu.Lock()
	r.total.Elided += r.skipped
	r.skipped = 0
	r.mu.Unlock()
	r.total.ID, r.total.Chunk, r.total.SHA256 = r.id, r.chunk, hex.EncodeToString(r.digest.Sum(nil))
	end, err := r.s.log.Grouped(&audit.Record{Event: audit.RecordingClose, Session: r.id, Recording: r.total})
	if err != nil {
		r.fail(err)
		return
	}
	r.end = end
	r.s.forget(r)
	close(r.done)
}

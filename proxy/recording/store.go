package recording

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"sluice.dev/proxy/audit"
)

// Store is the folder of all recordings of a log.
type Store struct {
	dir string // …/rec
	log *audit.Log
	o   Options

	kick chan struct{} // a chunk is full; holds one
	seal chan struct{} // a recording ends; holds one
	quit chan struct{}
	done chan struct{}

	mu      sync.Mutex
	waiting map[*Recorder]struct{} // those with something to write
	all     map[string]*Recorder
	closed  bool
}

// Open opens the recordings under dir, in its folder rec. Their digests go to
// log. Close ends it.
func Open(dir string, log *audit.Log, o Options) (*Store, error) {
	if log == nil {
		return nil, errors.New("recording: a store needs a log for its digests")
	}
	set(&o.ChunkSize, 64<<10)
	set(&o.ChunkEvery, time.Second)
	set(&o.MaxQueue, 256<<10)
	set(&o.MaxRows, 100)
	if o.ChunkSize < 64<<10 {
		return nil, fmt.Errorf("recording: chunks of %d bytes: an event may need 64 KiB", o.ChunkSize)
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Files == nil {
		o.Files = audit.OS()
	}
	s := &Store{
		dir: filepath.Join(dir, "rec"), log: log, o: o,
		kick: make(chan struct{}, 1), seal: make(chan struct{}, 1), quit: make(chan struct{}), done: make(chan struct{}),
		waiting: make(map[*Recorder]struct{}), all: make(map[string]*Recorder),
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return nil, fmt.Errorf("recording: making %s: %w", s.dir, err)
	}
	go s.run() // ended and waited for by Close
	return s, nil
}

func set[T comparable](p *T, value T) {
	var zero T
	if *p == zero {
		*p = value
	}
}

// Start begins the recording of a session. The id names its folder: letters,
// digits, '-', '_' and '.', at most 128. It is used once.
func (s *Store) Start(session string, m Meta) (*Recorder, error) {
	if err := checkID(session); err != nil {
		return nil, err
	}
	if err := s.log.Err(); err != nil {
		return nil, err
	}
	if m.Started.IsZero() {
		m.Started = time.Now()
	}
	if _, err := os.Lstat(filepath.Join(s.dir, session)); err == nil { // the folder is made with its first chunk
		return nil, fmt.Errorf("recording: beginning %s: %w", session, os.ErrExist)
	}
	r := &Recorder{
		s: s, id: session, last: m.Started, digest: sha256.New(),
		failed: make(chan struct{}), done: make(chan struct{}),
	}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil, ErrClosed
	}
	if _, used := s.all[session]; used {
		s.mu.Unlock()
		return nil, fmt.Errorf("recording: beginning %s: %w", session, os.ErrExist)
	}
	s.all[session] = r
	s.mu.Unlock()
	r.Event(Event{At: m.Started, Kind: KindSession, Meta: &m})
	return r, nil
}

func checkID(id string) error {
	ok := id != "" && len(id) <= 128 && id[0] != '.'
	for _, c := range []byte(id) {
		ok = ok && (c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.')
	}
	if !ok {
		return fmt.Errorf("recording: %.80q cannot name a recording: use letters, digits and any of -_. in it", id)
	}
	return nil
}

// dirty says that r has something to write. r.mu is held: the store's lock is
// always taken last.
func (s *Store) dirty(r *Recorder) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting[r] = struct{}{}
}

func (s *Store) forget(r *Recorder) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.waiting, r)
	delete(s.all, r.id)
}

// poke fills a channel that holds one.
func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// sealEvery is the least time between the ends of recordings: where sessions
// come and go fast, their ends share the syncs. Nobody but the session's own
// end waits for it.
const sealEvery = 10 * time.Millisecond

// run writes the chunks of all sessions.
func (s *Store) run() {
	defer close(s.done)
	tick := time.NewTicker(max(s.o.ChunkEvery/4, time.Millisecond))
	defer tick.Stop()
	var last time.Time
	var due <-chan time.Time
	for running := true; running; {
		select {
		case <-s.kick:
		case <-s.seal:
			if left := sealEvery - time.Since(last); left > 0 && due == nil {
				due = time.After(left)
			}
			if due != nil {
				continue
			}
		case <-due:
		case <-tick.C:
		case <-s.quit:
			running = false
		}
		due = nil
		s.round(!running)
		last = time.Now()
	}
}

// round writes what is due, makes it durable together, and puts the digests
// into the log.
func (s *Store) round(all bool) {
	s.mu.Lock()
	recorders := slices.Collect(maps.Keys(s.waiting))
	clear(s.waiting)
	s.mu.Unlock()
	var pieces []piece
	var paths []string
	for _, r := range recorders {
		for {
			chunk, elided := r.cut(all)
			if chunk == nil {
				break
			}
			p, err := r.place(chunk, elided)
			giveBack(chunk)
			if err != nil {
				r.fail(err)
				break
			}
			pieces, paths = append(pieces, p), append(paths, p.path)
			if p.rec.Chunk == 1 {
				paths = append(paths, filepath.Dir(p.path)) // the session's folder is new
			}
		}
	}
	var err error
	if len(paths) > 0 {
		err = s.o.Files.Settle(paths)
	}
	for i := range pieces {
		p := &pieces[i]
		if err != nil { // nobody knows which of them are safe
			p.r.fail(fmt.Errorf("recording: making chunk %d of %s durable: %w", p.rec.Chunk, p.r.id, err))
		} else if err := p.keep(); err != nil {
			p.r.fail(err)
		}
	}
	for _, r := range recorders {
		switch failed, ended, more := r.rest(); {
		case failed:
			s.forget(r)
		case ended:
			r.finish()
		case more:
			s.dirty(r)
		}
	}
}

// buffers are empty ones of about a chunk, of which idle sessions have none.
var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 4<<10); return &b }}

func buffer() []byte { return (*buffers.Get().(*[]byte))[:0] }

func giveBack(b []byte) {
	if cap(b) <= 128<<10 {
		buffers.Put(&b)
	}
}

// Close ends all recordings that are still open, and the store.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		<-s.done
		return nil
	}
	s.closed = true
	open := make([]*Recorder, 0, len(s.all))
	for _, r := range s.all {
		open = append(open, r)
	}
	s.mu.Unlock()
	var errs []error
	for _, r := range open {
		errs = append(errs, r.Close(context.Background())) // ends: the disk answers or fails
	}
	close(s.quit)
	<-s.done
	return errors.Join(errs...)
}

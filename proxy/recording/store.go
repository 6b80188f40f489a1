package recording

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"sluice.dev/proxy/audit"
)

// Store is the folder of all recordings of a log.
type Store struct {
	dir string // …/rec
	log *audit.Log
	o   Options

	kick chan struct{} // holds one
	quit chan struct{}
	done chan struct{}

	mu      sync.Mutex
	waiting map[*Recorder]struct{} // those with something to write
	all     map[*Recorder]struct{}
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
	if o.WriteFile == nil {
		o.WriteFile = audit.OS().Write
	}
	s := &Store{
		dir: filepath.Join(dir, "rec"), log: log, o: o,
		kick: make(chan struct{}, 1), quit: make(chan struct{}), done: make(chan struct{}),
		waiting: make(map[*Recorder]struct{}), all: make(map[*Recorder]struct{}),
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
	if err := os.Mkdir(filepath.Join(s.dir, session), 0o700); err != nil {
		return nil, fmt.Errorf("recording: beginning %s: %w", session, err)
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
	s.all[r] = struct{}{}
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

// syncDir makes the names in a folder durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
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
	delete(s.all, r)
}

func (s *Store) poke() {
	select {
	case s.kick <- struct{}{}:
	default:
	}
}

// run writes the chunks of all sessions, one after the other.
func (s *Store) run() {
	defer close(s.done)
	tick := time.NewTicker(max(s.o.ChunkEvery/4, time.Millisecond))
	defer tick.Stop()
	for running := true; running; {
		select {
		case <-s.kick:
		case <-tick.C:
		case <-s.quit:
			running = false
		}
		s.mu.Lock()
		round := make([]*Recorder, 0, len(s.waiting))
		for r := range s.waiting {
			round = append(round, r)
		}
		clear(s.waiting)
		s.mu.Unlock()
		for _, r := range round {
			if !r.flush(!running) {
				s.dirty(r)
			} else if r.Err() != nil {
				s.forget(r)
			}
		}
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
	for r := range s.all {
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

package catalog

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// Open connects to the upstream database for one load or poll; close ends the
// connection.
type Open func(ctx context.Context) (q Querier, close func(), err error)

// Live follows one database. Between two polls, what others do to functions,
// triggers, foreign keys or inheritance is not seen (masking.md 10); what goes
// through the gateway calls Reload.
type Live struct {
	open    Open
	poll    time.Duration
	current atomic.Pointer[Snapshot]

	loading sync.Mutex    // one load at a time
	begun   atomic.Uint64 // loads begun
	loaded  uint64        // the number of the last that succeeded; under loading
	cancel  context.CancelFunc
	done    chan struct{}

	mu      sync.Mutex
	changed []func(*Snapshot)
	failure error // of the last poll or load
}

// DefaultPoll is how often a Live catalog looks for changes made elsewhere.
const DefaultPoll = 5 * time.Second

// loadTime bounds one load or poll, connecting included.
const loadTime = 30 * time.Second

// errClosed is what a Live says after Close.
var errClosed = errors.New("catalog: closed")

// Follow starts to follow a database. Nothing is loaded until the first
// Reload or, at the latest, the first poll; poll 0 means DefaultPoll, and less
// than 0 never. Close ends it.
func Follow(open Open, poll time.Duration) *Live {
	if poll == 0 {
		poll = DefaultPoll
	}
	ctx, cancel := context.WithCancel(context.Background())
	l := &Live{open: open, poll: poll, cancel: cancel, done: make(chan struct{})}
	go l.run(ctx) // Close waits for it
	return l
}

// Close stops polling and waits until it has.
func (l *Live) Close() {
	l.cancel()
	<-l.done
}

// Snapshot is the newest one; nil before the first load.
func (l *Live) Snapshot() *Snapshot { return l.current.Load() }

// Err is why the last load or poll failed, nil if it did not. The snapshot of
// before stays in use; whoever wants to fail closed asks.
func (l *Live) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.failure
}

// OnChange has f called with each new snapshot, before Snapshot answers it. f
// must not block, and must not call this Live.
func (l *Live) OnChange(f func(*Snapshot)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.changed = append(l.changed, f)
}

// Reload answers a snapshot whose load began after the call, so that it has
// seen what the caller did before. Calls that wait together share one load. On
// error the old snapshot stays.
func (l *Live) Reload(ctx context.Context) (*Snapshot, error) {
	select {
	case <-l.done:
		return nil, errClosed
	default:
	}
	before := l.begun.Load()
	l.loading.Lock()
	defer l.loading.Unlock()
	if l.loaded > before {
		return l.Snapshot(), nil
	}
	return l.load(ctx)
}

// Ready answers the snapshot, loading it if there is none yet.
func (l *Live) Ready(ctx context.Context) (*Snapshot, error) {
	if s := l.Snapshot(); s != nil {
		return s, nil
	}
	l.loading.Lock()
	defer l.loading.Unlock()
	if s := l.Snapshot(); s != nil {
		return s, nil
	}
	return l.load(ctx)
}

func (l *Live) load(ctx context.Context) (*Snapshot, error) {
	ctx, cancel := context.WithTimeout(ctx, loadTime)
	defer cancel()
	number := l.begun.Add(1)
	q, end, err := l.open(ctx)
	if err != nil {
		err = fmt.Errorf("catalog: connect: %w", err)
		l.note(err)
		return nil, err
	}
	defer end()
	s, err := Load(ctx, q)
	l.note(err)
	if err != nil {
		return nil, err
	}
	l.publish(s)
	l.loaded = number
	return s, nil
}

func (l *Live) publish(s *Snapshot) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range l.changed {
		f(s)
	}
	l.current.Store(s)
}

func (l *Live) note(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failure = err
}

func (l *Live) run(ctx context.Context) {
	defer close(l.done)
	if l.poll < 0 {
		<-ctx.Done()
		return
	}
	t := time.NewTicker(l.poll)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			l.look(ctx)
		}
	}
}

// look polls once and loads if something changed.
func (l *Live) look(ctx context.Context) {
	l.loading.Lock()
	defer l.loading.Unlock()
	s := l.Snapshot()
	if s == nil {
		_, _ = l.load(ctx) // noted
		return
	}
	short, cancel := context.WithTimeout(ctx, loadTime)
	defer cancel()
	q, end, err := l.open(short)
	if err != nil {
		l.note(fmt.Errorf("catalog: connect: %w", err))
		return
	}
	h, err := Hash(short, q)
	end()
	l.note(err)
	if err == nil && h != s.Fingerprint {
		_, _ = l.load(ctx) // noted
	}
}

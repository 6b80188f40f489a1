package approval

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"
	"time"

	"sluice.dev/proxy/identity"
	"sluice.dev/proxy/state"
)

const (
	holdBucket = "approval.holds"
	metaBucket = "approval.meta"
	keyName    = "digest-key"
)

// Options of a ledger. The zero value is usable.
type Options struct {
	// Now is the clock; time.Now when nil.
	Now func() time.Time
	// Events, when set, is called once for each durable change, in order, before
	// anyone can see or act on the new state: what it records comes before what
	// follows from it. It runs with the ledger locked, so it must be quick and
	// must not call the ledger.
	Events func(Event)
	// Name is what others read of a person, like dba-2@corp; the default is the
	// subject and the issuer's host.
	Name func(*identity.Principal) string
	// PerSession bounds the live holds that one session has asked for; 8. A
	// request may bring its own bound.
	PerSession int
	// PerPrincipal bounds the live holds of one subject over all its sessions; 64.
	PerPrincipal int
	// Total bounds the live holds; 4096.
	Total int
	// Waiters bounds the clients that share one ticket; 256.
	Waiters int
	// History is how many ended holds are kept for List; 1000. The audit log
	// keeps them all.
	History int
}

func (o *Options) fill() {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Events == nil {
		o.Events = func(Event) {}
	}
	if o.Name == nil {
		o.Name = defaultName
	}
	for p, v := range map[*int]int{&o.PerSession: 8, &o.PerPrincipal: 64, &o.Total: 4096, &o.Waiters: 256, &o.History: 1000} {
		if *p <= 0 {
			*p = v
		}
	}
}

// Kind of an event.
type Kind string

// The events. Each but Vote is the state that the hold has now, or how it began.
const (
	EventRequested Kind = "requested"
	EventTightened Kind = "tightened" // a later configuration asks for more
	EventVote      Kind = "vote"      // approved by one, others are needed
	EventApproved  Kind = "approved"
	EventDenied    Kind = "denied"
	EventExpired   Kind = "expired"
	EventWithdrawn Kind = "withdrawn"
	EventClaimed   Kind = "claimed"
	EventFinished  Kind = "finished" // done or unknown: see the hold
)

// Event is one change of a hold. Vote is set where a person made it.
//
// Again says that it is told once more, by Open: the process may have been
// killed between the change and what Events made of it. Of each live hold it
// tells that it was requested, and who has approved it so far.
type Event struct {
	Kind  Kind
	At    time.Time
	Hold  Hold
	Vote  *Vote
	Again bool
}

// Ledger is the holds of one gateway. Its methods are safe for concurrent use.
type Ledger struct {
	o     Options
	store state.Store
	key   []byte

	mu       sync.Mutex
	closed   bool
	live     map[string]*entry // by ticket; the live holds, and ended ones not yet written
	byAction map[string]*entry // by keyed digest; pending or approved
	denials  map[string]*entry // by keyed digest; denied, and the client does not know yet
	previous map[string]string // by keyed digest; last ticket that came to nothing; bounded by History
	ended    []string          // tickets of ended holds in the store, oldest first
	orphans  []string          // tickets that could not be written and may be in the store; bounded by Total

	wake chan struct{} // buffered 1: a deadline has moved forward
	quit chan struct{}
	done chan struct{} // closed by the sweeper, which Close waits for
}

type entry struct {
	hold    Hold
	waiters map[*Waiter]struct{}
	// settled is closed when the hold has ended, whoever decided it.
	settled chan struct{}
	// dirty: the hold has ended by time or by its client's leaving, which is so
	// whether or not the store could be told; the sweeper tells it again.
	dirty bool
}

// Open reads the ledger in the store and brings it up to date: what was being
// run when the gateway died is unknown now, what could only be run by a waiting
// client is withdrawn. The store stays the caller's to close, after the ledger.
func Open(store state.Store, o Options) (*Ledger, error) {
	o.fill()
	l := &Ledger{
		o: o, store: store,
		live: map[string]*entry{}, byAction: map[string]*entry{}, denials: map[string]*entry{}, previous: map[string]string{},
		wake: make(chan struct{}, 1), quit: make(chan struct{}), done: make(chan struct{}),
	}
	if err := l.recover(); err != nil {
		return nil, err
	}
	go l.sweeper() // owned by the ledger; Close waits for it
	return l, nil
}

// Close lets all waiters go, without a decision, and changes no hold: pending
// tickets are there at the next Open.
func (l *Ledger) Close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		<-l.done
		return nil
	}
	l.closed = true
	for _, e := range l.live {
		for w := range e.waiters {
			w.finish(Outcome{Hold: e.snapshot(), Err: ErrClosed})
		}
	}
	close(l.quit)
	l.mu.Unlock()
	<-l.done
	return nil
}

// Request is a command to hold.
type Request struct {
	// Digest of the Action.
	Digest     string
	Principal  *identity.Principal
	Session    string
	Connection string
	Protocol   string
	Database   string
	// Command and Parameters are redacted: they are kept and shown.
	Command       string
	Parameters    []string
	Description   string
	Fingerprint   string
	Reasons       []Reason
	Rules         []Rule
	InTransaction bool
	Generation    string
	// SessionLimit is limits.holds_per_session; 0 is the ledger's default.
	SessionLimit int
}

// Request asks for a decision. It makes a new ticket, or joins the one that an
// equal action waits for or has been approved by; a client that comes back
// after a denial which it could not be told of is told now. The hold is durable
// when Request returns.
//
// The caller ends each waiter with Claim or Leave. An error wraps ErrLimit,
// ErrInvalid, ErrClosed or state.ErrUnavailable; the command is refused then.
func (l *Ledger) Request(ctx context.Context, req Request) (*Waiter, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("approval: request: %w", err)
	}
	p, err := combine(req.Rules, req.Protocol, req.InTransaction)
	if err != nil {
		return nil, err
	}
	if req.Principal == nil || req.Principal.Subject == "" || req.Digest == "" || req.Session == "" {
		return nil, fmt.Errorf("approval: hold without principal, session or digest: %w", ErrInvalid)
	}
	digest := seal(l.key, req.Digest)

	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, fmt.Errorf("approval: %w", ErrClosed)
	}
	now := l.o.Now()
	if e := l.byAction[digest]; e != nil {
		w, err := l.join(e, req, p, now)
		if w != nil || err != nil {
			return w, err
		}
	}
	if e := l.denials[digest]; e != nil {
		if now.Before(e.hold.Expires) {
			w := newWaiter(l, e, req.Session)
			w.finish(e.outcome())
			return w, nil
		}
		delete(l.denials, digest)
	}
	return l.open(digest, req, p, now)
}

// join attaches to the hold of an equal action. It returns nil and nil when that
// hold is no longer good, and has been ended, so that a new one is needed.
func (l *Ledger) join(e *entry, req Request, p plan, now time.Time) (*Waiter, error) {
	switch {
	case !now.Before(e.hold.Expires):
		l.end(e, Expired, "nobody decided in time", now)
		return nil, nil
	case covers(e.hold.Rules, p.rules) && (e.hold.Mode == p.mode || e.hold.State == Approved):
	case e.hold.State == Approved:
		// The approval was for the rules of an older configuration.
		l.end(e, Expired, "the configuration asks for other approvals now", now)
		return nil, nil
	default:
		h := e.hold
		h.tighten(p, now)
		h.Reasons = boundReasons(req.Reasons)
		h.Generation = req.Generation
		if err := l.write(e, h, EventTightened, nil, now); err != nil {
			return nil, err
		}
	}
	if len(e.waiters) >= l.o.Waiters {
		return nil, fmt.Errorf("approval: ticket %s is waited for by %d clients already: %w", e.hold.Ticket, len(e.waiters), ErrLimit)
	}
	w := newWaiter(l, e, req.Session)
	l.attach(w, p, now)
	return w, nil
}

func (l *Ledger) open(digest string, req Request, p plan, now time.Time) (*Waiter, error) {
	if err := l.room(req); err != nil {
		return nil, err
	}
	ticket, err := l.freeTicket()
	if err != nil {
		return nil, err
	}
	h := Hold{
		Ticket: ticket, State: Pending, Digest: digest, Principal: requester(req.Principal),
		Session: req.Session, Connection: req.Connection, Protocol: req.Protocol, Database: req.Database,
		Description: bound(req.Description), Fingerprint: req.Fingerprint,
		Reasons: boundReasons(req.Reasons), Rules: p.rules, Mode: p.mode, InTransaction: req.InTransaction,
		Generation: req.Generation, Created: now, Expires: now.Add(p.expires), Previous: l.previous[digest],
	}
	h.keepText(req.Command, req.Parameters)
	e := &entry{waiters: map[*Waiter]struct{}{}, settled: make(chan struct{})}
	if err := l.write(e, h, EventRequested, nil, now); err != nil {
		// The client is told that there is no hold: the sweeper sees to it.
		if len(l.orphans) < l.o.Total {
			l.orphans = append(l.orphans, ticket)
			l.poke()
		}
		return nil, err
	}
	l.live[ticket] = e
	l.byAction[digest] = e
	w := newWaiter(l, e, req.Session)
	l.attach(w, p, now)
	return w, nil
}

// attach starts the wait, or ends it at once when there is nothing to wait for.
func (l *Ledger) attach(w *Waiter, p plan, now time.Time) {
	e := w.entry
	switch {
	case e.hold.State == Approved:
		e.waiters[w] = struct{}{}
		w.finish(e.outcome())
	case p.wait == 0:
		w.left = true
		w.finish(e.outcome())
	default:
		e.waiters[w] = struct{}{}
		w.until = now.Add(p.wait)
	}
	l.poke()
}

// room refuses what would be more than the limits allow.
func (l *Ledger) room(req Request) error {
	perSession := l.o.PerSession
	if req.SessionLimit > 0 {
		perSession = req.SessionLimit
	}
	total, session, subject := 0, 0, 0
	for _, e := range l.live {
		if e.hold.State != Pending && e.hold.State != Approved {
			continue
		}
		total++
		if e.hold.Session == req.Session {
			session++
		}
		if e.hold.Principal.Subject == req.Principal.Subject && e.hold.Principal.Issuer == req.Principal.Issuer {
			subject++
		}
	}
	switch {
	case session >= perSession:
		return fmt.Errorf("approval: this session has %d commands held already (limits.holds_per_session): %w", session, ErrLimit)
	case subject >= l.o.PerPrincipal:
		return fmt.Errorf("approval: %s has %d commands held already: %w", req.Principal.Subject, subject, ErrLimit)
	case total >= l.o.Total:
		return fmt.Errorf("approval: the ledger has %d holds open: %w", total, ErrLimit)
	}
	return nil
}

func (l *Ledger) freeTicket() (string, error) {
	for range 32 {
		t := newTicket()
		taken := false
		err := l.store.View(func(tx state.Tx) error {
			v, err := tx.Get(holdBucket, t)
			taken = v != nil
			return err
		})
		if err != nil {
			return "", fmt.Errorf("approval: look for a free ticket: %w", err)
		}
		if !taken && l.live[t] == nil {
			return t, nil
		}
	}
	return "", fmt.Errorf("approval: no free ticket found: %w", ErrLimit)
}

// write makes the hold durable as h and then makes it so in memory. On an error
// memory is as before; the store may have either, which Open sorts out.
func (l *Ledger) write(e *entry, h Hold, kind Kind, vote *Vote, now time.Time) error {
	data, err := encode(&h)
	if err != nil {
		return err
	}
	err = l.store.Update(func(tx state.Tx) error { return tx.Put(holdBucket, h.Ticket, data) })
	if err != nil {
		return fmt.Errorf("approval: write ticket %s: %w", h.Ticket, err)
	}
	e.hold = h
	l.tell(e, kind, vote, now)
	return nil
}

func (l *Ledger) tell(e *entry, kind Kind, vote *Vote, now time.Time) {
	l.o.Events(Event{Kind: kind, At: now, Hold: e.snapshot(), Vote: vote})
}

func (e *entry) snapshot() Hold {
	h := e.hold
	h.Waiters = len(e.waiters)
	return h
}

func (l *Ledger) poke() {
	select {
	case l.wake <- struct{}{}:
	default: // a wake-up is on its way already
	}
}

// loadKey reads the key of the digests, or makes it.
func (l *Ledger) loadKey() error {
	return l.store.Update(func(tx state.Tx) error {
		k, err := tx.Get(metaBucket, keyName)
		if err != nil {
			return err
		}
		if k == nil {
			k = make([]byte, 32)
			_, _ = rand.Read(k) // never fails: crypto/rand ends the process instead
			if err := tx.Put(metaBucket, keyName, k); err != nil {
				return err
			}
		}
		if len(k) != 32 {
			return fmt.Errorf("approval: the digest key in the state store has %d bytes, want 32: %w", len(k), ErrInvalid)
		}
		l.key = k
		return nil
	})
}

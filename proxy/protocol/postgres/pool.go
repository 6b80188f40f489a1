package postgres

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"strings"
	"sync"
	"time"

	"sluice.dev/proxy/protocol/postgres/wire"
)

// Pool keeps connections to a database that a session has left clean, so that
// the next need not wait for the server to start a process and for SCRAM
// (reference/hotpath.md 6). It belongs to one Upstream and so to one generation:
// after a reload connections are made anew. What it hands out
// fits in everything that log-in settles: database, role, start-up parameters,
// and the credential as it is now. A connection is kept only when it is idle
// outside a transaction, owes nothing, was never asked to cancel (a late cancel
// would hit its next user), and DISCARD ALL has undone what its session had
// set, prepared, listened to and locked.
//
// What DISCARD ALL leaves is what code on the server keeps in its process:
// variables of procedural languages that are shared in a session. Leave the
// pool out where that matters.
type Pool struct {
	Size int           // the most that are kept
	Idle time.Duration // an unused one is closed after

	mu     sync.Mutex
	idle   []*spare // the one used last is last
	made   uint64
	closed bool
}

// spare is a connection that waits for a session.
type spare struct {
	s      *server
	key    poolKey
	expiry *time.Timer
}

type poolKey struct {
	database, settings string
	credential         [sha256.Size]byte
}

// discardTime bounds the reset of a connection.
const discardTime = 5 * time.Second

// enter is connect, or a connection that was kept, for a session of that
// database with these start-up parameters. warm says which.
func (u *Upstream) enter(ctx context.Context, database string, settings []wire.Setting) (s *server, warm bool, err error) {
	if u.Pool == nil {
		s, err = u.connect(ctx, database, settings)
		return s, false, err
	}
	key, err := u.poolKey(ctx, database, settings)
	if err != nil {
		return nil, false, &upstreamError{code: "08006", text: "log-in to the database failed", err: err}
	}
	for {
		if s = u.Pool.take(key); s == nil {
			break
		}
		if s.alive() {
			return s, true, nil
		}
		s.conn.Close()
	}
	if s, err = u.connect(ctx, database, settings); err != nil {
		return nil, false, err
	}
	s.key = key
	s.number = u.Pool.count()
	return s, false, nil
}

func (u *Upstream) poolKey(ctx context.Context, database string, settings []wire.Setting) (poolKey, error) {
	k := poolKey{database: database}
	var b strings.Builder
	for _, s := range settings {
		b.WriteString(s.Name + "\x00" + s.Value + "\x00")
	}
	k.settings = b.String()
	if u.Password != nil {
		pw, err := u.Password(ctx)
		if err != nil {
			return k, err
		}
		k.credential = sha256.Sum256([]byte(pw))
	}
	return k, nil
}

func (p *Pool) count() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.made++
	return p.made
}

// take is the connection with that key that was used last; nil when there is
// none.
func (p *Pool) take(key poolKey) *server {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := len(p.idle) - 1; i >= 0; i-- {
		if k := p.idle[i]; k.key == key {
			p.remove(i)
			return k.s
		}
	}
	return nil
}

// remove takes connection i out. p.mu is held.
func (p *Pool) remove(i int) {
	p.idle[i].expiry.Stop()
	p.idle = append(p.idle[:i], p.idle[i+1:]...)
}

// leave takes a connection back from a session that is over, or closes it. The
// caller has seen to it that the session left nothing under way.
func (p *Pool) leave(s *server) {
	ctx, cancel := context.WithTimeout(context.Background(), discardTime)
	defer cancel()
	s.conn.SetDeadline(time.Time{})
	if _, err := s.Query(ctx, "DISCARD ALL"); err != nil || ctx.Err() != nil || s.in.Buffered() > 0 {
		s.Close()
		return
	}
	s.uses++
	k := &spare{s: s, key: s.key}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		s.Close()
		return
	}
	if len(p.idle) >= p.Size {
		oldest := p.idle[0]
		p.remove(0)
		oldest.s.Close()
	}
	k.expiry = time.AfterFunc(p.Idle, func() { p.expire(k) })
	p.idle = append(p.idle, k)
}

func (p *Pool) expire(k *spare) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.idle {
		if p.idle[i] == k {
			p.remove(i)
			k.s.Close()
			return
		}
	}
}

// Close ends what is kept; what comes back later is closed too.
func (p *Pool) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for len(p.idle) > 0 {
		k := p.idle[0]
		p.remove(0)
		k.s.Close()
	}
}

// alive says, without waiting, that nothing has come from the server since it
// was left: neither its end nor anything that a session would have to be told.
func (s *server) alive() bool {
	conn := s.conn
	if t, ok := conn.(*tls.Conn); ok {
		conn = t.NetConn()
	}
	return quiet(conn)
}

// settled says whether the session has left its connection as the pool may keep
// it: nothing is owed, half sent or half read, and no transaction is open.
func (m *machine) settled() bool {
	return m.tx == 'I' && m.next == 'I' && !m.dirty && !m.unsynced && len(m.queue) == 0 && m.held == nil && m.waiting == nil &&
		m.probe == nil && m.asking == nil && m.copying == nil && !m.discard && !m.cancelling && !m.absorb &&
		m.passServer == 0 && m.dropServer == 0 && m.passClient == 0 && len(m.fromServer) == 0 && len(m.toServer) == 0
}

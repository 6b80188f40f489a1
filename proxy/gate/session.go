package gate

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/prometheus/client_golang/prometheus"

	"sluice.dev/proxy/approval"
	"sluice.dev/proxy/audit"
	"sluice.dev/proxy/identity"
	"sluice.dev/proxy/recording"
)

// End says why the gateway ends a session of its own accord.
type End uint8

// The reasons to end a session.
const (
	EndNone    End = iota
	EndKilled      // an operator
	EndExpired     // the login's or the session's life is over
	EndRevoked     // the principal's right is gone
	EndRemoved     // the connection left the configuration
	EndDrain       // the gateway stops
	EndStopped     // the audit log or the recording cannot be written
)

// Client is what a client says of itself; claims, not proof.
type Client struct {
	Address, Application, User string
}

// Session is one client's authenticated use of one connection. Its methods are
// for one caller at a time, but for Ended, Why and End.
type Session struct {
	ID        string
	Principal *identity.Principal
	Client    Client
	Started   time.Time
	Recorder  *recording.Recorder

	gw         *Gateway
	connection string
	protocol   string
	records    audit.SessionCounter
	generation string
	ends       time.Time
	commands   atomic.Uint64
	denied     atomic.Uint64
	held       atomic.Pointer[Hold]

	gathers atomic.Bool

	endOnce sync.Once
	ended   chan struct{}
	why     End
	whyText string

	opinions opinions
	allowed  prometheus.Counter
	who      audit.Principal // of every record
	scratch  audit.Record    // the one that is being made: the log keeps none
	edits    []Edit          // reused by Detect
	scopes   [2]string       // of pseudonyms: the session's, the connection's
	// open has the tickets used in the transaction that is open.
	open []*approval.Waiter
}

// SessionInfo is a session as the console and the command line list it.
type SessionInfo struct {
	ID         string
	Connection string
	Protocol   string
	Principal  *identity.Principal
	Client     Client
	Started    time.Time
	Ends       time.Time // at the latest
	Ended      time.Time // zero while it is open
	Reason     string    // why it ended
	Commands   uint64
	Denied     uint64
	Held       string // the ticket that it waits for
	Recorded   bool
	Generation string // that it began under
}

// ErrStopped is returned when nothing can be recorded any more.
var ErrStopped = errors.New("gate: the audit log has stopped")

// Open begins a session on a connection for a proven principal: its opening is
// on disk before it returns. A login that is for another connection is refused
// here too, whatever the protocol looked at.
func (g *Gateway) Open(ctx context.Context, c *Connection, p *identity.Principal, client Client) (*Session, error) {
	if err := p.For(c.Name); err != nil {
		return nil, err
	}
	s := &Session{
		ID: ulid.Make().String(), Principal: p, Client: client, Started: time.Now(),
		gw: g, connection: c.Name, protocol: c.Protocol, generation: c.Generation.ID(), ended: make(chan struct{}),
	}
	s.ends = s.Expires(c.Limits.Session)
	s.scopes = [2]string{"session " + s.ID, "connection " + c.Name}
	s.who, s.allowed = auditPrincipal(p), g.Metrics.Commands.WithLabelValues(c.Protocol, "allow")
	if g.Recordings != nil {
		rec, err := g.Recordings.Start(s.ID, recording.Meta{Started: s.Started, Connection: c.Name, Protocol: c.Protocol, Subject: p.Subject, Issuer: p.Issuer, Client: client.Address})
		if err != nil {
			return nil, errors.Join(ErrStopped, err)
		}
		s.Recorder = rec
	}
	r := s.record("session.open")
	r.Connection = s.target(c, "", "")
	r.Config.Generation = c.Generation.ID()
	seq, err := s.records.Grouped(g.Log, r) // the wait begins its write
	if err == nil {
		err = g.Log.Wait(ctx, seq)
	}
	if err != nil {
		s.closeRecorder()
		return nil, errors.Join(ErrStopped, err)
	}
	g.mu.Lock()
	g.sessions[s.ID] = s
	g.mu.Unlock()
	g.Metrics.Sessions.Inc()
	g.OnSession(s.ID)
	return s, nil
}

// Entered records which connection of a pool the session got, and how many
// sessions had it before.
func (s *Session) Entered(connection, before uint64) {
	r := s.record(audit.CredUse)
	r.Detail = map[string]string{"server_connection": strconv.FormatUint(connection, 10), "sessions_before": strconv.FormatUint(before, 10)}
	if _, err := s.records.Append(s.gw.Log, r); err != nil {
		s.end(EndStopped, "the audit log has stopped")
	}
}

// Close ends the session's account; reason is one word or two.
func (s *Session) Close(reason string) {
	s.gw.mu.Lock()
	delete(s.gw.sessions, s.ID)
	s.gw.mu.Unlock()
	defer func() { s.gw.remember(s, reason) }()
	s.gw.Metrics.Sessions.Dec()
	s.gw.OnSession(s.ID)
	s.settleOpen()
	s.closeRecorder()
	if s.why != EndNone {
		reason = s.whyText
	}
	r := s.record("session.close")
	r.Detail = map[string]string{"reason": reason}
	if _, err := s.records.Grouped(s.gw.Log, r); err != nil {
		s.gw.Logger.Error("gate: the end of a session could not be recorded", "session", s.ID, "error", err)
	}
}

func (s *Session) closeRecorder() {
	if s.Recorder == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := s.Recorder.Close(ctx); err != nil {
		s.gw.Logger.Error("gate: a recording could not be closed", "session", s.ID, "error", err)
	}
}

// Ended is closed when the gateway wants the session to end; Why says why.
func (s *Session) Ended() <-chan struct{} { return s.ended }

// Why is valid once Ended is closed.
func (s *Session) Why() (End, string) { return s.why, s.whyText }

func (s *Session) end(why End, text string) {
	s.endOnce.Do(func() {
		s.why, s.whyText = why, text
		close(s.ended)
	})
}

// Await returns when a record is durable. With an error it never will be: the
// session is told to end, and nothing that waited for the record may be sent.
func (s *Session) Await(ctx context.Context, seq Seq) error {
	log := s.gw.Log
	err := log.Err()
	if err == nil && seq <= log.Durable() {
		return nil
	}
	if err == nil {
		err = log.Wait(ctx, seq)
	}
	if err != nil {
		s.end(EndStopped, "the audit log has stopped")
	}
	return err
}

// durableTime bounds how long a session waits for one record.
const durableTime = 30 * time.Second

// WaitDurable is Await for a driver: it waits for durableTime at most, and says
// whether what waited for the record may be sent. 0 is no record.
func (s *Session) WaitDurable(seq Seq) bool {
	if seq == 0 || s.Durable(seq) {
		return true
	}
	ctx, cancel := context.WithTimeout(context.Background(), durableTime)
	defer cancel()
	return s.Await(ctx, seq) == nil
}

// Gather says that the intents of reads need not be hurried: whoever has them
// under way waits for them soon, for many sessions at once.
func (s *Session) Gather(on bool) { s.gathers.Store(on) }

// Durable says, without waiting, whether a record is on the disk.
func (s *Session) Durable(seq Seq) bool { return seq <= s.gw.Log.Durable() }

// Acquire retains the newest generation's view of the session's connection,
// for one command; nil when it has been removed. A Command that carries it
// hands it over to Decide or Preview.
func (s *Session) Acquire() *Connection { return s.gw.Connection(s.connection) }

// Gateway is the whole that the session belongs to.
func (s *Session) Gateway() *Gateway { return s.gw }

// Expires is when the login ends: its token's expiry or limits.session after
// the start, whichever is first.
func (s *Session) Expires(limit time.Duration) time.Time {
	end := s.Principal.NotAfter
	if limit > 0 {
		if t := s.Started.Add(limit); end.IsZero() || t.Before(end) {
			end = t
		}
	}
	return end
}

func (s *Session) info() SessionInfo {
	i := SessionInfo{ID: s.ID, Connection: s.connection, Protocol: s.protocol, Principal: s.Principal, Client: s.Client,
		Started: s.Started, Ends: s.ends, Commands: s.commands.Load(), Denied: s.denied.Load(),
		Recorded: s.Recorder != nil, Generation: s.generation}
	if h := s.held.Load(); h != nil {
		i.Held = h.Ticket
	}
	return i
}

package gate

import (
	"context"
	"log/slog"
	"sort"
	"sync"
	"sync/atomic"
	"time"

	"sluice.dev/proxy/approval"
	"sluice.dev/proxy/audit"
	"sluice.dev/proxy/mask"
	"sluice.dev/proxy/plugin"
	"sluice.dev/proxy/policy"
	"sluice.dev/proxy/recording"
)

// Generation is one immutable compiled configuration, as the gate sees it. It
// stays usable between Retain and Release: its plugins close with the last
// Release after it was replaced.
type Generation interface {
	ID() string
	// Connection is nil when the generation has none of that name.
	Connection(name string) *Connection
	Retain() bool
	Release()
}

// Connection is one named resource as a generation compiled it.
type Connection struct {
	Name     string
	Protocol string
	Address  string
	Database string
	Role     string
	Labels   map[string]string
	// Credential says where the secret comes from, never what it is.
	Credential string

	Policy      *policy.Set
	Classifiers []*plugin.Module
	Triggers    []*plugin.Module
	Detectors   map[string]*plugin.Module
	Rules       []mask.Rule
	// Protected is every column that a mask block applying here names, or that
	// a policy's mask can name, whoever is excepted.
	Protected []string
	Approvals map[string]approval.Rule
	Limits    Limits
	// Options is the protocol's own compiled part.
	Options any
	// Generation is the one this belongs to.
	Generation Generation
}

// Limits bounds one session.
type Limits struct {
	Statement       int           // bytes of one command's text
	Message         int           // bytes of one message
	HoldsPerSession int           // pending at once
	Session         time.Duration // a session's life
	Transaction     time.Duration // how long an open transaction may delay its end
}

// Options is what a Gateway is made of.
type Options struct {
	Name       string
	Log        *audit.Log
	Ledger     *approval.Ledger
	Recordings *recording.Store
	Key        *mask.Key
	// Current is the newest generation; each command asks for it.
	Current func() Generation
	// TicketURL is where an approver reads about a ticket; "" without console.
	TicketURL func(ticket string) string
	// RedactAll hides every literal from what is kept (audit.redact_literals = "all").
	RedactAll func() bool
	// Development is shown in records: some checks are off.
	Development bool
	// OnChange is called after a ticket changed; it must not block.
	OnChange func(ticket string)
	// OnSession is called when a session began or ended; it must not block.
	OnSession func(id string)
	Metrics   *Metrics
	Logger    *slog.Logger
}

// Gateway is the running whole: what all sessions share.
type Gateway struct {
	Options
	mu       sync.Mutex
	sessions map[string]*Session
	past     []SessionInfo // the latest that ended, oldest first
	// ledgerSeq is the last record of a ticket's change.
	ledgerSeq atomic.Uint64
}

// New makes a gateway of its parts.
func New(o Options) *Gateway {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Metrics == nil {
		o.Metrics = NewMetrics()
	}
	if o.OnChange == nil {
		o.OnChange = func(string) {}
	}
	if o.OnSession == nil {
		o.OnSession = func(string) {}
	}
	if o.TicketURL == nil {
		o.TicketURL = func(string) string { return "" }
	}
	if o.RedactAll == nil {
		o.RedactAll = func() bool { return false }
	}
	return &Gateway{Options: o, sessions: make(map[string]*Session)}
}

// Sessions lists the open sessions and the latest that ended, oldest first.
func (g *Gateway) Sessions() []SessionInfo {
	g.mu.Lock()
	defer g.mu.Unlock()
	out := make([]SessionInfo, 0, len(g.sessions))
	for _, s := range g.sessions {
		out = append(out, s.info())
	}
	out = append(out, g.past...)
	sort.Slice(out, func(i, j int) bool { return out[i].ID < out[j].ID })
	return out
}

// maxPast bounds the ended sessions that Sessions still lists.
const maxPast = 200

func (g *Gateway) remember(s *Session, reason string) {
	i := s.info()
	i.Ended, i.Reason, i.Held = time.Now(), reason, ""
	g.mu.Lock()
	defer g.mu.Unlock()
	g.past = append(g.past, i)
	if len(g.past) > maxPast {
		g.past = append(g.past[:0], g.past[len(g.past)-maxPast:]...)
	}
}

// Kill ends a session at once. It reports whether there was one.
func (g *Gateway) Kill(id, by, reason string) bool {
	g.mu.Lock()
	s := g.sessions[id]
	g.mu.Unlock()
	if s == nil {
		return false
	}
	s.end(EndKilled, "killed by "+by+reasonSuffix(reason))
	return true
}

// KillAll ends every session for which pick says so.
func (g *Gateway) KillAll(end End, reason string, pick func(SessionInfo) bool) int {
	g.mu.Lock()
	var hit []*Session
	for _, s := range g.sessions {
		if pick == nil || pick(s.info()) {
			hit = append(hit, s)
		}
	}
	g.mu.Unlock()
	for _, s := range hit {
		s.end(end, reason)
	}
	return len(hit)
}

func reasonSuffix(reason string) string {
	if reason == "" {
		return ""
	}
	return ": " + reason
}

// Connection retains the newest generation and returns its connection of the
// name; the caller releases conn.Generation. It is nil when there is none.
func (g *Gateway) Connection(name string) *Connection {
	for {
		gen := g.Current()
		if gen == nil {
			return nil
		}
		if !gen.Retain() {
			continue // replaced between the two calls
		}
		c := gen.Connection(name)
		if c == nil {
			gen.Release()
		}
		return c
	}
}

// Refused records a log-in that failed, before there is a session.
func (g *Gateway) Refused(_ context.Context, protocol, connection, address, user, application, reason string) {
	g.Metrics.LoginsRefused.Inc()
	_, err := g.Log.Grouped(&audit.Record{Event: "auth.fail",
		Client:     audit.Client{Address: address, User: user, Application: application},
		Connection: audit.Connection{Name: connection, Protocol: protocol},
		Result:     audit.Result{Outcome: "denied"},
		Detail:     map[string]string{"reason": reason}})
	if err != nil {
		g.Logger.Error("gate: a refused log-in could not be recorded", "error", err)
	}
}

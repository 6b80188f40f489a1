package postgres

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"sluice.dev/proxy/gate"
	"sluice.dev/proxy/protocol/postgres/catalog"
	"sluice.dev/proxy/protocol/postgres/lineage"
	"sluice.dev/proxy/protocol/postgres/wire"
)

// Options is one connection as a generation compiled it for this protocol; it
// is the gate.Connection's Options.
type Options struct {
	Upstream *Upstream
	// Databases are those that a client may ask for, besides the first, which
	// is the connection's own.
	Databases []string
	// Catalogs follows the databases' catalogs, over generations.
	Catalogs *Catalogs
	// Columns is the protected set as configured: schema.table.column.
	Columns []string
	// Lineage says who works out what a statement does with protected columns:
	// LineageServer or LineageStrict.
	Lineage string
	// ServerLogAccepted: the server may write the trees of statements, with
	// the constants in them, into its own log.
	ServerLogAccepted bool
	// Driver says what moves the bytes of sessions: DriverLoop, which is for
	// plain sockets on Linux and leaves the others to the plain one, or
	// DriverPlain.
	Driver string
	// Limits of the connection's sessions.
	Limits gate.Limits
	// WriteTimeout bounds one write to a client that does not read; 1 minute.
	WriteTimeout time.Duration

	mu        sync.Mutex
	protected map[string]*catalog.Protected // by database
	cache     analyses
}

// The values of Options.Lineage (reference/masking.md 0).
const (
	LineageServer = "server" // PostgreSQL's own analyser
	LineageStrict = "strict" // the gateway's, from the text and its catalog
)

// The values of Options.Driver (PROFILE.md).
const (
	DriverLoop  = "loop"  // one goroutine for all sessions in the protocol's rhythm
	DriverPlain = "plain" // goroutines of each session
)

// Close ends what is kept for sessions to come.
func (o *Options) Close() {
	if o.Upstream.Pool != nil {
		o.Upstream.Pool.Close()
	}
}

func (o *Options) limits() gate.Limits { return o.Limits }

func (o *Options) writeTimeout() time.Duration {
	if o.WriteTimeout > 0 {
		return o.WriteTimeout
	}
	return time.Minute
}

// protectedIn resolves the protected set against a snapshot of a database's
// catalog, and closes it (reference/masking.md 5). A configured column that no
// longer resolves stays protected under its old number.
func (o *Options) protectedIn(database string, s *catalog.Snapshot) (*catalog.Protected, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if p := o.protected[database]; p != nil && p.Snapshot() == s {
		return p, nil
	}
	before := o.protected[database]
	if before == nil {
		before = o.Catalogs.remembered(o.Upstream, database)
	}
	p, errs := o.protect(s, before)
	o.Catalogs.remember(o.Upstream, database, p)
	if o.protected == nil {
		o.protected = make(map[string]*catalog.Protected)
	}
	o.protected[database] = p
	return p, errors.Join(errs...)
}

// byServer says whether there is anything that the server's own analysis is
// needed for.
func (o *Options) byServer() bool { return o.Lineage == LineageServer && len(o.Columns) > 0 }

// printing adds the settings that make the server print its analysis to those
// of a session, where they are needed; level is what the client asked for as
// client_min_messages, which the gateway then plays.
func (o *Options) printing(settings []wire.Setting) (level string, all []wire.Setting) {
	if !o.byServer() {
		return "", settings
	}
	for _, s := range settings {
		if strings.EqualFold(s.Name, "client_min_messages") {
			level = strings.ToLower(s.Value)
			continue
		}
		all = append(all, s)
	}
	return level, append(all, printSettings...)
}

// protect closes the configured columns over a snapshot.
func (o *Options) protect(s *catalog.Snapshot, before *catalog.Protected) (*catalog.Protected, []error) {
	if o.Lineage == LineageServer {
		return lineage.Protect(s, o.Columns, before)
	}
	return s.Protected(o.Columns, before)
}

// Catalogs follows the catalogs of all databases that connections lead to. It
// outlives generations, so that a reload does not load them anew.
type Catalogs struct {
	// Poll is how often a catalog is looked at for changes made elsewhere; 0
	// is catalog.DefaultPoll.
	Poll time.Duration

	mu    sync.Mutex
	live  map[string]*catalog.Live
	asked map[*catalog.Live]time.Time
	// protected is the last set of each database, so that a column that was
	// renamed stays protected over a reload too.
	protected map[string]*catalog.Protected
}

func (c *Catalogs) remembered(u *Upstream, database string) *catalog.Protected {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.protected[databaseKey(u, database)]
}

func (c *Catalogs) remember(u *Upstream, database string, p *catalog.Protected) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.protected == nil {
		c.protected = make(map[string]*catalog.Protected)
	}
	c.protected[databaseKey(u, database)] = p
}

func databaseKey(u *Upstream, database string) string {
	return u.Address + "\x00" + u.User + "\x00" + database
}

// reloadEvery is the least time between two loads that unknown names ask for,
// whatever clients send.
const reloadEvery = time.Second

// again loads a catalog anew because a statement names what it does not have:
// another client may have just made it. It reports whether that was done.
func (c *Catalogs) again(l *catalog.Live) bool {
	c.mu.Lock()
	if c.asked == nil {
		c.asked = make(map[*catalog.Live]time.Time)
	}
	if time.Since(c.asked[l]) < reloadEvery {
		c.mu.Unlock()
		return false
	}
	c.asked[l] = time.Now()
	c.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_, err := l.Reload(ctx)
	return err == nil
}

// Of is the catalog of a database behind an upstream.
func (c *Catalogs) Of(u *Upstream, database string) *catalog.Live {
	key := databaseKey(u, database)
	c.mu.Lock()
	defer c.mu.Unlock()
	if l := c.live[key]; l != nil {
		return l
	}
	if c.live == nil {
		c.live = make(map[string]*catalog.Live)
	}
	l := catalog.Follow(func(ctx context.Context) (catalog.Querier, func(), error) {
		s, err := u.connect(ctx, database, catalogSettings)
		if err != nil {
			return nil, nil, err
		}
		return s, func() { s.Close() }, nil
	}, c.Poll)
	c.live[key] = l
	return l
}

// Close stops following all of them.
func (c *Catalogs) Close() {
	c.mu.Lock()
	all := c.live
	c.live = nil
	c.mu.Unlock()
	for _, l := range all {
		l.Close()
	}
}

// Reach looks whether the database can be entered, and whether the protected
// columns are there.
func (o *Options) Reach(ctx context.Context) error {
	for _, database := range append([]string{o.Upstream.Database}, o.Databases...) {
		s, err := o.Catalogs.Of(o.Upstream, database).Ready(ctx)
		if err != nil {
			return err
		}
		if database != o.Upstream.Database {
			continue // masks name columns of the connection's own database
		}
		if _, err := o.protectedIn(database, s); err != nil {
			return err
		}
	}
	return o.reachLog(ctx)
}

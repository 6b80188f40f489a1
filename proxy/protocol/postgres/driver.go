package postgres

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"sluice.dev/proxy/gate"
	"sluice.dev/proxy/protocol/postgres/catalog"
)

// chunk is how many bytes are read from a socket at once.
const chunk = 16 << 10

// driver moves a session's bytes: one goroutine reads the client, one the
// server, and whoever has made the machine say something writes it out. It owns
// both goroutines and the ones that wait for holds, and returns when all ended.
type driver struct {
	m      *machine
	mu     sync.Mutex // guards m
	client *line
	server *server
	up     *line // the server's connection
	gs     *gate.Session
	opts   *Options

	loops *loops // nil: this driver alone
	guest *guest // under mu: a loop has the session, and this driver leaves both lines alone
	// Of answers: since the session came back from the loop, and how many there
	// are to be before it may visit again. pausing: the readers stop for that.
	answers, patience int
	pausing           atomic.Bool

	// Writers take what there is to say under the lock of their direction, so
	// that the order in which it was said is the order in which it is sent.
	toClient, toServer sync.Mutex

	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
	// moved is signalled when the machine has gone on: a client reader that had
	// stopped reading may read again. due is signalled when there is something
	// for the server that no client reader will write.
	moved, due chan struct{}
	// What was sent is room for what comes next, each under the lock of its
	// direction.
	spareClient, spareServer []byte
	// full: the machine takes no more of the client's bytes, for now or for
	// good; over: it takes no more of anything.
	full, over atomic.Bool
	// cancels is held while the server is asked to cancel what it runs, which
	// has been done if cancelled is set; gone: the connection is not this
	// session's any more.
	cancels         sync.Mutex
	cancelled, gone bool
	// Under mu. unsent: what the server is to run waits for its record. cancelDue:
	// the client has cancelled it meanwhile, and a cancel that came before it
	// would stop nothing.
	unsent, cancelDue bool
	// broken: the server could not be written to.
	broken atomic.Bool
	// ending is held while a session is told that it is over.
	ending sync.Mutex
	// closing: the last word is being said, and nobody waits long for a client
	// that does not read it.
	closing atomic.Bool
}

// past is a deadline that ends whatever is being waited for.
var past = time.Unix(1, 0)

func newDriver(ctx context.Context, m *machine, client net.Conn, s *server) *driver {
	d := &driver{m: m, client: newLine(client, nil), server: s, up: newLine(s.conn, s.in), gs: m.gs, opts: m.lens.opts, moved: make(chan struct{}, 1), due: make(chan struct{}, 1)}
	m.keeps = d.opts.Upstream.Pool != nil
	d.ctx, d.cancel = context.WithCancel(ctx)
	return d
}

// run moves bytes until one side is gone or the gateway ends the session. It
// returns why, in a word or two, for the record.
func (d *driver) run() string {
	d.client.SetDeadline(time.Time{}) // log-in's is over; a write that waits sets its own
	reason := make(chan string, 3)
	d.wg.Go(func() {
		if why := d.watchEnd(); why != "" {
			reason <- why
		}
	})
	d.wg.Go(d.writeServer)
	first := paused
	for first == paused {
		d.visitLoop()
		var readers sync.WaitGroup
		for _, read := range []func() string{d.readClient, d.readServer} {
			d.wg.Add(1)
			readers.Go(func() {
				defer d.wg.Done()
				if why := read(); why != "" {
					reason <- why
				}
			})
		}
		if first = <-reason; first == paused {
			readers.Wait()
		}
	}
	d.ending.Lock()   // whoever says a last word has said it
	d.ending.Unlock() //nolint:staticcheck // likewise
	if first == clientGone || first == clientEnded {
		d.awaitAnswers()
	}
	d.cancel()
	d.mu.Lock()
	d.m.Leave()
	d.mu.Unlock()
	d.closing.Store(true)
	d.flushClient()
	d.client.SetReadDeadline(past)
	d.server.conn.SetDeadline(past)
	d.wg.Wait()
	return first
}

const (
	clientGone  = "client closed"
	clientEnded = "client ended"
	serverGone  = "database closed"
	paused      = "paused" // not an end: the loop may have the session
)

// readClient feeds the machine from the client.
func (d *driver) readClient() string {
	buf := make([]byte, chunk)
	feed := func(b []byte) (more bool) {
		d.work(func(m *machine) { m.Client(b) })
		d.flushServer()
		return !d.full.Load() && !d.over.Load()
	}
	for {
		d.mu.Lock()
		full, ended := d.m.full(), d.m.ended || d.m.left
		d.mu.Unlock()
		if ended {
			return clientEnded
		}
		if full { // the bytes wait behind a hold or an answer, which is bounded
			select {
			case <-d.moved:
				continue
			case <-d.ctx.Done():
				return "ended"
			}
		}
		if err := d.client.pump(buf, feed); err != nil {
			if d.pausing.Load() {
				return "" // what ends the session is found again
			}
			if d.ctx.Err() != nil || errors.Is(err, os.ErrDeadlineExceeded) {
				return "ended"
			}
			return clientGone
		}
	}
}

// readServer feeds the machine from the server.
func (d *driver) readServer() string {
	buf := make([]byte, chunk)
	var want wants
	feed := func(b []byte) (more bool) {
		calm := false
		want = d.do(func(m *machine) {
			m.Server(b)
			calm = m.rhythm() && m.idle()
		})
		d.pausing.Store(calm && d.mayVisit())
		return !want.Reload && !d.over.Load() && !d.pausing.Load()
	}
	for {
		err := d.up.pump(buf, feed)
		if err == nil && d.pausing.Load() {
			d.client.SetReadDeadline(past)
			return paused
		}
		if want.Reload {
			d.reload(want.Inside)
			want = wants{}
		}
		d.mu.Lock()
		ended := d.m.ended
		d.mu.Unlock()
		if ended {
			return "ended"
		}
		if err != nil {
			if d.ctx.Err() != nil {
				return "ended"
			}
			d.do(func(m *machine) { m.Gone(err) })
			return serverGone
		}
	}
}

// do is work by any goroutine but the one that reads the client. What the
// machine has for the server is left to writeServer, and never written by the
// goroutine that reads the server: a server that is writing does not read, and
// each would wait for the other (reference/hotpath.md 7).
func (d *driver) do(f func(*machine)) wants {
	want := d.work(f)
	d.mu.Lock()
	due := len(d.m.toServer) > 0
	d.mu.Unlock()
	if due {
		signal(d.due)
	}
	return want
}

// work lets the machine work, sends what it has for the client and does what
// it wants, but for reading the catalog again: that is wanted only between the
// server's ReadyForQuery and the client's, and done by the goroutine that reads
// the server, which gets the wish back.
func (d *driver) work(f func(*machine)) wants {
	d.lock()
	f(d.m)
	want := d.m.want
	d.m.want = wants{}
	full := d.m.full()
	d.full.Store(full || d.m.left)
	d.over.Store(d.m.ended)
	d.mu.Unlock()
	if !full {
		signal(d.moved)
	}
	if h := want.Watch; h != nil {
		d.wg.Go(func() { d.watch(h) })
	}
	if want.Cancel {
		d.wg.Go(func() {
			d.cancelUpstream()
			d.do(func(m *machine) { m.Cancelled() })
		})
	}
	d.flushClient()
	return want
}

// reload brings the catalog up to date before the client may send its next
// command. It may ask on the session's own connection, which nobody else reads
// meanwhile.
func (d *driver) reload(inside bool) {
	ctx, cancel := context.WithTimeout(d.ctx, 30*time.Second)
	defer cancel()
	var own *catalog.Snapshot
	var err error
	if inside {
		own, err = catalog.LoadInside(ctx, d.server)
	} else {
		err = d.m.lens.reload(ctx)
	}
	if err != nil {
		d.gs.Gateway().Logger.Warn("postgres: the catalog could not be loaded again; names made since are unknown", "error", err)
	}
	d.do(func(m *machine) { m.Reloaded(own) })
}

// watch waits for a hold to end.
func (d *driver) watch(h *held) {
	select {
	case <-h.run.verdict.Pending.Done():
		d.do(func(m *machine) { m.Resolve(h) })
	case <-d.ctx.Done():
	}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// writeServer writes what there is for the server when no client reader does.
func (d *driver) writeServer() {
	for {
		select {
		case <-d.due:
			d.flushServer()
		case <-d.ctx.Done():
			return
		}
	}
}

// flushServer sends what the machine has for the server, once the intents that
// come before it are durable.
func (d *driver) flushServer() {
	d.toServer.Lock()
	defer d.toServer.Unlock()
	d.mu.Lock()
	b, after := d.m.toServer, d.m.serverAfter
	if d.guest != nil {
		b = nil // the loop writes it
	}
	if len(b) > 0 {
		d.m.toServer, d.spareServer = d.spareServer, nil
	}
	d.unsent = len(b) > 0
	d.mu.Unlock()
	if len(b) == 0 {
		return
	}
	ok := d.gs.WaitDurable(after)
	d.mu.Lock()
	cancel := d.cancelDue
	d.unsent, d.cancelDue = false, false
	d.mu.Unlock()
	if !ok { // never forwarded: the session ends
		d.mu.Lock()
		if !d.m.ended {
			d.m.toClient, d.m.clientAfter = nil, 0
			d.m.fatal("57P03", logStopped)
		}
		d.mu.Unlock()
		d.flushClient()
		return
	}
	if err := d.up.send(b, 0); err != nil {
		d.broken.Store(true)
		if d.ctx.Err() == nil {
			d.cancelReads()
		}
	}
	if cancel {
		d.cancelUpstream()
	}
	d.spareServer = again(b)
}

// flushClient sends what the machine has for the client, once the records that
// come before it are durable.
func (d *driver) flushClient() {
	d.toClient.Lock()
	defer d.toClient.Unlock()
	d.mu.Lock()
	b, after := d.m.toClient, d.m.clientAfter
	if d.guest != nil {
		b = nil // the loop writes it
	}
	if len(b) > 0 {
		d.m.toClient, d.spareClient = d.spareClient, nil
	}
	d.mu.Unlock()
	if len(b) == 0 {
		return
	}
	if !d.gs.WaitDurable(after) {
		d.mu.Lock()
		d.m.ended, d.m.toClient = true, nil
		d.mu.Unlock()
		b = appendError(nil, "FATAL", "57P03", logStopped, "", "Refused to be safe. Do not retry; tell the operator.", 0)
	}
	patience := d.opts.writeTimeout()
	if d.closing.Load() {
		patience = lastWord
		d.client.SetWriteDeadline(time.Now().Add(lastWord))
	}
	if err := d.client.send(b, patience); err != nil {
		d.cancelReads()
	}
	d.spareClient = again(b)
}

// again gives a buffer that has been sent back for the next, unless it is one
// of a rare size.
func again(b []byte) []byte {
	if cap(b) > 4*chunk {
		return nil
	}
	return b[:0]
}

const logStopped = "the audit log has stopped: nothing is forwarded"

package redis

import (
	"context"
	"net"
	"sync"
	"time"

	"sluice.dev/proxy/gate"
)

// driver moves a session's bytes: one goroutine reads the client, one the
// server, one writes to the server. It owns them and the ones that wait for
// holds, and returns when all ended.
type driver struct {
	m      *machine
	mu     sync.Mutex // guards m
	client net.Conn
	up     *upstream
	gs     *gate.Session

	toClient sync.Mutex // held over a write, so that it goes out in order

	ctx        context.Context
	cancel     context.CancelFunc
	wg         sync.WaitGroup
	moved, due chan struct{}
}

// past is a deadline that ends whatever is being waited for.
var past = time.Unix(1, 0)

const (
	writeTime  = time.Minute // one write to a peer that does not read
	lastWord   = 2 * time.Second
	afterWords = 5 * time.Second // for the outcome of what a client left behind
	clientGone = "client closed"
)

func newDriver(ctx context.Context, m *machine, client net.Conn, up *upstream) *driver {
	d := &driver{m: m, client: client, up: up, gs: m.gs, moved: make(chan struct{}, 1), due: make(chan struct{}, 1)}
	d.ctx, d.cancel = context.WithCancel(ctx)
	return d
}

// run moves bytes until one side is gone or the gateway ends the session. It
// returns why, in a word or two, for the record.
func (d *driver) run() string {
	reason := make(chan string, 3)
	for _, f := range []func() string{d.readClient, d.readServer, d.watchEnd} {
		d.wg.Go(func() {
			if why := f(); why != "" {
				reason <- why
			}
		})
	}
	d.wg.Go(d.writeServer)
	first := <-reason
	if first == clientGone {
		d.awaitAnswers()
	}
	d.cancel()
	d.flushClient()
	d.client.SetDeadline(past)
	d.up.SetDeadline(past)
	d.wg.Wait()
	d.m.Leave()
	return first
}

// readClient feeds the machine from the client.
func (d *driver) readClient() string {
	d.do(func(m *machine) { m.advance() }) // what came with the log-in
	buf := make([]byte, chunk)
	for d.ctx.Err() == nil {
		d.mu.Lock()
		full, over := d.m.full(), d.m.ended || d.m.left
		d.mu.Unlock()
		if over {
			return clientGone
		}
		if full {
			select {
			case <-d.moved:
				d.do(func(m *machine) { m.advance() })
			case <-d.ctx.Done():
			}
			continue
		}
		n, err := d.client.Read(buf)
		if n > 0 {
			d.do(func(m *machine) { m.Client(buf[:n]) })
		}
		if err != nil {
			return clientGone
		}
	}
	return ""
}

// readServer feeds the machine from the server.
func (d *driver) readServer() string {
	buf := make([]byte, chunk)
	for d.ctx.Err() == nil {
		n, err := d.up.in.Read(buf)
		if n > 0 {
			var bad error
			d.do(func(m *machine) { bad = m.Server(buf[:n]) })
			if bad != nil {
				d.gs.Gateway().Logger.Warn("redis: the server does not keep to its protocol", "session", d.gs.ID, "error", bad)
				err = bad
			}
		}
		if err != nil {
			d.last("the resource has closed the connection")
			return "server closed"
		}
	}
	return ""
}

// do lets the machine work and sends what it has for the client. A session that
// the machine has ended is hung up.
func (d *driver) do(f func(*machine)) {
	d.mu.Lock()
	f(d.m)
	h := d.m.watch
	d.m.watch = nil
	due, full, ended := len(d.m.toServer) > 0, d.m.full(), d.m.ended
	d.mu.Unlock()
	if !full {
		signal(d.moved)
	}
	if ended {
		defer d.client.SetReadDeadline(past) // when the last word is said
	}
	if due {
		signal(d.due)
	}
	if h != nil {
		d.wg.Go(func() {
			select {
			case <-h.verdict.Pending.Done():
				d.do(func(m *machine) { m.Resolve(h) })
			case <-d.ctx.Done():
			}
		})
	}
	d.flushClient()
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// writeServer sends what the machine has for the server, once the intents that
// come before it are durable. Nobody else writes there: a reader that did could
// wait for a server that waits for it.
func (d *driver) writeServer() {
	for {
		select {
		case <-d.due:
		case <-d.ctx.Done():
			return
		}
		d.mu.Lock()
		b, after := d.m.toServer, d.m.serverAfter
		d.m.toServer = nil
		if d.m.ended {
			b = nil
		}
		full := d.m.full()
		d.mu.Unlock()
		if !full {
			signal(d.moved)
		}
		if len(b) == 0 {
			continue
		}
		if !d.gs.WaitDurable(after) {
			d.mu.Lock()
			d.m.toClient, d.m.clientAfter = nil, 0
			d.m.fatal(logStopped)
			d.mu.Unlock()
			d.flushClient()
			d.client.SetReadDeadline(past)
			return
		}
		d.up.SetWriteDeadline(time.Now().Add(writeTime))
		if _, err := d.up.Write(b); err != nil {
			d.up.SetReadDeadline(past)
			return
		}
	}
}

const logStopped = "the audit log has stopped: nothing is forwarded. Refused to be safe. Do not retry; tell the operator."

// flushClient sends what the machine has for the client, once the records that
// come before it are durable.
func (d *driver) flushClient() {
	d.toClient.Lock()
	defer d.toClient.Unlock()
	d.mu.Lock()
	b, after := d.m.toClient, d.m.clientAfter
	d.m.toClient = nil
	d.mu.Unlock()
	if len(b) == 0 {
		return
	}
	if !d.gs.WaitDurable(after) {
		d.mu.Lock()
		d.m.ended, d.m.toClient = true, nil
		d.mu.Unlock()
		b = []byte("-ERR sluice: " + logStopped + "\r\n")
		defer d.client.SetReadDeadline(past)
	}
	patience := writeTime
	if d.ctx.Err() != nil {
		patience = lastWord
	}
	d.client.SetWriteDeadline(time.Now().Add(patience))
	if _, err := d.client.Write(b); err != nil {
		d.client.SetReadDeadline(past)
	}
}

// awaitAnswers lets what a client left behind end, for a while: it may have
// closed only its sending side. A command that blocks ends with its client.
func (d *driver) awaitAnswers() {
	deadline := time.Now().Add(afterWords)
	for time.Now().Before(deadline) {
		d.mu.Lock()
		d.m.leaveHold()
		owed := len(d.m.queue) > 0 && !d.m.ended
		if owed && d.m.queue[0].a != nil && d.m.queue[0].a.command.Has("blocking") {
			owed = false
		}
		d.mu.Unlock()
		if !owed {
			return
		}
		select {
		case <-d.ctx.Done():
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// watchEnd ends the session when the gateway wants it to, or its time is over.
func (d *driver) watchEnd() string {
	var timer <-chan time.Time
	if expires := d.gs.Expires(d.m.opts.Limits.Session); !expires.IsZero() {
		t := time.NewTimer(time.Until(expires))
		defer t.Stop()
		timer = t.C
	}
	select {
	case <-d.ctx.Done():
		return ""
	case <-d.gs.Ended():
		end, text := d.gs.Why()
		if end == gate.EndDrain {
			d.untilIdle()
		}
		d.last(text)
		return text
	case <-timer:
		d.untilIdle()
		d.last("the session's log-in has expired: connect again with a new token")
		return "expired"
	}
}

// untilIdle waits until nothing is under way, for a while.
func (d *driver) untilIdle() {
	deadline := time.Now().Add(10 * time.Second)
	for time.Now().Before(deadline) {
		d.mu.Lock()
		idle := len(d.m.queue) == 0
		d.mu.Unlock()
		if idle {
			return
		}
		select {
		case <-d.ctx.Done():
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// last says a last word to the client.
func (d *driver) last(text string) {
	d.mu.Lock()
	d.m.fatal(text)
	d.mu.Unlock()
	d.client.SetWriteDeadline(time.Now().Add(lastWord))
	d.flushClient()
}

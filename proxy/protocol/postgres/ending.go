package postgres

import (
	"time"

	"sluice.dev/proxy/gate"
)

// How a session ends, and what it runs is stopped.

// lastWord bounds the write of a session's last message to a client that may
// not be reading.
const lastWord = 2 * time.Second

const logInExpired = "the session's log-in has expired: connect again with a new token"

// awaitAnswers lets a command end whose client is gone, for a while: its
// outcome is worth knowing, and a client may close only its sending side and
// read on.
func (d *driver) awaitAnswers() {
	d.mu.Lock()
	d.m.leaveHold() // nobody is there to wait for it
	d.mu.Unlock()
	for range 100 {
		d.mu.Lock()
		owed := len(d.m.queue) > 0 && !d.m.ended
		d.mu.Unlock()
		if !owed {
			return
		}
		select {
		case <-d.ctx.Done():
			return
		case <-time.After(50 * time.Millisecond):
		}
	}
	d.cancelUpstream()
}

// watchEnd ends the session when the gateway wants it to, or its time is over.
func (d *driver) watchEnd() string {
	limits := d.opts.limits()
	expires := d.gs.Expires(limits.Session)
	var timer <-chan time.Time
	if !expires.IsZero() {
		t := time.NewTimer(time.Until(expires))
		defer t.Stop()
		timer = t.C
	}
	select {
	case <-d.ctx.Done():
		return ""
	case <-d.gs.Ended():
		end, text := d.gs.Why()
		code := "57P01"
		switch end {
		case gate.EndStopped:
			code = "57P03"
		case gate.EndRevoked:
			code = "28000"
		case gate.EndDrain:
			d.untilIdle(10*time.Second, false)
		}
		d.last(code, text)
		return text
	case <-timer:
		// Never inside a command, and for a while not inside a transaction.
		d.do(func(m *machine) { m.expiring = true })
		d.untilIdle(limits.Transaction, true)
		d.last("28000", logInExpired)
		return "expired"
	}
}

// untilIdle waits until the session is owed nothing, at most for limit; with
// transaction, also until no transaction is open.
func (d *driver) untilIdle(limit time.Duration, transaction bool) {
	deadline := time.Now().Add(limit)
	for {
		d.mu.Lock()
		idle := d.m.idle() && (!transaction || d.m.tx == 'I')
		if !transaction && d.m.held != nil && len(d.m.queue) == 0 {
			idle = true // its ticket is durable; nothing runs
		}
		commandRuns := !d.m.idle()
		d.mu.Unlock()
		if idle || (time.Now().After(deadline) && (!transaction || !commandRuns)) {
			return
		}
		select {
		case <-d.ctx.Done():
			return
		case <-d.gs.Ended():
			if transaction {
				return
			}
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// last says a last word to the client, and stops what its session runs: nothing
// of it is to take effect any more.
func (d *driver) last(code, text string) {
	d.ending.Lock()
	defer d.ending.Unlock()
	d.lock()
	runs := d.m.runs()
	d.m.fatal(code, text)
	d.mu.Unlock()
	d.closing.Store(true)
	d.client.SetWriteDeadline(time.Now().Add(lastWord)) // whoever is writing to it now
	if runs {
		d.cancelUpstream()
	}
	d.flushClient()
}

// Cancel is the client's CancelRequest for this session.
func (d *driver) Cancel() {
	later := false
	d.do(func(m *machine) {
		if later = m.Cancel(); !later && (d.unsent || len(m.toServer) > 0) {
			d.cancelDue, later = true, true // whoever sends it does that
		}
	})
	if !later {
		d.cancelUpstream()
	}
}

// leavesClean says, after run, whether the session has left the server's
// connection as if it had never been there, but for what DISCARD ALL undoes.
func (d *driver) leavesClean() bool {
	d.cancels.Lock() // whoever asks the server to cancel is done, and nobody begins
	defer d.cancels.Unlock()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.gone = true
	return !d.cancelled && !d.broken.Load() && d.m.settled() && d.server.in.Buffered() == 0
}

func (d *driver) cancelUpstream() {
	d.cancels.Lock()
	defer d.cancels.Unlock()
	if d.server.secret == nil || d.gone {
		return
	}
	d.cancelled = true
	if err := d.opts.Upstream.cancel(d.ctx, d.server.pid, d.server.secret); err != nil && d.ctx.Err() == nil {
		d.gs.Gateway().Logger.Warn("postgres: a cancel request could not be passed on", "session", d.gs.ID, "error", err)
	}
}

// cancelReads wakes both readers: a side cannot be written to any more.
func (d *driver) cancelReads() {
	d.mu.Lock()
	d.m.ended = true
	d.mu.Unlock()
	d.client.SetReadDeadline(past)
	d.server.conn.SetReadDeadline(past)
}

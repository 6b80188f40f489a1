package postgres

import "time"

// standstill is how long the loop may be at one session's command, and at most
// twice as long. Most take microseconds; a ledger or a catalog far away may take
// seconds. On a busy machine a thread may have to wait for some milliseconds,
// which is no reason to move anything.
const standstill = 25 * time.Millisecond

// watch looks that nothing holds up all sessions: where deciding about a command
// takes long, another goroutine goes on with the loop, and the one that is held
// up keeps that session alone; where the log does, those that wait for it leave.
// It sleeps with the loop.
func (l *loop) watch() {
	tick := time.NewTicker(standstill)
	defer tick.Stop()
	seen, still := uint64(0), 0
	for {
		select {
		case <-tick.C:
		case <-l.ended:
			return
		}
		switch calls := l.calls.Load(); {
		case calls != seen:
			seen, still = calls, 0
		case l.feeding.Load() != nil:
			l.takeOver()
		case still < 20:
			still++
		default:
			tick.Stop()
			l.resting.Store(true)
			if l.calls.Load() == seen { // else it has not seen the sign
				select {
				case <-l.stirs:
				case <-l.ended:
					return
				}
			}
			l.resting.Store(false)
			still = 0
			tick.Reset(standstill)
		}
	}
}

// takeOver goes on with the loop in place of a goroutine that is held up, by one
// session's command or by the log. That one finds out by what is no longer its
// own.
func (l *loop) takeOver() {
	g := l.feeding.Load()
	if g == nil || !l.feeding.CompareAndSwap(g, nil) {
		return
	}
	if g == l.log {
		l.log = &guest{}
		l.leaveLog()
	} else {
		l.leave(g)
	}
	go l.run()
}

// leave leaves a session to the goroutine that is held up by it.
func (l *loop) leave(g *guest) {
	g.d.gs.Gateway().Logger.Info("postgres: deciding about a command takes long; other sessions go on without it", "session", g.d.gs.ID)
	l.buf = make([]byte, len(l.buf)) // it may not have read the other to its end
	g.moved = false
	for i, r := range l.round {
		if r == g {
			l.round = append(l.round[:i], l.round[i+1:]...)
			break
		}
	}
	l.drop(g)
}

// leaveLog gives back the sessions that wait for the log: each waits by itself,
// can be killed, and ends when the log has not moved for long (gate.Session.WaitDurable).
func (l *loop) leaveLog() {
	said := false
	for _, g := range l.round {
		if l.send(g) == 0 {
			continue
		}
		g.leaves = true
		if !said {
			said = true
			g.d.gs.Gateway().Logger.Warn("postgres: the audit log takes long; each session waits for it by itself")
		}
	}
	l.endRound()
}

// stir wakes who watches.
func (l *loop) stir() {
	if l.resting.Load() {
		signal(l.stirs)
	}
}

package postgres

import "time"

// rhythm says that nothing is to be done for the session but moving bytes
// between its two sides.
func (m *machine) rhythm() bool {
	return m.want == (wants{}) && m.held == nil && m.copying == nil && !m.ended && !m.left && !m.cancelling && !m.expiring && !m.full()
}

// lock is d.mu for whoever changes the machine and is not the loop: a session
// that the loop has comes back first.
func (d *driver) lock() {
	d.mu.Lock()
	for d.guest != nil {
		g := d.guest
		d.mu.Unlock()
		g.ask()
		<-g.back
		d.mu.Lock()
	}
}

// The answers that a session gets from this driver before the loop has it
// again: the most, and the least, which doubles with each visit.
const (
	leastAnswers = 32
	mostAnswers  = 4096
)

// mayVisit counts an answer, and says whether the loop may have the session.
func (d *driver) mayVisit() bool {
	d.answers++
	return d.loops != nil && d.client.raw != nil && d.up.raw != nil && d.answers >= d.patience
}

// visitLoop lets the loop have the session, if it is one for it, and takes up
// what the loop left to be done.
func (d *driver) visitLoop() {
	if d.pausing.CompareAndSwap(true, false) {
		d.client.SetReadDeadline(time.Time{})
	}
	if d.loops != nil {
		d.loops.serve(d)
	}
	d.answers, d.patience = 0, min(max(leastAnswers, 2*d.patience), mostAnswers)
	if want := d.do(func(*machine) {}); want.Reload {
		d.reload(want.Inside)
	}
	d.mu.Lock()
	ended := d.m.ended
	d.mu.Unlock()
	if ended { // perhaps since before the deadline was taken back
		d.cancelReads()
	}
}

package postgres

import (
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"sluice.dev/proxy/gate"
)

// loops is the second driver under the machine: one goroutine reads and writes
// the sockets of many sessions by raw calls under an epoll of its own, and waits
// for the audit log once for all of them. It does the protocol's rhythm and
// nothing else: whatever is more goes back to the session's own goroutines, with
// all that the machine holds. Its zero value is ready; the goroutine is there
// while there are sessions.
type loops struct {
	mu  sync.Mutex
	all []*loop // those with sessions
}

// crowd is how many sessions a loop has before there is another. At most half
// of the cores get one: more threads than there is work cost more than they
// bring (reference/hotpath.md 5), and other goroutines want to run, too.
const crowd = 16

// loop is one epoll and the goroutine that owns it.
type loop struct {
	of   *loops
	ep   int
	bell int // an eventfd: something was asked of the goroutine

	// Under of.mu.
	joining, leaving []*guest
	guests           int
	gone             bool

	// What the goroutine is at, for whoever watches that it does not stand still:
	// a session's command, or the log, which the guest of that name stands for.
	// Each goroutine has a log of its own: one that was held up must not take the
	// wait of another for its own.
	feeding atomic.Pointer[guest]
	log     *guest
	calls   atomic.Uint64
	resting atomic.Bool // nobody watches
	stirs   chan struct{}
	ended   chan struct{}

	// Of the goroutine alone, or of the one that takes over from it.
	n, at  int      // events; those handled
	slots  []*guest // by the number in their events; the first is the bell's
	free   []int
	round  []*guest // have moved in this round
	due    gate.Seq // of the records that answers under way wait for
	dueOf  *driver  // whose that is
	events [128]syscall.EpollEvent
	buf    []byte
}

// guest is a session while a loop has it.
type guest struct {
	d              *driver
	in             *loop
	client, server int // sockets, which Go's poller does not know
	slot           int
	moved, leaves  bool
	asked          bool          // under loops.mu: it is wanted back
	slow           int           // how often lately it took long to say what to do
	back           chan struct{} // closed when the session is its driver's again
}

func newLoop(of *loops) (*loop, error) {
	ep, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	bell, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		unix.Close(ep) //nolint:errcheck // nothing is in it
		return nil, os.NewSyscallError("eventfd", err)
	}
	l := &loop{of: of, ep: ep, bell: bell, log: &guest{}, slots: make([]*guest, 1), buf: make([]byte, 4*chunk), stirs: make(chan struct{}, 1), ended: make(chan struct{})}
	if err := l.listen(bell, 0); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

func (l *loop) close() {
	unix.Close(l.bell) //nolint:errcheck // there is nothing to lose in it
	unix.Close(l.ep)   //nolint:errcheck // likewise
}

func (l *loop) ring() {
	one := [8]byte{1}
	writeNow(uintptr(l.bell), one[:]) //nolint:errcheck // full, it rings already
}

func (l *loop) listen(fd, id int) error {
	e := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(id)}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(l.ep, unix.EPOLL_CTL_ADD, fd, &e))
}

// run is the goroutine. It ends with the last session, or when another has taken
// over from it.
func (l *loop) run() {
	for {
		for l.at < l.n {
			e := l.events[l.at]
			l.at++
			if e.Fd < 2 {
				if !l.errands() {
					close(l.ended)
					l.close()
					return
				}
			} else if g := l.slots[e.Fd/2]; g != nil && !l.read(g, e.Fd%2 == 1) {
				return
			}
		}
		if !l.settle() || !l.wait() {
			return
		}
	}
}

// wait gets the next events. Before it sleeps, the log gets the records that
// answers will wait for, so that the disk works while the databases do. It
// reports false when another goroutine has taken over.
func (l *loop) wait() bool {
	l.at, l.n = 0, l.poll(0)
	if l.n == 0 && l.due > 0 {
		s, d := l.due, l.dueOf
		l.due, l.dueOf = 0, nil
		if _, mine := l.durable(d, s); !mine {
			return false
		}
		l.n = l.poll(0)
	}
	for l.n == 0 {
		l.n = l.poll(-1)
	}
	return true
}

// durable waits for a record of a session's. mine is false when that took so
// long that another goroutine has taken over.
func (l *loop) durable(d *driver, s gate.Seq) (ok, mine bool) {
	if d.gs.Durable(s) {
		return true, true
	}
	l.calls.Add(1)
	l.stir()
	log := l.log
	l.feeding.Store(log)
	ok = d.gs.WaitDurable(s)
	return ok, l.feeding.CompareAndSwap(log, nil)
}

// poll asks the kernel. One that does not wait does not tell the scheduler that
// a system call is under way, which line has the reasons for.
func (l *loop) poll(timeout int) int {
	call := syscall.RawSyscall6
	if timeout != 0 {
		call = syscall.Syscall6
	}
	n, _, errno := call(syscall.SYS_EPOLL_PWAIT, uintptr(l.ep), uintptr(unsafe.Pointer(&l.events)), uintptr(len(l.events)), uintptr(timeout), 0, 0)
	if errno != 0 {
		return 0
	}
	return int(n)
}

// errands takes the sessions that come and go. It reports false when none is
// left.
func (l *loop) errands() bool {
	var b [8]byte
	readNow(uintptr(l.bell), b[:]) //nolint:errcheck // the lists say what there is
	l.of.mu.Lock()
	joining, leaving := l.joining, l.leaving
	l.joining, l.leaving = nil, nil
	none := l.guests == 0
	if none {
		l.gone = true
		l.of.all = slices.DeleteFunc(l.of.all, func(o *loop) bool { return o == l })
	}
	l.of.mu.Unlock()
	for _, g := range joining {
		l.admit(g)
	}
	for _, g := range leaving {
		if g.slot > 0 {
			g.leaves = true
			l.moves(g)
		}
	}
	return !none
}

func (l *loop) admit(g *guest) {
	if n := len(l.free); n > 0 {
		g.slot, l.free = l.free[n-1], l.free[:n-1]
		l.slots[g.slot] = g
	} else {
		g.slot = len(l.slots)
		l.slots = append(l.slots, g)
	}
	l.moves(g)
	if l.listen(g.client, 2*g.slot) != nil || l.listen(g.server, 2*g.slot+1) != nil {
		g.leaves = true
	}
}

func (l *loop) moves(g *guest) {
	if !g.moved {
		g.moved = true
		l.round = append(l.round, g)
	}
}

// read feeds a session's machine with what one side has sent. The end of a side
// is found again by the driver's own goroutines. It reports false when another
// goroutine has taken over.
func (l *loop) read(g *guest, server bool) bool {
	l.moves(g)
	if g.leaves {
		return true
	}
	fd := g.client
	if server {
		fd = g.server
	}
	n, errno := readNow(uintptr(fd), l.buf)
	switch {
	case errno == syscall.EAGAIN || errno == syscall.EINTR:
		return true
	case errno != 0 || n == 0:
		g.leaves = true
		return true
	}
	began := time.Now()
	l.calls.Add(1)
	l.stir()
	l.feeding.Store(g)
	leaves := g.feed(l.buf[:n], server)
	if !l.feeding.CompareAndSwap(g, nil) {
		g.handBack()
		return false
	}
	g.leaves = leaves || g.tooSlow(time.Since(began))
	return true
}

func (g *guest) feed(b []byte, server bool) (leaves bool) {
	d := g.d
	d.mu.Lock()
	defer d.mu.Unlock()
	if server {
		d.m.Server(b)
	} else {
		d.m.Client(b)
	}
	return !d.m.rhythm()
}

// tooSlow says that a session's commands have taken long to decide about, time
// and again: other cores can do that while this one moves bytes.
func (g *guest) tooSlow(took time.Duration) bool {
	if took < 120*time.Microsecond {
		g.slow = max(g.slow-1, 0)
		return false
	}
	g.slow += 2 // a command is at least two such moments, of which one decides
	if g.slow > 16 {
		g.d.patience = mostAnswers
		g.d.gs.Gateway().Logger.Debug("postgres: deciding about a session's commands takes long; it goes on without the loop", "session", g.d.gs.ID)
		return true
	}
	return false
}

// settle ends a round: what need not wait is sent, then the log is waited for
// once, then the rest is sent. It reports false when another goroutine has taken
// over.
func (l *loop) settle() bool {
	var after gate.Seq
	var of *driver
	for _, g := range l.round {
		if s := l.send(g); s > after {
			after, of = s, g.d
		}
	}
	if after > 0 {
		ok, mine := l.durable(of, after)
		if !mine {
			return false
		}
		for _, g := range l.round {
			if l.send(g) > 0 || !ok {
				g.leaves = true
			}
		}
	}
	l.endRound()
	return true
}

// endRound gives back the sessions that are none for the loop any more.
func (l *loop) endRound() {
	for _, g := range l.round {
		g.moved = false
		if g.leaves {
			l.dismiss(g)
		}
	}
	clear(l.round)
	l.round = l.round[:0]
}

// send writes what a session has to say as far as its records are durable, and
// returns the one that the rest waits for.
func (l *loop) send(g *guest) (after gate.Seq) {
	d := g.d
	d.mu.Lock()
	defer d.mu.Unlock()
	m := d.m
	if len(m.toServer) > 0 {
		if d.gs.Durable(m.serverAfter) {
			m.toServer = g.write(g.server, m.toServer)
		} else {
			after = m.serverAfter
		}
	}
	if len(m.toClient) > 0 {
		if d.gs.Durable(m.clientAfter) {
			m.toClient = g.write(g.client, m.toClient)
		} else {
			after = max(after, m.clientAfter)
		}
	}
	if m.clientAfter > l.due {
		l.due, l.dueOf = m.clientAfter, d
	}
	return after
}

// write writes b once, and returns what is left of it. A side that does not take
// all of it is not one for the loop.
func (g *guest) write(fd int, b []byte) []byte {
	n, errno := writeNow(uintptr(fd), b)
	if errno == 0 && n == len(b) {
		return again(b)
	}
	g.leaves = true
	if errno != 0 {
		return b
	}
	return b[:copy(b, b[n:])]
}

// dismiss gives a session back.
func (l *loop) dismiss(g *guest) {
	l.drop(g)
	g.handBack()
}

// drop takes a session out of the loop.
func (l *loop) drop(g *guest) {
	unix.EpollCtl(l.ep, unix.EPOLL_CTL_DEL, g.client, nil) //nolint:errcheck // it may never have been in it
	unix.EpollCtl(l.ep, unix.EPOLL_CTL_DEL, g.server, nil) //nolint:errcheck // likewise
	l.slots[g.slot] = nil
	l.free = append(l.free, g.slot)
	g.slot = 0
	l.of.mu.Lock()
	defer l.of.mu.Unlock()
	if l.guests--; l.guests == 0 {
		l.ring() // to come to the end
	}
}

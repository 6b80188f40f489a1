package postgres

import (
	"net"
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// serve lets the loop have the session, and returns when it is the driver's own
// again: at once if it is none for the loop.
func (ls *loops) serve(d *driver) {
	g := d.visit()
	if g == nil {
		return
	}
	if err := ls.join(g); err != nil {
		g.handBack()
	}
	<-g.back
}

func (ls *loops) join(g *guest) error {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	for _, l := range ls.all {
		if g.in == nil || l.guests < g.in.guests {
			g.in = l
		}
	}
	if g.in == nil || g.in.guests >= crowd && len(ls.all) < runtime.GOMAXPROCS(0)/2 {
		l, err := newLoop(ls)
		if err != nil {
			return err
		}
		g.in, ls.all = l, append(ls.all, l)
		go l.run()   // ends with its last guest
		go l.watch() // likewise
	}
	g.in.guests++
	g.in.joining = append(g.in.joining, g)
	if g.asked {
		g.in.leaving = append(g.in.leaving, g)
	}
	g.in.ring()
	return nil
}

// ask wants the session back. The loop may not have it yet, or no more.
func (g *guest) ask() {
	ls := g.d.loops
	ls.mu.Lock()
	defer ls.mu.Unlock()
	g.asked = true
	if g.in != nil && !g.in.gone {
		g.in.leaving = append(g.in.leaving, g)
		g.in.ring()
	}
}

// visit takes the session's sockets away from Go's poller, which would wake a
// thread for each event whoever reads them, by making new descriptors and
// closing the old. nil: the session is none for the loop, as it stands.
func (d *driver) visit() *guest {
	d.toClient.Lock() // nobody is between taking bytes and writing them
	defer d.toClient.Unlock()
	d.toServer.Lock()
	defer d.toServer.Unlock()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.client.raw == nil || d.up.raw == nil || d.up.ahead != nil && d.up.ahead.Buffered() > 0 || !d.m.rhythm() {
		return nil
	}
	client, err := another(d.client.raw)
	if err != nil {
		return nil
	}
	server, err := another(d.up.raw)
	if err != nil {
		unix.Close(client) //nolint:errcheck // the connection has another
		return nil
	}
	d.client.Close()
	d.up.Close()
	d.gs.Gather(true)
	d.guest = &guest{d: d, client: client, server: server, back: make(chan struct{})}
	return d.guest
}

func another(raw syscall.RawConn) (fd int, err error) {
	if cerr := raw.Control(func(old uintptr) {
		fd, err = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 0)
	}); cerr != nil {
		return 0, cerr
	}
	return fd, err
}

// handBack makes connections of the sockets again. Where that fails (no more
// files may be open) the session ends.
func (g *guest) handBack() {
	d := g.d
	d.mu.Lock()
	client, err := connOf(g.client)
	up, uerr := connOf(g.server)
	switch {
	case err == nil && uerr == nil:
		d.client, d.up = newLine(client, nil), newLine(up, nil)
		d.server.conn = up
		d.server.in.Reset(up)
	case err == nil:
		client.Close()
	case uerr == nil:
		up.Close()
	}
	if err != nil || uerr != nil {
		d.m.ended = true
	}
	d.gs.Gather(false)
	d.guest = nil
	d.mu.Unlock()
	close(g.back)
}

func connOf(fd int) (net.Conn, error) {
	f := os.NewFile(uintptr(fd), "")
	defer f.Close()
	return net.FileConn(f)
}

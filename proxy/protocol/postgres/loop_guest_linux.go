package postgres

import (
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

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

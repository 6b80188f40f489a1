package postgres

import (
	"bufio"
	"io"
	"net"
	"syscall"
	"time"
)

// line is one side of a session: a connection that one goroutine reads and one
// at a time writes. Where it is a plain socket, and the system is one that
// line_linux.go knows, its calls go past net.Conn: the runtime's poller still
// wakes the reader, but a read or write that cannot block does not tell the
// scheduler that a system call is under way, which keeps its monitor awake and
// makes threads wake each other (PROFILE.md).
type line struct {
	net.Conn
	ahead *bufio.Reader   // what was read ahead at log-in; nil: nothing
	raw   syscall.RawConn // nil: through Conn

	// Of the read and the write that are under way; the functions are made
	// once, so that no call allocates.
	buf      []byte
	take     func([]byte) bool
	readErr  error
	readable func(uintptr) bool
	out      []byte
	patience time.Duration
	timed    bool
	writeErr error
	writable func(uintptr) bool
}

func newLine(conn net.Conn, ahead *bufio.Reader) *line {
	l := &line{Conn: conn, ahead: ahead}
	l.raw = rawConn(conn)
	l.readable, l.writable = l.readSome, l.writeSome
	return l
}

// pump reads into buf and hands over what came, until take says that it has
// had enough or nothing can be read any more. Between two calls nothing is
// lost. While take runs, the connection must not be read by other means.
func (l *line) pump(buf []byte, take func([]byte) bool) error {
	for l.ahead != nil && l.ahead.Buffered() > 0 {
		n, err := l.ahead.Read(buf)
		if err != nil {
			return err
		}
		if !take(buf[:n]) {
			return nil
		}
	}
	if l.raw != nil {
		l.buf, l.take, l.readErr = buf, take, nil
		if err := l.raw.Read(l.readable); err != nil {
			return err
		}
		return l.readErr
	}
	for {
		n, err := l.Read(buf)
		if n > 0 && !take(buf[:n]) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// send writes all of b. A write that has to wait does so for patience at most,
// or without end where that is 0.
func (l *line) send(b []byte, patience time.Duration) error {
	if l.raw == nil {
		if patience > 0 {
			l.SetWriteDeadline(time.Now().Add(patience))
		}
		_, err := l.Write(b)
		return err
	}
	l.out, l.patience, l.timed, l.writeErr = b, patience, false, nil
	err := l.raw.Write(l.writable)
	l.out = nil
	if err != nil {
		return err
	}
	if l.timed {
		l.SetWriteDeadline(time.Time{})
	}
	return l.writeErr
}

// readSome is called when there may be something to read; false waits for it.
func (l *line) readSome(fd uintptr) bool {
	for {
		n, errno := readNow(fd, l.buf)
		switch {
		case errno == syscall.EINTR:
			continue
		case errno == syscall.EAGAIN:
			return false
		case errno != 0:
			l.readErr = &net.OpError{Op: "read", Net: "tcp", Err: errno}
			return true
		case n == 0:
			l.readErr = io.EOF
			return true
		}
		if !l.take(l.buf[:n]) {
			return true
		}
	}
}

// writeSome is called when something may be written; false waits for that.
func (l *line) writeSome(fd uintptr) bool {
	for len(l.out) > 0 {
		n, errno := writeNow(fd, l.out)
		switch {
		case errno == syscall.EINTR:
			continue
		case errno == syscall.EAGAIN:
			if l.patience > 0 && !l.timed {
				l.timed = true
				l.SetWriteDeadline(time.Now().Add(l.patience))
			}
			return false
		case errno != 0:
			l.writeErr = &net.OpError{Op: "write", Net: "tcp", Err: errno}
			return true
		}
		l.out = l.out[n:]
	}
	return true
}

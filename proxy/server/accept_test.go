package server

import (
	"context"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// What net/http lets linger for half a second after an answer is no leak.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("net/http.(*conn).closeWriteAndWait"))
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

func dial(t *testing.T, ln net.Listener) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// serving starts Serve and returns what it returned.
func serving(ctx context.Context, ln net.Listener, o AcceptOptions, handle func(context.Context, net.Conn)) <-chan error {
	done := make(chan error, 1)
	go func() { done <- Serve(ctx, ln, o, handle) }()
	return done
}

func echo(_ context.Context, c net.Conn) { _, _ = io.Copy(c, c) }

func ping(t *testing.T, c net.Conn) {
	t.Helper()
	if _, err := c.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
}

func TestServeDrains(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	ln := listen(t)
	told := make(chan struct{})
	done := serving(ctx, ln, AcceptOptions{Drain: time.Hour}, func(ctx context.Context, c net.Conn) {
		_, _ = io.CopyN(c, c, 1)
		<-ctx.Done()
		close(told)
		_, _ = io.CopyN(c, c, 1) // comes to an end at its own moment
	})
	c := dial(t, ln)
	ping(t, c)
	cancel()
	<-told
	if _, err := net.Dial("tcp", ln.Addr().String()); err == nil {
		t.Error("it still accepts while it drains")
	}
	select {
	case err := <-done:
		t.Fatalf("it did not wait for its connection: %v", err)
	default:
	}
	ping(t, c)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestServeClosesAfterDrain(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	ln := listen(t)
	done := serving(ctx, ln, AcceptOptions{Drain: time.Millisecond}, echo) // echo never looks at its context
	c := dial(t, ln)
	ping(t, c)
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(make([]byte, 1)); err == nil {
		t.Error("the connection is still open")
	}
}

func TestServeBoundsConnections(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	ln := listen(t)
	var open, most atomic.Int64
	done := serving(ctx, ln, AcceptOptions{MaxConns: 2, Drain: time.Millisecond}, func(_ context.Context, c net.Conn) {
		n := open.Add(1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		_, _ = io.CopyN(c, c, 1)
		open.Add(-1)
	})
	var all []net.Conn
	for range 6 {
		all = append(all, dial(t, ln)) // the kernel accepts; we do not yet
	}
	for _, c := range all {
		ping(t, c) // each gets its turn as another ends
	}
	if most.Load() > 2 {
		t.Errorf("%d connections at once, 2 were allowed", most.Load())
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestServeSurvivesPanic(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	ln := listen(t)
	first := true
	done := serving(ctx, ln, AcceptOptions{MaxConns: 1}, func(ctx context.Context, c net.Conn) {
		if first {
			first = false
			panic("a bug")
		}
		_, _ = io.CopyN(c, c, 1)
	})
	if _, err := dial(t, ln).Read(make([]byte, 1)); err == nil {
		t.Error("a panic left its connection open")
	}
	ping(t, dial(t, ln))
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// sick is a listener whose first accepts fail as they do when files have run out.
type sick struct {
	net.Listener
	fail atomic.Int64
}

func (s *sick) Accept() (net.Conn, error) {
	if s.fail.Add(-1) >= 0 {
		return nil, syscall.EMFILE
	}
	return s.Listener.Accept()
}

func TestServeAcceptFails(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	ln := &sick{Listener: listen(t)}
	ln.fail.Store(3)
	done := serving(ctx, ln, AcceptOptions{MaxConns: 1, Drain: time.Millisecond}, echo)
	ping(t, dial(t, ln))
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}

	broken := listen(t)
	done = serving(t.Context(), broken, AcceptOptions{Drain: time.Hour}, echo)
	c := dial(t, broken)
	ping(t, c)
	broken.Close()
	if err := <-done; !errors.Is(err, net.ErrClosed) {
		t.Errorf("a listener that broke: %v", err)
	}
	if _, err := c.Read(make([]byte, 1)); err == nil {
		t.Error("it left a connection behind")
	}
}

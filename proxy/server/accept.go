// Package server is what listens: it accepts connections for protocols, serves HTTP with TLS whose certificates may be
// replaced while it runs, answers health and metrics, and has the admin socket. It knows no protocol.
package server

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"runtime/debug"
	"sync"
	"time"
)

// AcceptOptions are the bounds of Serve.
type AcceptOptions struct {
	// MaxConns is how many connections are open at once (default 4096). Above it the listener waits: clients queue in
	// the kernel's backlog, where they cost next to nothing.
	MaxConns int
	// Drain is how long open connections may go on once ctx has ended (default 30 s) before they are closed.
	Drain  time.Duration
	Logger *slog.Logger
}

// acceptPause bounds the wait after a failed accept; running out of files is the usual reason, and heals.
const (
	acceptPauseMin = 5 * time.Millisecond
	acceptPauseMax = time.Second
)

// Serve accepts connections and hands each to handle in a goroutine of its own, until ctx ends. Then it stops
// accepting and ends the context of the handlers, which is the sign to come to an end at the next good moment; after
// o.Drain it closes what is still open. It returns when every handler has returned: nil after ctx ended, else the
// listener's error. handle's connection is closed for it; a panic costs its own connection only.
func Serve(ctx context.Context, ln net.Listener, o AcceptOptions, handle func(ctx context.Context, c net.Conn)) error {
	if o.MaxConns <= 0 {
		o.MaxConns = 4096
	}
	if o.Drain <= 0 {
		o.Drain = 30 * time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	a := &acceptor{o: o, handle: handle, open: map[net.Conn]struct{}{}, slots: make(chan struct{}, o.MaxConns)}
	closeListener := sync.OnceFunc(func() { _ = ln.Close() })
	defer context.AfterFunc(ctx, closeListener)()
	err := a.accept(ctx, ln)
	closeListener()
	a.drain(ctx)
	return err
}

// acceptor owns the goroutines of one listener.
type acceptor struct {
	o      AcceptOptions
	handle func(context.Context, net.Conn)
	slots  chan struct{}
	wait   sync.WaitGroup
	mu     sync.Mutex
	open   map[net.Conn]struct{}
}

func (a *acceptor) accept(ctx context.Context, ln net.Listener) error {
	pause := acceptPauseMin
	for {
		select {
		case a.slots <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		c, err := ln.Accept()
		if err == nil {
			pause = acceptPauseMin
			a.start(ctx, c)
			continue
		}
		<-a.slots
		if ctx.Err() != nil {
			return nil //nolint:nilerr // we closed the listener ourselves
		}
		if errors.Is(err, net.ErrClosed) {
			return err
		}
		a.o.Logger.Warn("accept failed, trying again", "address", ln.Addr().String(), "error", err, "in", pause)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil
		}
		pause = min(2*pause, acceptPauseMax)
	}
}

func (a *acceptor) start(ctx context.Context, c net.Conn) {
	a.mu.Lock()
	a.open[c] = struct{}{}
	a.mu.Unlock()
	// Owned by Serve, which waits for it in drain.
	a.wait.Go(func() {
		defer func() {
			if p := recover(); p != nil {
				a.o.Logger.Error("a connection's handler panicked", "from", c.RemoteAddr().String(), "panic", p, "stack", string(debug.Stack()))
			}
			a.mu.Lock()
			delete(a.open, c)
			a.mu.Unlock()
			_ = c.Close()
			<-a.slots
		}()
		a.handle(ctx, c)
	})
}

func (a *acceptor) drain(ctx context.Context) {
	done := make(chan struct{})
	var closer sync.WaitGroup
	closer.Go(func() {
		limit := a.o.Drain
		if ctx.Err() == nil {
			limit = 0 // the listener broke: nobody told the handlers to end
		}
		select {
		case <-done:
			return
		case <-time.After(limit):
		}
		a.mu.Lock()
		defer a.mu.Unlock()
		for c := range a.open {
			_ = c.Close()
		}
	})
	a.wait.Wait()
	close(done)
	closer.Wait()
}

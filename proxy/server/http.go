package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"
)

// HTTP is one listener of everything that speaks HTTP: the console, the API, health, metrics, and later the protocols
// over HTTP. Any of the handlers may be nil.
type HTTP struct {
	// TLS is nil for plain text, which is for loopback alone.
	TLS *tls.Config
	// Ready says why the gateway cannot work, or nil.
	Ready   func() error
	Metrics http.Handler
	API     http.Handler // at /api/
	Console http.Handler // at /
	// Mounts are further handlers by pattern, as "/llm/".
	Mounts map[string]http.Handler
	// MaxConns is how many connections are open at once (default 4096).
	MaxConns int
	// Drain is how long open requests may go on after the end (default 15 s).
	Drain  time.Duration
	Logger *slog.Logger
}

// Bounds of a request. There is no bound for an answer here: live ones set a deadline for each write.
const (
	headerTimeout = 10 * time.Second
	bodyTimeout   = 60 * time.Second
	idleTimeout   = 120 * time.Second
	maxHeader     = 64 << 10 // bytes; a token of 16 KiB and some cookies fit
)

// Handler is the routes of the listener.
func (s *HTTP) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { line(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if s.Ready != nil {
			if err := s.Ready(); err != nil {
				line(w, http.StatusServiceUnavailable, "not ready: "+err.Error())
				return
			}
		}
		line(w, http.StatusOK, "ready")
	})
	if s.Metrics != nil {
		mux.Handle("GET /metrics", s.Metrics)
	}
	if s.API != nil {
		mux.Handle("/api/", s.API)
	}
	for pattern, h := range s.Mounts {
		mux.Handle(pattern, h)
	}
	if s.Console != nil {
		mux.Handle("/", s.Console)
	}
	return mux
}

func line(w http.ResponseWriter, code int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(code)
	fmt.Fprintln(w, text)
}

// Serve answers on ln until ctx ends, then lets open requests finish for s.Drain, and returns when all has ended. The
// requests' contexts end with ctx, which ends the live ones at once. It refuses plain text on a listener that the
// network can reach.
func (s *HTTP) Serve(ctx context.Context, ln net.Listener) error {
	if s.TLS == nil && !Loopback(ln.Addr()) {
		_ = ln.Close()
		return fmt.Errorf("server: %s: plain text is for loopback alone; give the listener a certificate (tls { cert_file, key_file })", ln.Addr())
	}
	log := s.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	srv := &http.Server{
		Handler: s.Handler(), ReadHeaderTimeout: headerTimeout, ReadTimeout: bodyTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: maxHeader, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	if s.TLS != nil {
		conf := s.TLS.Clone()
		conf.NextProtos = []string{"h2", "http/1.1"}
		srv.TLSConfig = conf
	}
	limit := s.MaxConns
	if limit <= 0 {
		limit = 4096
	}
	return serve(ctx, srv, bound(ln, limit), s.Drain)
}

// serve runs srv on ln until ctx ends, then shuts it down within drain.
func serve(ctx context.Context, srv *http.Server, ln net.Listener, drain time.Duration) error {
	if drain <= 0 {
		drain = 15 * time.Second
	}
	failed := make(chan error, 1)
	// Owned here: it ends when srv is shut down or closed, and failed is read in both cases.
	go func() {
		if srv.TLSConfig != nil {
			failed <- srv.ServeTLS(ln, "", "")
		} else {
			failed <- srv.Serve(ln)
		}
	}()
	select {
	case err := <-failed:
		_ = srv.Close()
		return fmt.Errorf("server: %s: %w", ln.Addr(), err)
	case <-ctx.Done():
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
	defer cancel()
	err := srv.Shutdown(end)
	if err != nil {
		_ = srv.Close()
	}
	if got := <-failed; !errors.Is(got, http.ErrServerClosed) {
		err = errors.Join(err, got)
	}
	return err
}

// Loopback is whether only this machine can reach the address.
func Loopback(a net.Addr) bool {
	switch a := a.(type) {
	case *net.UnixAddr:
		return true
	case *net.TCPAddr:
		ip, ok := netip.AddrFromSlice(a.IP)
		return ok && ip.Unmap().IsLoopback()
	}
	return false
}

// Swap is a handler that may be replaced while it serves; before the first Set it answers 503.
type Swap struct{ now atomic.Pointer[http.Handler] }

// Set replaces the handler for requests from now on; nil takes it away.
func (s *Swap) Set(h http.Handler) {
	if h == nil {
		s.now.Store(nil)
		return
	}
	s.now.Store(&h)
}

func (s *Swap) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := s.now.Load()
	if h == nil {
		line(w, http.StatusServiceUnavailable, "sluice: not configured here")
		return
	}
	(*h).ServeHTTP(w, r)
}

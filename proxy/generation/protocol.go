package generation

import (
	"context"
	"crypto/tls"
	"net"

	"sluice.dev/proxy/gate"
	"sluice.dev/proxy/identity"
	"sluice.dev/proxy/protocol/postgres"
	"sluice.dev/proxy/protocol/redis"
)

// Listener is how one address of a protocol is served.
type Listener struct {
	TLS        *tls.Config // nil for plain text
	Connection string      // of clients that name none
}

// Handler serves one client until it is gone.
type Handler func(ctx context.Context, conn net.Conn, l *Listener)

// Handlers makes what serves each protocol's listeners.
func Handlers(g *gate.Gateway, verify func(context.Context, string) (*identity.Principal, error)) map[string]Handler {
	pg := &postgres.Server{Gateway: g, Verify: verify}
	rd := &redis.Server{Gateway: g, Verify: verify}
	return map[string]Handler{
		"redis": func(ctx context.Context, conn net.Conn, l *Listener) {
			rd.Handle(ctx, conn, &redis.Listener{TLS: l.TLS, Connection: l.Connection})
		},
		"postgres": func(ctx context.Context, conn net.Conn, l *Listener) {
			pg.Handle(ctx, conn, &postgres.Listener{TLS: l.TLS, Connection: l.Connection})
		},
	}
}

// Healthy says why no command can be read any more, or nil.
func Healthy() error { return postgres.Healthy() }

// Warm does once what would make the first command slow.
func Warm(ctx context.Context) error { return postgres.Warm(ctx) }

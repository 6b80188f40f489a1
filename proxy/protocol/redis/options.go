package redis

import (
	"context"
	"crypto/tls"
	"slices"
	"sync"

	"sluice.dev/proxy/gate"
	"sluice.dev/proxy/protocol/redis/commands"
)

// Options is one connection as a generation compiled it for this protocol; it
// is the gate.Connection's Options.
type Options struct {
	Address  string
	User     string
	Password func(context.Context) (string, error) // nil: none
	TLS      *tls.Config                           // nil: plain text
	// Database is the number of the one that sessions begin in, Databases those
	// that they may SELECT besides.
	Database  string
	Databases []string
	// Columns is the protected set: patterns of keys, perhaps with a field
	// behind a dot.
	Columns []string
	Limits  gate.Limits

	mu    sync.Mutex
	table commands.Table
}

// maySelect says whether a session may use a database.
func (o *Options) maySelect(db string) bool {
	return db == o.Database || slices.Contains(o.Databases, db)
}

// Reach looks whether the server can be entered and describes its commands.
func (o *Options) Reach(ctx context.Context) error {
	up, err := o.enter(ctx)
	if err != nil {
		return err
	}
	return up.Close()
}

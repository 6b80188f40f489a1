// Package state keeps what must outlive a restart of the gateway: holds, and
// whatever else has to be shared or durable and is small. A Store is a set of
// named buckets of key and value with serialised read-write transactions.
//
// Values are small documents (a hold is a few kilobytes); results, recordings
// and audit records have rooms of their own.
package state

import "errors"

// Store is durable state. Its methods are safe for concurrent use.
type Store interface {
	// View runs fn in a read-only transaction: fn sees one consistent state.
	View(fn func(Tx) error) error
	// Update runs fn in a read-write transaction and returns nil only when what
	// fn wrote is durable (on disk, not in a cache). Updates run one at a time.
	//
	// An error of fn leaves the store as it was and is returned as it is. Any
	// other error wraps ErrUnavailable: the caller does not know whether its
	// writes are there, and must refuse what depended on them.
	Update(fn func(Tx) error) error
	// Close waits for running transactions and releases the store.
	Close() error
}

// Tx is a transaction. It is valid inside the function it was given to, in the
// goroutine that function runs in. Buckets need not be created.
type Tx interface {
	// Get returns a copy of the value, or nil when there is none.
	Get(bucket, key string) ([]byte, error)
	// Put stores a value of at most MaxValue bytes under a key of 1 to MaxKey bytes.
	Put(bucket, key string, value []byte) error
	// Delete removes a key; one that is not there is no error.
	Delete(bucket, key string) error
	// ForEach calls fn for every key of the bucket, in byte order. The value is
	// valid during the call. fn must not write to the bucket. An error of fn ends
	// the walk and is returned.
	ForEach(bucket string, fn func(key string, value []byte) error) error
}

// Limits of one entry, in bytes.
const (
	MaxKey   = 1 << 10
	MaxValue = 1 << 20
)

var (
	// ErrUnavailable: the store is gone, closed, full or broken.
	ErrUnavailable = errors.New("state store unavailable")
	// ErrInUse: another process holds the store.
	ErrInUse = errors.New("state store is in use by another process")
	// ErrReadOnly: a write inside View.
	ErrReadOnly = errors.New("write in a read-only transaction")
)

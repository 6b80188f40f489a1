package postgres

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/binary"
	"sync"
)

// cancels maps the keys that clients were given to their sessions. A client
// never learns the server's own key: a late cancel with it could hit whoever
// uses the server's process next (reference/peers.md 2.1).
type cancels struct {
	mu   sync.Mutex
	keys map[uint32]cancelKey
}

type cancelKey struct {
	secret [4]byte
	cancel func()
}

// add makes a key for a session before the client is told of it. remove takes
// it back.
func (c *cancels) add(cancel func()) (pid uint32, secret [4]byte, remove func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.keys == nil {
		c.keys = make(map[uint32]cancelKey)
	}
	for {
		var b [8]byte
		rand.Read(b[:]) //nolint:errcheck // never fails (Go 1.24)
		pid = binary.BigEndian.Uint32(b[:4]) & 0x7fffffff
		if _, taken := c.keys[pid]; pid == 0 || taken {
			continue
		}
		copy(secret[:], b[4:])
		c.keys[pid] = cancelKey{secret, cancel}
		return pid, secret, func() {
			c.mu.Lock()
			delete(c.keys, pid)
			c.mu.Unlock()
		}
	}
}

// cancel runs the session's cancel, and reports whether the key was one.
func (c *cancels) cancel(pid uint32, secret []byte) bool {
	c.mu.Lock()
	k, ok := c.keys[pid]
	c.mu.Unlock()
	if !ok || subtle.ConstantTimeCompare(k.secret[:], secret) != 1 {
		return false
	}
	k.cancel()
	return true
}

package oidc

import (
	"crypto/sha256"
	"sync"
	"time"

	"sluice.dev/proxy/identity"
)

// cache remembers who bore a token that was found good, so that a client which connects for each of its calls costs
// one hash and not one signature. The token itself is not kept.
type cache struct {
	size       int
	mu         sync.Mutex
	generation uint64
	entries    map[[sha256.Size]byte]*identity.Principal
}

func newCache(size int) *cache {
	return &cache{size: max(size, 0), entries: map[[sha256.Size]byte]*identity.Principal{}}
}

func (c *cache) get(raw string, now time.Time) *identity.Principal {
	if c.size == 0 {
		return nil
	}
	key := sha256.Sum256([]byte(raw))
	c.mu.Lock()
	defer c.mu.Unlock()
	who := c.entries[key]
	if who != nil && !now.Before(who.NotAfter) {
		delete(c.entries, key) // the caller finds out, and says, that it has expired
		return nil
	}
	return who
}

// put remembers, unless the keys have changed since the token was verified with them.
func (c *cache) put(raw string, who *identity.Principal, generation uint64) {
	if c.size == 0 {
		return
	}
	key := sha256.Sum256([]byte(raw))
	c.mu.Lock()
	defer c.mu.Unlock()
	if generation != c.generation {
		return
	}
	for old := range c.entries { // any one: Go's order is random, and a miss costs one signature
		if len(c.entries) < c.size {
			break
		}
		delete(c.entries, old)
	}
	c.entries[key] = who
}

// clear forgets all: the issuer's keys have changed.
func (c *cache) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.generation++
	clear(c.entries)
}

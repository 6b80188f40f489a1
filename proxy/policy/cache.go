package policy

import (
	"encoding/binary"
	"hash/maphash"
	"sync"
	"sync/atomic"
)

const (
	cacheShards = 16
	maxKey      = 8 << 10 // bytes; a longer key is not cached
)

var keyPool = sync.Pool{New: func() any { b := make([]byte, 0, 512); return &b }}

// appendKey is the view and what each of the parts appends. It answers false
// where there is no key for this input.
func appendKey(dst []byte, view uint32, parts []keyFunc, in *Input) ([]byte, bool) {
	dst = binary.BigEndian.AppendUint32(dst, view)
	for _, part := range parts {
		var ok bool
		if dst, ok = part(dst, in); !ok {
			return dst, false
		}
	}
	return dst, len(dst) <= maxKey
}

// cache is bounded by entries and by the bytes of its keys. What goes is by
// the clock: the first that was not used since the hand last passed.
type cache[V any] struct {
	seed   maphash.Seed
	shards [cacheShards]shard[V]
}

type shard[V any] struct {
	mu       sync.RWMutex
	entries  map[string]*entry[V]
	ring     []*entry[V]
	hand     int
	bytes    int
	maxBytes int
	maxCount int
}

type entry[V any] struct {
	key   string
	value V
	used  atomic.Bool
}

// newCache has room for at least one entry in each shard; with count < 1 it
// keeps nothing.
func newCache[V any](count, bytes int) *cache[V] {
	c := &cache[V]{seed: maphash.MakeSeed()}
	for i := range c.shards {
		s := &c.shards[i]
		if count > 0 {
			s.maxCount = max(1, count/cacheShards)
		}
		s.maxBytes = max(maxKey, bytes/cacheShards)
		s.entries = make(map[string]*entry[V])
	}
	return c
}

func (c *cache[V]) shard(key []byte) *shard[V] {
	return &c.shards[maphash.Bytes(c.seed, key)%cacheShards]
}

func (c *cache[V]) get(key []byte) (v V, ok bool) {
	s := c.shard(key)
	s.mu.RLock()
	e := s.entries[string(key)]
	s.mu.RUnlock()
	if e == nil {
		return v, false
	}
	if !e.used.Load() {
		e.used.Store(true)
	}
	return e.value, true
}

func (c *cache[V]) put(key []byte, value V) {
	s := c.shard(key)
	if s.maxCount == 0 || len(key) > maxKey {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, there := s.entries[string(key)]; there {
		return // equal keys have equal values
	}
	for len(s.ring) > 0 && (len(s.ring) >= s.maxCount || s.bytes+len(key) > s.maxBytes) {
		s.evict()
	}
	e := &entry[V]{key: string(key), value: value}
	s.entries[e.key] = e
	s.ring = append(s.ring, e)
	s.bytes += len(key)
}

func (s *shard[V]) evict() {
	for {
		s.hand %= len(s.ring)
		e := s.ring[s.hand]
		if e.used.Swap(false) {
			s.hand++
			continue
		}
		delete(s.entries, e.key)
		s.bytes -= len(e.key)
		last := len(s.ring) - 1
		s.ring[s.hand] = s.ring[last]
		s.ring[last] = nil
		s.ring = s.ring[:last]
		return
	}
}

// size is the entries and the bytes of keys that are held now.
func (c *cache[V]) size() (entries, bytes int) {
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.RLock()
		entries += len(s.ring)
		bytes += s.bytes
		s.mu.RUnlock()
	}
	return entries, bytes
}

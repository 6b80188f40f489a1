package policy

import (
	"fmt"
	"testing"
)

func TestCacheIsBounded(t *testing.T) {
	c := newCache[int](160, 1)
	for i := range 10000 {
		key := []byte(fmt.Sprintf("key %d", i))
		c.put(key, i)
		if v, ok := c.get(key); !ok || v != i {
			t.Fatalf("key %d: %d %v", i, v, ok)
		}
	}
	if n, bytes := c.size(); n > 160 || n < 80 || bytes > 160*10 {
		t.Errorf("%d entries of %d bytes, at most 160", n, bytes)
	}
	for i := range c.shards {
		s := &c.shards[i]
		if len(s.entries) != len(s.ring) {
			t.Errorf("shard %d: %d in the map, %d in the ring", i, len(s.entries), len(s.ring))
		}
	}
}

func TestCacheIsBoundedByBytes(t *testing.T) {
	c := newCache[int](1<<20, cacheShards*maxKey)
	for i := range 2000 {
		c.put(fmt.Appendf(nil, "%0*d", maxKey/4, i), i)
	}
	if n, bytes := c.size(); bytes > cacheShards*maxKey || n < cacheShards {
		t.Errorf("%d entries of %d bytes, at most %d", n, bytes, cacheShards*maxKey)
	}
	c.put(make([]byte, maxKey+1), 1)
	if _, ok := c.get(make([]byte, maxKey+1)); ok {
		t.Error("a key that is too long was kept")
	}
}

// What is used stays; what is not goes first.
func TestCacheKeepsWhatIsUsed(t *testing.T) {
	c := newCache[int](cacheShards*8, 1<<20)
	hot := []byte("hot")
	c.put(hot, 1)
	for i := range 5000 {
		c.put(fmt.Appendf(nil, "cold %d", i), i)
		if _, ok := c.get(hot); !ok {
			t.Fatalf("gone after %d others, though in use", i)
		}
	}
}

func TestNoCache(t *testing.T) {
	c := newCache[int](-1, 1<<20)
	c.put([]byte("x"), 1)
	if _, ok := c.get([]byte("x")); ok {
		t.Error("it keeps what it should not")
	}
}

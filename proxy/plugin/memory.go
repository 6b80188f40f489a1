package plugin

import "sync"

// memory keeps what a module has said of its inputs. A module of one digest
// with its settings answers equal inputs equally (sdk/ABI.md 1), so a prepared
// statement that runs again costs a look-up in place of a call. The key is the
// input as the module sees it, and the scope of its pseudonyms.
//
// It has two halves: when the young one is full it becomes the old one, and
// what is asked for again moves back. So it is bounded, and what is used stays.
type memory struct {
	mu         sync.Mutex
	young, old map[string]Classification
	size       int // of the young half
}

// maxMemory bounds one half, in bytes of keys and a little for each entry.
const maxMemory = 2 << 20

func (m *memory) get(key []byte) (Classification, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c, ok := m.young[string(key)]
	if ok {
		return c, true
	}
	if c, ok = m.old[string(key)]; ok {
		m.keep(key, c)
	}
	return c, ok
}

func (m *memory) put(key []byte, c Classification) {
	if len(key) > maxMemory/64 || len(c.Spans) > 64 {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.keep(key, c)
}

// keep writes into the young half. m.mu is held.
func (m *memory) keep(key []byte, c Classification) {
	if m.young == nil || m.size > maxMemory {
		m.old, m.young, m.size = m.young, make(map[string]Classification), 0
	}
	if _, there := m.young[string(key)]; !there {
		m.size += len(key) + 256
		m.young[string(key)] = c
	}
}

// key is an input in a buffer that is used again.
type key struct{ b []byte }

var keys = sync.Pool{New: func() any { return &key{b: make([]byte, 0, 2048)} }}

func (k *key) free() {
	if cap(k.b) <= 64<<10 {
		keys.Put(k)
	}
}

func (c *Command) key() *key {
	k := keys.Get().(*key)
	n := c.size(nil)
	if cap(k.b) < n {
		k.b = make([]byte, n, n+len(c.Scope)+4)
	}
	k.b = k.b[:n]
	c.put(k.b, nil)
	// With its length behind it, so that no input can end like a scope.
	k.b = le.AppendUint32(append(k.b, c.Scope...), uint32(len(c.Scope)))
	return k
}

// remembers says whether equal inputs may be answered from memory: not where a
// call writes log lines about data, which a second call would write again, nor
// where it may read the clock.
func (m *Module) remembers() bool { return !m.grants["log"] && m.Replays() }

// ready says whether a call would run: the module is neither closed nor
// quarantined.
func (m *Module) ready() bool {
	select {
	case <-m.ended:
		return false
	default:
		return !m.Quarantined()
	}
}

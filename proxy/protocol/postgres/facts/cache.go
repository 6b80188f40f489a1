package facts

import (
	"container/list"
	"sync"
)

// For is the facts of another text of the same shape: same statement, other
// literals. It costs a pass over the text instead of a parse. ok is false if
// the shape differs, or if any fact of f depends on the value of a literal.
func (f *Facts) For(text string) (*Facts, bool) {
	if f.literalMatters {
		return nil, false
	}
	l := lex(text)
	if l.bad || shape(text, l.tokens) != f.shape {
		return nil, false
	}
	return f.rebased(text, l.tokens)
}

// Shape is what the text has in common with all that differ from it in their
// literals alone; ok is false if the text is not understood.
func Shape(text string) (s string, ok bool) {
	l := lex(text)
	if l.bad {
		return "", false
	}
	return shape(text, l.tokens), true
}

// Shape is that of the text the facts are of, "" if it has no literals or any
// fact depends on the value of one.
func (f *Facts) Shape() string {
	if f.literalMatters || len(f.Literals) == 0 {
		return ""
	}
	return f.shape
}

func (f *Facts) rebased(text string, tokens []token) (*Facts, bool) {
	out := *f
	out.Canonical = canonical(text, tokens)
	if len(f.Literals) == 0 {
		return &out, true
	}
	out.Literals = make([]Literal, 0, len(f.Literals))
	for _, t := range tokens {
		if !isLiteral(t, text) {
			continue
		}
		if len(out.Literals) == len(f.Literals) {
			return nil, false
		}
		l := f.Literals[len(out.Literals)]
		l.Start, l.End = t.start, t.end
		out.Literals = append(out.Literals, l)
	}
	return &out, len(out.Literals) == len(f.Literals)
}

// Cache keeps facts by the shape of the text where no fact depends on a
// literal, else by the text. It is bounded by the bytes of its keys and
// facts, least recently used out first, and safe for concurrent use.
type Cache struct {
	max int

	mu      sync.Mutex
	entries map[cacheKey]*list.Element
	recent  list.List
	bytes   int
}

type cacheKey struct{ view, text string }

type cacheEntry struct {
	key   cacheKey
	facts *Facts
	bytes int
}

// NewCache keeps at most about so many bytes.
func NewCache(maxBytes int) *Cache {
	return &Cache{max: maxBytes, entries: map[cacheKey]*list.Element{}}
}

// Facts answers from the cache, or parses. view names all that the resolver's
// answers depend on: catalog version, search_path, role, temporary objects.
// The error is Parse's.
func (c *Cache) Facts(text, view string, r Resolver) (*Facts, error) {
	l := lex(text)
	key := cacheKey{view, ""}
	if !l.bad {
		key.text = shape(text, l.tokens)
		if f := c.get(key); f != nil {
			if out, ok := f.rebased(text, l.tokens); ok {
				return out, nil
			}
		}
		if f := c.get(cacheKey{view, "\x00" + text}); f != nil {
			return f, nil
		}
	}
	stmt, err := Parse(text)
	if err != nil {
		return nil, err
	}
	f := stmt.Facts(r)
	if f.literalMatters {
		key.text = "\x00" + text
	}
	c.put(key, f, len(text))
	return f, nil
}

func (c *Cache) get(key cacheKey) *Facts {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.entries[key]
	if e == nil {
		return nil
	}
	c.recent.MoveToFront(e)
	return e.Value.(*cacheEntry).facts
}

func (c *Cache) put(key cacheKey, f *Facts, textLen int) {
	// A rough measure: slices and strings of the facts are a few times the text.
	size := 512 + len(key.view) + 2*len(key.text) + 3*textLen + 64*len(f.Literals) + 48*len(f.Columns)
	if size > c.max/8 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.entries[key] != nil {
		return
	}
	c.entries[key] = c.recent.PushFront(&cacheEntry{key, f, size})
	c.bytes += size
	for c.bytes > c.max {
		last := c.recent.Back()
		old := c.recent.Remove(last).(*cacheEntry)
		delete(c.entries, old.key)
		c.bytes -= old.bytes
	}
}

// Len is the number of entries, and the bytes they are counted as.
func (c *Cache) Len() (entries, bytes int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.entries), c.bytes
}

package postgres

import (
	"container/list"
	"sync"

	"sluice.dev/proxy/protocol/postgres/facts"
)

// shapes keeps analyses by the text without its literals, where nothing in
// them hangs on a literal: the same statement with other values costs a pass
// over its text instead of a parse. Bounded by the bytes of the texts, least
// recently used out first.
type shapes struct {
	mu    sync.Mutex
	byKey map[string]*list.Element
	order list.List
	size  int
}

// shaped is what an analysis is kept under, "" if it may not be kept so: it
// names something for later, or runs what was named before.
func (a *analysis) shaped() string {
	if !a.shared || len(a.own.Inner) > 0 || a.copy != nil {
		return ""
	}
	for _, s := range a.steps {
		if s.inner != nil {
			return ""
		}
	}
	return a.own.Shape()
}

// get answers the analysis of a text by one of the same shape; nil if none is
// known.
func (c *shapes) get(text, key string) *analysis {
	shape, ok := facts.Shape(text)
	if !ok {
		return nil
	}
	c.mu.Lock()
	e := c.byKey[shape]
	if e == nil {
		c.mu.Unlock()
		return nil
	}
	c.order.MoveToFront(e)
	like := e.Value.(*analysis)
	c.mu.Unlock()
	if like.key != key {
		return nil
	}
	own, ok := like.own.For(text)
	if !ok {
		return nil
	}
	a := *like
	a.text, a.own, a.literals = []byte(text), own, nil
	a.keepLiterals(own, !a.protected.Empty())
	return &a
}

func (c *shapes) put(shape string, a *analysis) {
	if weight(shape, a) > maxAnalyses/8 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byKey == nil {
		c.byKey = make(map[string]*list.Element)
	}
	c.size += weight(shape, a)
	if e := c.byKey[shape]; e != nil {
		c.size -= weight(shape, e.Value.(*analysis))
		e.Value = a
		c.order.MoveToFront(e)
	} else {
		c.byKey[shape] = c.order.PushFront(a)
	}
	for c.size > maxAnalyses {
		old := c.order.Remove(c.order.Back()).(*analysis)
		delete(c.byKey, old.own.Shape())
		c.size -= weight(old.own.Shape(), old)
	}
}

func weight(shape string, a *analysis) int { return len(shape) + len(a.text) + 512 }

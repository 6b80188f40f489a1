package server

import (
	"context"
	"sync"

	"sluice.dev/proxy/console"
)

// changes tells subscribers that something is not as it was. One that does not
// keep up gets one word that all may have changed.
type changes struct {
	mu   sync.Mutex
	subs map[chan console.Change]bool // the value: it missed something
}

func newChanges() *changes { return &changes{subs: make(map[chan console.Change]bool)} }

func (c *changes) tell(ch console.Change) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for sub, missed := range c.subs {
		say := ch
		if missed {
			say = console.Change{Kind: console.ChangeAll}
		}
		select {
		case sub <- say:
			c.subs[sub] = false
		default:
			c.subs[sub] = true
		}
	}
}

func (c *changes) subscribe(ctx context.Context) <-chan console.Change {
	sub := make(chan console.Change, 16)
	c.mu.Lock()
	c.subs[sub] = false
	c.mu.Unlock()
	context.AfterFunc(ctx, func() {
		c.mu.Lock()
		delete(c.subs, sub)
		close(sub)
		c.mu.Unlock()
	})
	return sub
}

package console

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"sluice.dev/proxy/identity"
)

// Live connections. Each says that something changed and never what: the page asks for it, so that rights are looked
// at in one place.
const (
	liveOfOne   = 6 // of one log-in
	liveBeat    = 25 * time.Second
	liveTimeout = 10 * time.Second // for one write to a browser that does not read
)

// live counts the open connections and ends them with the console.
type live struct {
	ctx context.Context
	max int
	mu  sync.Mutex
	all int
	of  map[*login]int
}

func newLive(ctx context.Context, limit int) *live {
	return &live{ctx: ctx, max: limit, of: map[*login]int{}}
}

func (l *live) enter(who *login) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all >= l.max || l.of[who] >= liveOfOne {
		return false
	}
	l.all++
	l.of[who]++
	return true
}

func (l *live) leave(who *login) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all--
	if l.of[who]--; l.of[who] == 0 {
		delete(l.of, who)
	}
}

// events is GET /live, a stream of server-sent events named as the kinds of change (and hold-TICKET).
func (c *Console) events(w http.ResponseWriter, r *http.Request, v *visit) error {
	if !c.live.enter(v.login) {
		// 204 tells EventSource not to try again; the page still works by loading it again.
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	defer c.live.leave(v.login)
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	stop := context.AfterFunc(c.live.ctx, cancel)
	defer stop()

	changes := c.backend.Subscribe(ctx)
	out := http.NewResponseController(w)
	// The server's bound for reading a request would end the stream with it.
	if err := out.SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no")
	send := func(text string) bool {
		if err := out.SetWriteDeadline(time.Now().Add(liveTimeout)); err != nil {
			return false
		}
		if _, err := w.Write([]byte(text)); err != nil {
			return false
		}
		return out.Flush() == nil
	}
	// What changed between the page and this stream, or while it was broken, nobody has told: look once.
	if !send("retry: 3000\n\n" + eventText(Change{Kind: ChangeAll})) {
		return nil
	}
	beat := time.NewTicker(liveBeat)
	defer beat.Stop()
	for {
		select {
		case ch, ok := <-changes:
			if !ok {
				return nil
			}
			if !c.mayHear(ctx, v.settings, v.by, ch) {
				continue
			}
			if !send(eventText(ch)) {
				return nil
			}
		case <-beat.C:
			if !v.touch(c.now(), v.IdleFor) || !send(": still here\n\n") {
				return nil
			}
		case <-v.done:
			return nil
		case <-ctx.Done():
			return nil
		}
	}
}

// mayHear keeps tickets and sessions that somebody may not see out of their stream.
func (c *Console) mayHear(ctx context.Context, s *settings, p *identity.Principal, ch Change) bool {
	if ch.ID == "" || s.Access.Auditor(p) || s.Access.Operator(p) {
		return true
	}
	switch ch.Kind {
	case ChangeHold:
		h, err := c.backend.Hold(ctx, ch.ID)
		return err == nil && s.Access.SeesHold(p, &h)
	case ChangeSession:
		return false
	}
	return true
}

func eventText(ch Change) string {
	ch.ID = clean(ch.ID)
	text := fmt.Sprintf("event: %s\ndata: %s\n\n", ch.Kind, ch.ID)
	switch {
	case ch.Kind == ChangeHold && ch.ID == "":
		return eventText(Change{Kind: ChangeAll}) // a page of one ticket must look too
	case ch.Kind == ChangeHold:
		text += fmt.Sprintf("event: hold-%s\ndata: %s\n\n", ch.ID, ch.ID)
	}
	return text
}

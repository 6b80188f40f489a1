package api

import (
	"encoding/json"
	"net/http"
	"time"

	"sluice.dev/proxy/console"
	"sluice.dev/proxy/identity"
)

// eventsFor bounds one stream of events; a caller opens another one, and proves again who it is.
const (
	maxStreams = 256 // at once
	eventsFor  = 10 * time.Minute
	eventBeat  = 20 * time.Second
)

// events is GET events: one JSON object a line for each change, and an empty one now and then, so that both sides
// notice when the other is gone. It tells of a hold only who may see it.
func (h *handler) events(w http.ResponseWriter, r *http.Request, by *identity.Principal) error {
	select {
	case h.streams <- struct{}{}:
		defer func() { <-h.streams }()
	default:
		return problem(http.StatusServiceUnavailable, KindUnavailable, "too many watch at once; try again later")
	}
	if err := h.used(r, by, "events", ""); err != nil {
		return err
	}
	changes := h.Backend.Subscribe(r.Context())
	w.Header().Set("Content-Type", "application/x-ndjson")
	out := http.NewResponseController(w)
	// The server's bound for reading a request would end the stream with it.
	if err := out.SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	enc := json.NewEncoder(w)
	send := func(c console.Change) bool {
		return out.SetWriteDeadline(time.Now().Add(lineTimeout)) == nil && enc.Encode(c) == nil && out.Flush() == nil
	}
	if !send(console.Change{Kind: console.ChangeAll}) {
		return nil
	}
	end := time.NewTimer(eventsFor)
	defer end.Stop()
	beat := time.NewTicker(eventBeat)
	defer beat.Stop()
	for {
		select {
		case c, ok := <-changes:
			if !ok {
				return nil
			}
			if h.mayHear(r, by, c) && !send(c) {
				return nil
			}
		case <-beat.C:
			if !send(console.Change{}) {
				return nil
			}
		case <-end.C:
			return nil
		case <-r.Context().Done():
			return nil
		}
	}
}

func (h *handler) mayHear(r *http.Request, by *identity.Principal, c console.Change) bool {
	access := h.Access()
	if h.Socket || c.ID == "" || access.Operator(by) || access.Auditor(by) {
		return true
	}
	switch c.Kind {
	case console.ChangeHold:
		hold, err := h.Backend.Hold(r.Context(), c.ID)
		return err == nil && access.SeesHold(by, &hold)
	case console.ChangeSession:
		return false
	}
	return true
}

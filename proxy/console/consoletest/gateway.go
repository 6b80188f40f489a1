// Package consoletest is a gateway's worth of holds, sessions and recordings in memory: a console.Backend that keeps
// the rules of one, for tests of the pages, of the API and of the commands, and for looking at them. The real ledger
// and log stand behind the real Backend, which has tests of its own.
package consoletest

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"sync"
	"time"

	"sluice.dev/proxy/console"
	"sluice.dev/proxy/gate/recorded"
	"sluice.dev/proxy/identity"
)

// Gateway is a console.Backend in memory.
type Gateway struct {
	mu       sync.Mutex
	holds    []console.Hold // newest first
	sessions []console.Session
	frames   map[string][]console.Frame
	broken   map[string]error             // why a recording ends early
	accounts map[string]*recorded.Account // by command and by ticket
	latest   []recorded.Summary
	shadows  recorded.ShadowReport
	status   console.Status
	reload   error
	uses     []console.Use
	refuse   error // what Used answers
	subs     map[chan console.Change]struct{}
	quiet    bool
}

var _ console.Backend = (*Gateway)(nil)

// New returns an empty gateway that is ready.
func New() *Gateway {
	return &Gateway{
		frames: map[string][]console.Frame{}, broken: map[string]error{}, accounts: map[string]*recorded.Account{}, subs: map[chan console.Change]struct{}{},
		status: console.Status{Gateway: "demo", Version: "test", Ready: true, Started: time.Now(), Loaded: time.Now(), Generation: "sha256:0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0"},
	}
}

// Put adds a hold, or replaces the one with its ticket, and tells of it.
func (g *Gateway) Put(h console.Hold) {
	g.mu.Lock()
	if i := g.find(h.Ticket); i >= 0 {
		g.holds[i] = h
	} else {
		g.holds = slices.Insert(g.holds, 0, h)
	}
	g.mu.Unlock()
	g.Tell(console.Change{Kind: console.ChangeHold, ID: h.Ticket})
}

// PutSession adds a session with its recording.
func (g *Gateway) PutSession(s console.Session, broken error, frames ...console.Frame) {
	g.mu.Lock()
	g.sessions = slices.Insert(g.sessions, 0, s)
	g.frames[s.ID], g.broken[s.ID] = frames, broken
	g.mu.Unlock()
	g.Tell(console.Change{Kind: console.ChangeSession, ID: s.ID})
}

// SetStatus changes the status.
func (g *Gateway) SetStatus(f func(*console.Status)) {
	g.mu.Lock()
	f(&g.status)
	g.mu.Unlock()
	g.Tell(console.Change{Kind: console.ChangeHealth})
}

// FailReload makes reloads fail, FailUsed everything that is recorded; nil heals.
func (g *Gateway) FailReload(err error) { g.mu.Lock(); g.reload = err; g.mu.Unlock() }

// FailUsed makes every use unrecordable; nil heals.
func (g *Gateway) FailUsed(err error) { g.mu.Lock(); g.refuse = err; g.mu.Unlock() }

// Uses are the recorded uses as "via action object subject", and why it was denied.
func (g *Gateway) Uses() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	var out []string
	for _, u := range g.uses {
		text := fmt.Sprintf("%s %s %s %s", u.Via, u.Action, u.Object, u.By.Subject)
		if u.Denied != "" {
			text += " denied: " + u.Denied
		}
		out = append(out, text)
	}
	return out
}

// Listeners is how many subscriptions are open.
func (g *Gateway) Listeners() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.subs)
}

func (g *Gateway) find(ticket string) int {
	return slices.IndexFunc(g.holds, func(h console.Hold) bool { return h.Ticket == ticket })
}

// Holds implements console.Backend.
func (g *Gateway) Holds(_ context.Context, f console.Filter) ([]console.Hold, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	var out []console.Hold
	for _, h := range g.holds {
		if (len(f.States) == 0 || slices.Contains(f.States, h.State)) && (f.Connection == "" || f.Connection == h.Connection) && (f.Limit == 0 || len(out) < f.Limit) {
			out = append(out, h)
		}
	}
	return out, nil
}

// Hold implements console.Backend.
func (g *Gateway) Hold(_ context.Context, ticket string) (console.Hold, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	i := g.find(ticket)
	if i < 0 {
		return console.Hold{}, fmt.Errorf("%w: ticket %s", console.ErrNotFound, ticket)
	}
	return g.holds[i], nil
}

// Approve implements console.Backend.
func (g *Gateway) Approve(_ context.Context, ticket string, by *identity.Principal, reason string) error {
	return g.decide(ticket, by, reason, true)
}

// Deny implements console.Backend.
func (g *Gateway) Deny(_ context.Context, ticket string, by *identity.Principal, reason string) error {
	return g.decide(ticket, by, reason, false)
}

func (g *Gateway) decide(ticket string, by *identity.Principal, reason string, yes bool) error {
	defer g.Tell(console.Change{Kind: console.ChangeHold, ID: ticket})
	g.mu.Lock()
	defer g.mu.Unlock()
	i := g.find(ticket)
	if i < 0 {
		return fmt.Errorf("%w: ticket %s", console.ErrNotFound, ticket)
	}
	h := g.holds[i]
	if h.State != console.Pending {
		return fmt.Errorf("%w: ticket %s is already %s", console.ErrConflict, ticket, h.State)
	}
	if by.Subject == h.Requester.Subject || slices.ContainsFunc(h.Requester.Proven(), func(x identity.Hop) bool { return x.Subject == by.Subject }) {
		return fmt.Errorf("%w: nobody may approve what is done for them", console.ErrForbidden)
	}
	// A page that was given a copy must not see it change.
	h.Approvals = slices.Clone(h.Approvals)
	voted := false
	complete := true
	for j := range h.Approvals {
		a := &h.Approvals[j]
		if by.In(a.Approvers) {
			voted = true
			a.Votes = append(slices.Clone(a.Votes), console.Vote{Subject: by.Subject, Issuer: by.Issuer, Display: by.Display, Approve: yes, Reason: reason, At: time.Now()})
		}
		complete = complete && a.Given() >= a.Required
	}
	switch {
	case !voted:
		return fmt.Errorf("%w: %s is in no approvers' group of ticket %s", console.ErrForbidden, by.Subject, ticket)
	case !yes:
		h.State, h.Decided = console.Denied, time.Now()
	case complete:
		h.State, h.Decided = console.Approved, time.Now()
	}
	g.holds[i] = h
	return nil
}

// Sessions implements console.Backend.
func (g *Gateway) Sessions(context.Context) ([]console.Session, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.sessions), nil
}

// Kill implements console.Backend.
func (g *Gateway) Kill(_ context.Context, id string, by *identity.Principal, reason string) error {
	defer g.Tell(console.Change{Kind: console.ChangeSession, ID: id})
	g.mu.Lock()
	defer g.mu.Unlock()
	for i := range g.sessions {
		if s := &g.sessions[i]; s.ID == id && s.Open() {
			s.Ended, s.Reason = time.Now(), "ended by "+by.Subject+": "+reason
			return nil
		}
	}
	return fmt.Errorf("%w: there is no open session %s", console.ErrNotFound, id)
}

// Replay implements console.Backend.
func (g *Gateway) Replay(_ context.Context, id string, _ *identity.Principal) (iter.Seq2[console.Frame, error], error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	frames, ok := g.frames[id]
	if !ok {
		return nil, fmt.Errorf("%w: there is no recording of session %s", console.ErrNotFound, id)
	}
	broken := g.broken[id]
	return func(yield func(console.Frame, error) bool) {
		for _, f := range frames {
			if !yield(f, nil) {
				return
			}
		}
		if broken != nil {
			yield(console.Frame{}, broken)
		}
	}, nil
}

// Status implements console.Backend.
func (g *Gateway) Status(context.Context) (console.Status, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	st := g.status
	for _, h := range g.holds {
		if h.State == console.Pending {
			st.Pending++
		}
	}
	for _, s := range g.sessions {
		if s.Open() {
			st.Sessions++
		}
	}
	return st, nil
}

// Reload implements console.Backend.
func (g *Gateway) Reload(context.Context, *identity.Principal) error {
	defer g.Tell(console.Change{Kind: console.ChangeGeneration})
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.reload != nil {
		g.status.ReloadError, g.status.ReloadTried = g.reload.Error(), time.Now()
		return fmt.Errorf("%w: %w", console.ErrInvalid, g.reload)
	}
	g.status.Loaded, g.status.ReloadError = time.Now(), ""
	return nil
}

// Explained adds a decided command with its account.
func (g *Gateway) Explained(a *recorded.Account) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.accounts[a.Command] = a
	if a.Ticket != "" {
		g.accounts[a.Ticket] = a
	}
	s := recorded.Summary{Command: a.Command, Time: a.Time, Who: a.Who, Connection: a.Connection, Text: a.Text, Verdict: a.Verdict, Ticket: a.Ticket, Shadow: len(a.Shadow) > 0}
	if len(a.Reasons) > 0 {
		s.Reason = a.Reasons[0]
	}
	g.latest = slices.Insert(g.latest, 0, s)
}

// Decisions implements console.Backend.
func (g *Gateway) Decisions(_ context.Context, f recorded.Filter) ([]recorded.Summary, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(g.latest), func(s recorded.Summary) bool { return f.Verdict != "" && s.Verdict != f.Verdict }), nil
}

// Explain implements console.Backend.
func (g *Gateway) Explain(_ context.Context, id string) (*recorded.Account, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if a := g.accounts[id]; a != nil {
		return a, nil
	}
	return nil, fmt.Errorf("%w: no decision about %s in the latest 1048576 records", console.ErrNotFound, id)
}

// SetShadows is what Shadows answers.
func (g *Gateway) SetShadows(r recorded.ShadowReport) { g.mu.Lock(); g.shadows = r; g.mu.Unlock() }

// Shadows implements console.Backend.
func (g *Gateway) Shadows(context.Context, string, time.Time) (recorded.ShadowReport, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.shadows, nil
}

// Used implements console.Backend.
func (g *Gateway) Used(_ context.Context, u console.Use) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.refuse != nil {
		return g.refuse
	}
	g.uses = append(g.uses, u)
	return nil
}

// Subscribe implements console.Backend.
func (g *Gateway) Subscribe(ctx context.Context) <-chan console.Change {
	ch := make(chan console.Change, 16)
	g.mu.Lock()
	g.subs[ch] = struct{}{}
	g.mu.Unlock()
	context.AfterFunc(ctx, func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		delete(g.subs, ch)
		close(ch)
	})
	return ch
}

// Quietly does something of which subscribers hear nothing.
func (g *Gateway) Quietly(f func()) {
	set := func(on bool) { g.mu.Lock(); g.quiet = on; g.mu.Unlock() }
	set(true)
	f()
	set(false)
}

// Tell tells all subscribers; one that does not keep up misses it.
func (g *Gateway) Tell(c console.Change) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.quiet {
		return
	}
	for ch := range g.subs {
		select {
		case ch <- c:
		default:
		}
	}
}

package approval

import (
	"fmt"
	"slices"

	"sluice.dev/proxy/state"
)

// Filter of List. The zero value means everything that is kept.
type Filter struct {
	// States that are wanted; empty: all.
	States []State
	// Session and Connection that are wanted; empty: all.
	Session, Connection string
	// Limit is the most to return; 0: all that is kept.
	Limit int
}

func (f Filter) wants(h *Hold) bool {
	return (len(f.States) == 0 || slices.Contains(f.States, h.State)) &&
		(f.Session == "" || f.Session == h.Session) &&
		(f.Connection == "" || f.Connection == h.Connection)
}

// List returns holds, the newest first. Of ended ones the last Options.History
// are kept. Lists of live holds do not touch the store.
func (l *Ledger) List(f Filter) ([]Hold, error) {
	l.mu.Lock()
	var out []Hold
	seen := make(map[string]bool, len(l.live))
	for t, e := range l.live {
		seen[t] = true
		if f.wants(&e.hold) {
			out = append(out, e.snapshot())
		}
	}
	l.mu.Unlock()
	if len(f.States) == 0 || slices.ContainsFunc(f.States, State.ended) {
		err := l.store.View(func(tx state.Tx) error {
			return tx.ForEach(holdBucket, func(ticket string, data []byte) error {
				if seen[ticket] {
					return nil
				}
				h, err := decode(ticket, data)
				// A live one that is not in memory could not be written for certain,
				// and nobody was given it.
				if err == nil && !h.State.Live() && f.wants(h) {
					out = append(out, *h)
				}
				return err
			})
		})
		if err != nil {
			return nil, fmt.Errorf("approval: list: %w", err)
		}
	}
	slices.SortFunc(out, func(a, b Hold) int { return b.Created.Compare(a.Created) })
	if f.Limit > 0 && len(out) > f.Limit {
		out = out[:f.Limit]
	}
	return out, nil
}

// Get returns one hold by its ticket, in any spelling that ParseTicket reads.
func (l *Ledger) Get(ticket string) (Hold, error) {
	t, err := ParseTicket(ticket)
	if err != nil {
		return Hold{}, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.get(t)
}

// get is Get for those who hold the lock.
func (l *Ledger) get(ticket string) (Hold, error) {
	if e := l.live[ticket]; e != nil {
		return e.snapshot(), nil
	}
	var h *Hold
	err := l.store.View(func(tx state.Tx) error {
		data, err := tx.Get(holdBucket, ticket)
		if err != nil {
			return err
		}
		if data == nil {
			return fmt.Errorf("%s: %w", ticket, ErrNotFound)
		}
		if h, err = decode(ticket, data); err == nil && h.State.Live() {
			return fmt.Errorf("%s: %w", ticket, ErrNotFound) // as in List
		}
		return err
	})
	if err != nil {
		return Hold{}, fmt.Errorf("approval: read ticket: %w", err)
	}
	return *h, nil
}

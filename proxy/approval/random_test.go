package approval_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sluice.dev/proxy/approval"
	"sluice.dev/proxy/state"
	"sluice.dev/proxy/state/statetest"
)

// allowed are the transitions of DESIGN "Holds", by event.
var allowed = map[approval.State][]approval.State{
	"":                {approval.Pending},
	approval.Pending:  {approval.Pending, approval.Approved, approval.Denied, approval.Expired, approval.Withdrawn},
	approval.Approved: {approval.Claimed, approval.Expired},
	approval.Claimed:  {approval.Done, approval.Unknown},
}

// witness follows every ticket through its events.
type witness struct {
	mu     sync.Mutex
	states map[string]approval.State
	claims map[string]int // true claims, as the clients saw them
	wrong  []string
}

func (w *witness) event(e approval.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	from, to := w.states[e.Hold.Ticket], e.Hold.State
	if !slices.Contains(allowed[from], to) {
		w.wrong = append(w.wrong, fmt.Sprintf("%s: %s → %s (%s)", e.Hold.Ticket, from, to, e.Kind))
	}
	if to == approval.Approved && len(e.Hold.Missing()) > 0 {
		w.wrong = append(w.wrong, fmt.Sprintf("%s: approved while %+v is missing", e.Hold.Ticket, e.Hold.Missing()))
	}
	w.states[e.Hold.Ticket] = to
}

func (w *witness) claimed(ticket string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.claims[ticket]++
	if n := w.claims[ticket]; n > 1 {
		w.wrong = append(w.wrong, fmt.Sprintf("%s was claimed %d times", ticket, n))
	}
}

// TestRandomInterleavings lets clients, approvers, time and a failing store loose
// on one ledger, in virtual time, and watches the state machine.
func TestRandomInterleavings(t *testing.T) {
	for seed := uint64(1); seed <= 3; seed++ {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { interleave(t, seed) })
		})
	}
}

func interleave(t *testing.T, seed uint64) {
	w := &witness{states: map[string]approval.State{}, claims: map[string]int{}}
	options := func(o *approval.Options) { o.Events, o.PerPrincipal, o.PerSession, o.History = w.event, 500, 500, 5000 }
	b := open(t, options)
	for life := range 2 {
		faults := rand.New(rand.NewPCG(seed, uint64(life)))
		b.store.OnUpdate(func(int) statetest.Fault {
			if life == 0 && faults.IntN(12) == 0 {
				return statetest.Fault(faults.IntN(3))
			}
			return statetest.None
		})
		var clients, approvers sync.WaitGroup
		for i := range 6 {
			clients.Go(func() { randomClient(b, w, rand.New(rand.NewPCG(seed, uint64(100+10*life+i))), i) })
		}
		stop := make(chan struct{})
		for i := range 3 {
			approvers.Go(func() { randomApprover(b, rand.New(rand.NewPCG(seed, uint64(200+10*life+i))), i, stop) })
		}
		clients.Wait()
		close(stop)
		approvers.Wait()
		b.store.OnUpdate(nil)
		time.Sleep(time.Hour) // everything has expired, and the store has been told
		synctest.Wait()
		holds, err := b.List(approval.Filter{})
		if err != nil {
			t.Fatal(err)
		}
		w.mu.Lock()
		ended := 0
		for _, h := range holds {
			if w.states[h.Ticket] != "" && w.states[h.Ticket] != h.State {
				t.Errorf("%s is %s, its last event said %s", h.Ticket, h.State, w.states[h.Ticket])
			}
			if h.State == approval.Pending || h.State == approval.Approved {
				t.Errorf("%s is %s after its expiry", h.Ticket, h.State)
			}
			if !h.State.Live() {
				ended++
			}
			if n := w.claims[h.Ticket]; n > 0 != (h.ClaimedBy != "") {
				t.Errorf("%s was claimed %d times; the ledger says by %q", h.Ticket, n, h.ClaimedBy)
			}
		}
		if len(w.wrong) > 0 {
			t.Errorf("%d transitions are wrong, like %s", len(w.wrong), w.wrong[0])
		}
		if ended < 20 || len(w.claims) < 3 {
			t.Errorf("only %d holds ended and %d were claimed: the test does not test", ended, len(w.claims))
		}
		w.mu.Unlock()
		if life == 0 {
			b.stop()
			// A ticket that the store did not keep, or keeps as something that the
			// clients were told had failed, has a life of its own from here.
			w.states = map[string]approval.State{}
			b.start(func(o *approval.Options) { options(o); o.Events = nil })
			live, err := b.List(approval.Filter{States: []approval.State{approval.Claimed}})
			if err != nil || len(live) > 0 {
				t.Errorf("after a restart %d holds are claimed: %v", len(live), err)
			}
			b.stop()
			b.start(options)
		}
	}
}

func randomClient(b *bench, w *witness, r *rand.Rand, i int) {
	modes := []string{approval.ModeWait, approval.ModeTicket, approval.ModeWaitThenTicket}
	for range 20 {
		time.Sleep(time.Duration(r.IntN(5000)) * time.Millisecond)
		n := r.IntN(4)
		req := request(fmt.Sprint("s", i), fmt.Sprint("delete ", n), rule(mode(modes[n%3]), func(rule *approval.Rule) {
			rule.Wait, rule.Expires = 10*time.Second, time.Minute
			rule.Required = 1 + r.IntN(12)/11 // now and then the configuration asks for two
		}))
		waiter, err := b.Request(b.t.Context(), req)
		if err != nil {
			if !errors.Is(err, state.ErrUnavailable) {
				b.t.Error(err)
			}
			continue
		}
		if r.IntN(8) == 0 {
			waiter.Leave()
			continue
		}
		<-waiter.Done()
		if r.IntN(8) == 0 {
			time.Sleep(time.Duration(r.IntN(90)) * time.Second) // a client that dawdles
		}
		mine, err := waiter.Claim()
		if err != nil && !errors.Is(err, state.ErrUnavailable) {
			b.t.Error(err)
		}
		if !mine {
			waiter.Leave()
			continue
		}
		w.claimed(waiter.Ticket())
		time.Sleep(time.Duration(r.IntN(2000)) * time.Millisecond)
		if r.IntN(10) > 0 {
			if err := b.Finish(waiter.Ticket(), []string{"committed", "rolled back", "unknown"}[r.IntN(3)]); err != nil && !errors.Is(err, state.ErrUnavailable) {
				b.t.Error(err)
			}
		}
	}
}

func randomApprover(b *bench, r *rand.Rand, i int, stop chan struct{}) {
	for {
		select {
		case <-stop:
			return
		case <-time.After(time.Duration(r.IntN(3000)) * time.Millisecond):
		}
		pending, err := b.List(approval.Filter{States: []approval.State{approval.Pending}})
		if err != nil || len(pending) == 0 {
			continue
		}
		h := pending[r.IntN(len(pending))]
		by := person(fmt.Sprint("dba-", i), "dba")
		switch r.IntN(6) {
		case 0:
			err = b.Deny(b.t.Context(), h.Ticket, by, "no")
		default:
			err = b.Approve(b.t.Context(), h.Ticket, by, "")
		}
		for _, fine := range []error{state.ErrUnavailable, approval.ErrDecided, approval.ErrAgain} {
			if errors.Is(err, fine) {
				err = nil
			}
		}
		if err != nil {
			b.t.Error(err)
		}
	}
}

// TestOneClaimOfMany has all waiters of one ticket claim at once.
func TestOneClaimOfMany(t *testing.T) {
	b := open(t)
	for range 10 {
		waiters := make([]*approval.Waiter, 16)
		for i := range waiters {
			waiters[i] = b.request(request(fmt.Sprint("s", i), "delete 1"))
		}
		b.approve(waiters[0].Ticket(), person("dba-2", "dba"))
		var wg sync.WaitGroup
		var mu sync.Mutex
		won := 0
		for _, w := range waiters {
			wg.Go(func() {
				<-w.Done()
				if mine, err := w.Claim(); err != nil {
					t.Error(err)
				} else if mine {
					mu.Lock()
					won++
					mu.Unlock()
					if err := b.Finish(w.Ticket(), "committed"); err != nil {
						t.Error(err)
					}
				}
				<-w.Settled()
			})
		}
		wg.Wait()
		if won != 1 {
			t.Fatalf("%d waiters claimed", won)
		}
	}
}

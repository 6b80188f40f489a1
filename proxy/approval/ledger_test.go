package approval_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sluice.dev/proxy/approval"
	"sluice.dev/proxy/identity"
	"sluice.dev/proxy/state"
	"sluice.dev/proxy/state/statetest"
)

const issuer = "https://idp.example.com"

func person(subject string, groups ...string) *identity.Principal {
	return &identity.Principal{Subject: subject, Issuer: issuer, Groups: groups, Kinds: []string{identity.KindHuman}}
}

// agent7 acts for analyst-3, who is a dba; the mail is asserted and proves nothing.
func agent7() *identity.Principal {
	return &identity.Principal{Subject: "agent-7", Issuer: issuer, Groups: []string{"dba", "crew-support"}, Kinds: []string{identity.KindAgent},
		Chain: []identity.Hop{
			{Subject: "analyst-3", Kind: identity.KindHuman, Proof: identity.ProofToken, Groups: []string{"dba"}},
			{Subject: "dba-9", Kind: identity.KindHuman, Proof: identity.ProofAsserted},
		}}
}

func rule(change ...func(*approval.Rule)) approval.Rule {
	r := approval.Rule{Name: "change", Approvers: []string{"dba"}, Required: 1, Mode: approval.ModeWaitThenTicket, Wait: 20 * time.Second, Expires: 15 * time.Minute}
	for _, c := range change {
		c(&r)
	}
	return r
}

func mode(m string) func(*approval.Rule) { return func(r *approval.Rule) { r.Mode = m } }

func request(session, statement string, rules ...approval.Rule) approval.Request {
	if len(rules) == 0 {
		rules = []approval.Rule{rule()}
	}
	p := agent7()
	return approval.Request{
		Digest:    approval.Action{Principal: p, Connection: "orders", Database: "orders", Role: "crew", Path: "public", Canonical: []byte(statement)}.Digest(),
		Principal: p, Session: session, Connection: "orders", Protocol: "postgres", Database: "orders", Command: statement,
		Description: "DELETE on public.customers", Rules: rules, Generation: "sha256:1",
		Reasons: []approval.Reason{{Policy: "agents", Approval: "change", Reason: "delete on public.customers"}},
	}
}

type bench struct {
	*approval.Ledger
	t      *testing.T
	path   string
	file   *state.File
	store  *statetest.Faulty
	mu     sync.Mutex
	events []approval.Event
}

func open(t *testing.T, change ...func(*approval.Options)) *bench {
	t.Helper()
	b := &bench{t: t, path: filepath.Join(t.TempDir(), "state.db")}
	b.start(change...)
	t.Cleanup(b.stop)
	return b
}

func (b *bench) start(change ...func(*approval.Options)) {
	b.t.Helper()
	var err error
	if b.file, err = state.OpenFile(b.path); err != nil {
		b.t.Fatal(err)
	}
	b.store = statetest.New(b.file)
	o := approval.Options{Events: func(e approval.Event) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.events = append(b.events, e)
	}, Name: func(p *identity.Principal) string { return p.Subject + "@corp" }}
	for _, c := range change {
		c(&o)
	}
	if b.Ledger, err = approval.Open(b.store, o); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) stop() {
	b.t.Helper()
	if err := errors.Join(b.Close(), b.file.Close()); err != nil {
		b.t.Error(err)
	}
}

func (b *bench) restart() { b.t.Helper(); b.stop(); b.start() }

func (b *bench) request(r approval.Request) *approval.Waiter {
	b.t.Helper()
	w, err := b.Request(b.t.Context(), r)
	if err != nil {
		b.t.Fatal(err)
	}
	return w
}

func (b *bench) approve(ticket string, by *identity.Principal) {
	b.t.Helper()
	if err := b.Approve(b.t.Context(), ticket, by, "fine"); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) state(ticket string) approval.State {
	b.t.Helper()
	h, err := b.Get(ticket)
	if err != nil {
		b.t.Fatal(err)
	}
	return h.State
}

func (b *bench) wantState(ticket string, want approval.State) {
	b.t.Helper()
	if got := b.state(ticket); got != want {
		b.t.Errorf("ticket %s is %s, want %s", ticket, got, want)
	}
}

func claim(t *testing.T, w *approval.Waiter, want bool) {
	t.Helper()
	got, err := w.Claim()
	if err != nil {
		t.Fatal(err)
	}
	if got != want {
		t.Fatalf("claim of %s is %v, want %v; it is %s", w.Ticket(), got, want, w.Hold().State)
	}
}

func isDone(w *approval.Waiter) bool {
	select {
	case <-w.Done():
		return true
	default:
		return false
	}
}

func TestApprovedRunsOnce(t *testing.T) {
	b := open(t)
	one := b.request(request("s1", "delete from customers where id = 1"))
	two := b.request(request("s2", "delete from customers where id = 1"))
	other := b.request(request("s2", "delete from customers where id = 2"))
	if one.Ticket() != two.Ticket() || one.Ticket() == other.Ticket() {
		t.Fatalf("tickets %s %s %s: want the first two the same", one.Ticket(), two.Ticket(), other.Ticket())
	}
	if isDone(one) || isDone(two) {
		t.Fatal("a waiter was let go without a decision")
	}
	claim(t, one, false)
	b.approve(strings.ToLower(strings.ReplaceAll(one.Ticket(), "-", "")), person("dba-2", "dba"))
	<-one.Done()
	<-two.Done()
	if !one.Outcome().Approved() || isDone(other) {
		t.Fatalf("outcomes: %+v", one.Outcome())
	}
	claim(t, two, true)
	claim(t, two, false)
	claim(t, one, false)
	if err := b.Finish(one.Ticket(), "committed"); err != nil {
		t.Fatal(err)
	}
	<-one.Settled()
	text, _ := approval.Outcome{Hold: one.Hold()}.Text()
	if want := "ticket " + one.Ticket() + " was run once for an equal statement: committed"; text != want {
		t.Errorf("text is %q, want %q", text, want)
	}
	if err := b.Finish(one.Ticket(), "committed"); !errors.Is(err, approval.ErrNotFound) {
		t.Errorf("second finish: %v", err)
	}
	again := b.request(request("s1", "delete from customers where id = 1"))
	if again.Ticket() == one.Ticket() || isDone(again) {
		t.Error("after it ran, an equal action must be a new hold")
	}
	h, err := b.Get(one.Ticket())
	if err != nil || h.State != approval.Done || h.ClaimedBy != "s2" || h.Votes[0].Name != "dba-2@corp" || h.Principal.Claims != nil {
		t.Errorf("hold %+v, %v", h, err)
	}
	other.Leave()
	again.Leave()
}

func TestDenied(t *testing.T) {
	b := open(t)
	w := b.request(request("s1", "delete from customers"))
	if err := b.Deny(t.Context(), w.Ticket(), person("dev", "dev"), "no"); !errors.Is(err, approval.ErrNotApprover) {
		t.Errorf("deny by a stranger: %v", err)
	}
	if err := b.Deny(t.Context(), w.Ticket(), person("dba-2", "dba"), " \n "); !errors.Is(err, approval.ErrReason) {
		t.Errorf("deny without reason: %v", err)
	}
	if err := b.Deny(t.Context(), w.Ticket(), person("dba-2", "dba"), "wrong\r\ncustomer\x1b[2J"); err != nil {
		t.Fatal(err)
	}
	<-w.Done()
	claim(t, w, false)
	text, hint := w.Outcome().Text()
	if want := "ticket " + w.Ticket() + " was denied by dba-2@corp: wrong  customer [2J"; text != want || hint == "" {
		t.Errorf("text %q, want %q", text, want)
	}
	err := b.Approve(t.Context(), w.Ticket(), person("dba-1", "dba"), "")
	if !errors.Is(err, approval.ErrDecided) || !strings.Contains(err.Error(), "is denied by dba-2@corp") {
		t.Errorf("approve a denied ticket: %v", err)
	}
	again := b.request(request("s1", "delete from customers"))
	if again.Ticket() == w.Ticket() || again.Hold().Previous != w.Ticket() {
		t.Error("a client that was told asks anew, and the approver sees what became of it before")
	}
	if err := b.Approve(t.Context(), "ZZZZ-ZZ", person("dba-1", "dba"), ""); !errors.Is(err, approval.ErrNotFound) {
		t.Errorf("approve an unknown ticket: %v", err)
	}
}

func TestTicketMode(t *testing.T) {
	b := open(t)
	r := request("s1", "delete from customers", rule(mode(approval.ModeTicket)))
	w := b.request(r)
	if !isDone(w) || w.Outcome().Hold.State != approval.Pending {
		t.Fatal("in mode ticket nobody waits")
	}
	text, hint := w.Outcome().Text()
	if text != "ticket "+w.Ticket()+" is not decided yet" || !strings.Contains(hint, "UTC.") {
		t.Errorf("text %q hint %q", text, hint)
	}
	w.Leave()
	b.approve(w.Ticket(), person("dba-2", "dba"))
	claim(t, w, false) // its client has the error already
	b.restart()
	r.Session = "s2"
	back := b.request(r)
	if back.Ticket() != w.Ticket() || !isDone(back) || !back.Outcome().Approved() {
		t.Fatalf("the client that comes back: %+v", back.Outcome())
	}
	claim(t, back, true)

	r = request("s1", "delete from orders", rule(mode(approval.ModeTicket)))
	w = b.request(r)
	if err := b.Deny(t.Context(), w.Ticket(), person("dba-2", "dba"), "no"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		b.restart()
		for range 2 {
			told := b.request(r)
			if told.Ticket() != w.Ticket() || told.Outcome().Hold.State != approval.Denied {
				t.Fatalf("the client that comes back is not told of the denial: %+v", told.Outcome())
			}
			claim(t, told, false)
			told.Leave()
		}
	}
}

func TestTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t)
		w := b.request(request("s1", "delete 1"))
		time.Sleep(19 * time.Second)
		synctest.Wait()
		if isDone(w) {
			t.Error("the wait ended early")
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if !isDone(w) || w.Outcome().Hold.State != approval.Pending {
			t.Error("the wait is over after 20 s, and the ticket stays")
		}
		b.approve(w.Ticket(), person("dba-2", "dba"))
		claim(t, w, false)
		time.Sleep(15 * time.Minute)
		synctest.Wait()
		b.wantState(w.Ticket(), approval.Expired)
		anew := b.request(request("s1", "delete 1"))
		if anew.Ticket() == w.Ticket() {
			t.Error("an expired approval was used")
		}

		// Mode wait: gone with its last waiter.
		r := request("s1", "delete 2", rule(mode(approval.ModeWait)))
		w1 := b.request(r)
		time.Sleep(10 * time.Second)
		w2 := b.request(r)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if !isDone(w1) || isDone(w2) {
			t.Error("each waiter has its own wait")
		}
		b.wantState(w1.Ticket(), approval.Pending)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		b.wantState(w1.Ticket(), approval.Withdrawn)
		if !isDone(w2) || w2.Outcome().Hold.State != approval.Withdrawn {
			t.Errorf("the last waiter: %+v", w2.Outcome())
		}

		// Inside a transaction the wait is short.
		r = request("s1", "delete 3")
		r.InTransaction = true
		if w := b.request(r); time.Until(w.Until()) != approval.DefaultTxWait {
			t.Errorf("waits until %s", w.Until())
		}
	})
}

func TestLeave(t *testing.T) {
	b := open(t)
	r := request("s1", "delete 1", rule(mode(approval.ModeWait)))
	w1, w2 := b.request(r), b.request(r)
	w1.Leave()
	w1.Leave()
	b.wantState(w1.Ticket(), approval.Pending)
	w2.Leave()
	b.wantState(w1.Ticket(), approval.Withdrawn)
	if err := b.Approve(t.Context(), w1.Ticket(), person("dba-2", "dba"), ""); !errors.Is(err, approval.ErrDecided) {
		t.Errorf("approve a withdrawn ticket: %v", err)
	}
	w3 := b.request(r)
	b.approve(w3.Ticket(), person("dba-2", "dba"))
	w3.Leave() // approved, and the client is gone before it ran
	b.wantState(w3.Ticket(), approval.Expired)

	w4 := b.request(request("s1", "delete 2"))
	w4.Leave()
	b.wantState(w4.Ticket(), approval.Pending)
}

func TestRestart(t *testing.T) {
	b := open(t)
	wait := b.request(request("s1", "delete 1", rule(mode(approval.ModeWait))))
	kept := b.request(request("s1", "delete 2"))
	claimed := b.request(request("s1", "delete 3"))
	b.approve(claimed.Ticket(), person("dba-2", "dba"))
	claim(t, claimed, true)
	approvedWait := b.request(request("s1", "delete 4", rule(mode(approval.ModeWait))))
	b.approve(approvedWait.Ticket(), person("dba-2", "dba"))
	b.restart()
	<-wait.Done()
	if !errors.Is(wait.Outcome().Err, approval.ErrClosed) {
		t.Errorf("a waiter at the end of the ledger: %+v", wait.Outcome())
	}
	b.wantState(wait.Ticket(), approval.Withdrawn)
	b.wantState(kept.Ticket(), approval.Pending)
	b.wantState(claimed.Ticket(), approval.Unknown)
	b.wantState(approvedWait.Ticket(), approval.Expired)
	if back := b.request(request("s9", "delete 2")); back.Ticket() != kept.Ticket() {
		t.Error("a pending ticket is not found after a restart")
	}
}

func TestLimits(t *testing.T) {
	b := open(t, func(o *approval.Options) { o.PerPrincipal, o.Waiters = 4, 2 })
	r := request("s1", "delete 0")
	r.SessionLimit = 2
	b.request(r)
	b.request(r)
	if _, err := b.Request(t.Context(), r); !errors.Is(err, approval.ErrLimit) {
		t.Errorf("third waiter of two: %v", err)
	}
	r = request("s1", "delete 1")
	r.SessionLimit = 2
	b.request(r)
	r = request("s1", "delete 2")
	r.SessionLimit = 2
	if _, err := b.Request(t.Context(), r); !errors.Is(err, approval.ErrLimit) {
		t.Errorf("third hold of two: %v", err)
	}
	b.request(request("s2", "delete 3"))
	b.request(request("s3", "delete 4"))
	if _, err := b.Request(t.Context(), request("s4", "delete 5")); !errors.Is(err, approval.ErrLimit) {
		t.Errorf("fifth hold of a principal's four: %v", err)
	}
	for _, bad := range []func(*approval.Request){
		func(r *approval.Request) { r.Rules = nil },
		func(r *approval.Request) { r.Principal = nil },
		func(r *approval.Request) { r.Digest = "" },
		func(r *approval.Request) { r.Rules[0].Approvers = nil },
		func(r *approval.Request) { r.Rules[0].Mode = "later" },
		func(r *approval.Request) { r.Rules[0].Self = "yes" },
		func(r *approval.Request) { r.Rules[0].Required = -1 },
	} {
		r := request("s9", "delete 9")
		bad(&r)
		if _, err := b.Request(t.Context(), r); !errors.Is(err, approval.ErrInvalid) {
			t.Errorf("bad request: %v", err)
		}
	}
}

func TestStoreGone(t *testing.T) {
	b := open(t)
	w := b.request(request("s1", "delete 1"))
	wait := b.request(request("s1", "delete w", rule(mode(approval.ModeWait))))
	for _, fault := range []statetest.Fault{statetest.Before, statetest.After} {
		b.store.Set(fault, false)
		if _, err := b.Request(t.Context(), request("s2", "delete 2")); !errors.Is(err, state.ErrUnavailable) {
			t.Errorf("request without a store: %v", err)
		}
		if err := b.Approve(t.Context(), w.Ticket(), person("dba-2", "dba"), ""); !errors.Is(err, state.ErrUnavailable) || isDone(w) {
			t.Errorf("approve without a store: %v", err)
		}
	}
	b.store.Back()
	b.approve(w.Ticket(), person("dba-2", "dba"))
	for _, fault := range []statetest.Fault{statetest.Before, statetest.After} {
		b.store.Set(fault, false)
		if ok, err := w.Claim(); ok || !errors.Is(err, state.ErrUnavailable) {
			t.Fatalf("claim without a store: %v, %v", ok, err)
		}
	}
	b.store.Gone()
	if _, err := b.List(approval.Filter{}); !errors.Is(err, state.ErrUnavailable) {
		t.Errorf("list without a store: %v", err)
	}
	if live, err := b.List(approval.Filter{States: []approval.State{approval.Pending, approval.Approved}}); err != nil || len(live) != 2 {
		t.Errorf("live holds without a store: %d, %v", len(live), err)
	}
	wait.Leave() // is so, told or not
	b.wantState(wait.Ticket(), approval.Withdrawn)
	b.store.Back()
	claim(t, w, true)
	claim(t, w, false)
	b.store.Gone()
	if err := b.Finish(w.Ticket(), "committed"); !errors.Is(err, state.ErrUnavailable) {
		t.Errorf("finish without a store: %v", err)
	}
	<-w.Settled()
	b.stop() // while the store is gone: the sweeper tells it of the end as soon as it can
	b.store.Back()
	b.start()
	b.wantState(w.Ticket(), approval.Unknown)
	b.wantState(wait.Ticket(), approval.Withdrawn)
}

func TestOpenFailsClosed(t *testing.T) {
	dir := t.TempDir()
	file, err := state.OpenFile(filepath.Join(dir, "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	store := statetest.New(file)
	store.Gone()
	if _, err := approval.Open(store, approval.Options{}); !errors.Is(err, state.ErrUnavailable) {
		t.Errorf("open without a store: %v", err)
	}
	store.Back()
	for _, bad := range []string{"{", `{"v":2,"ticket":"HX4K-2Q","state":"pending"}`, `{"v":1,"ticket":"HX4K-2R","state":"pending"}`, `{"v":1,"ticket":"HX4K-2Q","state":"fine"}`,
		`{"v":1,"ticket":"HX4K-2Q","state":"denied"}`, `{"v":1,"ticket":"HX4K-2Q","state":"pending"}`,
		`{"v":1,"ticket":"HX4K-2Q","state":"approved","digest":"d","principal":{"subject":"a"},"expires":"2040-01-01T00:00:00Z","rules":[{"name":"change","approvers":["dba"],"required":1,"self":"deny","mode":"ticket"}]}`,
	} {
		if err := file.Update(func(tx state.Tx) error { return tx.Put("approval.holds", "HX4K-2Q", []byte(bad)) }); err != nil {
			t.Fatal(err)
		}
		if _, err := approval.Open(store, approval.Options{}); err == nil || !strings.Contains(err.Error(), "HX4K-2Q") {
			t.Errorf("open with %s: %v", bad, err)
		}
	}
}

func TestCancelledContext(t *testing.T) {
	b := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.Request(ctx, request("s1", "delete 1")); !errors.Is(err, context.Canceled) {
		t.Errorf("request: %v", err)
	}
}

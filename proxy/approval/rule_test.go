package approval_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"sluice.dev/proxy/approval"
	"sluice.dev/proxy/identity"
)

func TestWhoMayApprove(t *testing.T) {
	delegated := person("helper-1", "dba")
	delegated.Chain = []identity.Hop{{Subject: "dba-2", Issuer: issuer, Kind: identity.KindHuman, Proof: identity.ProofToken}}
	expired := person("dba-2", "dba")
	expired.NotAfter = time.Now().Add(-time.Minute)
	elsewhere := person("analyst-3", "dba")
	elsewhere.Issuer = "https://other.example.com"
	cases := []struct {
		name string
		by   *identity.Principal
		self string
		want error
	}{
		{"a dba", person("dba-2", "dba"), approval.SelfDeny, nil},
		{"another group", person("dev-1", "dev"), approval.SelfDeny, approval.ErrNotApprover},
		{"no group", person("dba"), approval.SelfDeny, approval.ErrNotApprover},
		{"nobody", nil, approval.SelfDeny, approval.ErrNotApprover},
		{"no issuer", &identity.Principal{Subject: "root", Groups: []string{"dba"}}, approval.SelfDeny, approval.ErrNotApprover},
		{"expired login", expired, approval.SelfDeny, approval.ErrNotApprover},
		{"delegated token", delegated, approval.SelfDeny, approval.ErrNotApprover},
		{"the requester", agent7(), approval.SelfDeny, approval.ErrNotApprover},
		{"the agent itself", person("agent-7", "dba"), approval.SelfDeny, approval.ErrSelf},
		{"the agent itself, self human", person("agent-7", "dba"), approval.SelfHuman, approval.ErrSelf},
		{"its human", person("analyst-3", "dba"), approval.SelfDeny, approval.ErrSelf},
		{"its human, self human", person("analyst-3", "dba"), approval.SelfHuman, nil},
		{"its human without the group", person("analyst-3"), approval.SelfHuman, approval.ErrNotApprover},
		{"same name elsewhere", elsewhere, approval.SelfDeny, nil},
		{"an asserted hop", person("dba-9", "dba"), approval.SelfDeny, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b := open(t)
			w := b.request(request("s1", "delete from customers", rule(func(r *approval.Rule) { r.Self = c.self })))
			err := b.Approve(t.Context(), w.Ticket(), c.by, "")
			if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
				t.Errorf("approve: %v, want %v", err, c.want)
			}
			want := approval.Pending
			if c.want == nil {
				want = approval.Approved
			}
			b.wantState(w.Ticket(), want)
		})
	}
}

func TestDirectHumanMayNotApproveOwn(t *testing.T) {
	b := open(t)
	r := request("s1", "delete from customers", rule(func(r *approval.Rule) { r.Self = approval.SelfHuman }))
	r.Principal = person("dba-2", "dba")
	w := b.request(r)
	if err := b.Approve(t.Context(), w.Ticket(), person("dba-2", "dba"), ""); !errors.Is(err, approval.ErrSelf) {
		t.Errorf("approve: %v", err)
	}
}

func TestSeveralApprovals(t *testing.T) {
	b := open(t)
	two := rule(func(r *approval.Rule) { r.Required = 2 })
	sec := approval.Rule{Name: "security", Approvers: []string{"sec", "ciso"}, Wait: 5 * time.Second, Expires: time.Minute}
	w := b.request(request("s1", "delete from customers", two, sec))
	if got := w.Hold().Expires.Sub(w.Hold().Created); got != time.Minute {
		t.Errorf("expires after %s, want the shortest, 1m", got)
	}
	if got := w.Until().Sub(w.Hold().Created); got != 5*time.Second {
		t.Errorf("waits %s, want the shortest, 5s", got)
	}
	b.approve(w.Ticket(), person("dba-1", "dba"))
	if err := b.Approve(t.Context(), w.Ticket(), person("dba-1", "dba"), ""); !errors.Is(err, approval.ErrAgain) || !strings.Contains(err.Error(), "1 more for change and 1 more for security") {
		t.Errorf("the same person again: %v", err)
	}
	b.approve(w.Ticket(), person("sec-1", "sec"))
	b.wantState(w.Ticket(), approval.Pending)
	b.approve(w.Ticket(), person("ciso-1", "ciso", "dba"))
	<-w.Done()
	claim(t, w, true)
	kinds := ""
	for _, e := range b.events {
		kinds += string(e.Kind) + " "
	}
	if kinds != "requested vote vote approved claimed " {
		t.Errorf("events: %s", kinds)
	}
}

func TestConfigurationChanges(t *testing.T) {
	b := open(t)
	w := b.request(request("s1", "delete 1", rule(func(r *approval.Rule) { r.Required = 2 })))
	b.approve(w.Ticket(), person("dba-1", "dba"))
	// Another group must approve now: the vote for the old rule no longer counts.
	sec := func(r *approval.Rule) { r.Approvers = []string{"sec"} }
	if again := b.request(request("s2", "delete 1", rule(sec))); again.Ticket() != w.Ticket() {
		t.Fatal("a pending hold takes the new rules")
	}
	if err := b.Approve(t.Context(), w.Ticket(), person("dba-2", "dba"), ""); !errors.Is(err, approval.ErrNotApprover) {
		t.Errorf("approve under the old rules: %v", err)
	}
	b.approve(w.Ticket(), person("sec-1", "sec"))
	b.wantState(w.Ticket(), approval.Approved)
	if !w.Hold().Covers([]approval.Rule{rule(sec)}) || w.Hold().Covers([]approval.Rule{rule()}) {
		t.Error("Covers")
	}
	// An approved one is not good for other rules.
	anew := b.request(request("s3", "delete 1", rule(func(r *approval.Rule) { r.Required = 3 })))
	if anew.Ticket() == w.Ticket() || isDone(anew) {
		t.Error("an approval under other rules was used")
	}
	b.wantState(w.Ticket(), approval.Expired)
	claim(t, w, false)
}

func TestNotice(t *testing.T) {
	r := request("s1", "delete from customers", rule(func(r *approval.Rule) { r.Required = 2 }), approval.Rule{Name: "security", Approvers: []string{"sec", "ciso"}})
	b := open(t)
	plain := b.request(request("s1", "delete 1")).Hold()
	if got, want := plain.Notice("https://gw/t/"+plain.Ticket), "held by policy agents: delete on public.customers. Ticket "+plain.Ticket+
		", waiting for an approver (dba): https://gw/t/"+plain.Ticket; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	r.Reasons = append(r.Reasons, approval.Reason{Policy: "agents", Approval: "security", Reason: "delete on public.customers"},
		approval.Reason{Policy: "agents", Approval: "security", Reason: "mass change"}, approval.Reason{Policy: "night", Approval: "change", Reason: "after hours"})
	h := b.request(r).Hold()
	if got, want := h.Notice(""), "held by policy agents: delete on public.customers; mass change; by policy night: after hours. Ticket "+h.Ticket+
		", waiting for 2 approvers (dba) and an approver (sec, ciso)"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

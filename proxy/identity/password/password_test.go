package password

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"sluice.dev/proxy/identity"
)

func TestBook(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	b := New(Options{PerPrincipal: 2, Total: 3, Now: func() time.Time { return now }})
	p := &identity.Principal{Subject: "agent-7", Issuer: "i", Groups: []string{"crew"}, NotAfter: now.Add(time.Hour)}
	one, err := b.Issue(p, "orders")
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`^[A-Za-z0-9_.-]+$`).MatchString(one.Password) || len(one.Password) != Size || !Is(one.Password) {
		t.Errorf("the password is %q", one.Password)
	}
	if !one.Expires.Equal(now.Add(15 * time.Minute)) {
		t.Errorf("expires %s", one.Expires)
	}
	got, err := b.Verify(one.Password)
	if err != nil || got.Subject != "agent-7" || got.Connection != "orders" || !got.NotAfter.Equal(p.NotAfter) {
		t.Fatalf("%+v, %v", got, err)
	}
	if p.Connection != "" {
		t.Error("the principal that asked was changed")
	}
	if err := got.For("orders"); err != nil {
		t.Error(err)
	}
	if got.For("other") == nil {
		t.Error("a password for orders is good for another connection")
	}
	if _, err := b.Issue(got, "other"); err == nil {
		t.Error("a login by password got a password for another connection")
	}
	for _, bad := range []string{"", Prefix, one.Password[:Size-1], one.Password + "A", Prefix + strings.Repeat("A", Size-len(Prefix))} {
		if _, err := b.Verify(bad); !errors.Is(err, ErrNotAccepted) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if dump := fmt.Sprintf("%+v", b.open); strings.Contains(dump, one.Password) || strings.Contains(dump, one.Password[len(Prefix):]) {
		t.Error("the book holds the password")
	}

	two, err := b.Issue(p, "orders")
	if err != nil || two.Password == one.Password {
		t.Fatalf("%v", err)
	}
	if _, err := b.Issue(p, "orders"); !errors.Is(err, ErrTooMany) {
		t.Errorf("a third of two: %v", err)
	}
	other := &identity.Principal{Subject: "agent-7", Issuer: "another"}
	three, err := b.Issue(other, "orders")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Issue(&identity.Principal{Subject: "x", Issuer: "i"}, "orders"); !errors.Is(err, ErrTooMany) {
		t.Errorf("a fourth of three: %v", err)
	}
	if n := b.Revoke("agent-7", "i"); n != 2 {
		t.Errorf("revoked %d, want 2", n)
	}
	if _, err := b.Verify(two.Password); !errors.Is(err, ErrNotAccepted) {
		t.Errorf("revoked: %v", err)
	}
	if _, err := b.Verify(three.Password); err != nil {
		t.Errorf("the same subject of another issuer: %v", err)
	}

	// At the very end it is over, and its place is free.
	now = now.Add(15 * time.Minute)
	if _, err := b.Verify(three.Password); !errors.Is(err, ErrNotAccepted) {
		t.Errorf("expired: %v", err)
	}
	for range 2 {
		if _, err := b.Issue(p, "orders"); err != nil {
			t.Error(err)
		}
	}
	if _, err := b.Issue(&identity.Principal{Subject: "x", Issuer: "i"}, "orders"); err != nil {
		t.Errorf("after the expired one: %v", err)
	}
	now = now.Add(44 * time.Minute)
	if last, err := b.Issue(p, "orders"); err != nil || !last.Expires.Equal(p.NotAfter) {
		t.Errorf("%v: a password outlives its token: %s", err, last.Expires)
	}
	now = p.NotAfter
	if _, err := b.Issue(p, "orders"); !errors.Is(err, ErrExpired) {
		t.Errorf("an expired login: %v", err)
	}
}

package server

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sluice.dev/proxy/console"
	"sluice.dev/proxy/console/consoletest"
	"sluice.dev/proxy/server/api"
)

func TestAdmin(t *testing.T) {
	dir := t.TempDir()
	g := consoletest.New()
	consoletest.Scene(g, "http://idp")
	a, err := ListenAdmin(dir, g, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- a.Serve(ctx) }()
	path := filepath.Join(dir, SocketName)
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info, err)
	}
	if _, err := ListenAdmin(dir, g, nil); err == nil || !strings.Contains(err.Error(), "another gateway answers") {
		t.Errorf("a second gateway: %v", err)
	}
	c := api.Over(path)
	st, err := c.Status(ctx)
	if err != nil || st.Gateway != "demo" || st.Pending != 3 {
		t.Fatalf("%+v, %v", st, err)
	}
	holds, err := c.Holds(ctx, console.Filter{States: []console.State{console.Pending}})
	if err != nil || len(holds) != 3 {
		t.Fatalf("%d holds, %v", len(holds), err)
	}
	if h, err := c.Hold(ctx, "HX4K-2Q"); err != nil || h.Parameters[0] != "4711" {
		t.Errorf("%+v, %v", h, err)
	}
	if _, err := c.Reload(ctx); err != nil {
		t.Error(err)
	}
	var p *api.Problem
	if _, err := c.Approve(ctx, "HX4K-2Q", ""); !errors.As(err, &p) || p.Kind != api.KindForbidden || !strings.Contains(p.Detail, "--gateway") {
		t.Errorf("approved by the socket: %v", err)
	}
	if _, err := c.Deny(ctx, "HX4K-2Q", "no"); !errors.As(err, &p) || p.Kind != api.KindForbidden {
		t.Errorf("denied by the socket: %v", err)
	}
	if _, err := c.Replay(ctx, "01JDEXQ4ZJ8N0Q8Z1T6M7R2VWX"); !errors.As(err, &p) || p.Kind != api.KindForbidden {
		t.Errorf("replayed by the socket: %v", err)
	}
	sessions, err := c.Sessions(ctx, true)
	if err != nil || len(sessions) != 1 {
		t.Fatalf("%d sessions, %v", len(sessions), err)
	}
	if err := c.Kill(ctx, sessions[0].ID, "runs wild"); err != nil {
		t.Error(err)
	}
	me := SystemUser(os.Geteuid()).Subject
	sessions, err = c.Sessions(ctx, false)
	if err != nil || !strings.Contains(sessions[0].Reason, me+": runs wild") {
		t.Errorf("%+v, %v", sessions, err)
	}
	uses := strings.Join(g.Uses(), "\n")
	for _, want := range []string{"socket status  " + me, "socket holds.list  " + me, "socket holds.show HX4K-2Q " + me, "socket holds.approved HX4K-2Q " + me + " denied: "} {
		if !strings.Contains(uses, want) {
			t.Errorf("no %q in\n%s", want, uses)
		}
	}
	g.FailUsed(console.ErrUnavailable)
	if _, err := c.Holds(ctx, console.Filter{}); !errors.As(err, &p) || p.Kind != api.KindUnavailable {
		t.Errorf("listed unrecorded: %v", err)
	}
	if _, err := c.Status(ctx); err != nil {
		t.Errorf("the status is for when the log has stopped: %v", err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is still there: %v", err)
	}
	if _, err := c.Status(t.Context()); !errors.Is(err, api.ErrUnreachable) {
		t.Errorf("no gateway: %v", err)
	}
}

func TestAdminSocketLeftBehind(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, SocketName)
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	ln.SetUnlinkOnClose(false)
	ln.Close() // as after kill -9
	a, err := ListenAdmin(dir, consoletest.New(), nil)
	if err != nil {
		t.Fatal(err)
	}
	a.ln.Close()
	os.Remove(path)
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ListenAdmin(dir, consoletest.New(), nil); err == nil {
		t.Error("a file that is no socket was replaced")
	}
}

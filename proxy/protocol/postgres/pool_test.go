package postgres_test

import (
	"strings"
	"testing"
	"time"

	"sluice.dev/proxy/audit"
	"sluice.dev/proxy/server/servertest"
)

// TestPool has sessions follow each other on connections that are kept.
func TestPool(t *testing.T) {
	g := startSuite(t, servertest.Options{Connection: "pool {\n size = 2\n}"})
	pid := func(r *raw) string { return rows(r.must("SELECT pg_backend_pid()")) }
	leave := func(r *raw) {
		r.send(msg('X', ""))
		r.rest()
	}
	// kept waits until a process is reset, or gone.
	comes := func(pid, ends string) (last string, ok bool) {
		state := "SELECT coalesce(max(state || ' ' || query), '') FROM pg_stat_activity WHERE pid = " + pid
		for range 1000 {
			if last = g.Direct(state); last == ends {
				time.Sleep(50 * time.Millisecond) // from the server's answer to the pool
				return last, true
			}
			if last == "" {
				return last, false
			}
			time.Sleep(20 * time.Millisecond)
		}
		return last, false
	}
	kept := func(pid string, want bool) {
		t.Helper()
		ends := map[bool]string{true: "idle DISCARD ALL", false: ""}[want]
		if last, ok := comes(pid, ends); !ok {
			t.Fatalf("process %s is %q, want %q", pid, last, ends)
		}
	}
	// The configuration may be loaded once more after the start, and the pool
	// is its generation's: wait for one that stays.
	for range 5 {
		r := login(t, g, g.Agent())
		p := pid(r)
		leave(r)
		if _, ok := comes(p, "idle DISCARD ALL"); ok {
			break
		}
	}
	// again logs in when the process is back, and gets it.
	again := func(want string, settings ...string) *raw {
		t.Helper()
		kept(want, true)
		r := login(t, g, g.Agent(), settings...)
		if got := pid(r); got != want {
			t.Errorf("got process %s, want %s, which is idle", got, want)
		}
		return r
	}
	// differs logs in and wants another server process.
	differs := func(why, other string, settings ...string) *raw {
		t.Helper()
		r := login(t, g, g.Agent(), settings...)
		if got := pid(r); got == other {
			t.Errorf("%s: process %s was handed on", why, other)
		}
		return r
	}

	r := login(t, g, g.Agent())
	first := pid(r)
	if before := rows(r.must("SHOW statement_timeout")); before == "1234ms" {
		t.Fatal("the time-out is set already")
	}
	r.must("SET statement_timeout = 1234")
	r.must("PREPARE p AS SELECT 1")
	r.must("LISTEN heard")
	r.must("CREATE TEMP TABLE customers (email text)")
	r.must("SELECT pg_advisory_lock(7)")
	leave(r)

	r = again(first)
	if got := rows(r.must("SHOW statement_timeout")); got == "1234ms" {
		t.Error("a setting of the session before is still there")
	}
	if got := errorOf(r.query("EXECUTE p")); got == "" {
		t.Error("a statement of the session before is still prepared")
	}
	if got := rows(r.must("SELECT count(*) FROM pg_catalog.pg_class WHERE relname = 'customers' AND relpersistence = 't'")); got != "0" {
		t.Errorf("%s temporary tables of the session before", got)
	}
	if got := rows(r.must("SELECT count(*) FROM pg_catalog.pg_locks WHERE locktype = 'advisory'")); got != "0" {
		t.Errorf("%s locks of the session before", got)
	}
	g.Direct("NOTIFY heard")
	if got := types(r.query("SELECT 1")); strings.Contains(got, "A") {
		t.Error("a notification for the session before arrived")
	}

	// In use: another session gets another process.
	o := differs("in use", first)
	leave(o)
	// Other start-up parameters: another process.
	leave(r)
	leave(again(first))
	leave(differs("another statement_timeout", first, "statement_timeout", "77s"))

	// A transaction left open, an error inside one, a cancel: not handed on.
	for why, spoil := range map[string]func(*raw){
		"a transaction is open":   func(r *raw) { r.must("BEGIN") },
		"a transaction failed":    func(r *raw) { r.must("BEGIN"); r.query("SELECT 1/0") },
		"a cancel was sent":       func(r *raw) { r.cancel(g) },
		"messages without a Sync": func(r *raw) { r.send(parse("", "SELECT 1"), msg('H', "")); r.until('1') },
	} {
		r := login(t, g, g.Agent())
		was := pid(r)
		spoil(r)
		leave(r)
		kept(was, false)
		leave(differs(why, was))
	}

	// The server ends an idle process: nobody notices.
	r = login(t, g, g.Agent())
	last := pid(r)
	leave(r)
	leave(again(last))
	kept(last, true)
	g.Direct("SELECT pg_terminate_backend(" + last + ", 5000)")
	leave(differs("terminated", last))

	used := false
	for _, e := range g.Records(audit.CredUse) {
		used = used || e.Detail["sessions_before"] == "1"
	}
	if !used {
		t.Error("no record says that a session got a connection that was used before")
	}
}

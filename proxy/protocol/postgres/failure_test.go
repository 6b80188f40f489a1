package postgres_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sluice.dev/proxy/plugin/plugintest"
	"sluice.dev/proxy/server/api"
	"sluice.dev/proxy/server/servertest"
)

// operator is the API as a person in group platform uses it.
func operator(t testing.TB, g *servertest.Gateway) *api.Client {
	t.Helper()
	c, err := api.At(g.URL, g.Token("op-1", "platform"))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// kill ends all open sessions.
func kill(t testing.TB, g *servertest.Gateway) {
	t.Helper()
	open, err := operator(t, g).Sessions(t.Context(), true)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range open {
		if err := operator(t, g).Kill(t.Context(), s.ID, "suspicious"); err != nil {
			t.Fatal(err)
		}
	}
}

func lastError(out []message) map[byte]string {
	if len(out) == 0 || out[len(out)-1].typ != 'E' {
		return nil
	}
	return out[len(out)-1].fields()
}

func TestKill(t *testing.T) {
	g := startSuite(t, servertest.Options{})
	t.Run("idle", func(t *testing.T) {
		r := login(t, g, g.Agent())
		kill(t, g)
		if f := lastError(r.rest()); f['S'] != "FATAL" || f['C'] != "28000" && f['C'] != "57P01" {
			t.Fatalf("got %v", f)
		}
	})
	t.Run("running", func(t *testing.T) {
		r := login(t, g, g.Agent())
		r.send(query("UPDATE orders SET item = 'killed' WHERE id = 5 AND pg_sleep(2) IS NOT NULL"))
		active := func() bool {
			return g.Direct("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'UPDATE orders%' AND state = 'active'") == "1"
		}
		waitFor(t, active)
		kill(t, g)
		if f := lastError(r.rest()); f['S'] != "FATAL" {
			t.Fatalf("got %v", f)
		}
		waitFor(t, func() bool { return !active() })
		if got := g.Direct("SELECT item FROM orders WHERE id = 5"); got != "item 5" {
			t.Fatalf("what it ran took effect: %q", got)
		}
	})
	t.Run("held", func(t *testing.T) {
		r := login(t, g, g.Agent())
		r.send(query("DELETE FROM orders WHERE id = 6"))
		ticket := ticketOf(r.until('N')[0])
		kill(t, g)
		if f := lastError(r.rest()); f['S'] != "FATAL" {
			t.Fatalf("got %v", f)
		}
		approver(t, g).Approve(t.Context(), ticket, "too late") //nolint:errcheck // it may have ended already
		login(t, g, g.Agent()).works()
		if got := g.Direct("SELECT count(*) FROM orders WHERE id = 6"); got != "1" {
			t.Fatal("it ran without its client")
		}
	})
	t.Run("that does not read", func(t *testing.T) {
		r := login(t, g, g.Agent())
		r.send(query("SELECT repeat('x', 100000) FROM generate_series(1, 1000000)"))
		r.until('D')
		kill(t, g)
		waitFor(t, func() bool {
			open, err := operator(t, g).Sessions(t.Context(), true)
			return err == nil && len(open) == 0
		})
		r.conn.Close()
	})
	t.Run("with a frozen database", func(t *testing.T) {
		r := login(t, g, g.Agent())
		if err := g.DB.Freeze(); err != nil {
			t.Fatal(err)
		}
		thaw := func() {
			if err := g.DB.Thaw(); err != nil {
				t.Error(err)
			}
		}
		defer thaw()
		r.send(query("SELECT 1"))
		kill(t, g)
		if f := lastError(r.rest()); f['S'] != "FATAL" {
			t.Fatalf("got %v", f)
		}
	})
	login(t, g, g.Agent()).works()
}

func TestDatabaseDies(t *testing.T) {
	g := startSuite(t, servertest.Options{})
	terminate := func(like string) {
		g.Direct("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'crew_app' AND query LIKE '" + like + "'")
	}
	t.Run("while idle", func(t *testing.T) {
		r := login(t, g, g.Agent())
		r.works()
		terminate("%customers%")
		if f := lastError(r.rest()); f['S'] != "FATAL" {
			t.Fatalf("got %v", f)
		}
	})
	t.Run("in the middle of a command", func(t *testing.T) {
		r := login(t, g, g.Agent())
		r.send(query("SELECT pg_sleep(600)"))
		waitFor(t, func() bool {
			return g.Direct("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' AND wait_event = 'PgSleep'") == "1"
		})
		terminate("SELECT pg_sleep%")
		if f := lastError(r.rest()); f['S'] != "FATAL" {
			t.Fatalf("got %v", f)
		}
	})
	for _, size := range []int{10, 20000, 300000} {
		t.Run(fmt.Sprintf("crashes in the middle of rows of %d bytes", size), func(t *testing.T) {
			r := login(t, g, g.Agent())
			r.send(query(fmt.Sprintf("SELECT repeat('x', %d), email FROM customers, generate_series(1, 1000000)", size)))
			r.until('D')
			g.DB.Crash()
			var last message
			whole := true
			for {
				m, err := r.read()
				if err != nil {
					whole = err.Error() == "EOF"
					break
				}
				last = m
			}
			if !whole && size < 65536 {
				t.Error("the last message is cut in two")
			}
			if f := last.fields(); whole && (last.typ != 'E' || f['S'] != "FATAL" || f['C'] != "08006" && f['C'][:2] != "57") {
				t.Errorf("the last message is %.100v", last)
			}
			if bytes.Contains(r.all(), []byte("ada.brandt@")) {
				t.Error("the client reads an e-mail")
			}
			if err := g.DB.Restart(context.Background()); err != nil {
				t.Fatal(err)
			}
			login(t, g, g.Agent()).works()
		})
	}
	t.Run("is not there", func(t *testing.T) {
		g.DB.Crash()
		r := dial(t, g)
		r.start()
		r.password(g.Agent())
		f := lastError(r.rest())
		if f['S'] != "FATAL" || f['C'] != "08006" || strings.Contains(f['M']+f['D']+f['H'], g.DB.Address()) {
			t.Errorf("got %v", f)
		}
		if err := g.DB.Restart(context.Background()); err != nil {
			t.Fatal(err)
		}
		login(t, g, g.Agent()).works()
	})
}

// wasm puts a module beside the configuration.
func wasm(t testing.TB, name string, module []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name+".wasm")
	if err := os.WriteFile(path, module, 0o600); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(module)
	return fmt.Sprintf("plugin %q {\n  module = %q\n  sha256 = %q\n}\n", name, path, hex.EncodeToString(sum[:]))
}

func TestHostilePlugins(t *testing.T) {
	for _, export := range []string{"sluice_mask", "sluice_classify"} {
		for name, module := range plugintest.Hostile(export) {
			t.Run(export+" "+name, func(t *testing.T) {
				more := wasm(t, "bad", module)
				if export == "sluice_mask" {
					more += "mask \"found\" {\n  plugin = \"bad\"\n  action = \"redact\"\n}\n"
				}
				g := startSuite(t, servertest.Options{More: more})
				r := login(t, g, g.Agent())
				for _, extended := range []bool{false, true} {
					var out []message
					if extended {
						r.send(parse("", "SELECT city, email, note FROM customers"), bind("", "", 0), execute("", 0), syncing)
						out = r.until('Z')
					} else {
						out = r.query("SELECT city, email, note FROM customers")
					}
					if err := errorOf(out); !strings.HasPrefix(err, "57P03") || rows(out) != "" {
						t.Errorf("extended %v: got %q and %v", extended, rows(out), err)
					}
				}
				out := r.query("UPDATE orders SET item = 'classified' WHERE id = 1")
				if export == "sluice_classify" && (!strings.HasPrefix(errorOf(out), "57P03") || g.Direct("SELECT item FROM orders WHERE id = 1") != "item 1") {
					t.Errorf("an UPDATE that could not be classified: %v", out)
				}
				out = r.query("COPY customers (city, email) TO STDOUT")
				if err := errorOf(out); !strings.HasPrefix(err, "57P03") || len(copied(out)) > 0 {
					t.Errorf("COPY: got %q, %v", copied(out), err)
				}
				for _, canary := range []string{"Berlin", "ada.brandt@", "prefers mornings"} {
					if bytes.Contains(r.all(), []byte(canary)) {
						t.Errorf("the client reads %s", canary)
					}
				}
				r.must("ROLLBACK") // always possible
			})
		}
	}
}

func TestPolicyThatFails(t *testing.T) {
	g := startSuite(t, servertest.Options{Rego: map[string]string{"base": `package base

allow if "crew" in input.principal.groups

limit contains {"rows": n} if {
	"update" in input.command.operations
	n := 0 - 5
}
`}})
	r := login(t, g, g.Agent())
	out := r.query("UPDATE orders SET item = 'x' WHERE id = 1")
	if !strings.HasPrefix(errorOf(out), "57P03") || g.Direct("SELECT item FROM orders WHERE id = 1") != "item 1" {
		t.Errorf("got %v", out)
	}
	r.works()
}

func TestAuditDiskIsFull(t *testing.T) {
	for name, sent := range map[string][]byte{
		"a write":       query("UPDATE orders SET item = 'unrecorded' WHERE id = 1"),
		"a read":        query("SELECT email, 'canary' FROM customers"),
		"a denial":      query("DROP TABLE orders"),
		"a hold":        query("DELETE FROM orders WHERE id = 1"),
		"extended read": bytes.Join([][]byte{parse("", "SELECT 'canary'"), bind("", "", 0), execute("", 0), syncing}, nil),
	} {
		t.Run(name, func(t *testing.T) {
			disk := servertest.NewDisk()
			g := startSuite(t, servertest.Options{Files: disk})
			r := login(t, g, g.Agent())
			idle := login(t, g, g.Agent())
			r.works()
			before := len(r.all())
			disk.Fill()
			r.send(sent)
			out := r.rest()
			if f := lastError(out); f['S'] != "FATAL" || f['C'] != "57P03" {
				t.Errorf("got %v", out)
			}
			if bytes.Contains(r.all()[before:], []byte("canary")) || bytes.Contains(r.all()[before:], []byte("a***@")) {
				t.Errorf("an answer that is not on record: %q", r.all()[before:])
			}
			if f := lastError(idle.rest()); f['C'] != "57P03" {
				t.Errorf("an idle session: %v", f)
			}
			next := dial(t, g)
			next.start()
			next.password(g.Agent())
			if f := lastError(next.rest()); f['S'] != "FATAL" || f['C'] != "57P03" {
				t.Errorf("the next client: %v", f)
			}
			if got := g.Direct("SELECT count(*) || ' ' || max(item) FILTER (WHERE id = 1) FROM orders"); got != "20 item 1" {
				t.Errorf("it took effect: %s", got)
			}
		})
	}
}

package postgres_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"sluice.dev/proxy/server/servertest"
)

// ailing is a file system under the ledger that can be made to refuse writes.
type ailing struct {
	path string // of the ledger
	fail func(t *testing.T)
	heal func(t *testing.T) // nil: only a restart of the gateway does
}

// fullDisk is a small file system that is filled to the last byte.
func fullDisk(t *testing.T) ailing {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=512k"); err != nil {
		t.Skipf("this needs a small file system of its own, and mounting one is not allowed here: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	ballast := filepath.Join(dir, "ballast")
	return ailing{filepath.Join(dir, "state.db"), func(t *testing.T) {
		f, err := os.Create(ballast)
		for err == nil {
			_, err = f.Write(make([]byte, 512))
		}
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		}
		f.Close()
	}, func(t *testing.T) {
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
	}}
}

// brokenDisk is a file which the gateway cannot write any more, from one moment
// to the next: its descriptor is replaced by one that is open for reading only.
func brokenDisk(t *testing.T) ailing {
	t.Helper()
	path := filepath.Join(t.TempDir(), "state.db")
	return ailing{path, func(t *testing.T) {
		fds, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		replaced := 0
		for _, e := range fds {
			if to, err := os.Readlink("/proc/self/fd/" + e.Name()); err != nil || to != path {
				continue
			}
			var fd int
			fmt.Sscan(e.Name(), &fd)
			f, err := os.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := unix.Dup3(int(f.Fd()), fd, unix.O_CLOEXEC); err != nil {
				t.Fatal(err)
			}
			f.Close()
			replaced++
		}
		if replaced != 1 {
			t.Fatalf("%d descriptors of %s", replaced, path)
		}
	}, nil}
}

// TestLedgerCannotBeWritten: what is held is refused and the connection stays;
// what is not held goes on; no approval counts that is not on the disk, and
// nothing runs by one; and when the disk is well again, everything is where it
// was.
func TestLedgerCannotBeWritten(t *testing.T) {
	for name, disk := range map[string]func(*testing.T) ailing{"full": fullDisk, "broken": brokenDisk} {
		t.Run(name, func(t *testing.T) {
			under := disk(t)
			g := startSuite(t, servertest.Options{Rego: map[string]string{"base": holdingInserts},
				More: approvals + fmt.Sprintf("state \"file\" {\n  path = %q\n}\n", under.path), Init: []string{servertest.Schema, slowSchema}, Masks: "-"})
			insert := func(what string) string { return "INSERT INTO quick VALUES ('" + what + "')" }
			effects := func(what string) string {
				return g.Direct("SELECT count(*) FROM (SELECT what FROM quick UNION ALL SELECT what FROM slow) x WHERE what = '" + what + "'")
			}
			waits, pending := held(t, g, "patient", query(insert("waits")))
			r := login(t, g, g.Agent(), "application_name", "ticket")
			approved := ticketOf(r.query(insert("approved"))[0])
			approve(t, g, approved)
			runs, claimed := held(t, g, "patient", query("INSERT INTO slow VALUES ('runs')"))
			approve(t, g, claimed)
			running(t, g, "INSERT INTO slow%")

			under.fail(t)
			refused := func(sql string) {
				t.Helper()
				out := r.query(sql)
				if types(out) != "EZ" || !strings.HasPrefix(errorOf(out), "57P03 sluice: cannot decide") || status(out) != "I" {
					t.Errorf("%s: %v", sql, out)
				}
				if strings.Contains(fmt.Sprint(out), under.path) {
					t.Errorf("the client reads where the ledger is: %v", out)
				}
			}
			refused(insert("new"))
			refused(insert("approved")) // the claim cannot be written
			r.must("SELECT 1")
			r.must("UPDATE orders SET item = 'goes on' WHERE id = 1")
			if _, err := approver(t, g).Approve(t.Context(), pending, "yes"); err == nil {
				t.Error("an approval counts that is not on the disk")
			}
			if _, err := approver(t, g).Deny(t.Context(), pending, "no"); err == nil {
				t.Error("a denial counts that is not on the disk")
			}
			// What ran when the disk went ends well.
			runs.want("what ran", runs.until('Z'), "CZ", "", "")
			for what, want := range map[string]string{"new": "0", "approved": "0", "waits": "0", "runs": "1"} {
				if n := effects(what); n != want {
					t.Errorf("%s effects of %s, want %s", n, what, want)
				}
			}

			if under.heal == nil {
				g.Stop()
				waits.rest()
				g.Run()
				// The outcome of what ran was never written.
				if h := state(t, g, claimed); h.State != "unknown" {
					t.Errorf("the ticket of what ran is %s %s", h.State, h.Outcome)
				}
				r = login(t, g, g.Agent(), "application_name", "ticket")
			} else {
				under.heal(t)
				if h := state(t, g, claimed); h.State != "done" || h.Outcome != "committed" {
					t.Errorf("the ticket of what ran is %s %s", h.State, h.Outcome)
				}
			}
			r.want("approved before", r.query(insert("approved")), "CZ", "", "")
			if h := state(t, g, pending); h.State != "pending" {
				t.Fatalf("what waited is %s", h.State)
			}
			approve(t, g, pending)
			if under.heal == nil {
				waits = login(t, g, g.Agent(), "application_name", "patient")
				waits.send(query(insert("waits")))
			}
			waits.want("what waited", waits.until('Z'), "CZ", "", "")
			for what, want := range map[string]string{"new": "0", "approved": "1", "waits": "1", "runs": "1"} {
				if n := effects(what); n != want {
					t.Errorf("in the end %s effects of %s, want %s", n, what, want)
				}
			}
			out := r.query("INSERT INTO slow VALUES ('runs')")
			if again := ticketOf(out[0]); again == "" || again == claimed {
				t.Errorf("sent again: %v", out)
			}
			if under.heal != nil {
				// What could not be written at the time is written by now, or at
				// the next attempt.
				g.Stop()
				g.Run()
				if h := state(t, g, claimed); h.State != "done" && h.State != "unknown" {
					t.Errorf("after a restart the ticket of what ran is %s %s", h.State, h.Outcome)
				}
			}
		})
	}
}

package state_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"sluice.dev/proxy/state"
	"sluice.dev/proxy/state/statetest"
)

const fullDir = "SLUICE_TEST_FULL_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(fullDir); dir != "" {
		if err := fill(dir); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

func open(t *testing.T) *state.File {
	t.Helper()
	f, err := state.OpenFile(filepath.Join(t.TempDir(), "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func put(key, value string) func(state.Tx) error {
	return func(tx state.Tx) error { return tx.Put("b", key, []byte(value)) }
}

func get(t *testing.T, s state.Store, key string) string {
	t.Helper()
	var v []byte
	if err := s.View(func(tx state.Tx) (err error) { v, err = tx.Get("b", key); return err }); err != nil {
		t.Fatal(err)
	}
	return string(v)
}

func TestFile(t *testing.T) {
	f := open(t)
	if err := f.View(func(tx state.Tx) error {
		v, err := tx.Get("none", "k")
		if v != nil || err != nil {
			t.Errorf("get from an empty store: %q, %v", v, err)
		}
		if err := tx.Put("b", "k", nil); !errors.Is(err, state.ErrReadOnly) {
			t.Errorf("put while viewing: %v", err)
		}
		if err := tx.Delete("b", "k"); !errors.Is(err, state.ErrReadOnly) {
			t.Errorf("delete while viewing: %v", err)
		}
		return tx.ForEach("none", func(string, []byte) error { return errors.New("an empty bucket has an entry") })
	}); err != nil {
		t.Fatal(err)
	}
	mine := errors.New("mine")
	err := f.Update(func(tx state.Tx) error {
		if err := tx.Put("b", "k", []byte("lost")); err != nil {
			return err
		}
		return mine
	})
	if !errors.Is(err, mine) || get(t, f, "k") != "" {
		t.Errorf("an update with an error: %v, left %q", err, get(t, f, "k"))
	}
	for _, k := range []string{"c", "a", "b"} {
		if err := f.Update(put(k, "v"+k)); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Update(func(tx state.Tx) error {
		return errors.Join(tx.Delete("b", "a"), tx.Delete("b", "z"), tx.Delete("y", "z"))
	}); err != nil {
		t.Fatal(err)
	}
	var seen []string
	if err := f.View(func(tx state.Tx) error {
		return tx.ForEach("b", func(k string, v []byte) error { seen = append(seen, k+"="+string(v)); return nil })
	}); err != nil || strings.Join(seen, " ") != "b=vb c=vc" {
		t.Errorf("entries: %v, %v", seen, err)
	}
	for _, bad := range []struct {
		key   string
		value int
	}{{"", 1}, {strings.Repeat("k", state.MaxKey+1), 1}, {"k", state.MaxValue + 1}} {
		if err := f.Update(func(tx state.Tx) error { return tx.Put("b", bad.key, make([]byte, bad.value)) }); err == nil {
			t.Errorf("a key of %d and a value of %d bytes were taken", len(bad.key), bad.value)
		}
	}
	if err := errors.Join(f.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
	if err := f.Update(put("k", "v")); !errors.Is(err, state.ErrUnavailable) {
		t.Errorf("update of a closed store: %v", err)
	}
	again, err := state.OpenFile(f.Path())
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if get(t, again, "b") != "vb" {
		t.Error("what was written is gone")
	}
}

func TestFileIsPrivateAndAlone(t *testing.T) {
	f := open(t)
	if info, err := os.Stat(f.Path()); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if _, err := state.OpenFile(f.Path()); !errors.Is(err, state.ErrInUse) || !strings.Contains(err.Error(), "choose another data_dir") {
		t.Errorf("a second opening: %v", err)
	}
	f.Close()
	if err := os.Chmod(f.Path(), 0o644); err != nil {
		t.Fatal(err)
	}
	again, err := state.OpenFile(f.Path())
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
	if info, err := os.Stat(f.Path()); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode after opening a file that others could read: %v, %v", info.Mode(), err)
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	garbage := filepath.Join(dir, "garbage")
	if err := os.WriteFile(garbage, bytes.Repeat([]byte("no database "), 10000), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, garbage, filepath.Join(dir, "none", "state.db")} {
		if f, err := state.OpenFile(path); !errors.Is(err, state.ErrUnavailable) {
			t.Errorf("open %s: %v", path, err)
			if err == nil {
				f.Close()
			}
		}
	}
}

// TestFileCutShort cuts the file under the open store: an error then, not the end
// of the process.
func TestFileCutShort(t *testing.T) {
	f := open(t)
	if err := f.Update(put("k", strings.Repeat("v", 100000))); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(f.Path(), 0); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := f.View(func(tx state.Tx) error { _, err := tx.Get("b", "k"); return err }); !errors.Is(err, state.ErrUnavailable) {
			t.Errorf("view: %v", err)
		}
		if err := f.Update(put("k", "v")); !errors.Is(err, state.ErrUnavailable) {
			t.Errorf("update: %v", err)
		}
	}
	if err := f.Close(); !errors.Is(err, state.ErrUnavailable) {
		t.Errorf("close: %v", err)
	}
}

func TestConcurrentUpdates(t *testing.T) {
	f := open(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 25 {
				err := f.Update(func(tx state.Tx) error {
					v, err := tx.Get("b", "n")
					if err != nil {
						return err
					}
					return tx.Put("b", "n", append(v, '.'))
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if n := len(get(t, f, "n")); n != 200 {
		t.Errorf("%d of 200 updates are there", n)
	}
}

// TestDiskFull runs fill in a process of its own, since it limits the size of
// its files.
func TestDiskFull(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), fullDir+"="+t.TempDir())
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// fill writes until there is no room, and shows that nothing is lost, that the
// store says so, and that it works again when there is room.
func fill(dir string) error {
	signal.Ignore(syscall.SIGXFSZ)
	f, err := state.OpenFile(filepath.Join(dir, "state.db"))
	if err != nil {
		return err
	}
	if err := f.Update(put("kept", "before")); err != nil {
		return err
	}
	var was syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &was); err != nil {
		return err
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 1 << 20, Max: was.Max}); err != nil {
		return err
	}
	big := strings.Repeat("x", 200000)
	n := 0
	for ; n < 100; n++ {
		if err = f.Update(put(fmt.Sprint("big", n), big)); err != nil {
			break
		}
	}
	if !errors.Is(err, state.ErrUnavailable) {
		return fmt.Errorf("a full disk after %d writes: %w", n, err)
	}
	var kept, last []byte
	if err := f.View(func(tx state.Tx) (err error) {
		if kept, err = tx.Get("b", "kept"); err == nil {
			last, err = tx.Get("b", fmt.Sprint("big", n))
		}
		return err
	}); err != nil || string(kept) != "before" || last != nil {
		return fmt.Errorf("after the failure: %q, %d bytes, %w", kept, len(last), err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &was); err != nil {
		return err
	}
	if err := f.Update(put("kept", "after")); err != nil {
		return fmt.Errorf("with room again: %w", err)
	}
	return f.Close()
}

func TestFaults(t *testing.T) {
	s := statetest.New(open(t))
	s.Gone()
	if err := s.Update(put("k", "1")); !errors.Is(err, state.ErrUnavailable) {
		t.Errorf("update: %v", err)
	}
	if err := s.View(func(state.Tx) error { return nil }); !errors.Is(err, state.ErrUnavailable) {
		t.Errorf("view: %v", err)
	}
	s.Back()
	if got := get(t, s, "k"); got != "" {
		t.Errorf("a fault before the commit left %q", got)
	}
	s.OnUpdate(func(n int) statetest.Fault {
		if n == 2 {
			return statetest.After
		}
		return statetest.None
	})
	if err := s.Update(put("k", "2")); !errors.Is(err, state.ErrUnavailable) || get(t, s, "k") != "2" || s.Updates() != 2 {
		t.Errorf("a fault after the commit: %v, left %q", err, get(t, s, "k"))
	}
}

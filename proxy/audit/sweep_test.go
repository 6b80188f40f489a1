package audit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// sweep counts every call that a log makes to its file system, and lets one of
// them fail.
type sweep struct {
	Files
	mu       sync.Mutex
	n, at    int
	fault    error
	what     string // that failed
	unsynced bool   // segments need Sync
	seen     map[string]int
}

var (
	errShort  = errors.New("short write")
	errKilled = errors.New("killed") // here, and nothing more reaches the disk
)

func (s *sweep) call(what string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen[what]++
	s.n++
	switch {
	case s.n == s.at:
		s.what = what
		return s.fault
	case s.n > s.at && errors.Is(s.fault, errKilled):
		return s.fault
	}
	return nil
}

// last reports that this was the call in which the process was killed.
func (s *sweep) last(what string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.what == what && s.n == s.at
}

func (s *sweep) Prewrite(path string, size int64, pause func(time.Duration)) error {
	if err := s.call("prewrite"); err != nil {
		return err
	}
	return s.Files.Prewrite(path, size, pause)
}

func (s *sweep) OpenSegment(path string) (File, bool, error) {
	if err := s.call("open segment"); err != nil {
		return nil, false, err
	}
	f, synced, err := s.Files.OpenSegment(path)
	return &sweepFile{f, s}, synced && !s.unsynced, err
}

func (s *sweep) Write(path string, b []byte) error {
	if err := s.call("write file"); err != nil {
		if errors.Is(err, errKilled) && s.last("write file") {
			_ = os.WriteFile(path+".tmp", b[:len(b)/2], 0o600)
		}
		return err
	}
	return s.Files.Write(path, b)
}

func (s *sweep) Place(path string, b []byte) error {
	if err := s.call("place"); err != nil {
		return err
	}
	return s.Files.Place(path, b)
}

func (s *sweep) Settle(paths []string) error {
	if err := s.call("settle"); err != nil {
		return err
	}
	return s.Files.Settle(paths)
}

func (s *sweep) Rename(from, to string) error {
	if err := s.call("rename"); err != nil {
		return err
	}
	return s.Files.Rename(from, to)
}

func (s *sweep) Remove(path string) error {
	if err := s.call("remove"); err != nil {
		return err
	}
	return s.Files.Remove(path)
}

func (s *sweep) Free(dir string) (free, total uint64, err error) {
	if err := s.call("free"); err != nil {
		return 0, 0, err
	}
	return s.Files.Free(dir)
}

type sweepFile struct {
	File
	s *sweep
}

func (f *sweepFile) WriteAt(b []byte, off int64) (int, error) {
	err := f.s.call("write")
	if errors.Is(err, errShort) {
		n, _ := f.File.WriteAt(b[:len(b)/2&^(block-1)], off)
		return n, nil // no error of its own, as write(2) may
	}
	if errors.Is(err, errKilled) && f.s.last("write") {
		_, _ = f.File.WriteAt(b[:len(b)/2&^(block-1)], off)
	}
	if err != nil {
		return 0, err
	}
	return f.File.WriteAt(b, off)
}

func (f *sweepFile) Sync() error {
	if err := f.s.call("sync"); err != nil {
		return err
	}
	return f.File.Sync()
}

func (f *sweepFile) Close() error {
	if err := f.s.call("close"); err != nil {
		_ = f.File.Close()
		return err
	}
	return f.File.Close()
}

// work is a log's life in short: commands one by one and side by side, long
// texts, segments, checkpoints, and an end. It returns what was said to be
// durable.
func work(dir string, o Options) (durable Seq, vkey string, err error) {
	l, err := Open(dir, o)
	if err != nil {
		return 0, "", err
	}
	defer func() {
		if closeErr := l.Close(); err == nil {
			err = closeErr
		}
	}()
	vkey = l.VKey()
	var mu sync.Mutex
	step := func(r *Record, add func(*Record) (Seq, error)) error {
		s, err := add(r)
		if err == nil {
			err = l.Wait(context.Background(), s)
		}
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		durable = max(durable, s)
		return nil
	}
	long := strings.Repeat("SELECT 'a long text' ", 190)
	for i := range 12 {
		r := plainIntent(i)
		if i < 10 {
			r.Action.Text = long // twelve fill half a segment
		} else if i == 10 {
			r.Action.Text = long + long // goes to an object
		}
		if err := step(r, l.Append); err != nil {
			return durable, vkey, err
		}
		if err := step(plainResult(i), l.Grouped); err != nil {
			return durable, vkey, err
		}
	}
	if err := l.Checkpoint(context.Background()); err != nil {
		return durable, vkey, err
	}
	var wg sync.WaitGroup
	errs := make([]error, 6)
	for g := range errs {
		wg.Go(func() {
			for i := range 4 {
				r := plainIntent(100 + 10*g + i)
				r.Action.Text = long
				if errs[g] = step(r, l.Append); errs[g] != nil {
					return
				}
				if _, errs[g] = l.Grouped(plainResult(100 + 10*g + i)); errs[g] != nil {
					return
				}
			}
		})
	}
	wg.Wait()
	return durable, vkey, errors.Join(errs...)
}

// TestFaultAtEveryCall lets each call to the file system fail in turn. Whatever
// it is, the log either copes or stops with a reason; nothing is said to be
// durable that is not; and with a sound disk it goes on where it was.
func TestFaultAtEveryCall(t *testing.T) {
	stride := 1
	if testing.Short() {
		stride = 7
	}
	for _, fault := range []error{syscall.EIO, syscall.ENOSPC, errShort, errKilled} {
		for _, unsynced := range []bool{false, true} {
			name := fmt.Sprintf("%v, synced by the write: %t", fault, !unsynced)
			t.Run(name, func(t *testing.T) {
				tried, stopped := 0, 0
				for at := 1; ; at += stride {
					s := &sweep{Files: roomy{OS()}, at: at, fault: fault, unsynced: unsynced, seen: make(map[string]int)}
					if !oneFault(t, s, &stopped) {
						break
					}
					tried++
					if t.Failed() {
						t.Fatalf("the fault was in call %d (%s)", at, s.what)
					}
				}
				t.Logf("%d calls failed, %d of them stopped the log", tried, stopped)
				if tried < 60/stride || stopped == 0 {
					t.Errorf("%d faults, %d stops: the faults do not reach the log", tried, stopped)
				}
			})
		}
	}
}

// oneFault is one life with one fault, and the one after it. It returns false
// when there was no such call any more.
func oneFault(t *testing.T, s *sweep, stopped *int) bool {
	t.Helper()
	dir, err := os.MkdirTemp(fastDir(t), "audit-sweep-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	o := testOptions()
	o.Files, o.CheckpointEvery, o.Ballast = s, 5*time.Millisecond, block
	durable, _, err := work(dir, o)
	if s.what == "" {
		if err != nil {
			t.Errorf("without a fault: %v", err)
		}
		return false
	}
	if err != nil {
		*stopped++
		if !strings.HasPrefix(err.Error(), "audit: ") {
			t.Errorf("the error does not say whose it is: %v", err)
		}
	}
	switch s.what {
	case "write", "sync":
		if err == nil && !errors.Is(s.fault, errShort) {
			t.Errorf("a failed %s went by", s.what)
		}
	}
	l, err := Open(dir, testOptions())
	if err != nil {
		t.Errorf("the log does not open again: %v", err)
		return true
	}
	last := l.Durable()
	vkey := l.VKey()
	if err := l.Close(); err != nil {
		t.Errorf("closing after the repair: %v", err)
	}
	if last < durable {
		t.Errorf("%d records are left, %d were durable", last, durable)
	}
	if r := verify(t, dir, vkey); !r.OK || r.Running != 0 {
		t.Errorf("%s", r)
	}
	return true
}

// fastDir is for tests whose file system may be one in memory: they look at
// what is done, not at what survives a power cut.
func fastDir(t *testing.T) string {
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() {
		return "/dev/shm"
	}
	return t.TempDir()
}

// TestFaultInRecovery does the same to the start after a crash.
func TestFaultInRecovery(t *testing.T) {
	dir, err := os.MkdirTemp(fastDir(t), "audit-sweep-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	o := testOptions()
	o.Files = &sweep{Files: roomy{OS()}, at: 95, fault: errShort, unsynced: true, seen: make(map[string]int)} // in the second half
	durable, _, err := work(dir, o)
	if err == nil {
		t.Fatal("the log did not crash")
	}
	stopped, tried := 0, 0
	for at := 1; ; at++ {
		again, err := os.MkdirTemp(fastDir(t), "audit-sweep-")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.CopyFS(again, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		s := &sweep{Files: roomy{OS()}, at: at, fault: syscall.EIO, seen: make(map[string]int)}
		o.Files, o.CheckpointEvery = s, time.Hour
		l, openErr := Open(again, o)
		if openErr == nil {
			openErr = l.Close()
		}
		if openErr != nil {
			stopped++
		}
		l, err = Open(again, testOptions())
		if err != nil {
			t.Fatalf("call %d (%s) failed with %v, and then: %v", at, s.what, openErr, err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if r := verify(t, again, l.VKey()); !r.OK || r.Running != 0 || r.Size < uint64(durable) {
			t.Errorf("call %d (%s) failed with %v; %d were durable:\n%s", at, s.what, openErr, durable, r)
		}
		if err := os.RemoveAll(again); err != nil {
			t.Fatal(err)
		}
		if s.what == "" {
			break
		}
		tried++
	}
	t.Logf("%d calls failed, %d of them stopped the start or the log", tried, stopped)
	if stopped < 10 {
		t.Errorf("only %d faults reached the log", stopped)
	}
}

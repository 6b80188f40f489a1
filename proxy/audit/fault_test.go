package audit

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// faulty is the real file system with errors at chosen places.
type faulty struct {
	Files
	mu       sync.Mutex
	writes   int                         // of batches, counted over all segments
	onWrite  func(n int, b []byte) error // before the n-th batch; a shortError writes half
	onSync   func() error                // makes files that need Sync
	onFile   func(path string) error     // before Write and Prewrite
	free     func() (uint64, uint64)     // in place of the real space
	after    int                         // writes and syncs of a segment after its first error
	unsynced func(f File) File           // wraps each segment
}

type shortError struct{ error }

type faultyFile struct {
	File
	f      *faulty
	failed atomic.Bool
}

func (f *faulty) OpenSegment(path string) (File, bool, error) {
	file, synced, err := f.Files.OpenSegment(path)
	if err != nil {
		return nil, false, err
	}
	if f.unsynced != nil {
		return f.unsynced(file), false, nil
	}
	return &faultyFile{File: file, f: f}, synced && f.onSync == nil, nil
}

func (f *faultyFile) WriteAt(b []byte, off int64) (int, error) {
	f.f.mu.Lock()
	defer f.f.mu.Unlock()
	if f.failed.Load() {
		f.f.after++
	}
	if off > 0 && f.f.onWrite != nil { // not the header
		f.f.writes++
		err := f.f.onWrite(f.f.writes, b)
		if short := (shortError{}); errors.As(err, &short) {
			f.failed.Store(true)
			n, _ := f.File.WriteAt(b[:len(b)/2&^(block-1)], off)
			return n, short.error
		}
		if err != nil {
			f.failed.Store(true)
			return 0, err
		}
	}
	return f.File.WriteAt(b, off)
}

func (f *faultyFile) Sync() error {
	f.f.mu.Lock()
	defer f.f.mu.Unlock()
	if f.failed.Load() {
		f.f.after++
	}
	if err := f.f.onSync(); err != nil {
		f.failed.Store(true)
		return err
	}
	return f.File.Sync()
}

func (f *faulty) fault(path string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.onFile == nil {
		return nil
	}
	return f.onFile(path)
}

func (f *faulty) Write(path string, b []byte) error {
	if err := f.fault(path); err != nil {
		return err
	}
	return f.Files.Write(path, b)
}

func (f *faulty) Place(path string, b []byte) error {
	if err := f.fault(path); err != nil {
		return err
	}
	return f.Files.Place(path, b)
}

func (f *faulty) Prewrite(path string, size int64, pause func(time.Duration)) error {
	if err := f.fault(path); err != nil {
		return err
	}
	return f.Files.Prewrite(path, size, pause)
}

func (f *faulty) Free(dir string) (uint64, uint64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.free != nil {
		free, total := f.free()
		return free, total, nil
	}
	return 100 << 30, 100 << 30, nil
}

// set changes what happens from now on.
func (f *faulty) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

func faultyOptions(f *faulty) Options {
	o := testOptions()
	f.Files = OS()
	o.Files = f
	return o
}

// afterCrash opens the log with a sound disk, checks that records up to last
// are there, and returns how many unknown results it has.
func afterCrash(t *testing.T, dir string, last Seq) (unknown uint64) {
	t.Helper()
	l := open(t, dir, testOptions())
	var found Seq
	recovered := false
	if err := Scan(dir, func(s Seq, raw []byte) error {
		found = s
		recovered = recovered || strings.Contains(string(raw), `"event":"log.recover"`)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if found < last {
		t.Fatalf("%d records are left, %d were durable", found, last)
	}
	if !recovered {
		t.Error("no log.recover after a stop that was not clean")
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	r := verify(t, dir, l.VKey())
	if !r.OK || r.Running != 0 {
		t.Fatalf("%s", r)
	}
	return r.Unknown
}

func TestWriteErrorStopsTheLog(t *testing.T) {
	for name, fault := range map[string]error{
		"EIO": syscall.EIO, "ENOSPC": syscall.ENOSPC, "short write": shortError{errors.New("short")},
		"silent short write": shortError{nil},
	} {
		for _, at := range []int{2, 3, 7} {
			t.Run(fmt.Sprintf("%s at %d", name, at), func(t *testing.T) {
				dir := t.TempDir()
				f := &faulty{onWrite: func(n int, _ []byte) error {
					if n == at {
						return fault
					}
					return nil
				}}
				l := open(t, dir, faultyOptions(f))
				var last Seq
				durable := l.Durable()
				var err error
				for i := 0; err == nil && i < 1000; i++ {
					if last, err = l.Append(plainIntent(i)); err == nil {
						if err = l.Wait(context.Background(), last); err == nil {
							durable = last
						}
					}
				}
				if err == nil {
					t.Fatal("the log went on")
				}
				<-l.Failed()
				if _, err := l.Append(plainResult(0)); err == nil || l.Err() == nil {
					t.Error("a stopped log takes records")
				}
				if _, err := l.Grouped(plainResult(0)); err == nil {
					t.Error("a stopped log takes grouped records")
				}
				if err := l.Wait(context.Background(), durable); err != nil {
					t.Errorf("what was durable is not any more: %v", err)
				}
				if err := l.Wait(context.Background(), durable+1); err == nil {
					t.Error("what failed is durable")
				}
				if err := l.Checkpoint(context.Background()); err == nil {
					t.Error("a stopped log signs")
				}
				if l.Durable() != durable {
					t.Errorf("Durable = %d, want %d", l.Durable(), durable)
				}
				if err := l.Close(); err == nil {
					t.Error("Close does not tell")
				}
				if f.after != 0 {
					t.Errorf("%d writes to the segment after the error", f.after)
				}
				if n := afterCrash(t, dir, durable); n < uint64(durable)-1 {
					t.Errorf("%d commands are unknown, want %d", n, durable-1)
				}
			})
		}
	}
}

func TestSyncErrorIsNeverRetried(t *testing.T) {
	dir := t.TempDir()
	syncs := 0
	f := &faulty{}
	f.onSync = func() error {
		if syncs++; syncs == 4 {
			return syscall.EIO
		}
		return nil
	}
	l := open(t, dir, faultyOptions(f))
	var err error
	for i := 0; err == nil && i < 100; i++ {
		var s Seq
		if s, err = l.Append(plainIntent(i)); err == nil {
			err = l.Wait(context.Background(), s)
		}
	}
	if !errors.Is(err, syscall.EIO) {
		t.Fatalf("the failed sync gives %v", err)
	}
	l.Close()
	if f.after != 0 || syncs != 4 {
		t.Errorf("%d calls on the segment after the failed sync, %d syncs", f.after, syncs)
	}
	afterCrash(t, dir, l.Durable())
}

// volatile keeps writes in memory until Sync, like a disk that loses power.
type volatile struct {
	File
	mu   sync.Mutex
	keep []func() error
}

func (v *volatile) WriteAt(b []byte, off int64) (int, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	kept := aligned(len(b))
	copy(kept, b)
	v.keep = append(v.keep, func() error { _, err := v.File.WriteAt(kept, off); return err })
	return len(b), nil
}

func (v *volatile) Sync() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, write := range v.keep {
		if err := write(); err != nil {
			return err
		}
	}
	v.keep = nil
	return nil
}

func TestWaitMeansSynced(t *testing.T) {
	dir := t.TempDir()
	f := &faulty{unsynced: func(file File) File { return &volatile{File: file} }}
	l := open(t, dir, faultyOptions(f))
	for i := range 200 {
		s := mustAppend(t, l, plainIntent(i))
		if err := l.Wait(context.Background(), s); err != nil {
			t.Fatal(err)
		}
		found := Seq(0)
		if i%20 == 0 { // what another process would find now
			if err := Scan(dir, func(s Seq, _ []byte) error { found = s; return nil }); err != nil || found < s {
				t.Fatalf("record %d is durable, the disk has %d (%v)", s, found, err)
			}
		}
	}
}

func TestFullDisk(t *testing.T) {
	const reserve = 64 << 20
	for name, begin := range map[string]func(f *faulty){
		"free space below the reserve": func(f *faulty) { f.free = func() (uint64, uint64) { return reserve - 1, 100 << 30 } },
		"no space for a tile": func(f *faulty) {
			once := true
			f.onFile = func(path string) error {
				if once && strings.Contains(path, "/tile/") {
					once = false // the ballast makes room
					return syscall.ENOSPC
				}
				return nil
			}
			f.free = func() (uint64, uint64) { return reserve, 100 << 30 }
		},
		"no space for a segment": func(f *faulty) {
			f.onFile = func(path string) error {
				if filepath.Base(path) == nextSegment && exists(filepath.Join(filepath.Dir(path), "..", ballastName)) {
					return syscall.ENOSPC // until the ballast is gone
				}
				return nil
			}
			f.free = func() (uint64, uint64) { return reserve, 100 << 30 }
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			f := &faulty{}
			o := faultyOptions(f)
			o.CheckpointEvery = 5 * time.Millisecond
			l := open(t, dir, o)
			until(t, "the ballast is there", func() bool { return exists(filepath.Join(dir, ballastName)) })
			f.set(func() { begin(f) })
			i := 0
			until(t, "new commands are refused", func() bool {
				_, err := l.Append(plainIntent(i))
				i++
				return errors.Is(err, ErrFull)
			})
			if !errors.Is(l.Err(), ErrFull) || !l.Stats().Full {
				t.Errorf("Err = %v", l.Err())
			}
			if exists(filepath.Join(dir, ballastName)) {
				t.Error("the ballast was not given up")
			}
			for j := range i - 1 { // what runs may end
				s := mustAppend(t, l, plainResult(j))
				if err := l.Wait(context.Background(), s); err != nil {
					t.Fatal(err)
				}
			}
			f.set(func() { f.free, f.onFile = nil, nil })
			until(t, "commands are taken again", func() bool { return l.Err() == nil })
			s := mustAppend(t, l, plainIntent(i-1))
			mustAppend(t, l, plainResult(i-1))
			if err := l.Wait(context.Background(), s); err != nil {
				t.Fatal(err)
			}
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			if r := verify(t, dir, l.VKey()); !r.OK {
				t.Fatalf("%s", r)
			}
			if log := string(joined(t, dir)); !strings.Contains(log, "disk full") || !strings.Contains(log, "space again") {
				t.Error("the log does not tell of it")
			}
		})
	}
}

func TestTileErrorStopsTheLog(t *testing.T) {
	dir := t.TempDir()
	f := &faulty{onFile: func(path string) error {
		if strings.Contains(path, "/tile/") {
			return syscall.EIO
		}
		return nil
	}}
	l := open(t, dir, faultyOptions(f))
	fill(t, l, 0, 10)
	if err := l.Checkpoint(context.Background()); !errors.Is(err, syscall.EIO) {
		t.Fatalf("Checkpoint: %v", err)
	}
	<-l.Failed()
	l.Close()
	if n := afterCrash(t, dir, l.Durable()); n != 0 {
		t.Errorf("%d unknown, all commands had their outcome", n)
	}
}

func TestDiskFillsUpWarns(t *testing.T) {
	dir := t.TempDir()
	f := &faulty{}
	var percent, looks atomic.Uint64
	percent.Store(50)
	f.free = func() (uint64, uint64) { looks.Add(1); return percent.Load() << 30, 100 << 30 }
	o := faultyOptions(f)
	o.CheckpointEvery = 2 * time.Millisecond
	l := open(t, dir, o)
	for _, p := range []uint64{20, 22, 5, 4, 50, 24} { // warns at 20, 5 and 24
		percent.Store(p)
		from := looks.Load()
		until(t, "the log has looked at the disk", func() bool { return looks.Load() >= from+3 })
	}
	l.Close()
	if n := strings.Count(string(joined(t, dir)), "disk filling up"); n != 3 {
		t.Errorf("%d warnings, want 3", n)
	}
}

// plainIntent and plainResult have no number within their session.
func plainIntent(i int) *Record { r := intentRecord(i); r.SessionSeq = 0; return r }
func plainResult(i int) *Record { r := resultRecord(i); r.SessionSeq = 0; return r }

func joined(t *testing.T, dir string) (all []byte) {
	t.Helper()
	for _, r := range allRecords(t, dir) {
		all = append(append(all, r...), '\n')
	}
	return all
}

package recording

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"sluice.dev/proxy/audit"
)

// faulty is the real file system with errors at chosen places.
type faulty struct {
	audit.Files
	place  func(path string) error
	settle func(paths []string) error
}

func (f *faulty) Place(path string, b []byte) error {
	if f.place != nil {
		if err := f.place(path); err != nil {
			return err
		}
	}
	return f.Files.Place(path, b)
}

func (f *faulty) Settle(paths []string) error {
	if f.settle != nil {
		if err := f.settle(paths); err != nil {
			return err
		}
	}
	return f.Files.Settle(paths)
}

// TestFaultAtEveryStep lets the n-th call fail: the recorder stops, and what
// the log says of the recording is there, whole.
func TestFaultAtEveryStep(t *testing.T) {
	for _, fault := range []error{syscall.EIO, syscall.ENOSPC} {
		for _, call := range []string{"place", "settle"} {
			for at := 1; at <= 4; at++ {
				t.Run(fmt.Sprintf("%v in %s %d", fault, call, at), func(t *testing.T) {
					var mu sync.Mutex
					n := 0
					fail := func() error {
						mu.Lock()
						defer mu.Unlock()
						if n++; n == at {
							return fault
						}
						return nil
					}
					f := &faulty{Files: audit.OS()}
					if call == "place" {
						f.place = func(string) error { return fail() }
					} else {
						f.settle = func([]string) error { return fail() }
					}
					_, log, s := open(t, Options{Files: f, ChunkEvery: 2 * time.Millisecond})
					r := start(t, s, "s")
					stopped := func() bool {
						select {
						case <-r.Failed():
							return true
						default:
							return false
						}
					}
					for end := time.Now().Add(20 * time.Second); !stopped(); time.Sleep(time.Millisecond) {
						r.Event(Event{Kind: KindNotice, Text: strings.Repeat("x", 3000)})
						if time.Now().After(end) {
							t.Fatal("the recorder goes on")
						}
					}
					if !errors.Is(r.Err(), fault) {
						t.Errorf("Err: %v", r.Err())
					}
					if err := r.Close(context.Background()); !errors.Is(err, fault) {
						t.Errorf("Close: %v", err)
					}
					if err := s.Close(); err != nil && !errors.Is(err, fault) { // it may not have forgotten the recorder yet
						t.Errorf("the store: %v", err)
					}
					if err := log.Close(); err != nil {
						t.Fatal(err)
					}
					report, err := audit.Verify(log.Dir(), []string{log.VKey()}, audit.VerifyOptions{})
					if err != nil {
						t.Fatal(err)
					}
					if !report.OK {
						t.Errorf("%s", report)
					}
				})
			}
		}
	}
}

// TestChunksAreDurableBeforeTheirRecord looks at the log whenever chunks are
// made durable.
func TestChunksAreDurableBeforeTheirRecord(t *testing.T) {
	var log *audit.Log
	f := &faulty{Files: audit.OS()}
	settled := make(map[string]bool)
	f.settle = func(paths []string) error {
		if err := f.Files.Settle(paths); err != nil {
			return err
		}
		for _, p := range paths {
			settled[p] = true
		}
		return nil
	}
	_, log, s := open(t, Options{Files: f, ChunkEvery: 2 * time.Millisecond})
	var open sync.WaitGroup
	for i := range 8 {
		open.Go(func() {
			r, err := s.Start(fmt.Sprintf("s%d", i), Meta{})
			if err != nil {
				t.Error(err)
				return
			}
			for range 300 {
				r.Event(Event{Kind: KindNotice, Text: strings.Repeat("x", 900)})
			}
			if err := r.Close(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
	open.Wait()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	chunks := 0
	for i := range 8 {
		id := fmt.Sprintf("s%d", i)
		list, end, err := chunksOf(log.Dir(), id)
		if err != nil || end == nil {
			t.Fatalf("%s: %v %v", id, end, err)
		}
		if !settled[filepath.Join(s.dir, id)] {
			t.Errorf("the folder of %s was never made durable", id)
		}
		for n := range list {
			chunks++
			if path := filepath.Join(s.dir, id, fmt.Sprint(n+1)); !settled[path] {
				t.Errorf("%s is in the log and was never made durable", path)
			}
		}
	}
	if chunks < 32 {
		t.Errorf("%d chunks, four of each were due", chunks)
	}
}

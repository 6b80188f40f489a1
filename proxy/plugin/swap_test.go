package plugin

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

// reloads take 40 ms each beside three goroutines that call on a busy machine.
const reloads = 250

// Modules are swapped again and again while calls run. A call ends on the
// module that it began with, each answer is that module's whole answer, and
// nothing is left behind: no module, no instance, no goroutine, no memory.
func TestHotSwapUnderLoad(t *testing.T) {
	ctx := context.Background()
	r := newRuntime(t, Options{CacheDir: t.TempDir()})
	// Two versions, each with two findings of its own.
	wasm := [2][]byte{
		returning(editsOf(2, [4]uint32{0, 0, 1, 0}, [4]uint32{1, 0, 1, 0})).bytes(),
		returning(editsOf(2, [4]uint32{0, 1, 2, 0}, [4]uint32{1, 1, 2, 0})).bytes(),
	}
	make1 := func(i int) *Module {
		m, err := r.Load(ctx, Spec{Name: "swapped", Wasm: wasm[i%2], Unpinned: true, Limits: Limits{Instances: 2}})
		if err != nil {
			t.Error(err)
		}
		return m
	}
	heap := func() uint64 {
		runtime.GC()
		runtime.GC()
		var s runtime.MemStats
		runtime.ReadMemStats(&s)
		return s.HeapAlloc
	}
	var current atomic.Pointer[Module]
	var stop atomic.Bool
	var calls, replaced atomic.Int64
	var wg sync.WaitGroup
	current.Store(make1(0))
	before, goroutines := uint64(0), runtime.NumGoroutine()
	for range 3 {
		wg.Go(func() {
			b := cells("first", "other")
			var edits []Edit
			for !stop.Load() {
				var err error
				edits, err = current.Load().Mask(ctx, b, edits[:0])
				if KindOf(err) == KindClosed { // as if the command came a moment later
					replaced.Add(1)
					runtime.Gosched()
					continue
				}
				if err != nil {
					t.Error(err)
					return
				}
				if len(edits) != 2 || edits[0].From != edits[1].From {
					t.Errorf("an answer of two modules: %v", edits)
					return
				}
				calls.Add(1)
			}
		})
	}
	for i := range reloads {
		if i == 100 {
			before = heap()
		}
		old := current.Swap(make1(i + 1))
		if err := old.Close(ctx); err != nil {
			t.Fatal(err)
		}
		if s := old.Stats(); s.Failures != 0 {
			t.Fatalf("%+v", s)
		}
	}
	stop.Store(true)
	wg.Wait()
	if n := runtime.NumGoroutine(); n > goroutines {
		t.Errorf("%d goroutines, %d before", n, goroutines)
	}
	if after := heap(); after > before+2<<20 {
		t.Errorf("the heap grew from %d to %d bytes", before, after)
	}
	if len(r.modules) != 1 {
		t.Errorf("%d modules are open", len(r.modules))
	}
	if calls.Load() == 0 {
		t.Error("nothing ran")
	}
	t.Logf("%d calls, %d met a module that was just replaced", calls.Load(), replaced.Load())
}

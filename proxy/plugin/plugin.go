// Package plugin runs what security engineers write: WebAssembly modules that
// classify commands, find what is sensitive in values, and ask for approvals.
//
// A module speaks the ABI sluice/1 (sdk/ABI.md). It has no clock (unless it asks
// and is granted one), no randomness, no files, no network and no environment; it has a bounded
// memory, a bounded call depth, and fuel: package meter rewrites it at load so
// that it counts its own work. The same module, settings and call give the
// same answer on every machine.
//
// Everything that goes wrong in a call is a *CallError, and the caller refuses
// the command: plugins fail closed.
package plugin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"sluice.dev/proxy/plugin/meter"
)

// Limits bound one module. Zero fields take the runtime's, and then the
// default.
type Limits struct {
	Fuel          int64         // one call on up to 64 KiB of input; 10 million, about a millisecond
	StartFuel     int64         // instantiation and _initialize, each; 500 million
	ConfigureFuel int64         // sluice_configure and sluice_manifest, each; 500 million
	Batch         int           // bytes of cell values in one call, at most 64 KiB; 32 KiB
	MemoryPages   uint32        // 64 KiB pages of each instance; 512
	Depth         int32         // nested calls; 2,000
	Instances     int           // calls at the same time; GOMAXPROCS
	Wait          time.Duration // for a free instance; 1s
	Failures      int           // in a row, until quarantine; 3
	LogLines      int           // per call, of at most 1 KiB each; 8
}

func (l Limits) or(d Limits) Limits {
	set := func(v *int64, d int64) {
		if *v <= 0 {
			*v = d
		}
	}
	set(&l.Fuel, d.Fuel)
	set(&l.StartFuel, d.StartFuel)
	set(&l.ConfigureFuel, d.ConfigureFuel)
	if l.Batch <= 0 || l.Batch > MaxBatch {
		l.Batch = d.Batch
	}
	if l.MemoryPages == 0 {
		l.MemoryPages = d.MemoryPages
	}
	if l.Depth <= 0 {
		l.Depth = d.Depth
	}
	if l.Instances <= 0 {
		l.Instances = d.Instances
	}
	if l.Wait <= 0 {
		l.Wait = d.Wait
	}
	if l.Failures <= 0 {
		l.Failures = d.Failures
	}
	if l.LogLines <= 0 {
		l.LogLines = d.LogLines
	}
	return l
}

func defaultLimits() Limits {
	return Limits{
		Fuel: 10_000_000, StartFuel: 500_000_000, ConfigureFuel: 500_000_000,
		Batch: MaxBatch / 2, MemoryPages: 512, Depth: 2000, Instances: runtime.GOMAXPROCS(0),
		Wait: time.Second, Failures: 3, LogLines: 8,
	}
}

// Limits of the ABI that no setting changes (sdk/ABI.md 8).
const (
	MaxBatch      = 64 << 10 // bytes of cell values in one call; Mask cuts at Limits.Batch
	MaxCells      = 8192     // in one call; Mask cuts
	MaxColumns    = 2048     // in one batch
	MaxInput      = 4 << 20  // bytes of one encoded input
	MaxResult     = 1 << 20  // bytes of one result
	MaxEdits      = 16384    // of one call
	MaxLabels     = 32       // of one classification, of at most 64 bytes each
	MaxReason     = 512      // bytes
	MaxSpans      = 4096     // of one classification
	MaxPseudonym  = 512      // bytes of one pseudonym
	MaxReach      = 8192     // bytes a finding may be long
	MaxManifest   = 256 << 10
	maxModule     = 32 << 20
	maxLogLine    = 1 << 10
	fuelPseudonym = 8192 // and 16 for each byte
)

// Options of a Runtime.
type Options struct {
	// CacheDir keeps compiled modules, by digest; made with mode 0700. Empty:
	// none is kept, and a Go module takes about a second to compile.
	CacheDir string
	// Pseudonym makes a keyed stand-in for a value of a kind ("email") within
	// a scope. The key stays behind it. Nil: modules that ask are refused.
	Pseudonym func(kind, scope string, value []byte) []byte
	Logger    *slog.Logger
	Limits    Limits
}

// Runtime compiles modules and holds what they share.
type Runtime struct {
	opts   Options
	limits Limits
	log    *slog.Logger
	wasm   wazero.Runtime
	cache  wazero.CompilationCache

	mu      sync.Mutex
	modules map[*Module]struct{}
	closed  bool
}

// NewRuntime makes a runtime; Close it after its modules.
func NewRuntime(ctx context.Context, opts Options) (*Runtime, error) {
	r := &Runtime{opts: opts, limits: opts.Limits.or(defaultLimits()), log: opts.Logger, modules: map[*Module]struct{}{}}
	if r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	// No WithCloseOnContextDone: it makes loops ten times slower, and fuel
	// already ends every call.
	conf := wazero.NewRuntimeConfig().WithCoreFeatures(api.CoreFeaturesV2)
	if opts.CacheDir != "" {
		dir := filepath.Clean(opts.CacheDir)
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("plugin: cannot make the cache of compiled modules: %w", err)
		}
		c, err := wazero.NewCompilationCacheWithDir(dir)
		if err != nil {
			return nil, fmt.Errorf("plugin: cannot open the cache of compiled modules in %s: %w", dir, err)
		}
		r.cache = c
		conf = conf.WithCompilationCache(c)
	}
	r.wasm = wazero.NewRuntimeWithConfig(ctx, conf)
	if err := r.hostModules(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("plugin: cannot make the host modules: %w", err), r.closeWasm(ctx))
	}
	return r, nil
}

// Close closes every module that is still open, and waits for their calls.
func (r *Runtime) Close(ctx context.Context) error {
	r.mu.Lock()
	r.closed = true
	open := make([]*Module, 0, len(r.modules))
	for m := range r.modules {
		open = append(open, m)
	}
	r.mu.Unlock()
	for _, m := range open {
		m.Close(ctx)
	}
	return r.closeWasm(ctx)
}

func (r *Runtime) closeWasm(ctx context.Context) error {
	err := r.wasm.Close(ctx)
	if r.cache != nil {
		if cerr := r.cache.Close(ctx); err == nil {
			err = cerr
		}
	}
	return err
}

func (l Limits) meter() meter.Options {
	return meter.Options{StartFuel: l.StartFuel, Depth: l.Depth, MemoryPages: l.MemoryPages, ModuleBytes: maxModule}
}

package plugin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/tetratelabs/wazero"
)

// Module is a loaded plugin. Its methods may be called by many goroutines.
type Module struct {
	runtime  *Runtime
	name     string
	digest   string
	limits   Limits
	grants   map[string]bool
	provides map[string]bool
	manifest Manifest
	schema   *jsonschema.Schema
	settings []byte
	compiled wazero.CompiledModule

	// slots has one entry for each instance that may exist: an idle one, or
	// nil for one that has still to be made.
	slots   chan *instance
	opening opening
	ended   chan struct{} // closed with the module, frees who waits for a slot
	failing atomic.Int32  // failures in a row
	said    memory
	stats   counters
}

// Name is the plugin block's label.
func (m *Module) Name() string { return m.name }

// Digest is the SHA-256 of the module's file, in hex.
func (m *Module) Digest() string { return m.digest }

// Manifest is what the module says of itself.
func (m *Module) Manifest() Manifest { return m.manifest }

// Can reports whether the module provides "classify", "mask" or "trigger", or
// uses a capability such as "pseudonym".
func (m *Module) Can(capability string) bool {
	return m.provides[capability] || slices.Contains(m.manifest.Capabilities, capability)
}

// Quarantined reports whether the module failed so often in a row that it is
// not called any more.
func (m *Module) Quarantined() bool { return int(m.failing.Load()) >= m.limits.Failures }

// Close waits for calls that run and frees all instances. Later calls are
// refused. It may be called twice.
func (m *Module) Close(ctx context.Context) error {
	m.opening.mu.Lock()
	if m.opening.closed {
		m.opening.mu.Unlock()
		return nil
	}
	m.opening.closed = true
	m.opening.mu.Unlock()
	close(m.ended)
	m.opening.calls.Wait() // each ends by its fuel
	for range cap(m.slots) {
		if in := <-m.slots; in != nil {
			in.close()
		}
	}
	m.runtime.mu.Lock()
	delete(m.runtime.modules, m)
	m.runtime.mu.Unlock()
	return m.compiled.Close(ctx)
}

// errAgain is what f of use returns to go on where it was with a fresh
// instance, since a call of this one failed.
var errAgain = errors.New("again")

// use runs f with an instance of its own. An instance whose call failed is
// not used again.
func (m *Module) use(ctx context.Context, what string, f func(*instance) error) error {
	in, err := m.begin(ctx, what)
	if err != nil {
		return err
	}
	for {
		if err = f(in); !errors.Is(err, errAgain) {
			return m.end(ctx, in, err)
		}
		if in, err = m.again(ctx, in); err != nil {
			return err
		}
	}
}

// begin takes an instance for a call; every begin without an error has its end.
func (m *Module) begin(ctx context.Context, what string) (*instance, error) {
	if !m.provides[what] {
		return nil, &CallError{Plugin: m.name, Kind: KindABI, What: "does not " + what}
	}
	if !m.opening.enter() {
		return nil, &CallError{Plugin: m.name, Kind: KindClosed, What: "was replaced"}
	}
	if m.Quarantined() {
		m.opening.calls.Done()
		m.stats.Refused.Add(1)
		return nil, &CallError{Plugin: m.name, Kind: KindQuarantine, What: fmt.Sprintf("is quarantined: it failed %d times in a row and waits for a reload", m.limits.Failures)}
	}
	in, err := m.take(ctx)
	if err != nil {
		m.opening.calls.Done()
		m.stats.Refused.Add(1)
		return nil, err
	}
	if in == nil {
		if in, err = m.fresh(); err != nil {
			return nil, m.end(ctx, nil, err)
		}
	}
	in.data = true
	m.stats.Calls.Add(1)
	return in, nil
}

// again is a fresh instance in place of one whose call ran out of fuel; an error
// has ended the call.
func (m *Module) again(ctx context.Context, in *instance) (*instance, error) {
	m.stats.Cut.Add(1)
	scope := in.scope
	in.close()
	in, err := m.fresh()
	if err != nil {
		return nil, m.end(ctx, nil, err)
	}
	in.data, in.scope = true, scope
	return in, nil
}

// end gives the instance back, or closes it after a failure, and returns err.
func (m *Module) end(ctx context.Context, in *instance, err error) error {
	defer m.opening.calls.Done()
	if err == nil {
		in.scope = ""
		m.failing.Store(0)
		m.slots <- in
		return nil
	}
	if in != nil && KindOf(err) == KindInput {
		in.scope = ""
		m.slots <- in // the caller's fault, and nothing ran
		return err
	}
	if in != nil {
		in.close()
	}
	m.slots <- nil
	m.failed(ctx, err)
	return err
}

func (m *Module) take(ctx context.Context) (*instance, error) {
	select {
	case in := <-m.slots:
		return in, nil
	default:
	}
	t := time.NewTimer(m.limits.Wait)
	defer t.Stop()
	select {
	case in := <-m.slots:
		return in, nil
	case <-m.ended:
		return nil, &CallError{Plugin: m.name, Kind: KindClosed, What: "was replaced"}
	case <-t.C:
	case <-ctx.Done():
	}
	return nil, &CallError{Plugin: m.name, Kind: KindBusy, What: fmt.Sprintf("is busy: none of its %d instances became free", m.limits.Instances)}
}

// fresh makes a configured instance.
func (m *Module) fresh() (*instance, error) {
	in, err := m.instantiate()
	if err != nil {
		return nil, err
	}
	if err := m.configure(in, m.settings); err != nil {
		in.close()
		return nil, err
	}
	return in, nil
}

func (m *Module) failed(ctx context.Context, err error) {
	m.stats.Failures.Add(1)
	n := m.failing.Add(1)
	kind, detail := KindOf(err), ""
	var c *CallError
	if errors.As(err, &c) && (kind == KindTrap || kind == KindDepth || kind == KindMemory) {
		detail = c.Detail // the engine's words; never the module's own text
	}
	m.runtime.log.WarnContext(ctx, "plugin failed", "plugin", m.name, "digest", m.digest, "kind", string(kind), "error", err.Error(), "detail", detail)
	if int(n) == m.limits.Failures {
		m.runtime.log.ErrorContext(ctx, "plugin quarantined until it is reloaded", "plugin", m.name, "digest", m.digest, "failures", n)
	}
}

type counters struct {
	Calls, Remembered, Cut, Failures, Refused, LogsDropped, Bytes atomic.Uint64
	Fuel, MostFuel                                                atomic.Int64
}

func (c *counters) fuel(n int64) {
	c.Fuel.Add(n)
	for {
		most := c.MostFuel.Load()
		if n <= most || c.MostFuel.CompareAndSwap(most, n) {
			return
		}
	}
}

// Stats counts since the module was loaded.
type Stats struct {
	Calls       uint64 // calls that ran
	Remembered  uint64 // answers that an equal input had already been given
	Cut         uint64 // calls that ran out of fuel and were made again with less
	Failures    uint64 // of those, and of instantiations
	Refused     uint64 // calls that did not run: quarantined, busy
	LogsDropped uint64 // log lines that were over a limit or not granted
	Bytes       uint64 // of input
	Fuel        int64  // spent, all calls
	MostFuel    int64  // spent, the dearest call
	Quarantined bool
}

// Stats returns the counts.
func (m *Module) Stats() Stats {
	s := &m.stats
	return Stats{
		Calls: s.Calls.Load(), Remembered: s.Remembered.Load(), Cut: s.Cut.Load(), Failures: s.Failures.Load(), Refused: s.Refused.Load(), LogsDropped: s.LogsDropped.Load(),
		Bytes: s.Bytes.Load(), Fuel: s.Fuel.Load(), MostFuel: s.MostFuel.Load(), Quarantined: m.Quarantined(),
	}
}

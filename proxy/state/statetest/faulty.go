// Package statetest makes a store fail on purpose, so that tests of what stands
// on it can show that they refuse then.
package statetest

import (
	"fmt"
	"sync"

	"sluice.dev/proxy/state"
)

// Fault says how a transaction fails.
type Fault int

const (
	// None: it does not.
	None Fault = iota
	// Before: nothing is written.
	Before
	// After: everything is written and durable, and the caller is told it failed;
	// a disk or a network may do that.
	After
)

// Faulty is a Store over another one, that fails when told to.
type Faulty struct {
	state.Store
	mu      sync.Mutex
	update  Fault
	view    bool
	updates int
	hook    func(n int) Fault
}

// New returns a store that passes everything on until told otherwise.
func New(under state.Store) *Faulty { return &Faulty{Store: under} }

// Gone makes every transaction fail from now on, as if the store had vanished.
func (f *Faulty) Gone() { f.Set(Before, true) }

// Back ends all faults.
func (f *Faulty) Back() { f.Set(None, false) }

// Set chooses how updates fail, and whether views do.
func (f *Faulty) Set(update Fault, view bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.update, f.view = update, view
}

// OnUpdate asks fn about each update, numbered from 1, unless Set says it fails.
func (f *Faulty) OnUpdate(fn func(n int) Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hook = fn
}

// Updates counts the updates so far, failed ones too.
func (f *Faulty) Updates() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.updates
}

// View implements state.Store.
func (f *Faulty) View(fn func(state.Tx) error) error {
	f.mu.Lock()
	fail := f.view
	f.mu.Unlock()
	if fail {
		return fmt.Errorf("injected fault: %w", state.ErrUnavailable)
	}
	return f.Store.View(fn)
}

// Update implements state.Store.
func (f *Faulty) Update(fn func(state.Tx) error) error {
	f.mu.Lock()
	f.updates++
	fault, hook, n := f.update, f.hook, f.updates
	f.mu.Unlock()
	if fault == None && hook != nil {
		fault = hook(n)
	}
	if fault == Before {
		return fmt.Errorf("injected fault: %w", state.ErrUnavailable)
	}
	err := f.Store.Update(fn)
	if err == nil && fault == After {
		return fmt.Errorf("injected fault after the commit: %w", state.ErrUnavailable)
	}
	return err
}

package generation

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"sluice.dev/proxy/config"
	"sluice.dev/proxy/gate"
	"sluice.dev/proxy/identity"
)

// Manager holds the newest generation and makes the next. Sessions ask it for
// each command, so that a reload counts from the next command on.
type Manager struct {
	Shared *Shared
	// Load reads the configuration anew.
	Load func() (*config.Config, error)
	// Changed is called after each try, with the generation in force and the
	// error, if the try failed; before the new one is used.
	Changed func(by string, g *Generation, err error) error

	current atomic.Pointer[Generation]
	mu      sync.Mutex // one reload at a time
	tried   time.Time
	failed  error
	loose   sync.WaitGroup // generations that still close
}

// Current implements gate.Options.Current.
func (m *Manager) Current() gate.Generation {
	g := m.current.Load()
	if g == nil {
		return nil
	}
	return g
}

// Generation is the newest; nil before the first Reload.
func (m *Manager) Generation() *Generation { return m.current.Load() }

// Last is when a reload was last tried and why it failed, if it did.
func (m *Manager) Last() (time.Time, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.tried, m.failed
}

// Reload compiles the configuration and swaps it in. On an error the old
// generation stays, and the error says where the fault is.
func (m *Manager) Reload(ctx context.Context, by string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tried = time.Now()
	g, err := m.compile(ctx)
	if err == nil {
		err = m.settled(g)
	}
	old := m.current.Load()
	if err != nil {
		m.failed = err
		if g != nil {
			g.Release()
		}
		if cerr := m.Changed(by, old, err); cerr != nil {
			err = errors.Join(err, cerr)
		}
		return err
	}
	if old != nil && old.id == g.id {
		// Nothing that decides has changed; certificates and secrets are read
		// where they are used.
		m.failed = nil
		g.Release()
		return nil
	}
	if err := m.Changed(by, g, nil); err != nil {
		g.Release()
		m.failed = err
		return fmt.Errorf("generation: %w: the old one stays", err)
	}
	m.failed = nil
	m.current.Store(g)
	if old != nil {
		m.loose.Go(func() { <-old.closed })
		old.Release()
	}
	return nil
}

func (m *Manager) compile(ctx context.Context) (*Generation, error) {
	cfg, err := m.Load()
	if err != nil {
		return nil, err
	}
	return Compile(ctx, cfg, m.Shared)
}

// settled refuses a change of what only a restart can change.
func (m *Manager) settled(g *Generation) error {
	old := m.current.Load()
	if old == nil {
		return nil
	}
	a, b := &old.cfg.Gateway, &g.cfg.Gateway
	if a.DataDir.Abs != b.DataDir.Abs || a.Name != b.Name {
		return g.cfg.Fail(b.Pos, nil, "gateway", "name and data_dir cannot change while the gateway runs: restart it")
	}
	return nil
}

// Verify proves who a credential belongs to, by the newest generation's
// identity blocks.
func (m *Manager) Verify(ctx context.Context, credential string) (*identity.Principal, error) {
	g := m.current.Load()
	if g == nil || !g.Retain() {
		return nil, errors.New("the gateway is not ready")
	}
	defer g.Release()
	return g.Verifiers().Verify(ctx, credential)
}

// VerifyLogin proves who an ID token of the console's belongs to.
func (m *Manager) VerifyLogin(ctx context.Context, idToken string) (*identity.Principal, error) {
	g := m.current.Load()
	if g == nil || !g.Retain() {
		return nil, errors.New("the gateway is not ready")
	}
	defer g.Release()
	if g.Login == nil {
		return nil, errors.New("no console is configured")
	}
	return g.Login.Verify(ctx, idToken)
}

// Close lets the newest generation go and waits until all are closed, or ctx
// ends.
func (m *Manager) Close(ctx context.Context) error {
	if g := m.current.Swap(nil); g != nil {
		m.loose.Go(func() { <-g.closed })
		g.Release()
	}
	done := make(chan struct{})
	go func() { m.loose.Wait(); close(done) }() // ends with the last command
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return errors.New("generation: commands of an old generation have not ended")
	}
}

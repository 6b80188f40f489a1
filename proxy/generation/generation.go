// Package generation turns one configuration into a running whole: each block
// into the options of its room, checked together, named by a digest, and
// immutable from then on. A reload makes the next one and swaps it in; the old
// one closes its plugins when the last command that was decided under it has
// ended.
//
// It is the one package, with cmd's fmt and validate, that meets package
// config, and it is where protocols are registered.
package generation

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"sluice.dev/proxy/config"
	"sluice.dev/proxy/gate"
	"sluice.dev/proxy/identity/oidc"
	"sluice.dev/proxy/mask"
	"sluice.dev/proxy/plugin"
	"sluice.dev/proxy/policy"
	"sluice.dev/proxy/protocol/postgres"
)

// Shared is what generations have in common: what would be slow or wrong to
// make anew at a reload.
type Shared struct {
	plugins  *plugin.Runtime
	catalogs *postgres.Catalogs
	issuers  *issuers
	logger   *slog.Logger
}

// Share makes it; Close it after the last generation, and before the plugins.
func Share(plugins *plugin.Runtime, logger *slog.Logger) *Shared {
	return &Shared{plugins: plugins, catalogs: &postgres.Catalogs{}, issuers: &issuers{}, logger: logger}
}

// Close stops following what generations follow.
func (s *Shared) Close() { s.catalogs.Close() }

// Generation is one compiled configuration.
type Generation struct {
	// Providers are the identity blocks by name.
	Providers map[string]*oidc.Provider
	// Login proves the ID tokens of those who log in to the console, which are
	// issued to its client; nil without a console.
	Login *oidc.Provider
	// Policies is every policy of the configuration.
	Policies *policy.Set
	Loaded   time.Time

	cfg         *config.Config
	console     *ConsoleBlock
	id          string
	connections map[string]*gate.Connection
	modules     []*plugin.Module
	evidence    []evidence
	releases    []func() // of the identity providers
	refs        atomic.Int64
	closed      chan struct{}
	logger      *slog.Logger
}

// ID is "sha256:…" over everything that decides: configuration, policies and
// modules.
func (g *Generation) ID() string { return g.id }

// Connection implements gate.Generation.
func (g *Generation) Connection(name string) *gate.Connection { return g.connections[name] }

// Connections are all of them.
func (g *Generation) Connections() map[string]*gate.Connection { return g.connections }

// Retain implements gate.Generation. It fails once the last reference is gone.
func (g *Generation) Retain() bool {
	for {
		n := g.refs.Load()
		if n <= 0 {
			return false
		}
		if g.refs.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// Release implements gate.Generation. The last one closes the plugins, and
// gives the identity providers back.
func (g *Generation) Release() {
	if g.refs.Add(-1) != 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for _, m := range g.modules {
		if err := m.Close(ctx); err != nil {
			g.logger.Warn("generation: a plugin did not close", "plugin", m.Name(), "error", err)
		}
	}
	for _, release := range g.releases {
		release()
	}
	close(g.closed)
}

// Closed is closed when the generation is out of use for good.
func (g *Generation) Closed() <-chan struct{} { return g.closed }

// digest names a generation by what decides in it.
func digest(cfg *config.Config, policies *policy.Set, modules []*plugin.Module) string {
	h := sha256.New()
	fmt.Fprintf(h, "config %s\npolicies %s\n", cfg.Redacted(), policies.Digest())
	for _, m := range modules {
		fmt.Fprintf(h, "plugin %s %s\n", m.Name(), m.Digest())
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// rules are the mask blocks that apply to a connection.
func rules(cfg *config.Config, labels map[string]string) (out []mask.Rule, err error) {
	for _, m := range cfg.Masks {
		if !config.AppliesTo(m.AppliesTo, labels) {
			continue
		}
		action, err := mask.ParseAction(m.Action)
		if err != nil {
			return nil, cfg.Fail(m.Pos, err, fmt.Sprintf("mask %q", m.Name), err.Error())
		}
		out = append(out, mask.Rule{Name: m.Name, Columns: m.Columns, Plugin: m.Plugin, Except: m.Except,
			Treatment: mask.Treatment{Action: action, Scope: m.Scope}})
	}
	return out, nil
}

// Verifiers are the identity providers in the order of the configuration.
func (g *Generation) Verifiers() oidc.Providers {
	var out oidc.Providers
	for _, b := range g.cfg.Identities {
		out = append(out, g.Providers[b.Name])
	}
	return out
}

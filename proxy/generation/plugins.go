package generation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"sluice.dev/proxy/config"
	"sluice.dev/proxy/plugin"
)

// plugins loads the module of each block. An error points at the attribute, and
// for settings at the value, that is at fault.
func (g *Generation) plugins(ctx context.Context, shared *Shared) (map[string]*plugin.Module, error) {
	out := make(map[string]*plugin.Module)
	for _, b := range g.cfg.Plugins {
		fail := func(at config.Pos, err error, text string) error {
			return g.cfg.Fail(at, err, fmt.Sprintf("plugin %q", b.Name), text)
		}
		wasm, err := os.ReadFile(b.Module.Abs)
		if err != nil {
			return nil, fail(b.Module.Pos, err, err.Error())
		}
		spec := plugin.Spec{Name: b.Name, Wasm: wasm, SHA256: b.SHA256, Unpinned: b.Unpinned, Settings: b.Settings, Grants: b.Grants, Limits: PluginLimits(&b.Limits)}
		if !b.SignedBy.IsZero() {
			file, err := os.ReadFile(b.SignedBy.Abs)
			if err == nil {
				spec.SignedBy, err = plugin.ParsePublicKey(file)
			}
			if err != nil {
				return nil, fail(b.SignedBy.Pos, err, fmt.Sprintf("signed_by: %s: %v", b.SignedBy.Given, err))
			}
		}
		m, err := shared.plugins.Load(ctx, spec)
		if err != nil {
			at, text := loadFault(b, err)
			return nil, fail(at, err, text)
		}
		g.modules = append(g.modules, m)
		g.evidence = append(g.evidence, evidence{wasm, plugin.Loaded{Name: b.Name, Module: "sha256:" + m.Digest(), Settings: b.Settings, Grants: b.Grants, Limits: spec.Limits}})
		out[b.Name] = m
	}
	return out, nil
}

// evidence is a module as it was loaded, until the log has it.
type evidence struct {
	wasm   []byte
	loaded plugin.Loaded
}

// Evidence hands each module, and what it was loaded with, to keep, which
// returns its digest; then the generation forgets them. The result names the
// objects for the record of the load: "module pii" and "plugin pii".
func (g *Generation) Evidence(keep func(kind string, b []byte) (digest string, err error)) (map[string]string, error) {
	out := make(map[string]string, 2*len(g.evidence))
	for i := range g.evidence {
		e := &g.evidence[i]
		b, err := json.Marshal(e.loaded)
		if err != nil {
			return nil, err
		}
		for kind, b := range map[string][]byte{"module": e.wasm, "plugin": b} {
			if out[kind+" "+e.loaded.Name], err = keep(kind, b); err != nil {
				return nil, err
			}
		}
	}
	g.evidence = nil
	return out, nil
}

// PluginLimits are those that a plugin block sets; what it leaves open is the
// runtime's.
func PluginLimits(l *config.PluginLimits) plugin.Limits {
	return plugin.Limits{Fuel: int64(l.Fuel), StartFuel: int64(l.StartFuel), ConfigureFuel: int64(l.StartFuel),
		MemoryPages: uint32(l.Memory >> 16), Depth: int32(l.CallDepth)} //nolint:gosec // config bounds them
}

// Modules are the plugins of this generation.
func (g *Generation) Modules() []*plugin.Module { return g.modules }

// loadFault is where in the block a module's refusal belongs, and its words
// without the block's name, which the line says.
func loadFault(b *config.Plugin, err error) (at config.Pos, text string) {
	var le *plugin.LoadError
	if !errors.As(err, &le) {
		return b.Pos, err.Error()
	}
	var path []string
	var se *plugin.SettingsError
	if errors.As(err, &se) {
		path = se.Path
	}
	return b.At(le.Attribute, path...), le.Err.Error()
}

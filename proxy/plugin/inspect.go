package plugin

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"sluice.dev/proxy/plugin/meter"
)

// Info is what can be said of a module without trusting it.
type Info struct {
	Digest   string   `json:"sha256"`
	Size     int      `json:"size"` // bytes
	Signed   bool     `json:"signed"`
	Manifest Manifest `json:"manifest"`
	// Imports and Exports are the functions that cross the border, as
	// module.name and name, sorted.
	Imports []string `json:"imports"`
	Exports []string `json:"exports"`
	// MemoryPages of 64 KiB that an instance begins with.
	MemoryPages uint32 `json:"memory_pages"`
	// Vectors is how many self-tests the module carries.
	Vectors int `json:"vectors"`
	// Limits are the runtime's: what an instance of it would run under.
	Limits Bounds `json:"limits"`
}

// Bounds are the limits that an operator may set (sdk/ABI.md 8).
type Bounds struct {
	Fuel      int64  `json:"fuel"`       // of one call
	StartFuel int64  `json:"start_fuel"` // of what runs before the first
	MemoryKiB uint32 `json:"memory_kib"` // of an instance
	CallDepth int32  `json:"call_depth"` // calls inside each other
}

// Inspect reads a module as Load does, up to what the operator has to decide:
// no pin, grant or setting is asked for. If its manifest comes from an export,
// an instance runs under the runtime's limits to give it. Errors are
// *LoadError.
func (r *Runtime) Inspect(ctx context.Context, wasm []byte) (*Info, error) {
	m := &Module{runtime: r, name: "module", limits: r.limits, grants: map[string]bool{}}
	fail := func(err error) (*Info, error) {
		return nil, &LoadError{Plugin: m.name, Attribute: "module", Err: err}
	}
	_, signature := split(wasm)
	out := &Info{Digest: DigestOf(wasm), Size: len(wasm), Signed: signature != nil}
	metered, err := m.compile(ctx, wasm)
	if err != nil {
		return fail(err)
	}
	defer m.compiled.Close(context.WithoutCancel(ctx)) //nolint:errcheck // it has no more instances
	in, err := m.instantiate()
	if err != nil {
		return fail(err)
	}
	defer in.close()
	if err := m.readManifest(metered, in); err != nil {
		return fail(err)
	}
	out.Limits = Bounds{m.limits.Fuel, m.limits.StartFuel, m.limits.MemoryPages * 64, m.limits.Depth}
	out.Manifest, out.MemoryPages = m.manifest, metered.MemoryPages
	for _, im := range metered.Imports {
		out.Imports = append(out.Imports, im.Module+"."+im.Name)
	}
	for _, e := range metered.Exports {
		if e.Kind == 0 {
			out.Exports = append(out.Exports, e.Name)
		}
	}
	slices.Sort(out.Imports)
	slices.Sort(out.Exports)
	if _, err := m.manifest.schemaOf(); err != nil {
		return fail(err)
	}
	list, err := ParseVectors(m.manifest.Vectors)
	if err != nil {
		return fail(fmt.Errorf("the module's vectors: %w", err))
	}
	out.Vectors = len(list)
	return out, nil
}

// compile meters a module, compares it with the ABI and compiles it.
func (m *Module) compile(ctx context.Context, wasm []byte) (*meter.Module, error) {
	metered, err := meter.Rewrite(wasm, m.limits.meter())
	if err != nil {
		return nil, fmt.Errorf("the module is refused: %w", err)
	}
	if err := checkInterface(metered); err != nil {
		return nil, err
	}
	m.compiled, err = m.runtime.wasm.CompileModule(ctx, metered.Wasm)
	if err != nil {
		return nil, fmt.Errorf("the module does not compile: %w", err)
	}
	return metered, nil
}

// DigestOf is the SHA-256 of a module's file, in hex.
func DigestOf(wasm []byte) string {
	sum := sha256.Sum256(wasm)
	return hex.EncodeToString(sum[:])
}

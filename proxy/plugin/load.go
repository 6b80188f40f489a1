package plugin

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"sluice.dev/proxy/plugin/meter"
)

// Spec is one plugin block.
type Spec struct {
	Name string
	Wasm []byte
	// SHA256 pins the module's file, in hex. Empty only with SignedBy or
	// Unpinned.
	SHA256 string
	// SignedBy is the key that must have signed the file (package-level Sign).
	SignedBy ed25519.PublicKey
	Unpinned bool // development
	Settings []byte
	Grants   []string
	Limits   Limits
	// SkipSelfTest is for tools that run a module's vectors themselves.
	SkipSelfTest bool
}

// Load checks, meters, compiles, configures and self-tests a module. Its
// errors are *LoadError.
func (r *Runtime) Load(ctx context.Context, s Spec) (*Module, error) {
	m := &Module{runtime: r, name: s.Name, limits: s.Limits.or(r.limits), grants: map[string]bool{}}
	fail := func(attribute string, err error) (*Module, error) {
		return nil, &LoadError{Plugin: s.Name, Attribute: attribute, Err: err}
	}
	for _, g := range s.Grants {
		m.grants[g] = true
	}
	m.digest = DigestOf(s.Wasm)
	if attribute, err := s.trusted(m.digest); err != nil {
		return fail(attribute, err)
	}
	metered, err := m.compile(ctx, s.Wasm)
	if err != nil {
		return fail("module", err)
	}
	ok := false
	defer func() {
		if !ok {
			m.compiled.Close(context.WithoutCancel(ctx)) //nolint:errcheck // it has no more instances
		}
	}()

	first, err := m.instantiate()
	if err != nil {
		return fail("module", err)
	}
	defer func() {
		if !ok {
			first.close()
		}
	}()
	if err := m.readManifest(metered, first); err != nil {
		return fail("module", err)
	}
	if attribute, err := m.checkCapabilities(metered, r.opts.Pseudonym != nil); err != nil {
		return fail(attribute, err)
	}
	m.settings = s.Settings
	if len(m.settings) == 0 {
		m.settings = []byte("{}")
	}
	if m.schema, err = m.manifest.schemaOf(); err != nil {
		return fail("module", err)
	}
	if err := m.configure(first, m.settings); err != nil {
		var se *SettingsError
		if errors.As(err, &se) {
			return fail("settings", err)
		}
		return fail("module", err)
	}
	if !s.SkipSelfTest && m.manifest.Vectors != "" {
		if err := m.selfTest(ctx); err != nil {
			return fail("module", err)
		}
	}
	m.slots = make(chan *instance, m.limits.Instances)
	m.slots <- first
	for range m.limits.Instances - 1 {
		m.slots <- nil // made when it is first needed
	}
	m.ended = make(chan struct{})
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return fail("module", errors.New("the gateway is stopping"))
	}
	r.modules[m] = struct{}{}
	r.mu.Unlock()
	ok = true
	return m, nil
}

func (s *Spec) trusted(digest string) (attribute string, err error) {
	switch {
	case s.SHA256 != "":
		if want := strings.ToLower(strings.TrimPrefix(s.SHA256, "sha256:")); want != digest {
			return "sha256", fmt.Errorf("sha256 mismatch: file has %s, config pins %s", digest, want)
		}
		if s.SignedBy == nil {
			return "", nil
		}
		fallthrough
	case s.SignedBy != nil:
		if err := Verify(s.Wasm, s.SignedBy); err != nil {
			return "signed_by", err
		}
	case !s.Unpinned:
		return "sha256", fmt.Errorf("nothing pins the module: set sha256 = %q, or signed_by", digest)
	}
	return "", nil
}

// exports that every module has, and those that it may have.
var exports = map[string]struct {
	params, results string
	needed          bool
}{
	"sluice_abi":       {"", "i", true},
	"sluice_alloc":     {"i", "i", true},
	"sluice_manifest":  {"", "I", false},
	"sluice_configure": {"ii", "I", false},
	"sluice_classify":  {"ii", "I", false},
	"sluice_mask":      {"ii", "I", false},
	"sluice_trigger":   {"ii", "I", false},
	"_initialize":      {"", "", false},
}

// checkInterface compares imports and exports with the ABI by name and type,
// so that no call can meet a surprise.
func checkInterface(m *meter.Module) error {
	for _, im := range m.Imports {
		var params, results string
		known := false
		switch im.Module {
		case hostModule:
			f, ok := imports[im.Name]
			params, results, known = f.params, f.results, ok
		case wasiModule:
			f, ok := wasi[im.Name]
			params, results, known = f.params, "i", ok
			if im.Name == "proc_exit" {
				params, results, known = "i", "", true
			}
		}
		if !known {
			return fmt.Errorf("the module imports %.80q from %.80q, which this gateway does not offer", im.Name, im.Module)
		}
		if string(valueTypes(params)) != string(im.Params) || string(valueTypes(results)) != string(im.Results) {
			return fmt.Errorf("the module imports %s.%s with another type than the ABI's", im.Module, im.Name)
		}
	}
	for name, want := range exports {
		e, ok := m.Export(name)
		if !ok {
			if want.needed {
				return fmt.Errorf("the module does not export %s: is it a plugin for %s?", name, ABI)
			}
			continue
		}
		if string(valueTypes(want.params)) != string(e.Params) || string(valueTypes(want.results)) != string(e.Results) {
			return fmt.Errorf("the module exports %s with another type than the ABI's", name)
		}
	}
	if !slices.ContainsFunc(m.Exports, func(e meter.Export) bool { return e.Kind == 2 && e.Name == "memory" }) {
		return errors.New("the module does not export its memory")
	}
	return nil
}

// manifestSection is the custom section that may hold the manifest, for
// toolchains that can write one.
const manifestSection = "sluice.manifest"

func (m *Module) readManifest(w *meter.Module, in *instance) (err error) {
	if b, ok := w.Custom[manifestSection]; ok {
		m.manifest, err = readManifest(b)
		return err
	}
	f := in.mod.ExportedFunction("sluice_manifest")
	if f == nil {
		return fmt.Errorf("the module has no manifest: neither a custom section %s nor an export sluice_manifest", manifestSection)
	}
	v, err := in.run(f, m.limits.ConfigureFuel, "while it gave its manifest")
	if err != nil {
		return err
	}
	ptr, size := uint32(v>>32), uint32(v)
	if size > MaxManifest {
		return fmt.Errorf("the manifest has %d bytes, the limit is %d", size, MaxManifest)
	}
	b, ok := in.mem.Read(ptr, size)
	if !ok {
		return errors.New("the manifest is outside the module's memory")
	}
	m.manifest, err = readManifest(b)
	return err
}

func (m *Module) checkCapabilities(w *meter.Module, pseudonyms bool) (attribute string, err error) {
	for _, c := range m.manifest.Capabilities {
		if !m.grants[c] {
			return "grants", fmt.Errorf("the module asks for %q, which its grants do not list", c)
		}
		if c == "pseudonym" && !pseudonyms {
			return "grants", errors.New("the module asks for pseudonyms, and the gateway has no key for them")
		}
	}
	for _, im := range w.Imports {
		if im.Module != hostModule {
			continue
		}
		if c := imports[im.Name].capability; c != "" && !slices.Contains(m.manifest.Capabilities, c) {
			return "module", fmt.Errorf("the module imports %s.%s, and its manifest does not list the capability %q", im.Module, im.Name, c)
		}
	}
	m.provides = map[string]bool{}
	for _, p := range m.manifest.Provides {
		if _, ok := w.Export("sluice_" + p); !ok {
			return "module", fmt.Errorf("the manifest provides %q, and the module does not export sluice_%s", p, p)
		}
		m.provides[p] = true
	}
	return "", nil
}

func (m *Module) configure(in *instance, settings []byte) error {
	if err := checkSettings(m.schema, settings); err != nil {
		return err
	}
	return in.configure(in.mod.ExportedFunction("sluice_configure"), settings)
}

// opening guards a module's end: calls register, Close waits for them.
type opening struct {
	mu     sync.Mutex
	closed bool
	calls  sync.WaitGroup
}

func (o *opening) enter() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return false
	}
	o.calls.Add(1)
	return true
}

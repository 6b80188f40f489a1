package sdk_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"sluice.dev/examples/plugins"
	"sluice.dev/proxy/plugin"
	"sluice.dev/proxy/plugin/kit"
	"sluice.dev/sdk/sdktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The languages, and C once more with another compiler.
var builds = []string{"go", "rust", "assemblyscript", "c", "zig"}

var (
	mu    sync.Mutex
	built = map[string][]byte{}
)

// example builds one of the plugins that exist in each language: folder is
// from the repository's root and has a folder for each.
func example(t testing.TB, folder, language string) []byte {
	t.Helper()
	mu.Lock()
	defer mu.Unlock()
	key := folder + "/" + language
	if w, ok := built[key]; ok {
		return w
	}
	dir := language
	if language == "zig" {
		dir = "c"
	}
	root := ".."
	if language != "go" {
		root = sdktest.Copy(t, root, "sdk", "examples/plugins")
	}
	at := filepath.Join(root, folder, dir)
	if language == "assemblyscript" {
		sdktest.LinkNodeModules(t, at, filepath.Join(root, "sdk/assemblyscript"))
	}
	built[key] = sdktest.Build(t, language, at)
	return built[key]
}

func newRuntime(t testing.TB) *plugin.Runtime { return newRuntimeWith(t, plugin.Options{}) }

func newRuntimeWith(t testing.TB, o plugin.Options) *plugin.Runtime {
	t.Helper()
	dir, err := os.UserCacheDir()
	if err != nil {
		dir = t.TempDir()
	}
	o.CacheDir = filepath.Join(dir, "sluice", "wasm-test")
	o.Pseudonym = func(kind, scope string, value []byte) []byte {
		return fmt.Appendf(nil, "<%s %s %x>", kind, scope, value[:min(len(value), 8)])
	}
	r, err := plugin.NewRuntime(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return r
}

// load has the module run the vectors that it carries.
func load(t testing.TB, r *plugin.Runtime, wasm []byte, settings string, grants ...string) *plugin.Module {
	t.Helper()
	m, err := r.Load(context.Background(), plugin.Spec{
		Name: "badge", Wasm: wasm, Unpinned: true, Settings: []byte(settings), Grants: grants,
		Limits: plugin.Limits{Instances: 1, Failures: 1 << 30},
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// The same plugin in each language passes the same vectors, which each module
// carries, too: Load runs those.
func TestExamplesPassTheirVectors(t *testing.T) {
	vectors, err := plugin.ParseVectors(plugins.Vectors)
	if err != nil {
		t.Fatal(err)
	}
	if len(vectors) < 15 {
		t.Fatalf("only %d vectors", len(vectors))
	}
	for _, language := range builds {
		t.Run(language, func(t *testing.T) {
			wasm := example(t, "examples/plugins", language)
			r := newRuntime(t)
			for _, v := range vectors {
				m := load(t, r, wasm, v.Settings)
				if err := v.Run(t.Context(), m); err != nil {
					t.Errorf("the vector at line %d: %v", v.Line, err)
				}
				m.Close(t.Context())
			}
			m := load(t, r, wasm, "")
			if got, want := m.Manifest().Vectors, plugins.Vectors; got != want {
				t.Errorf("it carries vectors of %d bytes, want the common ones of %d", len(got), len(want))
			}
			t.Logf("%d bytes", len(wasm))
		})
	}
}

// Each module holds what the ABI asks of any.
func TestExamplesConform(t *testing.T) {
	for _, language := range builds {
		t.Run(language, func(t *testing.T) {
			checks := kit.Conformance(t.Context(), newRuntime(t), example(t, "examples/plugins", language), nil)
			if len(checks) < 6 {
				t.Errorf("only %d checks", len(checks))
			}
			for _, c := range checks {
				if !c.OK {
					t.Errorf("%s (ABI %s): %s", c.Name, c.Section, c.Detail)
				}
			}
		})
	}
}

package plugin

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var built struct {
	sync.Mutex
	wasm map[string][]byte
}

// guest builds a Go package of this module for wasip1, as the Makefile does.
func guest(t testing.TB, pkg string) []byte {
	t.Helper()
	built.Lock()
	defer built.Unlock()
	if w, ok := built.wasm[pkg]; ok {
		return w
	}
	out := filepath.Join(t.TempDir(), "guest.wasm")
	cmd := exec.Command("go", "build", "-buildmode=c-shared", "-trimpath", "-ldflags=-s -w", "-o", out, pkg)
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
	if b, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building %s: %v\n%s", pkg, err, b)
	}
	w, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if built.wasm == nil {
		built.wasm = map[string][]byte{}
	}
	built.wasm[pkg] = w
	return w
}

// cacheDir keeps compiled modules between runs: a Go guest takes a second.
func cacheDir(t testing.TB) string {
	dir, err := os.UserCacheDir()
	if err != nil {
		return t.TempDir()
	}
	return filepath.Join(dir, "sluice", "wasm-test")
}

func newRuntime(t testing.TB, o Options) *Runtime {
	t.Helper()
	if o.CacheDir == "" {
		o.CacheDir = cacheDir(t)
	}
	r, err := NewRuntime(context.Background(), o)
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

func load(t testing.TB, r *Runtime, s Spec) *Module {
	t.Helper()
	s.Unpinned = s.SHA256 == "" && s.SignedBy == nil
	if s.Name == "" {
		s.Name = "test"
	}
	m, err := r.Load(context.Background(), s)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// Package sdktest builds plugins as their authors do, with the toolchains of
// the SDKs' languages, for tests.
package sdktest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Languages that there are SDKs for.
var Languages = []string{"go", "rust", "assemblyscript", "c"}

// install says what brings a toolchain that is missing.
const install = "run proxy/testenv/deps.sh wasm"

// cacheDir is where deps.sh puts what Debian does not have.
func cacheDir() (string, error) {
	dir, err := os.UserCacheDir()
	return filepath.Join(dir, "sluice"), err
}

// rust is the first Rust that can build WebAssembly: what PATH has, or else
// Debian's. The variables make cargo use its own compiler.
func rust(t testing.TB) (cargo string, env []string, err error) {
	candidates := []string{"/usr/bin/cargo"}
	if p, err := exec.LookPath("cargo"); err == nil {
		candidates = append([]string{p}, candidates...)
	}
	for _, c := range candidates {
		rustc := filepath.Join(filepath.Dir(c), "rustc")
		out, err := exec.CommandContext(t.Context(), rustc, "--print", "target-libdir", "--target", "wasm32-unknown-unknown").Output()
		if err != nil {
			continue
		}
		if _, err := os.Stat(strings.TrimSpace(string(out))); err == nil {
			return c, []string{"RUSTC=" + rustc}, nil
		}
	}
	return "", nil, errors.New("no Rust that can build for wasm32-unknown-unknown: " + install)
}

// assemblyScript is the folder of npm packages with the compiler in it.
func assemblyScript() (modules string, err error) {
	cache, err := cacheDir()
	if err != nil {
		return "", err
	}
	modules = filepath.Join(cache, "assemblyscript", "node_modules")
	if _, err := os.Stat(filepath.Join(modules, ".bin", "asc")); err != nil {
		return "", errors.New("no AssemblyScript compiler: " + install)
	}
	if _, err := exec.LookPath("npm"); err != nil {
		return "", errors.New("no npm: " + install)
	}
	return modules, nil
}

func clang() error {
	for _, p := range []string{"clang", "wasm-ld", "make"} {
		if _, err := exec.LookPath(p); err != nil {
			return fmt.Errorf("no %s: %s", p, install)
		}
	}
	return nil
}

// Zig is how to call Zig: a command and its first arguments.
func Zig() (string, error) {
	cache, err := cacheDir()
	if err != nil {
		return "", err
	}
	python := filepath.Join(cache, "zig", "bin", "python")
	if _, err := os.Stat(python); err != nil {
		return "", errors.New("no Zig: " + install)
	}
	return python + " -m ziglang", nil
}

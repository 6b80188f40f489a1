package sdktest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Build builds the plugin in a folder with the commands that its README gives,
// without a network, and returns the module. The test is skipped, with the
// reason, if the toolchain is not installed.
func Build(t testing.TB, language, dir string) []byte {
	t.Helper()
	wasm, err := build(t, language, dir)
	if err != nil {
		t.Fatalf("building %s: %v", dir, err)
	}
	return wasm
}

func build(t testing.TB, language, dir string) ([]byte, error) {
	missing := func(err error) {
		if err != nil {
			t.Skipf("%s: %v", language, err)
		}
	}
	_, noMakefile := os.Stat(filepath.Join(dir, "Makefile"))
	switch language {
	case "go":
		if noMakefile == nil {
			if err := run(t, dir, offline, "make", "--silent"); err != nil {
				return nil, err
			}
			break
		}
		out := filepath.Join(t.TempDir(), "plugin.wasm")
		if err := run(t, dir, append([]string{"GOOS=wasip1", "GOARCH=wasm"}, offline...),
			"go", "build", "-buildmode=c-shared", "-trimpath", "-ldflags=-s -w", "-o", out, "."); err != nil {
			return nil, err
		}
		return os.ReadFile(out)
	case "rust":
		cargo, env, err := rust(t)
		missing(err)
		if noMakefile == nil {
			if err := run(t, dir, env, "make", "--silent", "CARGO="+cargo); err != nil {
				return nil, err
			}
			break
		}
		if err := run(t, dir, env, cargo, "build", "--release", "--offline", "--target", "wasm32-unknown-unknown"); err != nil {
			return nil, err
		}
		return only(filepath.Join(dir, "target/wasm32-unknown-unknown/release/*.wasm"))
	case "assemblyscript":
		modules, err := assemblyScript()
		missing(err)
		env := []string{"PATH=" + filepath.Join(modules, ".bin") + string(os.PathListSeparator) + os.Getenv("PATH")}
		if err := run(t, dir, env, "npm", "run", "--silent", "build"); err != nil {
			return nil, err
		}
	case "c":
		missing(clang())
		if err := run(t, dir, nil, "make", "--silent"); err != nil {
			return nil, err
		}
	case "zig":
		zig, err := Zig()
		missing(err)
		missing(clang())
		if err := run(t, dir, nil, "make", "--silent", "--always-make", "CC="+zig+" cc", "TARGET=wasm32-freestanding"); err != nil {
			return nil, err
		}
	default:
		return nil, fmt.Errorf("there is no SDK for %q", language)
	}
	return only(filepath.Join(dir, "*.wasm"))
}

// offline is Go without a network, and without this repository around it.
var offline = []string{"CGO_ENABLED=0", "GOPROXY=off", "GOWORK=off", "GOFLAGS="}

// Native runs the tests that a language runs without WebAssembly: go test and
// cargo test.
func Native(t testing.TB, language, dir string) {
	t.Helper()
	var err error
	switch language {
	case "go":
		err = run(t, dir, offline, "go", "test", ".")
	case "rust":
		cargo, env, _ := rust(t)
		err = run(t, dir, env, cargo, "test", "--offline")
	}
	if err != nil {
		t.Error(err)
	}
}

func run(t testing.TB, dir string, env []string, name string, args ...string) error {
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, out)
	}
	return nil
}

func only(pattern string) ([]byte, error) {
	found, err := filepath.Glob(pattern)
	if err != nil || len(found) != 1 {
		return nil, fmt.Errorf("%d files are %s, and one should be", len(found), pattern)
	}
	return os.ReadFile(found[0])
}

// Copy copies folders of the repository, named from its root, into a new one,
// so that a build leaves nothing in the checkout; it returns the new root. What
// somebody built there by hand stays behind.
func Copy(t testing.TB, root string, folders ...string) string {
	t.Helper()
	to := t.TempDir()
	for _, f := range folders {
		err := filepath.WalkDir(filepath.Join(root, f), func(path string, d os.DirEntry, err error) error {
			if err != nil {
				return err
			}
			switch name := d.Name(); {
			case name == "target" || name == "node_modules":
				return filepath.SkipDir
			case name == "Cargo.lock" || filepath.Ext(name) == ".wasm":
				return nil
			}
			rel, err := filepath.Rel(root, path)
			if err != nil {
				return err
			}
			if d.IsDir() {
				return os.MkdirAll(filepath.Join(to, rel), 0o755)
			}
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(to, rel), b, 0o644)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return to
}

// LinkNodeModules makes the npm packages of a plugin's package.json: the SDK,
// and nothing else, since Build brings the compiler.
func LinkNodeModules(t testing.TB, dir, sdk string) {
	t.Helper()
	modules := filepath.Join(dir, "node_modules")
	if err := os.Mkdir(modules, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(sdk, filepath.Join(modules, "sluice-sdk")); err != nil {
		t.Fatal(err)
	}
}

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"sluice.dev/proxy/plugin/plugintest"
)

// TestPluginScripts types the commands that authors of plugins use, with the
// shipped plugins as Wasm, and modules that misbehave.
func TestPluginScripts(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"pii", "sqlrisk"} {
		cmd := exec.Command("go", "build", "-buildmode=c-shared", "-trimpath", "-ldflags=-s -w", "-o", filepath.Join(dir, name+".wasm"), "sluice.dev/plugins/"+name)
		cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
		if b, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("building %s: %v\n%s", name, err, b)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "loops.wasm"), plugintest.Hostile("sluice_mask")["loops"], 0o600); err != nil {
		t.Fatal(err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = dir
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/plugin",
		RequireExplicitExec: true,
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
		Setup: func(env *testscript.Env) error {
			env.Setenv("XDG_CACHE_HOME", filepath.Join(cache, "sluice", "script-test"))
			for _, name := range []string{"pii.wasm", "sqlrisk.wasm", "loops.wasm"} {
				b, err := os.ReadFile(filepath.Join(dir, name))
				if err != nil {
					return err
				}
				if err := os.WriteFile(filepath.Join(env.WorkDir, name), b, 0o600); err != nil {
					return err
				}
			}
			return nil
		},
	})
}

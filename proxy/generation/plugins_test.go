package generation_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sluice.dev/proxy/config"
	"sluice.dev/proxy/generation"
	"sluice.dev/proxy/plugin"
)

// TestPluginFaults: what is wrong with a plugin is an error at the line of HCL
// that is at fault: a pin, a key, a grant, a setting.
func TestPluginFaults(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	write := func(name string, b []byte) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// The module that the runtime's own tests use: it takes settings and asks for pseudonyms.
	cmd := exec.Command("go", "build", "-buildmode=c-shared", "-trimpath", "-ldflags=-s -w", "-o", filepath.Join(dir, "probe.wasm"), "sluice.dev/proxy/plugin/testdata/probe")
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
	if b, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
	wasm, err := os.ReadFile(filepath.Join(dir, "probe.wasm"))
	if err != nil {
		t.Fatal(err)
	}
	private, public, err := plugin.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	var key ed25519.PrivateKey
	if key, err = plugin.ParsePrivateKey(private); err != nil {
		t.Fatal(err)
	}
	_, other, err := plugin.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	write("signed.wasm", plugin.Sign(wasm, key))
	write("security.pub", public)
	write("other.pub", other)
	write("security.key", private)

	plugins, err := plugin.NewRuntime(ctx, plugin.Options{CacheDir: filepath.Join(dir, "compiled"), Pseudonym: func(string, string, []byte) []byte { return nil }})
	if err != nil {
		t.Fatal(err)
	}
	shared := generation.Share(plugins, slog.New(slog.DiscardHandler))
	defer plugins.Close(ctx) //nolint:errcheck // nothing follows
	defer shared.Close()
	const grants = "\n  grants = [\"pseudonym\"]"
	pinned := fmt.Sprintf("module = \"probe.wasm\"\n  sha256 = %q", plugin.DigestOf(wasm))
	signed := "module = \"signed.wasm\"\n  signed_by = "
	for name, c := range map[string]struct {
		block string
		line  int // of the block, which begins in line 2; 0: it is right
		says  string
	}{
		"pinned":                       {pinned + grants, 0, ""},
		"signed":                       {signed + `"security.pub"` + grants, 0, ""},
		"less memory than it declares": {pinned + grants + "\n  limits {\n    memory = \"64KiB\"\n  }", 3, "limit"},
		"too little fuel to start":     {pinned + grants + "\n  limits {\n    start_fuel = 1000000\n  }", 3, "fuel"},
		"enough of all":                {pinned + grants + "\n  limits {\n    fuel = 20000000\n    memory = \"64MiB\"\n    call_depth = 4000\n  }", 0, ""},
		"wrong pin":                    {"module = \"probe.wasm\"\n  sha256 = \"" + strings.Repeat("0", 64) + "\"" + grants, 4, "sha256 mismatch: file has " + plugin.DigestOf(wasm)},
		"other key":                    {signed + `"other.pub"` + grants, 4, "not signed by this key"},
		"unsigned":                     {"module = \"probe.wasm\"\n  signed_by = \"security.pub\"" + grants, 4, "the module is not signed"},
		"private key":                  {signed + `"security.key"` + grants, 4, "this is the private key"},
		"no key":                       {signed + `"missing.pub"` + grants, 4, "no such file"},
		"nothing granted":              {pinned, 2, `asks for "pseudonym", which its grants do not list`},
		"other granted":                {pinned + "\n  grants = [\"log\"]", 5, `asks for "pseudonym"`},
		"no module":                    {"module = \"missing.wasm\"\n  sha256 = \"" + strings.Repeat("0", 64) + "\"", 3, "no such file"},
		"wrong setting":                {pinned + grants + "\n  settings = {\n    word = \"ok\"\n    mode = 7\n  }", 8, "settings.mode: got number, want string"},
		"unknown setting":              {pinned + grants + "\n  settings = {\n    word = \"ok\"\n    moed = \"x\"\n  }", 8, "settings.moed: there is no such setting"},
		"the module's own":             {pinned + grants + "\n  settings = {\n    word = \"ok\"\n\n    mode = \"refuse\"\n  }", 9, "settings.mode: refuse is refused"},
	} {
		write("sluice.hcl", []byte("gateway { data_dir = \"data\" }\nplugin \"probe\" {\n  "+c.block+"\n}\n"))
		cfg, err := config.Load(filepath.Join(dir, "sluice.hcl"))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		g, err := generation.Compile(ctx, cfg, shared)
		if c.line == 0 {
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			g.Release()
			continue
		}
		var ce *config.Error
		if !errors.As(err, &ce) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if d := ce.Diagnostics()[0]; d.Line != c.line || !strings.Contains(d.Detail, c.says) {
			t.Errorf("%s: line %d, want %d: %s", name, d.Line, c.line, d.Detail)
		}
	}
}

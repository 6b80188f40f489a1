package sdk_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sluice.dev/proxy/plugin"
	"sluice.dev/sdk"
	"sluice.dev/sdk/sdktest"
)

// A new plugin is built in a folder of its own, outside the repository and
// without a network, and passes the vectors beside it, which it carries.
func TestNewPluginBuildsAndPasses(t *testing.T) {
	for _, language := range builds {
		t.Run(language, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "bird-finder")
			from := language
			if language == "zig" {
				from = "c"
			}
			written, err := sdk.New(dir, from, "bird-finder")
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range written {
				b, err := os.ReadFile(filepath.Join(dir, f))
				if err != nil {
					t.Fatal(err)
				}
				if len(b) == 0 || strings.Contains(string(b), "my-plugin") || strings.Contains(string(b), "../ABI.md") {
					t.Errorf("%s is empty, or names what is not there", f)
				}
			}
			wasm := sdktest.Build(t, language, dir)
			m := load(t, newRuntime(t), wasm, "")
			file, err := os.ReadFile(filepath.Join(dir, "vectors.txt"))
			if err != nil {
				t.Fatal(err)
			}
			if got := m.Manifest(); got.Name != "bird-finder" || got.Vectors != string(file) {
				t.Errorf("the manifest is %+v", got)
			}
			vectors, err := plugin.ParseVectors(string(file))
			if err != nil || len(vectors) < 2 {
				t.Fatalf("%d vectors, %v", len(vectors), err)
			}
			if err := vectors[0].Run(t.Context(), m); err != nil {
				t.Error(err)
			}
			sdktest.Native(t, language, dir)
		})
	}
}

func TestNewPluginRefuses(t *testing.T) {
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "mine"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		dir, language, name, says string
		usage                     bool
	}{
		{t.TempDir(), "cobol", "ok", "choose one of go, rust, assemblyscript, c", true},
		{t.TempDir(), "go", "Bad Name", "cannot be a plugin's name", true},
		{t.TempDir(), "go", "../up", "cannot be a plugin's name", true},
		{t.TempDir(), "rust", "sluice-sdk", "is taken", true},
		{full, "go", "ok", "is not empty", false},
		{filepath.Join(full, "mine"), "go", "ok", "mine", false},
	} {
		_, err := sdk.New(c.dir, c.language, c.name)
		if err == nil || !strings.Contains(err.Error(), c.says) || errors.Is(err, sdk.ErrUsage) != c.usage {
			t.Errorf("%s %s: %v", c.language, c.name, err)
		}
		if left, _ := os.ReadDir(c.dir); c.usage && len(left) > 0 {
			t.Errorf("%s %s: it wrote %v", c.language, c.name, left)
		}
	}
}

func TestLanguages(t *testing.T) {
	if !slices.Equal(sdk.Languages, sdktest.Languages) {
		t.Errorf("%v and %v", sdk.Languages, sdktest.Languages)
	}
}

// The program in each README builds as it stands there, and passes the vectors
// that it carries.
func TestREADMEs(t *testing.T) {
	for language, c := range map[string]struct{ fence, file string }{
		"go": {"go", "main.go"}, "rust": {"rust", "src/lib.rs"}, "assemblyscript": {"ts", "assembly/index.ts"}, "c": {"c", "plugin.c"},
	} {
		t.Run(language, func(t *testing.T) {
			readme, err := os.ReadFile(filepath.Join(language, "README.md"))
			if err != nil {
				t.Fatal(err)
			}
			_, after, _ := strings.Cut(string(readme), "```"+c.fence+"\n")
			program, _, ok := strings.Cut(after, "```\n")
			if !ok {
				t.Fatal("the README has no program")
			}
			dir := filepath.Join(t.TempDir(), "readme")
			if _, err := sdk.New(dir, language, "readme"); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, c.file), []byte(program), 0o600); err != nil {
				t.Fatal(err)
			}
			m := load(t, newRuntime(t), sdktest.Build(t, language, dir), "")
			if got := m.Manifest(); got.Name != "codename" || !strings.Contains(got.Vectors, "Bluebird") {
				t.Errorf("the manifest is %+v", got)
			}
		})
	}
}

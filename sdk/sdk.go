// Package sdk carries the SDKs for plugins (go, rust, assemblyscript and c,
// beside this file) and writes new plugins that need nothing else.
package sdk

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

//go:embed ABI.md
//go:embed go/*.go go/README.md
//go:embed rust/Cargo.toml rust/README.md rust/src
//go:embed assemblyscript/package.json assemblyscript/plugin.json assemblyscript/embed.js assemblyscript/README.md assemblyscript/assembly
//go:embed c/sluice.h c/README.md
//go:embed template
var files embed.FS

// Languages that there is an SDK for.
var Languages = []string{"go", "rust", "assemblyscript", "c"}

// ErrUsage is wrapped by what New says of a language or a name that cannot be.
var ErrUsage = errors.New("wrong use")

// placeholder stands for the name in the templates.
const placeholder = "my-plugin"

var (
	nameForm = regexp.MustCompile(`^[a-z][a-z0-9-]{0,62}[a-z0-9]$`)
	taken    = []string{"sluice", "sluice-sdk", "test", "std", "core", "alloc"} // by what a build already knows
)

// about is what the README says of each language.
var about = map[string]struct{ source, build string }{
	"go":             {"`main.go`", "make              # my-plugin.wasm; needs Go 1.24 or later, and no network\nmake test         # go test, then the vectors"},
	"rust":           {"`src/lib.rs`", "make              # my-plugin.wasm; needs cargo with the target wasm32-unknown-unknown, and no network\nmake test         # cargo test, then the vectors\n\n# The target comes with “rustup target add wasm32-unknown-unknown”, or on Debian with\n# apt-get install cargo libstd-rust-dev-wasm32 lld"},
	"assemblyscript": {"`assembly/index.ts`", "npm install       # once: the compiler, asc; the only step that needs a network\nnpm run build     # my-plugin.wasm\nnpm test          # the same, then the vectors"},
	"c":              {"`plugin.c`", "make              # my-plugin.wasm; needs clang and lld, and no network\nmake test         # the vectors\n\nmake CC='zig cc' TARGET=wasm32-freestanding    # with Zig instead"},
}

// New writes a plugin into dir, which must not exist or be empty: a program
// with its self-tests that builds without a network, and the SDK. It returns
// the files it wrote, relative to dir. The name is the plugin's:
// [a-z][a-z0-9-]*, 2 to 64 bytes.
func New(dir, language, name string) ([]string, error) {
	switch {
	case !slices.Contains(Languages, language):
		return nil, fmt.Errorf("%w: there is no SDK for %q: choose one of %s", ErrUsage, language, strings.Join(Languages, ", "))
	case !nameForm.MatchString(name):
		return nil, fmt.Errorf("%w: %q cannot be a plugin's name: 2 to 64 small letters, digits and “-”, a letter first", ErrUsage, name)
	case slices.Contains(taken, name):
		return nil, fmt.Errorf("%w: the name %q is taken by what a build already knows: choose another", ErrUsage, name)
	}
	if old, err := os.ReadDir(dir); err == nil && len(old) > 0 {
		return nil, fmt.Errorf("the folder %s is not empty: choose another, or remove it", dir)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	w := writer{dir: dir, name: name}
	w.tree("template/"+language, "")
	w.text("vectors.txt", w.read("template/go/vectors.txt"))
	a := about[language]
	w.text("README.md", strings.NewReplacer("BUILD", "```\n"+a.build+"\n```", "SOURCE", a.source).Replace(w.read("template/README.md")))
	w.text(".gitignore", ignored[language])
	w.tree(language, "sluice-sdk")
	w.copy("ABI.md", "sluice-sdk/ABI.md")
	if language == "go" { // in the repository both belong to its own module
		w.text("sluice-sdk/go.mod", "module sluice.dev/sdk/go\n\ngo 1.24\n")
	}
	slices.Sort(w.written)
	return w.written, w.err
}

var ignored = map[string]string{
	"go":             "*.wasm\n",
	"rust":           "*.wasm\ntarget/\n",
	"assemblyscript": "*.wasm\nnode_modules/\nassembly/vectors.ts\n",
	"c":              "*.wasm\n",
}

// writer keeps the first error and does nothing after it.
type writer struct {
	dir, name string
	written   []string
	err       error
}

func (w *writer) read(from string) string {
	b, err := files.ReadFile(from)
	if err != nil && w.err == nil {
		w.err = err
	}
	return string(b)
}

// text writes a file in which the placeholder becomes the name.
func (w *writer) text(to, text string) {
	w.write(to, strings.ReplaceAll(text, placeholder, w.name))
}

// copy writes a file of the SDK, whose pages lie one folder higher there.
func (w *writer) copy(from, to string) {
	text := w.read(from)
	if strings.HasSuffix(from, ".md") {
		text = strings.ReplaceAll(text, "../ABI.md", "ABI.md")
	}
	w.write(to, text)
}

func (w *writer) write(to, text string) {
	if w.err != nil {
		return
	}
	at := filepath.Join(w.dir, filepath.FromSlash(to))
	if w.err = os.MkdirAll(filepath.Dir(at), 0o755); w.err != nil {
		return
	}
	if w.err = os.WriteFile(at, []byte(text), 0o644); w.err == nil && !slices.Contains(w.written, to) {
		w.written = append(w.written, to)
	}
}

// tree writes a folder: a template with the name in it, or an SDK as it is,
// without its own tests.
func (w *writer) tree(from, to string) {
	err := fs.WalkDir(files, from, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		at := path.Join(to, strings.TrimPrefix(p, from+"/"))
		switch {
		case to == "":
			// A go.mod would take the template out of this module.
			w.text(strings.Replace(at, "go.mod.txt", "go.mod", 1), w.read(p))
		case !strings.HasSuffix(p, "_test.go"):
			w.copy(p, at)
		}
		return nil
	})
	if err != nil && w.err == nil {
		w.err = err
	}
}

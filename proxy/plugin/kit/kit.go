// Package kit is what authors of plugins work with, without a gateway: it runs
// vectors and real rows through a module, measures it, and holds it to the ABI
// (sdk/ABI.md).
package kit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sluice.dev/proxy/plugin"
)

// Open loads a module for a tool: no pin is asked for, every capability that it
// wants is granted, and its self-tests are left to the caller.
func Open(ctx context.Context, r *plugin.Runtime, wasm, settings []byte, limits plugin.Limits) (*plugin.Module, error) {
	info, err := r.Inspect(ctx, wasm)
	if err != nil {
		return nil, err
	}
	return r.Load(ctx, plugin.Spec{Name: info.Manifest.Name, Wasm: wasm, Unpinned: true, Settings: settings,
		Grants: info.Manifest.Capabilities, Limits: limits, SkipSelfTest: true})
}

// Found is a module and the files of vectors that belong to it.
type Found struct {
	Module  string   // path of the .wasm file
	Vectors []string // paths
}

// Find takes a module's file, or a folder with one *.wasm and its vectors:
// *vectors*.txt in it, and all *.txt in its folder vectors.
func Find(path string) (Found, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Found{}, err
	}
	if !info.IsDir() {
		return Found{Module: path}, nil
	}
	var f Found
	for _, pattern := range []string{"*vectors*.txt", "vectors/*.txt"} {
		list, err := filepath.Glob(filepath.Join(path, pattern))
		if err != nil {
			return f, err
		}
		f.Vectors = append(f.Vectors, list...)
	}
	slices.Sort(f.Vectors)
	modules, err := filepath.Glob(filepath.Join(path, "*.wasm"))
	if err != nil {
		return f, err
	}
	switch len(modules) {
	case 0:
		return f, fmt.Errorf("%s has no .wasm file: build the plugin first, or name the module with --module", path)
	case 1:
		f.Module = modules[0]
		return f, nil
	}
	return f, fmt.Errorf("%s has %d .wasm files: choose one with --module", path, len(modules))
}

// Outcome is how one vector went.
type Outcome struct {
	File string              `json:"file"` // "" for those that the module carries
	Line int                 `json:"line"`
	Does string              `json:"does"`
	Diff []plugin.Difference `json:"differences,omitempty"`
	// Error is a call that failed, with what the module itself said of it.
	Error string `json:"error,omitempty"`
}

// OK reports whether it went as it should.
func (o *Outcome) OK() bool { return len(o.Diff) == 0 && o.Error == "" }

// Test runs the module's own vectors, and those of files.
func Test(ctx context.Context, m *plugin.Module, files []string) ([]Outcome, error) {
	var out []Outcome
	run := func(name, text string) error {
		list, err := plugin.ParseVectors(text)
		if err != nil {
			return fmt.Errorf("%s: %w", nameOf(name), err)
		}
		err = m.RunVectors(ctx, list, func(v *plugin.Vector, diff []plugin.Difference, err error) error {
			o := Outcome{File: name, Line: v.Line, Does: v.Does, Diff: diff}
			if err != nil {
				o.Error = Explain(err)
			}
			out = append(out, o)
			return nil
		})
		if err != nil {
			return fmt.Errorf("%s: %w", nameOf(name), err)
		}
		return nil
	}
	own := m.Manifest().Vectors
	if err := run("", own); err != nil {
		return out, err
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			return out, err
		}
		if string(b) == own {
			continue // the file that the module was built with
		}
		if err := run(f, string(b)); err != nil {
			return out, err
		}
	}
	return out, nil
}

func nameOf(file string) string {
	if file == "" {
		return "the module's own vectors"
	}
	return file
}

// Explain is an error of a call with what the module said of it, which the
// gateway keeps from everybody but the author.
func Explain(err error) string {
	text := err.Error()
	var c *plugin.CallError
	if errors.As(err, &c) && c.Detail != "" {
		first, rest, _ := strings.Cut(c.Detail, "\n")
		text += ": " + first
		if c.Kind == plugin.KindTrap && rest != "" {
			text += "\n" + rest
		}
	}
	return text
}

// Settings reads --settings: JSON, or @FILE with it.
func Settings(arg string) ([]byte, error) {
	b := []byte(arg)
	if file, ok := strings.CutPrefix(arg, "@"); ok {
		var err error
		if b, err = os.ReadFile(file); err != nil {
			return nil, err
		}
	}
	if len(b) > 0 && !json.Valid(b) {
		return nil, errors.New("the settings are not JSON")
	}
	return b, nil
}

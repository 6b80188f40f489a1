package policy

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Bounds of what ReadSource takes in.
const (
	maxFileBytes   = 8 << 20
	maxSourceFiles = 2000
)

// ReadSource reads a policy from disk: one .rego file, or a folder and the
// folders below it. Files and folders whose names begin with a dot are left
// out, as are files of other kinds (a README).
func ReadSource(name, path string) (Source, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Source{}, fmt.Errorf("policy: %q: %w", name, err)
	}
	src := Source{Name: name, Root: path}
	if !info.IsDir() {
		src.Root = filepath.Dir(path)
		return src, src.read(path)
	}
	err = filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case p != path && strings.HasPrefix(d.Name(), "."):
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case d.IsDir():
			return nil
		}
		if ext := filepath.Ext(p); ext != ".rego" && !isData(ext) {
			return nil
		}
		return src.read(p)
	})
	if err != nil {
		return Source{}, fmt.Errorf("policy: %q: %w", name, err)
	}
	if len(src.Files) == 0 {
		return Source{}, fmt.Errorf("policy: %q: no .rego file in %s", name, path)
	}
	slices.SortFunc(src.Files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	return src, nil
}

func (s *Source) read(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	switch {
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is no regular file", path)
	case info.Size() > maxFileBytes:
		return fmt.Errorf("%s has %d bytes, at most %d are read", path, info.Size(), maxFileBytes)
	case len(s.Files) >= maxSourceFiles:
		return fmt.Errorf("more than %d files", maxSourceFiles)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	s.Files = append(s.Files, File{Path: path, Data: data})
	return nil
}

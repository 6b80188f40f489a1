package server

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
)

// watcher reloads when a file that the configuration names changes, or when it
// is told to. Editors write a file in several steps, so it waits until nothing
// has happened for a moment.
type watcher struct {
	reload func(by string)
	files  func() []string // none: nothing is watched
	logger *slog.Logger
}

// settle is how long a file has to be left alone before it is read.
const settle = 150 * time.Millisecond

// run ends with ctx. Folders are watched rather than files, since editors and
// Kubernetes replace a file by renaming another over it.
func (w *watcher) run(ctx context.Context, signals <-chan os.Signal) {
	fs, err := fsnotify.NewWatcher()
	if err != nil {
		w.logger.Error("server: files are not watched; use sluice reload", "error", err)
		fs = &fsnotify.Watcher{}
	} else {
		defer fs.Close()
	}
	watched := make(map[string]bool)
	look := func() {
		if err != nil {
			return
		}
		for _, f := range w.files() {
			dir := f
			if info, err := os.Stat(f); err != nil || !info.IsDir() {
				dir = filepath.Dir(f)
			}
			if !watched[dir] {
				if err := fs.Add(dir); err != nil {
					w.logger.Warn("server: a folder cannot be watched; use sluice reload", "folder", dir, "error", err)
				}
				watched[dir] = true
			}
		}
	}
	look()
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-signals:
			w.reload("SIGHUP")
			look()
		case e, ok := <-fs.Events:
			if !ok {
				fs.Events = nil
				continue
			}
			if w.concerns(e.Name) && !e.Has(fsnotify.Chmod) {
				timer.Reset(settle)
			}
		case err, ok := <-fs.Errors:
			if !ok {
				fs.Errors = nil
				continue
			}
			w.logger.Warn("server: watching files", "error", err)
		case <-timer.C:
			w.reload("file watch")
			look()
		}
	}
}

// concerns says whether a file is one that the configuration names, or is in a
// folder that it names.
func (w *watcher) concerns(path string) bool {
	files := w.files()
	for _, f := range files {
		if path == f || filepath.Dir(path) == f {
			return true
		}
		if rel, err := filepath.Rel(f, path); err == nil && rel != ".." && len(rel) > 0 && rel[0] != '.' {
			return true
		}
	}
	// A configuration folder, or a link that is swapped: ..data of a
	// Kubernetes mount.
	return len(files) > 0 && (filepath.Base(path) == "..data" || filepath.Ext(path) == ".hcl")
}

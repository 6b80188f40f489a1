package audit

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"
	"unsafe"
)

// block is the unit of a write to the log: what O_DIRECT asks for in offset,
// length and memory.
const block = 4096

// File is an open segment.
type File interface {
	io.WriterAt
	// Sync makes what was written durable. It is not called again after it
	// failed once (fsyncgate: the second call may lie).
	Sync() error
	Close() error
}

// Files is the file system as the log needs it. Tests put faults into it; a
// gateway uses OS.
type Files interface {
	// Prewrite makes a file of zeros, durable, under a temporary name and
	// then under path. It writes piece by piece, and calls pause, which may be
	// nil, after each with the time that it took: others want the disk, too.
	Prewrite(path string, size int64, pause func(took time.Duration)) error
	// OpenSegment opens a prewritten file for aligned writes, without the
	// page cache where the file system can. synced says that each write is
	// durable when it returns, so that Sync is not needed.
	OpenSegment(path string) (f File, synced bool, err error)
	// Write makes a small file, whole and durable or not at all.
	Write(path string, b []byte) error
	// Place makes a small file, whole at once for whoever reads it. It is
	// durable after Settle.
	Place(path string, b []byte) error
	// Settle makes files that were placed durable, and their names; a new
	// folder among the paths likewise.
	Settle(paths []string) error
	// Rename moves a file within its directory, durably.
	Rename(from, to string) error
	Remove(path string) error
	// Free returns the bytes that may still be written under dir, and the
	// size of its file system.
	Free(dir string) (free, total uint64, err error)
}

// OS is the file system of the machine.
func OS() Files { return osFiles{} }

type osFiles struct{}

func (osFiles) Prewrite(path string, size int64, pause func(took time.Duration)) error {
	tmp := path + ".tmp"
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	zeros := make([]byte, min(size, prewritePiece))
	for left := size; left > 0 && err == nil; left -= int64(len(zeros)) {
		began := time.Now()
		_, err = f.Write(zeros[:min(left, int64(len(zeros)))])
		if err == nil && left > int64(len(zeros)) { // the last is finish's
			if err = f.Sync(); err == nil && pause != nil {
				pause(time.Since(began))
			}
		}
	}
	return finish(f, err, tmp, path)
}

// prewritePiece is how many zeros go to the disk at once. All at once would
// hold up the batches of the segment in use for tens of milliseconds.
const prewritePiece = 256 << 10

func (osFiles) Write(path string, b []byte) error { return put(path, b, true) }

func (osFiles) Place(path string, b []byte) error { return put(path, b, false) }

func put(path string, b []byte, durable bool) error {
	tmp := path + ".tmp"
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if errors.Is(err, os.ErrNotExist) { // the first file of a new directory
		if err = makeDir(filepath.Dir(path)); err == nil {
			f, err = os.OpenFile(tmp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
		}
	}
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if durable {
		return finish(f, err, tmp, path)
	}
	beginWriteback(f)
	return name(f, err, tmp, path)
}

// Settle has the file system begin with all files before it waits for the
// first, so that they share its work.
func (osFiles) Settle(paths []string) error {
	files := make([]*os.File, 0, min(len(paths), settleAtOnce))
	dirs := make(map[string]struct{})
	for _, path := range paths {
		dirs[filepath.Dir(path)] = struct{}{}
	}
	for len(paths) > 0 {
		now := paths[:min(len(paths), settleAtOnce)]
		paths = paths[len(now):]
		var err error
		for _, path := range now {
			if _, later := dirs[path]; later {
				continue
			}
			f, openErr := os.Open(path)
			if openErr != nil {
				err = openErr
				break
			}
			files = append(files, f)
			beginWriteback(f)
		}
		for _, f := range files {
			if err == nil {
				err = f.Sync()
			}
			if closeErr := f.Close(); err == nil {
				err = closeErr
			}
		}
		if err != nil {
			return err
		}
		files = files[:0]
	}
	for _, dir := range slices.Sorted(maps.Keys(dirs)) {
		if err := syncDir(dir); err != nil {
			return err
		}
	}
	return nil
}

const settleAtOnce = 64 // files open at a time

// finish makes f durable under its final name, or removes it.
func finish(f *os.File, err error, tmp, path string) error {
	if err == nil {
		err = f.Sync()
	}
	if err = name(f, err, tmp, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// name closes f and gives it its final name, or removes it.
func name(f *os.File, err error, tmp, path string) error {
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(tmp, path)
	}
	if err != nil {
		_ = os.Remove(tmp) // the first error is the one to tell
	}
	return err
}

func (osFiles) Rename(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return syncDir(filepath.Dir(to))
}

func (osFiles) Remove(path string) error { return os.Remove(path) }

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	if closeErr := d.Close(); err == nil {
		err = closeErr
	}
	return err
}

// makeDir makes a directory and those above it, each durable in its parent.
func makeDir(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if parent := filepath.Dir(dir); parent != dir {
		if err := makeDir(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return syncDir(filepath.Dir(dir))
}

// aligned returns a buffer of n bytes that begins on a block boundary.
func aligned(n int) []byte {
	b := make([]byte, n+block)
	skip := 0
	if rest := int(uintptr(unsafe.Pointer(&b[0])) % block); rest != 0 {
		skip = block - rest
	}
	return b[skip : skip+n : skip+n]
}

// lockDir takes the lock that keeps a second gateway off the log.
func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := flock(f); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("audit: %s is in use by another process (its lock is taken): stop that gateway first, or give this one a directory of its own: %w", dir, err)
	}
	return f, nil
}

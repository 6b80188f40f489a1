package testenv

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// scratch is a server's folder below the temporary directory. Its owner holds a lock in it as long as it lives, so
// that folders of processes that were killed can be told and swept.
type scratch struct {
	dir  string
	lock *os.File
}

const scratchPrefix = "sluice-testenv-"

func newScratch(kind string) (*scratch, error) {
	sweep()
	dir, err := os.MkdirTemp("", scratchPrefix+kind+"-")
	if err != nil {
		return nil, fmt.Errorf("testenv: %w", err)
	}
	s := &scratch{dir: dir}
	// The server runs as another user, who must pass through but need not look.
	if err := os.Chmod(dir, 0o711); err != nil {
		return nil, errors.Join(err, s.remove())
	}
	// Locked before it has the name that sweep looks for: no moment at which it seems to be nobody's.
	if s.lock, err = os.OpenFile(s.path("owner.new"), os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		return nil, errors.Join(err, s.remove())
	}
	err = syscall.Flock(int(s.lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err = errors.Join(err, os.Rename(s.path("owner.new"), s.path("owner.lock"))); err != nil {
		return nil, errors.Join(fmt.Errorf("testenv: lock %s: %w", dir, err), s.remove())
	}
	return s, nil
}

func (s *scratch) path(name string) string { return filepath.Join(s.dir, name) }

func (s *scratch) remove() error {
	err := os.RemoveAll(s.dir)
	if s.lock != nil {
		err = errors.Join(err, s.lock.Close())
		s.lock = nil
	}
	return err
}

// sweep removes the folders of owners that are gone. What cannot be removed (another user's) stays.
func sweep() {
	entries, _ := os.ReadDir(os.TempDir())
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), scratchPrefix) {
			continue
		}
		dir := filepath.Join(os.TempDir(), e.Name())
		// No lock yet: its owner is just making it.
		f, err := os.OpenFile(filepath.Join(dir, "owner.lock"), os.O_RDWR, 0)
		if err != nil {
			continue
		}
		if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			_ = os.RemoveAll(dir)
		}
		f.Close()
	}
}

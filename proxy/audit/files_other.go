//go:build unix && !linux

package audit

import (
	"os"

	"golang.org/x/sys/unix"
)

// OpenSegment opens for ordinary writes, each followed by Sync.
func (osFiles) OpenSegment(path string) (File, bool, error) {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	return f, false, err
}

func (osFiles) Free(dir string) (free, total uint64, err error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0, 0, err
	}
	return uint64(s.Bavail) * uint64(s.Bsize), uint64(s.Blocks) * uint64(s.Bsize), nil
}

func flock(f *os.File) error {
	return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
}

// beginWriteback leaves the work to the sync that follows.
func beginWriteback(*os.File) {}

package servertest

import (
	"sync/atomic"
	"syscall"

	"sluice.dev/proxy/audit"
)

// Disk is the machine's disk under the audit log, with something put in front
// of each write. NewDisk makes one that is sound.
type Disk struct {
	audit.Files
	before atomic.Pointer[func() error]
}

// NewDisk is for Options.Files.
func NewDisk() *Disk { return &Disk{Files: audit.OS()} }

// Before has f run before each write to the log, which fails with f's error;
// nil ends that.
func (d *Disk) Before(f func() error) {
	if f == nil {
		d.before.Store(nil)
		return
	}
	d.before.Store(&f)
}

// Fill makes the disk full from now on.
func (d *Disk) Fill() { d.Before(func() error { return syscall.ENOSPC }) }

// OpenSegment implements audit.Files.
func (d *Disk) OpenSegment(path string) (audit.File, bool, error) {
	f, synced, err := d.Files.OpenSegment(path)
	return &segment{f, d}, synced, err
}

type segment struct {
	audit.File
	on *Disk
}

func (s *segment) WriteAt(b []byte, at int64) (int, error) {
	if f := s.on.before.Load(); f != nil {
		if err := (*f)(); err != nil {
			return 0, err
		}
	}
	return s.File.WriteAt(b, at)
}

package audit

import (
	"context"
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestFullFileSystem fills real ones: one in memory, and one on a disk, which
// may promise space that it does not have.
func TestFullFileSystem(t *testing.T) {
	for name, mount := range map[string]func(dir string, size int) error{"tmpfs": mountTmpfs, "ext4": mountExt4} {
		t.Run(name, func(t *testing.T) {
			if testing.Short() && name == "ext4" {
				t.Skip("it takes some seconds: not in the fast loop")
			}
			dir := t.TempDir()
			if err := mount(dir, 48<<20); err != nil {
				if !inNamespace(t, err) {
					t.Skipf("this needs a small file system of its own, and mounting one is not allowed here: %v", err)
				}
				return
			}
			t.Cleanup(func() { unmount(t, dir) }) // after the log's
			fillUp(t, dir+"/log")
		})
	}
}

func fillUp(t *testing.T, dir string) {
	o := testOptions()
	o.Files = OS()
	o.Reserve = 20 << 20 // more than the tree may be behind
	o.CheckpointEvery = 10 * time.Millisecond
	l := open(t, dir, o)
	var err error
	var durable Seq
	open, done := 0, 0
	for i := 0; i < 100000 && err == nil; i++ {
		var s Seq
		if s, err = l.Append(plainIntent(i)); err != nil {
			break
		}
		open++
		if err = l.Wait(context.Background(), s); err != nil {
			break
		}
		durable = s
		if _, err = l.Append(plainResult(i)); err == nil {
			done++
		}
	}
	if !errors.Is(err, ErrFull) {
		t.Fatalf("the full disk gives %v, want ErrFull", err)
	}
	if open != done {
		t.Errorf("%d commands began, %d could end", open, done)
	}
	if err := l.Close(); err != nil {
		t.Fatalf("the last records and the last checkpoint did not fit: %v", err)
	}
	r := verify(t, dir, l.VKey())
	if !r.OK || r.Size < uint64(durable) || r.Unsigned != 0 {
		t.Errorf("%s", r)
	}
}

// TestNoReserve fills one up to the last byte: the log stops in the end, with
// a reason, and nothing that was durable is lost.
func TestNoReserve(t *testing.T) {
	dir := t.TempDir()
	if err := mountTmpfs(dir, 4<<20); err != nil {
		if !inNamespace(t, err) {
			t.Skipf("this needs a small file system of its own, and mounting one is not allowed here: %v", err)
		}
		return
	}
	t.Cleanup(func() { unmount(t, dir) })
	o := testOptions()
	o.Files, o.Reserve, o.CheckpointEvery = OS(), 1, time.Millisecond
	l := open(t, dir+"/log", o)
	var durable Seq
	var err error
	for i := 0; i < 100000 && err == nil; i++ {
		var s Seq
		if s, err = l.Append(plainResult(i)); err == nil { // which a full disk still takes
			if err = l.Wait(context.Background(), s); err == nil {
				durable = s
			}
		}
	}
	if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "check the disk under "+dir) {
		t.Fatalf("the full disk gives %v", err)
	}
	if err := l.Close(); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("Close gives %v", err)
	}
	again, err := Open(dir+"/log", o)
	if err == nil { // what the stop left unfinished may have made room
		err = again.Close()
	}
	if err != nil && !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("opening it on the full disk gives %v", err)
	}
	clean := err == nil
	if err := growTmpfs(dir, 16<<20); err != nil {
		t.Fatal(err)
	}
	if !clean {
		afterCrash(t, dir+"/log", durable)
		return
	}
	if r := verify(t, dir+"/log", again.VKey()); !r.OK || r.Size < uint64(durable) {
		t.Errorf("%d were durable:\n%s", durable, r)
	}
}

// TestTinyFileSystem has no room for a log at all.
func TestTinyFileSystem(t *testing.T) {
	dir := t.TempDir()
	if err := mountTmpfs(dir, 1<<20); err != nil {
		if !inNamespace(t, err) {
			t.Skipf("this needs a small file system of its own, and mounting one is not allowed here: %v", err)
		}
		return
	}
	t.Cleanup(func() { unmount(t, dir) })
	o := testOptions()
	o.Files, o.SegmentSize = OS(), 0
	if l, err := Open(dir+"/log", o); err == nil {
		l.Close()
		t.Error("a log of 16 MiB segments began on 1 MiB")
	} else if !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("Open gives %v", err)
	}
	if l, err := Open(dir+"/log", testOptions()); err != nil { // nothing is left in the way
		t.Errorf("with small segments: %v", err)
	} else if err := l.Close(); err != nil {
		t.Error(err)
	}
}

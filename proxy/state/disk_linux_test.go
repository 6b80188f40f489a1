package state_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"sluice.dev/proxy/state"
)

// TestFullFileSystem fills a real one to the last byte.
func TestFullFileSystem(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=512k"); err != nil {
		t.Skipf("this needs a small file system of its own, and mounting one is not allowed here: %v", err)
	}
	t.Cleanup(func() { unmount(t, dir) })
	f, err := state.OpenFile(filepath.Join(dir, "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Update(put("kept", "before")); err != nil {
		t.Fatal(err)
	}
	n := 0
	for ; n < 1000 && err == nil; n++ {
		err = f.Update(put(fmt.Sprint("big", n), strings.Repeat("x", 10000)))
	}
	if !errors.Is(err, state.ErrUnavailable) || !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("after %d writes to a full disk: %v", n, err)
	}
	for range 10 { // again and again, and never a success that is none
		if err := f.Update(put("new", strings.Repeat("y", 400000))); err == nil {
			t.Fatal("a write found room that is not there")
		}
	}
	if v := get(t, f, "kept"); v != "before" {
		t.Fatalf("on a full disk: %q", v)
	}
	if get(t, f, "new") != "" || get(t, f, fmt.Sprint("big", n-1)) != "" {
		t.Error("what could not be written is there")
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	// A start on a full disk reads, and does not pretend to write.
	if f, err = state.OpenFile(f.Path()); err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if v := get(t, f, fmt.Sprint("big", n-2)); len(v) != 10000 {
		t.Errorf("the last write that was reported done has %d bytes", len(v))
	}
	if err := f.Update(put("new", strings.Repeat("y", 400000))); err == nil {
		t.Error("a write found room that is not there")
	}
	// Space that the store itself gives back is of use.
	if err := unix.Mount("tmpfs", dir, "tmpfs", unix.MS_REMOUNT, "size=8m"); err != nil {
		t.Fatal(err)
	}
	if err := f.Update(put("new", strings.Repeat("y", 100000))); err != nil {
		t.Errorf("with room again: %v", err)
	}
}

// TestBrokenFileSystem writes to a device that has errors: a loop device whose
// image cannot take what is written to it.
func TestBrokenFileSystem(t *testing.T) {
	under, dir := t.TempDir(), t.TempDir()
	if err := unix.Mount("tmpfs", under, "tmpfs", 0, "size=4m"); err != nil {
		t.Skipf("this needs a small file system of its own, and mounting one is not allowed here: %v", err)
	}
	t.Cleanup(func() { unmount(t, under) })
	image := filepath.Join(under, "image")
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(image, 16<<20); err != nil { // sparse
		t.Fatal(err)
	}
	for _, argv := range [][]string{{"mkfs.ext4", "-q", "-O", "^has_journal", image}, {"mount", "-o", "loop", image, dir}} {
		if out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput(); err != nil {
			t.Skipf("this needs a file system of its own on a loop device, and none is to be had here: %v: %s", err, out)
		}
	}
	t.Cleanup(func() { unmount(t, dir) })
	f, err := state.OpenFile(filepath.Join(dir, "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Update(put("kept", "before")); err != nil {
		t.Fatal(err)
	}
	for n := 0; n < 1000 && err == nil; n++ {
		err = f.Update(put(fmt.Sprint("lost", n), strings.Repeat("x", 10000)))
	}
	// The sync fails; its error is what the kernel makes of the image's.
	if !errors.Is(err, state.ErrUnavailable) || !errors.Is(err, syscall.EIO) && !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("got %v", err)
	}
	// The kernel may have thrown away what it could not write, and say that the
	// next sync is well: the store does not believe it.
	if again := f.Update(put("kept", "after")); !errors.Is(again, state.ErrUnavailable) {
		t.Errorf("the next write: %v", again)
	}
	if err := f.View(func(state.Tx) error { return nil }); !errors.Is(err, state.ErrUnavailable) {
		t.Errorf("the next read: %v", err)
	}
	f.Close()
}

func unmount(t *testing.T, dir string) {
	t.Helper()
	if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
		t.Error(err)
	}
}

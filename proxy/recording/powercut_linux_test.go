package recording

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sluice.dev/proxy/audit"
)

// disk is a file system of its own in a file. What has not been flushed to it
// is not in the file, so that a copy of the file is what a power cut leaves.
type disk struct{ image, at string }

// newDisk makes one, or says why the machine does not let us.
func newDisk(t *testing.T, megabytes int64) *disk {
	t.Helper()
	dir := t.TempDir()
	d := &disk{filepath.Join(dir, "image"), filepath.Join(dir, "at")}
	f, err := os.Create(d.image)
	if err == nil {
		err = errors.Join(f.Truncate(megabytes<<20), f.Close(), os.Mkdir(d.at, 0o700))
	}
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mkfs.ext4", "-q", "-m", "0", d.image).CombinedOutput(); err != nil {
		t.Skipf("a power cut needs a file system of its own, and mkfs.ext4 does not make one: %v %s", err, out)
	}
	d.mount(t)
	return d
}

// mount has the kernel write nothing by itself for the time of a test.
func (d *disk) mount(t *testing.T) {
	t.Helper()
	if out, err := exec.Command("mount", "-o", "loop,commit=300", d.image, d.at).CombinedOutput(); err != nil {
		t.Skipf("a power cut needs a file system of its own, and mounting one is not allowed here: %v %s", err, out)
	}
	t.Cleanup(func() { _ = unix.Unmount(d.at, unix.MNT_DETACH) }) // may be unmounted already
}

// cut is the disk as a power cut at this moment leaves it, on another machine.
func (d *disk) cut(t *testing.T) *disk {
	t.Helper()
	dir := t.TempDir()
	after := &disk{filepath.Join(dir, "image"), filepath.Join(dir, "at")}
	in, err := os.Open(d.image)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.Create(after.image)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(out, in); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(out.Close(), os.Mkdir(after.at, 0o700)); err != nil {
		t.Fatal(err)
	}
	after.mount(t)
	return after
}

// TestPowerCut cuts the power again and again: what was said to be durable is
// there, records, signed checkpoints and recordings, and nothing looks like
// tampering.
func TestPowerCut(t *testing.T) {
	d := newDisk(t, 64)
	rounds := 6
	if testing.Short() {
		rounds = 2
	}
	for round := range rounds {
		durable, ended, vkey, anchor, end := untilCut(t, d, round)
		after := d.cut(t)
		end()
		if round == 0 {
			proveLoss(t, d)
		}
		dir := filepath.Join(after.at, "data")
		log, err := audit.Open(dir, logOptions())
		if err != nil {
			t.Fatalf("round %d: the log does not open after the cut: %v", round, err)
		}
		if log.Durable() < durable {
			t.Errorf("round %d: %d records are left, %d were durable", round, log.Durable(), durable)
		}
		s, err := Open(dir, log, Options{Logger: quiet()})
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range ended {
			if events, err := play(s, id); err != nil || len(events) != 41 {
				t.Errorf("round %d: recording %s: %d events, %v", round, id, len(events), err)
			}
		}
		if err := errors.Join(s.Close(), log.Close()); err != nil {
			t.Fatal(err)
		}
		r, err := audit.Verify(dir, []string{vkey}, audit.VerifyOptions{Anchors: [][]byte{anchor}})
		if err != nil || !r.OK || r.Running != 0 {
			t.Errorf("round %d: %v\n%s", round, err, r)
		}
		if err := unix.Unmount(after.at, 0); err != nil {
			t.Fatal(err)
		}
	}
}

func logOptions() audit.Options {
	return audit.Options{Origin: "test/rec", SegmentSize: 128 << 10, CheckpointEvery: time.Hour, Reserve: 1 << 20, Logger: quiet()}
}

// untilCut works for a while and returns what it was told is durable: the last
// record, the recordings that ended, a checkpoint that was published. What is
// under way is left as it is, until end is called.
func untilCut(t *testing.T, d *disk, round int) (durable audit.Seq, ended []string, vkey string, anchor []byte, end func()) {
	t.Helper()
	dir := filepath.Join(d.at, "data")
	log, err := audit.Open(dir, logOptions())
	if err != nil {
		t.Fatalf("round %d: %v", round, err)
	}
	s, err := Open(dir, log, Options{Logger: quiet(), ChunkEvery: 10 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	end = func() {
		if err := errors.Join(s.Close(), log.Close()); err != nil {
			t.Error(err)
		}
	}
	ctx := context.Background()
	var mu sync.Mutex
	var wg sync.WaitGroup
	for g := range 6 {
		wg.Go(func() {
			id := fmt.Sprintf("s%d-%d", round, g)
			r := start(t, s, id)
			for i := range 20 {
				command := fmt.Sprintf("%s-%d", id, i)
				r.Event(Event{Kind: KindStatement, Command: command, Text: "SELECT 1"})
				seq, err := log.Append(&audit.Record{Event: audit.CommandIntent, Session: id, Command: command})
				if err == nil {
					err = log.Wait(ctx, seq)
				}
				if err == nil {
					_, err = log.Grouped(&audit.Record{Event: audit.CommandResult, Session: id, Command: command, Result: audit.Result{Outcome: audit.OK}})
				}
				if err != nil {
					t.Error(err)
					return
				}
				r.Event(Event{Kind: KindComplete, Command: command})
				mu.Lock()
				durable = max(durable, seq)
				mu.Unlock()
			}
			if g%2 == 0 {
				if err := r.Close(ctx); err != nil {
					t.Error(err)
				}
				mu.Lock()
				ended = append(ended, id)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if err := log.Checkpoint(ctx); err != nil {
		t.Fatal(err)
	}
	if anchor, err = os.ReadFile(filepath.Join(dir, "checkpoint")); err != nil {
		t.Fatal(err)
	}
	seq, err := log.Append(&audit.Record{Event: audit.CommandIntent, Session: "last", Command: fmt.Sprintf("last-%d", round)})
	if err == nil {
		err = log.Wait(ctx, seq)
	}
	if err != nil {
		t.Fatal(err)
	}
	durable = max(durable, seq)
	return durable, ended, log.VKey(), anchor, end
}

// proveLoss shows that the disk forgets what nobody made durable: else the
// test would prove nothing.
func proveLoss(t *testing.T, d *disk) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(d.at, "unsynced"), []byte(strings.Repeat("gone", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	after := d.cut(t)
	if b, err := os.ReadFile(filepath.Join(after.at, "unsynced")); err == nil && len(b) > 0 {
		t.Errorf("%d bytes that were never synced outlived the cut", len(b))
	}
	if err := unix.Unmount(after.at, 0); err != nil {
		t.Fatal(err)
	}
}

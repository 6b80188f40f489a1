package audit

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// until waits for something that another goroutine does.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

// TestTornTail puts every kind of rest behind the last good record.
func TestTornTail(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, testOptions())
	fill(t, l, 0, 20)
	s := mustAppend(t, l, intentRecord(20)) // a command that will have no outcome
	if err := l.Wait(context.Background(), s); err != nil {
		t.Fatal(err)
	}
	crash(t, l)
	file := filepath.Join(dir, "wal", segmentName(0))
	r := frameReader{b: read(t, file), off: block}
	for {
		if _, ok := r.next(); !ok {
			break
		}
	}
	end := padBlock(r.off)
	chain := chainHash{1}
	batch := appendFrame(nil, rawRecord(t, testOrigin, resultRecord(20)), &chain, true)
	for name, rest := range map[string][]byte{
		"half a frame":       batch[:len(batch)/2],
		"a length":           batch[:4],
		"one bit of it":      append([]byte{batch[0]}, make([]byte, 40)...),
		"its end alone":      append(make([]byte, 60), batch[60:]...),
		"noise":              bytes.Repeat([]byte{0x5a}, 3*block),
		"a block in the gap": append(make([]byte, block), bytes.Repeat([]byte{7}, 20)...),
	} {
		t.Run(name, func(t *testing.T) {
			dir2 := copyOf(t, dir)
			file := filepath.Join(dir2, "wal", segmentName(0))
			b := read(t, file)
			copy(b[end:], rest)
			write(t, file, b)
			if n := afterCrash(t, dir2, s); n != 1 {
				t.Errorf("%d unknown, want 1", n)
			}
			if !strings.Contains(string(joined(t, dir2)), `"cut_at":"record 42 in`) {
				t.Error("log.recover does not say what was cut")
			}
		})
	}
	t.Run("damage before good records", func(t *testing.T) {
		dir2 := copyOf(t, dir)
		p := segmentPlace(t, dir2, 3)
		flip(t, p.file, p.off+30)
		if l, err := Open(dir2, testOptions()); err == nil {
			l.Close()
			t.Fatal("a damaged log was opened")
		} else if !strings.Contains(err.Error(), "record 3") || !strings.Contains(err.Error(), "no torn write") {
			t.Errorf("Open says %v", err)
		}
	})
}

// crash ends a log as a dying disk would: nothing more is written.
func crash(t *testing.T, l *Log) {
	t.Helper()
	l.fail(errors.New("the test pulls the plug"))
	if err := l.Close(); err == nil {
		t.Fatal("a crashed log was closed cleanly")
	}
}

// TestStartFromTheLastSegment has an open intent in the first of many segments.
func TestStartFromTheLastSegment(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, testOptions())
	old := intentRecord(0)
	old.Command, old.SessionSeq = "01OLD", 1
	old.Session = "01OLDSESSION"
	mustAppend(t, l, old)
	fill(t, l, 0, 500)
	checkpointNow(t, l)
	fill(t, l, 500, 3)
	crash(t, l)
	if n := afterCrash(t, dir, 1+1+1006); n != 1 {
		t.Errorf("%d unknown, want the one of the first segment", n)
	}
	if !strings.Contains(string(joined(t, dir)), `"command":"01OLD","detail":{"reason":"the gateway stopped`) {
		t.Error("the old command has no unknown result")
	}
	// the tiles can be built anew
	if err := os.RemoveAll(filepath.Join(dir, "tile")); err != nil {
		t.Fatal(err)
	}
	if r := verify(t, dir, l.VKey()); r.OK {
		t.Error("missing tiles were not seen")
	}
	l = open(t, dir, testOptions())
	l.Close()
	if r := verify(t, dir, l.VKey()); !r.OK {
		t.Errorf("after a start without tiles:\n%s", r)
	}
}

func TestMissingSegmentIsRefused(t *testing.T) {
	dir := t.TempDir()
	vkey := sample(t, dir, testOptions())
	segments, err := listSegments(dir)
	if err != nil {
		t.Fatal(err)
	}
	for i, first := range segments {
		dir2 := copyOf(t, dir)
		if err := os.Remove(filepath.Join(dir2, "wal", segmentName(first))); err != nil {
			t.Fatal(err)
		}
		r := verify(t, dir2, vkey)
		if r.OK {
			t.Errorf("segment %d of %d is missing and nobody sees it", i+1, len(segments))
		}
	}
}

func TestManyWriters(t *testing.T) {
	dir := t.TempDir()
	o := testOptions()
	o.CheckpointEvery = 5 * time.Millisecond
	o.MaxQueue = 50
	l := open(t, dir, o)
	var wg sync.WaitGroup
	for g := range 32 {
		wg.Go(func() {
			var c SessionCounter
			for i := range 100 {
				r := intentRecord(i)
				r.Session, r.Command = fmt.Sprintf("S%d", g), fmt.Sprintf("C%d-%d", g, i)
				s, err := c.Append(l, r)
				if err == nil {
					err = l.Wait(context.Background(), s)
				}
				if err != nil {
					t.Error(err)
					return
				}
				r = resultRecord(i)
				r.Session, r.Command = fmt.Sprintf("S%d", g), fmt.Sprintf("C%d-%d", g, i)
				if _, err := c.Grouped(l, r); err != nil {
					t.Error(err)
				}
				if n := l.Stats().Queue; n > o.MaxQueue {
					t.Errorf("%d records wait, the limit is %d", n, o.MaxQueue)
				}
			}
		})
	}
	wg.Wait()
	st := l.Stats()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	r := verify(t, dir, l.VKey())
	if !r.OK || r.Commands != 3200 || r.Sessions != 32 {
		t.Errorf("%s", r)
	}
	if st.Batches >= st.Size {
		t.Errorf("%d writes for %d records: nothing was grouped", st.Batches, st.Size)
	}
}

func TestGroupedAloneIsWritten(t *testing.T) {
	l := open(t, t.TempDir(), testOptions())
	for i := range 5 {
		s, err := l.Grouped(resultRecord(i))
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Wait(context.Background(), s); err != nil {
			t.Fatal(err)
		}
	}
}

// TestGroupedIsWrittenByItself has nobody wait.
func TestGroupedIsWrittenByItself(t *testing.T) {
	l := open(t, t.TempDir(), testOptions())
	for i := range 5 {
		s, err := l.Grouped(resultRecord(i))
		if err != nil {
			t.Fatal(err)
		}
		until(t, "the record is durable", func() bool { return l.Durable() >= s })
	}
}

// TestWaitWhileBusy lets sessions that wait alone and in crowds take turns at
// writing; a wait that is given up leaves its record to the others.
func TestWaitWhileBusy(t *testing.T) {
	l := open(t, t.TempDir(), testOptions())
	var wg sync.WaitGroup
	for g := range 12 {
		wg.Go(func() {
			for i := range 60 {
				add := l.Append
				if (g+i)%3 == 0 {
					add = l.Grouped
				}
				s, err := add(plainResult(i))
				if err != nil {
					t.Error(err)
					return
				}
				ctx, cancel := context.WithCancel(context.Background())
				if i%7 == 0 {
					cancel()
				}
				if err := l.Wait(ctx, s); err != nil && !errors.Is(err, context.Canceled) {
					t.Error(err)
				} else if err == nil && l.Durable() < s {
					t.Errorf("record %d was waited for, %d are durable", s, l.Durable())
				}
				cancel()
				if g > 3 && i%10 == 9 {
					time.Sleep(time.Millisecond) // the crowd goes and comes
				}
			}
		})
	}
	wg.Wait()
	until(t, "all are durable", func() bool { return uint64(l.Durable()) == l.Stats().Size })
}

func TestWaitEnds(t *testing.T) {
	release := make(chan struct{})
	f := &faulty{onWrite: func(n int, _ []byte) error {
		if n > 1 {
			<-release
		}
		return nil
	}}
	l := open(t, t.TempDir(), faultyOptions(f))
	s := mustAppend(t, l, intentRecord(0))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := l.Wait(ctx, s); !errors.Is(err, context.Canceled) {
		t.Errorf("Wait: %v", err)
	}
	if err := l.Wait(context.Background(), s+1); err == nil {
		t.Error("waiting for a record that nobody appended")
	}
	close(release)
	if err := l.Wait(context.Background(), s); err != nil {
		t.Error(err)
	}
}

// TestKill kills a process that appends, at any moment, again and again: what
// it was told is durable is there, and the log goes on.
func TestKill(t *testing.T) {
	if dir := os.Getenv("AUDIT_TEST_KILL"); dir != "" {
		appendUntilKilled(dir)
		return
	}
	dir := t.TempDir()
	rounds := 12
	if testing.Short() {
		rounds = 3
	}
	for round := range rounds {
		cmd := exec.Command(os.Args[0], "-test.run=^TestKill$")
		cmd.Env = append(os.Environ(), "AUDIT_TEST_KILL="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		var last Seq
		after := rand.IntN(300)
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			if _, err := fmt.Sscanf(lines.Text(), "durable %d", &last); err != nil {
				t.Fatalf("round %d: the process says %q", round, lines.Text())
			}
			if n == after {
				if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := cmd.Wait(); err == nil || last == 0 {
			t.Fatalf("round %d: the process ended by itself (%v) after record %d", round, err, last)
		}
		afterCrash(t, dir, last)
	}
}

func appendUntilKilled(dir string) {
	o := testOptions()
	o.CheckpointEvery = 3 * time.Millisecond
	l, err := Open(dir, o)
	if err != nil {
		fmt.Println(err)
		os.Exit(3)
	}
	run := fmt.Sprint(l.Durable())
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			var c SessionCounter
			for i := 0; ; i++ {
				r := intentRecord(i)
				r.Session, r.Command = fmt.Sprintf("S%s-%d", run, g), fmt.Sprintf("C%s-%d-%d", run, g, i)
				s, err := c.Append(l, r)
				if err == nil {
					err = l.Wait(context.Background(), s)
				}
				if err != nil {
					os.Exit(4)
				}
				fmt.Printf("durable %d\n", s)
				r = resultRecord(i)
				r.Session, r.Command = fmt.Sprintf("S%s-%d", run, g), fmt.Sprintf("C%s-%d-%d", run, g, i)
				if _, err := c.Grouped(l, r); err != nil {
					os.Exit(5)
				}
			}
		})
	}
	wg.Wait()
}

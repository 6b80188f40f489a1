package audit

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// sample writes a log of many kinds of records with three checkpoints and
// closes it.
func sample(t *testing.T, dir string, o Options) (vkey string) {
	t.Helper()
	l := open(t, dir, o)
	config, err := l.Object("config", []byte("gateway {}\n"))
	if err != nil {
		t.Fatal(err)
	}
	mustAppend(t, l, &Record{Event: ConfigLoad, Config: Config{Generation: config, Objects: map[string]string{"sluice.hcl": config}}})
	fill(t, l, 0, 300)
	checkpointNow(t, l)
	long := intentRecord(300)
	long.Action.Text = "SELECT '" + strings.Repeat("x", 3*MaxText) + "'"
	mustAppend(t, l, long)
	mustAppend(t, l, resultRecord(300))
	fill(t, l, 301, 100)
	checkpointNow(t, l)
	fill(t, l, 401, 50)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return l.VKey()
}

func checkpointNow(t *testing.T, l *Log) {
	t.Helper()
	if err := l.Checkpoint(context.Background()); err != nil {
		t.Fatal(err)
	}
}

func verify(t *testing.T, dir, vkey string, anchors ...[]byte) *Report {
	t.Helper()
	r, err := Verify(dir, []string{vkey}, VerifyOptions{Anchors: anchors})
	if err != nil {
		t.Fatalf("Verify: %v", err)
	}
	return r
}

// copyOf copies a log, so that each attack has its own.
func copyOf(t *testing.T, dir string) string {
	t.Helper()
	to := t.TempDir()
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return to
}

func TestVerifyWhole(t *testing.T) {
	dir := t.TempDir()
	r := verify(t, dir, sample(t, dir, testOptions()))
	if !r.OK {
		t.Fatalf("an untouched log:\n%s", r)
	}
	if r.Commands != 451 || r.Checkpoints != 3 || r.Unsigned != 0 || r.Running != 0 || r.Sessions != 1 {
		t.Errorf("the counts are off: %s", r)
	}
	segments, err := listSegments(dir)
	if err != nil || len(segments) < 3 {
		t.Fatalf("the sample has %d segments, the attacks need 3 (%v)", len(segments), err)
	}
}

// place is where a record's bytes are in its segment and in its bundle.
type place struct {
	file string
	off  int
	size int
}

func segmentPlace(t *testing.T, dir string, index uint64) place {
	t.Helper()
	segments, err := listSegments(dir)
	if err != nil {
		t.Fatal(err)
	}
	for i := len(segments) - 1; i >= 0; i-- {
		if segments[i] > index {
			continue
		}
		file := filepath.Join(dir, "wal", segmentName(segments[i]))
		r := frameReader{b: read(t, file), off: block}
		for at := segments[i]; ; at++ {
			f, ok := r.next()
			if !ok {
				t.Fatalf("record %d is not in %s", index, file)
			}
			if at == index {
				return place{file, r.off - frameSize(len(f.record)) + frameHeader, len(f.record)}
			}
		}
	}
	t.Fatalf("record %d has no segment", index)
	return place{}
}

func bundlePlace(t *testing.T, dir string, index uint64) place {
	t.Helper()
	file := tileFile(t, dir, -1, index/tileWidth)
	b, at := read(t, file), 0
	for range index % tileWidth {
		at += 2 + int(binary.BigEndian.Uint16(b[at:]))
	}
	return place{file, at + 2, int(binary.BigEndian.Uint16(b[at:]))}
}

// tileFile finds a tile, full or partial.
func tileFile(t *testing.T, dir string, level int, n uint64) string {
	t.Helper()
	for w := tileWidth; w > 0; w-- {
		tl := tile{level: level, n: n, width: w}
		if _, err := os.Stat(filepath.Join(dir, tl.path())); err == nil {
			return filepath.Join(dir, tl.path())
		}
	}
	t.Fatalf("tile %d of level %d is missing", n, level)
	return ""
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func write(t *testing.T, file string, b []byte) {
	t.Helper()
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func flip(t *testing.T, file string, at int) {
	t.Helper()
	b := read(t, file)
	b[at] ^= 1 << (at % 8)
	write(t, file, b)
}

// TestAttackBitFlips is attack 1: one bit in each field of a record, a frame,
// a tile and a checkpoint.
func TestAttackBitFlips(t *testing.T) {
	dir := t.TempDir()
	vkey := sample(t, dir, testOptions())
	const target = 333
	expect := func(t *testing.T, r *Report, index int64) {
		t.Helper()
		if r.OK || r.First().Record != index {
			t.Errorf("want record %d:\n%s", index, r)
		}
	}
	p := segmentPlace(t, dir, target)
	b := read(t, p.file)
	record := b[p.off : p.off+p.size]
	for _, key := range []string{"subject", "text", "verdict", "time", "event", "session_seq", "complete", "v"} {
		t.Run("record "+key, func(t *testing.T) {
			at := bytes.Index(record, []byte(`"`+key+`":`)) + len(key) + 4
			for _, where := range []place{p, bundlePlace(t, dir, target)} {
				dir2 := copyOf(t, dir)
				flip(t, strings.Replace(where.file, dir, dir2, 1), where.off+at)
				expect(t, verify(t, dir2, vkey), target)
			}
		})
	}
	for name, at := range map[string]int{"length": 1, "crc": 5, "chain": 20} {
		t.Run("frame "+name, func(t *testing.T) {
			dir2 := copyOf(t, dir)
			flip(t, strings.Replace(p.file, dir, dir2, 1), p.off-frameHeader+at)
			expect(t, verify(t, dir2, vkey), target)
		})
	}
	t.Run("hash in level 0", func(t *testing.T) {
		dir2 := copyOf(t, dir)
		flip(t, tileFile(t, dir2, 0, target/tileWidth), target%tileWidth*tlog.HashSize+7)
		expect(t, verify(t, dir2, vkey), target)
	})
	t.Run("hash in level 1", func(t *testing.T) {
		dir2 := copyOf(t, dir)
		flip(t, tileFile(t, dir2, 1, 0), tlog.HashSize+3)
		r := verify(t, dir2, vkey)
		if f := r.First(); r.OK || f.From != 256 || f.To != 512 || f.Method != ByTile {
			t.Errorf("want records 256 to 511:\n%s", r)
		}
	})
	t.Run("length in a bundle", func(t *testing.T) {
		dir2 := copyOf(t, dir)
		q := bundlePlace(t, dir2, target)
		flip(t, q.file, q.off-1)
		expect(t, verify(t, dir2, vkey), target)
	})
	t.Run("segment header", func(t *testing.T) {
		for _, at := range []int{3, 20, 30, 50, block - 2} {
			dir2 := copyOf(t, dir)
			flip(t, strings.Replace(p.file, dir, dir2, 1), at)
			if r := verify(t, dir2, vkey); r.OK || !strings.Contains(r.String(), filepath.Base(p.file)) {
				t.Errorf("byte %d of the header:\n%s", at, r)
			}
		}
	})
	t.Run("checkpoint", func(t *testing.T) {
		n := len(read(t, filepath.Join(dir, checkpointName)))
		for at := 0; at < n; at += 11 {
			dir2 := copyOf(t, dir)
			flip(t, filepath.Join(dir2, checkpointName), at)
			if r := verify(t, dir2, vkey); r.OK || !strings.Contains(r.String(), checkpointName) {
				t.Errorf("byte %d:\n%s", at, r)
			}
		}
	})
	t.Run("object", func(t *testing.T) {
		dir2 := copyOf(t, dir)
		flip(t, onlyFile(t, filepath.Join(dir2, "objects/sha256"), func(b []byte) bool { return bytes.HasPrefix(b, []byte("gateway")) }), 3)
		expect(t, verify(t, dir2, vkey), 1)
	})
}

func lastSegment(t *testing.T, dir string) uint64 {
	t.Helper()
	s, err := listSegments(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s[len(s)-1]
}

func onlyFile(t *testing.T, dir string, is func([]byte) bool) string {
	t.Helper()
	found := ""
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && is(read(t, path)) {
			found = path
		}
		return err
	})
	if err != nil || found == "" {
		t.Fatalf("no such file in %s (%v)", dir, err)
	}
	return found
}

// TestRandomFlips flips one bit anywhere; nothing may go unseen, and where a
// record's own bytes were hit, its index is named.
func TestRandomFlips(t *testing.T) {
	dir := t.TempDir()
	vkey := sample(t, dir, testOptions())
	var files []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		name := filepath.Base(path)
		if err == nil && !d.IsDir() && name != "key" && name != "vkey" && name != "lock" && name != ballastName && name != nextSegment {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	work := copyOf(t, dir)
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 0))
	for range 120 {
		file := strings.Replace(files[rng.IntN(len(files))], dir, work, 1)
		before := read(t, file)
		b := bytes.Clone(before)
		at := rng.IntN(len(b))
		b[at] ^= 1 << rng.IntN(8)
		write(t, file, b)
		r := verify(t, work, vkey)
		if r.OK {
			t.Errorf("seed %d: byte %d of %s changed and nothing was found", seed, at, file)
		}
		if want := recordAt(work, file, before, at); want >= 0 && (r.First() == nil || r.First().Record != want) {
			t.Errorf("seed %d: byte %d of %s belongs to record %d:\n%s", seed, at, file, want, r)
		}
		write(t, file, before)
	}
}

// recordAt returns the record whose bytes, in a segment or bundle, are at that
// place of the file as it was, or -1.
func recordAt(dir, file string, b []byte, at int) int64 {
	rel, _ := filepath.Rel(dir, file)
	var first uint64
	if n, _ := fmt.Sscanf(rel, "wal/%d.seg", &first); n == 1 {
		r := frameReader{b: b, off: block}
		for index := int64(first); ; index++ {
			f, ok := r.next()
			if !ok {
				return -1
			}
			if end := r.off - frameSize(len(f.record)) + frameHeader + len(f.record); at >= end-len(f.record) && at < end {
				return index
			}
		}
	}
	if n, _ := fmt.Sscanf(rel, "tile/entries/%d", &first); n == 1 {
		index := int64(first * tileWidth)
		for pos := 0; pos < len(b); index++ {
			size := int(binary.BigEndian.Uint16(b[pos:]))
			if at >= pos+2 && at < pos+2+size {
				return index
			}
			pos += 2 + size
		}
	}
	return -1
}

// TestVerifyBesideALog verifies again and again while records are written.
func TestVerifyBesideALog(t *testing.T) {
	dir := t.TempDir()
	o := testOptions()
	o.CheckpointEvery = 2 * time.Millisecond
	l := open(t, dir, o)
	stop, done := make(chan struct{}), make(chan struct{})
	go func() { // ended below
		defer close(done)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			s, err := l.Append(intentRecord(i))
			if err == nil {
				_, err = l.Grouped(resultRecord(i))
			}
			if err == nil {
				err = l.Wait(context.Background(), s)
			}
			if err != nil {
				t.Error(err)
				return
			}
		}
	}()
	until(t, "there is a checkpoint", func() bool { return l.Stats().Signed > 0 })
	for range 25 {
		if r := verify(t, dir, l.VKey()); !r.OK {
			t.Errorf("%s", r)
			break
		}
	}
	close(stop)
	<-done
}

package audit

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
)

// TestAttackRollback is attack 3: the tail is gone, the checkpoint an earlier one.
func TestAttackRollback(t *testing.T) {
	dir := t.TempDir()
	vkey := sample(t, dir, testOptions())
	sizes, err := checkpointSizes(dir)
	if err != nil {
		t.Fatal(err)
	}
	early, late := sizes[0], sizes[len(sizes)-1]
	name := func(n uint64) string { return "cp/" + fmt.Sprint(n) }
	anchor := read(t, filepath.Join(dir, name(late)))

	dir2 := copyOf(t, dir)
	write(t, filepath.Join(dir2, checkpointName), read(t, filepath.Join(dir2, name(early))))
	if r := verify(t, dir2, vkey); r.OK || !strings.Contains(r.String(), "put back to an earlier one") {
		t.Errorf("only the checkpoint was put back:\n%s", r)
	}

	rollback(t, dir2, early)
	if r := verify(t, dir2, vkey); !r.OK {
		t.Errorf("a whole rollback cannot be seen without an anchor, yet:\n%s", r)
	}
	r := verify(t, dir2, vkey, anchor)
	if f := r.First(); r.OK || f.Method != ByAnchor || f.From != early || f.To != late {
		t.Errorf("want the records from %d to %d by the anchor:\n%s", early, late, r)
	}
	t.Run("segments cut", func(t *testing.T) {
		dir2 := copyOf(t, dir)
		last := filepath.Join(dir2, "wal", segmentName(lastSegment(t, dir2)))
		if err := os.Remove(last); err != nil {
			t.Fatal(err)
		}
		if r := verify(t, dir2, vkey); r.OK || !strings.Contains(r.String(), "the tail was cut") {
			t.Errorf("the last segment is gone:\n%s", r)
		}
		if l, err := Open(dir2, testOptions()); err == nil {
			l.Close()
			t.Error("a gateway goes on with the cut log")
		} else if !strings.Contains(err.Error(), "was cut") {
			t.Errorf("Open says %v", err)
		}
	})
}

// rollback makes a directory look as it did when the checkpoint of that size
// was the newest.
func rollback(t *testing.T, dir string, size uint64) {
	t.Helper()
	sizes, err := checkpointSizes(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range sizes {
		if n > size {
			if err := os.Remove(filepath.Join(dir, "cp", fmt.Sprint(n))); err != nil {
				t.Fatal(err)
			}
		}
	}
	var records [][]byte
	if err := Scan(dir, func(s Seq, raw []byte) error {
		if uint64(s) <= size {
			records = append(records, bytes.Clone(raw))
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	rebuild(t, dir, records)
}

// rebuild writes tiles and segments for these records, as a party with write
// access to everything but the key can.
func rebuild(t *testing.T, dir string, records [][]byte) {
	t.Helper()
	for _, d := range []string{"tile", "wal"} {
		if err := os.RemoveAll(filepath.Join(dir, d)); err != nil {
			t.Fatal(err)
		}
	}
	put := func(tl tile) error { return OS().Write(filepath.Join(dir, tl.path()), tl.data) }
	var tr tree
	size := block
	for _, r := range records {
		size += frameSize(len(r))
		if err := tr.add(r, tlog.RecordHash(r), put); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range tr.partials() {
		if err := put(p); err != nil {
			t.Fatal(err)
		}
	}
	h := segmentHeader{origin: testOrigin}
	if err := OS().Write(filepath.Join(dir, "wal", segmentName(0)), buildSegment(&h, records, padBlock(size)+block)); err != nil {
		t.Fatal(err)
	}
}

func allRecords(t *testing.T, dir string) (records [][]byte) {
	t.Helper()
	if err := Scan(dir, func(_ Seq, raw []byte) error {
		records = append(records, bytes.Clone(raw))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return records
}

// TestAttackAllCopies changes a record in every copy, with all hashes made
// right but the signed ones: the checkpoints give the range.
func TestAttackAllCopies(t *testing.T) {
	dir := t.TempDir()
	vkey := sample(t, dir, testOptions())
	sizes, err := checkpointSizes(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []uint64{5, sizes[0] - 1, sizes[0], sizes[1], sizes[2] - 1} {
		dir2 := copyOf(t, dir)
		records := allRecords(t, dir2)
		records[at] = bytes.Replace(records[at], []byte(`"v":1}`), []byte(`"v":2}`), 1)
		rebuild(t, dir2, records)
		var from, to uint64
		for _, s := range sizes {
			if s > at {
				to = s
				break
			}
			from = s
		}
		r := verify(t, dir2, vkey)
		found := false
		for _, f := range r.Findings {
			found = found || f.Method == ByCheckpoint && f.From == from && f.To == to
		}
		if !found {
			t.Errorf("record %d was changed everywhere, want the range %d to %d:\n%s", at, from, to-1, r)
		}
	}
}

// TestAttackOtherKey is attack 6: everything is built anew under another key.
func TestAttackOtherKey(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	vkey := sample(t, dir, testOptions())
	sample(t, other, testOptions())
	r := verify(t, other, vkey)
	if r.OK || r.First().Method != BySignature {
		t.Errorf("a log under another key:\n%s", r)
	}
	if err := os.Remove(filepath.Join(other, "key")); err != nil {
		t.Fatal(err)
	}
	if l, err := Open(other, testOptions()); err == nil {
		l.Close()
		t.Error("a gateway goes on under another key")
	}
}

// TestAttackFork is attack 5 and 7: somebody with the real key writes another
// history.
func TestAttackFork(t *testing.T) {
	key, err := ParseKey([]byte("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="))
	if err != nil {
		t.Fatal(err)
	}
	o := testOptions()
	o.Key = key
	history := func(from int) (string, *Log) {
		dir := t.TempDir()
		l := open(t, dir, o)
		fill(t, l, from, 20)
		checkpointNow(t, l)
		return dir, l
	}
	one, a := history(0)
	_, b := history(1000)
	anchor := read(t, filepath.Join(b.Dir(), "cp", "41"))
	r := verify(t, one, a.VKey(), anchor)
	if r.OK || !strings.Contains(r.String(), "the log was forked") {
		t.Errorf("two histories of one size:\n%s", r)
	}
	fill(t, a, 20, 5)
	checkpointNow(t, a)
	r = verify(t, one, a.VKey(), read(t, filepath.Join(one, "cp", "41")))
	if !r.OK || r.Anchored != 41 || !strings.Contains(r.String(), "rewritten the 10 after it") {
		t.Errorf("the window since the last anchor is not said:\n%s", r)
	}
}

// TestFirstDamage has a range before a record that is known exactly.
func TestFirstDamage(t *testing.T) {
	dir := t.TempDir()
	vkey := sample(t, dir, testOptions())
	sizes, err := checkpointSizes(dir)
	if err != nil {
		t.Fatal(err)
	}
	records := allRecords(t, dir)
	records[50] = bytes.Replace(records[50], []byte("agent-7"), []byte("agent-8"), 1)
	records[50] = bytes.Replace(records[50], []byte("00000"), []byte("00001"), 1)
	rebuild(t, dir, records)
	p := bundlePlace(t, dir, sizes[0]+20)
	flip(t, p.file, p.off+9)
	if f := verify(t, dir, vkey).First(); f.Method != ByCheckpoint || f.To != sizes[0] {
		t.Errorf("the first damage is in records 0 to %d, the report says: %s", sizes[0]-1, f)
	}
}

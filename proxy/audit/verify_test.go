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
		for at := 0; at < n; at += 5 {
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
	for range 200 {
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

// TestAttackMovedRecords is attack 2 and the first half of 8, on the bundle
// and on the segment.
func TestAttackMovedRecords(t *testing.T) {
	dir := t.TempDir()
	vkey := sample(t, dir, testOptions())
	const at = 300 // in the second bundle, in the middle
	edit := map[string]struct {
		want string
		do   func(list [][]byte, i int) [][]byte
	}{
		"delete":    {"removed", func(l [][]byte, i int) [][]byte { return append(l[:i:i], l[i+1:]...) }},
		"insert":    {"put in before", func(l [][]byte, i int) [][]byte { return insert(l, i, []byte(`{"v":1}`)) }},
		"duplicate": {"second time", func(l [][]byte, i int) [][]byte { return insert(l, i, l[i-1]) }},
		"swap": {"swapped with record 310", func(l [][]byte, i int) [][]byte {
			l[i], l[i+10] = l[i+10], l[i]
			return l
		}},
	}
	for name, e := range edit {
		t.Run(name+" in the bundle", func(t *testing.T) {
			dir2 := copyOf(t, dir)
			file := tileFile(t, dir2, -1, at/tileWidth)
			var out []byte
			for _, r := range e.do(splitBundle(read(t, file)), at%tileWidth) {
				out = append(binary.BigEndian.AppendUint16(out, uint16(len(r))), r...)
			}
			write(t, file, out)
			r := verify(t, dir2, vkey)
			if r.OK || r.First().Record != at || !strings.Contains(r.First().What, e.want) {
				t.Errorf("want record %d, %q:\n%s", at, e.want, r)
			}
		})
		t.Run(name+" in the segment", func(t *testing.T) {
			dir2 := copyOf(t, dir)
			editSegment(t, dir2, at, e.do)
			if r := verify(t, dir2, vkey); r.OK || r.First().Record != at {
				t.Errorf("want record %d:\n%s", at, r)
			}
		})
	}
}

func insert(l [][]byte, at int, r []byte) [][]byte {
	return append(l[:at:at], append([][]byte{r}, l[at:]...)...)
}

func splitBundle(b []byte) (out [][]byte) {
	for len(b) > 0 {
		n := 2 + int(binary.BigEndian.Uint16(b))
		out = append(out, b[2:n])
		b = b[n:]
	}
	return out
}

// editSegment changes the list of a segment's records and writes the segment
// anew with right checksums and, which is the best an attacker without the
// other copies can do, a right chain.
func editSegment(t *testing.T, dir string, at uint64, do func([][]byte, int) [][]byte) {
	t.Helper()
	p := segmentPlace(t, dir, at)
	old := read(t, p.file)
	h, err := decodeSegmentHeader(old)
	if err != nil {
		t.Fatal(err)
	}
	var list [][]byte
	r := frameReader{b: old, off: block}
	for {
		f, ok := r.next()
		if !ok {
			break
		}
		list = append(list, bytes.Clone(f.record))
	}
	write(t, p.file, buildSegment(&h, do(list, int(at-h.first)), len(old)))
}

// buildSegment writes records as one batch.
func buildSegment(h *segmentHeader, records [][]byte, size int) []byte {
	b := make([]byte, block, size)
	h.encode(b)
	chain := h.chain
	var body []byte
	for i, r := range records {
		leaf := tlog.RecordHash(r)
		chain = nextChain(&chain, &leaf)
		body = appendFrame(body, r, &chain, i == 0)
	}
	b = append(b, body...)
	return append(b, make([]byte, max(size, padBlock(len(b)))-len(b))...)
}

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

// TestAttackForeignRecord is the second half of attack 8: a record of another
// node's log, put in by somebody who has the key.
func TestAttackForeignRecord(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, testOptions())
	fill(t, l, 0, 3)
	foreign := rawRecord(t, "test/log/n2", resultRecord(0))
	s := appendRaw(t, l, foreign)
	fill(t, l, 3, 3)
	l.Close()
	r := verify(t, dir, l.VKey())
	if r.OK || r.First().Record != int64(s-1) || !strings.Contains(r.First().What, `"test/log/n2"`) {
		t.Errorf("want record %d of another log:\n%s", s-1, r)
	}
}

func rawRecord(t *testing.T, origin string, r *Record) []byte {
	t.Helper()
	b, err := appendRecord(nil, r, &stamp{origin: origin, now: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// appendRaw puts bytes into the log as they are, which only somebody with the
// gateway's own means could.
func appendRaw(t *testing.T, l *Log, raw []byte) Seq {
	t.Helper()
	e := &entry{buf: append([]byte{0}, raw...), leaf: tlog.RecordHash(raw), event: "raw"}
	l.mu.Lock()
	l.queue = append(l.queue, e)
	l.bytes += e.size()
	l.next++
	s := Seq(l.next)
	l.urgent = true
	l.mu.Unlock()
	l.kick <- struct{}{}
	if err := l.Wait(context.Background(), s); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestAttackNotCanonical is attack 9.
func TestAttackNotCanonical(t *testing.T) {
	plain := string(rawRecord(t, testOrigin, &Record{Event: "test.event", Session: "01S", Detail: map[string]string{"a": "é\u2028", "n": "1"}}))
	for name, raw := range map[string]string{
		"space":         strings.Replace(plain, `,"v":1`, `, "v":1`, 1),
		"duplicate key": strings.Replace(plain, `"v":1`, `"v":1,"v":1`, 1),
		"key order":     strings.Replace(plain, `"session":"01S",`, ``, 1)[:len(plain)-len(`"session":"01S",`)-1] + `,"session":"01S"}`,
		"float":         strings.Replace(plain, `"v":1`, `"v":1.0`, 1),
		"exponent":      strings.Replace(plain, `"v":1`, `"v":1e0`, 1),
		"leading zero":  strings.Replace(plain, `"v":1`, `"v":01`, 1),
		"escaped":       strings.Replace(plain, `01S`, `\u0030\u0031S`, 1),
		"escaped 2028":  strings.Replace(plain, "\u2028", `\u2028`, 1),
		"solidus":       strings.Replace(plain, `01S`, `01S\/`, 1),
		"not UTF-8":     strings.Replace(plain, `01S`, "01\xff", 1),
		"bytes after":   plain + " ",
		"newline":       strings.Replace(plain, `01S`, "01\n", 1),
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			l := open(t, dir, testOptions())
			fill(t, l, 0, 2)
			s := appendRaw(t, l, []byte(raw))
			fill(t, l, 2, 2)
			l.Close()
			r := verify(t, dir, l.VKey())
			if r.OK || r.First().Record != int64(s-1) || !strings.Contains(r.First().What, "not canonical") {
				t.Errorf("want record %d, not canonical:\n%s\n%s", s-1, raw, r)
			}
		})
	}
	t.Run("NFC is another text", func(t *testing.T) {
		a := rawRecord(t, testOrigin, &Record{Event: "e", Session: "\u00e9", Time: time.Unix(0, 1)})
		b := rawRecord(t, testOrigin, &Record{Event: "e", Session: "e\u0301", Time: time.Unix(0, 1)})
		if bytes.Equal(a, b) {
			t.Error("two spellings became one record")
		}
	})
	for _, origin := range []string{"a\nb", "a b", "a+b", "", "a\x00b", "a\u2028b", "\xff", strings.Repeat("a", 256)} {
		if l, err := Open(t.TempDir(), Options{Origin: origin}); err == nil {
			l.Close()
			t.Errorf("origin %q was taken", origin)
		}
	}
}

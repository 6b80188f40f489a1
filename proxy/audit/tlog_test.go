package audit

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// tileReader lets golang.org/x/mod/sumdb/tlog read our tiles.
type tileReader struct{ dir string }

func (r tileReader) Height() int { return 8 }

func (r tileReader) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	out := make([][]byte, len(tiles))
	for i, t := range tiles {
		ours := tile{level: t.L, n: uint64(t.N), width: t.W}
		b, err := os.ReadFile(filepath.Join(r.dir, ours.path()))
		if err != nil {
			return nil, err
		}
		out[i] = b
	}
	return out, nil
}

func (tileReader) SaveTiles([]tlog.Tile, [][]byte) {}

// TestTilesWithOtherCode proves records and earlier checkpoints with the code
// of Go's own checksum database.
func TestTilesWithOtherCode(t *testing.T) {
	dir := t.TempDir()
	vkey := sample(t, dir, testOptions())
	v, err := note.NewVerifier(vkey)
	if err != nil {
		t.Fatal(err)
	}
	head, err := openCheckpoint(read(t, filepath.Join(dir, checkpointName)), note.VerifierList(v))
	if err != nil {
		t.Fatal(err)
	}
	size, root := int64(head.size), head.root
	reader := tlog.TileHashReader(tlog.Tree{N: size, Hash: root}, tileReader{dir})
	for i, raw := range allRecords(t, dir) {
		if i%37 != 0 && i != int(size)-1 {
			continue
		}
		proof, err := tlog.ProveRecord(size, int64(i), reader)
		if err != nil {
			t.Fatal(err)
		}
		if err := tlog.CheckRecord(proof, size, root, int64(i), tlog.RecordHash(raw)); err != nil {
			t.Errorf("record %d: %v", i, err)
		}
	}
	sizes, err := checkpointSizes(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range sizes {
		old, err := openCheckpoint(read(t, filepath.Join(dir, "cp", fmt.Sprint(s))), note.VerifierList(v))
		if err != nil {
			t.Fatal(err)
		}
		proof, err := tlog.ProveTree(size, int64(s), reader)
		if err != nil {
			t.Fatal(err)
		}
		if err := tlog.CheckTree(proof, size, root, int64(s), old.root); err != nil {
			t.Errorf("checkpoint %d: %v", s, err)
		}
	}
}

// TestTreeRoots compares the roots of all sizes up to beyond a level-1 tile's
// edge with those of tlog.
func TestTreeRoots(t *testing.T) {
	var ours tree
	var stored []tlog.Hash
	read := tlog.HashReaderFunc(func(idx []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(idx))
		for i, x := range idx {
			out[i] = stored[x]
		}
		return out, nil
	})
	none := func(tile) error { return nil }
	for i := range int64(tileWidth*tileWidth + 300) {
		record := []byte(strconv.FormatInt(i, 10))
		hashes, err := tlog.StoredHashes(i, record, read)
		if err != nil {
			t.Fatal(err)
		}
		stored = append(stored, hashes...)
		if err := ours.add(record, tlog.RecordHash(record), none); err != nil {
			t.Fatal(err)
		}
		if n := i + 1; n < 1100 || n%251 == 0 || n > tileWidth*tileWidth-3 && n < tileWidth*tileWidth+4 {
			want, err := tlog.TreeHash(n, read)
			if err != nil {
				t.Fatal(err)
			}
			if got := ours.root(); got != want {
				t.Fatalf("the root of %d records differs from tlog's", n)
			}
		}
	}
}

func TestTilePaths(t *testing.T) {
	for want, tl := range map[string]tile{
		"tile/0/000":                     {level: 0, width: 256},
		"tile/entries/x001/x234/067":     {level: -1, n: 1234067, width: 256},
		"tile/1/x001/000.p/17":           {level: 1, n: 1000, width: 17},
		"tile/entries/x999/x999/999.p/1": {level: -1, n: 999999999, width: 1},
	} {
		if got := filepath.ToSlash(tl.path()); got != want {
			t.Errorf("%+v is at %s, C2SP says %s", tl, got, want)
		}
	}
}

// TestPythonVerifier runs the verifier in another language over a good log and
// over a changed one.
func TestPythonVerifier(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not installed: testdata/verify.py was not run")
	}
	dir := t.TempDir()
	vkey := sample(t, dir, testOptions())
	run := func(dir string) (string, error) {
		out, err := exec.Command(python, "testdata/verify.py", dir, vkey).CombinedOutput()
		return string(out), err
	}
	if out, err := run(dir); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	dir2 := copyOf(t, dir)
	p := bundlePlace(t, dir2, 333)
	flip(t, p.file, p.off+40)
	if out, err := run(dir2); err == nil || !strings.Contains(out, "record 333") {
		t.Errorf("a changed record: %v: %s", err, out)
	}
	dir3 := copyOf(t, dir)
	flip(t, filepath.Join(dir3, checkpointName), 60)
	if out, err := run(dir3); err == nil {
		t.Errorf("a changed checkpoint: %s", out)
	}
}

func FuzzFrames(f *testing.F) {
	chain := chainHash{}
	leaf := tlog.RecordHash([]byte("{}"))
	chain = nextChain(&chain, &leaf)
	f.Add(appendFrame(nil, []byte("{}"), &chain, true))
	f.Add(appendFrame(appendFrame(nil, []byte("{}"), &chain, true), []byte("[]"), &chain, false))
	head := make([]byte, block)
	(&segmentHeader{first: 7, oldest: 3, origin: "o"}).encode(head)
	f.Add(head[:60])
	f.Fuzz(func(t *testing.T, body []byte) {
		b := make([]byte, block+padBlock(len(body)+1))
		copy(b[block:], body)
		r := frameReader{b: b, off: block}
		for at := r.off; ; at = r.off {
			fr, ok := r.next()
			if !ok {
				break
			}
			if r.off <= at || len(fr.record) == 0 || len(fr.record) > MaxRecord {
				t.Fatalf("at %d: a record of %d bytes, next at %d", at, len(fr.record), r.off)
			}
		}
		if r.bad == "" && !zeros(b[r.off:]) {
			t.Fatalf("bytes at %d and after were passed over", r.off)
		}
		batchAfter(b, r.off)
		copy(b, head)
		copy(b, body[:min(len(body), block-4)])
		binary.BigEndian.PutUint32(b[block-4:], crc32.Checksum(b[:block-4], castagnoli))
		if h, err := decodeSegmentHeader(b); err == nil {
			again := make([]byte, block)
			h.encode(again)
			if back, err := decodeSegmentHeader(again); err != nil || back != h {
				t.Fatalf("%+v reads back as %+v (%v)", h, back, err)
			}
		}
	})
}

func FuzzCheckpoint(f *testing.F) {
	f.Add([]byte("test/log/n1\n1\nAAAA\n\n— test/log/n1 AAAA\n"))
	v, err := verifiers([]string{"PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, err := openCheckpoint(b, v); err == nil {
			t.Fatalf("a checkpoint that nobody signed was taken: %+v", c)
		}
		if _, err := ParseKey(b); err == nil && len(b) < 32 {
			t.Fatal("a key of fewer than 32 bytes was taken")
		}
		if b2, err := cutBundle(b, 3); err == nil && len(b2) > len(b) {
			t.Fatal("a bundle grew")
		}
	})
}

// TestPythonReadsSegments holds FORMAT.md against a log: a reader that was
// written from it finds the records, and what was changed in them.
func TestPythonReadsSegments(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not installed: testdata/segments.py was not run")
	}
	dir := t.TempDir()
	sample(t, dir, testOptions())
	run := func(dir string) (string, error) {
		out, err := exec.Command(python, "testdata/segments.py", dir).CombinedOutput()
		return string(out), err
	}
	want := fmt.Sprintf("ok: %d records", len(allRecords(t, dir)))
	if out, err := run(dir); err != nil || !strings.Contains(out, want) {
		t.Fatalf("%v: %s, want %s", err, out, want)
	}
	for _, off := range []int{-40, -36, -20, 1} { // length, checksum, chain, record
		dir2 := copyOf(t, dir)
		p := segmentPlace(t, dir2, 333)
		flip(t, p.file, p.off+off)
		if out, err := run(dir2); err == nil {
			t.Errorf("byte %d of a frame changed: %s", off, out)
		}
	}
}

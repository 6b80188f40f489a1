package audit

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/mod/sumdb/tlog"
)

// tileWidth is the number of hashes in a full tile (C2SP tlog-tiles: height 8).
const tileWidth = 256

// tree is the right edge of the Merkle tree: what is not yet in a full tile.
// levels[l] holds the hashes of the last, partial tile of level l, each the
// root of 256^l records.
type tree struct {
	size   uint64
	levels [][]tlog.Hash
	bundle []byte // the entries of the last, partial bundle: u16 length and record each
}

// nodeHash is the RFC 6962 hash of an inner node.
func nodeHash(left, right *tlog.Hash) tlog.Hash {
	var b [1 + 2*tlog.HashSize]byte
	b[0] = 1
	copy(b[1:], left[:])
	copy(b[1+tlog.HashSize:], right[:])
	return sha256.Sum256(b[:])
}

// tile is a file's worth of the tree. Level -1 is an entry bundle.
type tile struct {
	level int
	n     uint64 // its number within the level
	width int    // 256 when full
	data  []byte
}

// path is where C2SP tlog-tiles puts a tile, relative to the log's directory.
func (t *tile) path() string {
	level := "entries"
	if t.level >= 0 {
		level = strconv.Itoa(t.level)
	}
	name := fmt.Sprintf("%03d", t.n%1000)
	for n := t.n / 1000; n > 0; n /= 1000 {
		name = fmt.Sprintf("x%03d/%s", n%1000, name)
	}
	if t.width < tileWidth {
		name += ".p/" + strconv.Itoa(t.width)
	}
	return filepath.Join("tile", level, name)
}

// add takes one more record and calls full for each tile that it fills.
func (t *tree) add(record []byte, leaf tlog.Hash, full func(tile) error) error {
	t.bundle = appendEntry(t.bundle, record)
	n := t.size / tileWidth
	t.size++
	if t.size%tileWidth == 0 {
		if err := full(tile{level: -1, n: n, width: tileWidth, data: t.bundle}); err != nil {
			return err
		}
		t.bundle = t.bundle[:0]
	}
	return t.addHash(leaf, full)
}

// appendEntry appends a record as an entry bundle has it.
func appendEntry(b, record []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(len(record)))
	return append(b, record...)
}

// addStretch takes the records of a stretch.
func (t *tree) addStretch(p *stretch, full func(tile) error) error {
	n, bundle := t.size/tileWidth, p.bundle
	if len(t.bundle) > 0 || len(p.leaves) < tileWidth {
		t.bundle = append(t.bundle, bundle...)
		bundle = t.bundle
	}
	t.size += uint64(len(p.leaves))
	if t.size%tileWidth == 0 {
		if err := full(tile{level: -1, n: n, width: tileWidth, data: bundle}); err != nil {
			return err
		}
		t.bundle = t.bundle[:0]
	}
	for _, leaf := range p.leaves { // all of one tile, whose number addHash takes from the size
		if err := t.addHash(leaf, full); err != nil {
			return err
		}
	}
	return nil
}

// addHash carries a hash up as far as it fills tiles.
func (t *tree) addHash(h tlog.Hash, full func(tile) error) error {
	for level, n := 0, (t.size-1)/tileWidth; ; level, n = level+1, n/tileWidth {
		if level == len(t.levels) {
			t.levels = append(t.levels, make([]tlog.Hash, 0, tileWidth))
		}
		t.levels[level] = append(t.levels[level], h)
		if len(t.levels[level]) < tileWidth {
			return nil
		}
		hashes := t.levels[level]
		if full != nil {
			if err := full(tile{level: level, n: n, width: tileWidth, data: joinHashes(hashes)}); err != nil {
				return err
			}
		}
		h = subtree(hashes)
		t.levels[level] = hashes[:0]
	}
}

// partials returns the tiles that are not full, as a checkpoint needs them.
func (t *tree) partials() []tile {
	var out []tile
	if w := int(t.size % tileWidth); w > 0 {
		out = append(out, tile{level: -1, n: t.size / tileWidth, width: w, data: t.bundle})
	}
	n := t.size
	for level, hashes := range t.levels {
		n /= tileWidth
		if len(hashes) > 0 {
			out = append(out, tile{level: level, n: n, width: len(hashes), data: joinHashes(hashes)})
		}
	}
	return out
}

// root is the RFC 6962 root of what the tree holds.
func (t *tree) root() tlog.Hash {
	if t.size == 0 {
		return sha256.Sum256(nil)
	}
	var root tlog.Hash
	have := false
	for _, hashes := range t.levels { // from the right: the small subtrees are the last records
		for n := len(hashes); n > 0; {
			w := n & -n
			h := subtree(hashes[n-w : n])
			if have {
				h = nodeHash(&h, &root)
			}
			root, have, n = h, true, n-w
		}
	}
	return root
}

// subtree is the root over a number of hashes that is a power of two.
func subtree(hashes []tlog.Hash) tlog.Hash {
	var few [tileWidth]tlog.Hash
	level := few[:copy(few[:], hashes)]
	for len(level) > 1 {
		for i := 0; i < len(level); i += 2 {
			level[i/2] = nodeHash(&level[i], &level[i+1])
		}
		level = level[:len(level)/2]
	}
	return level[0]
}

func joinHashes(hashes []tlog.Hash) []byte {
	b := make([]byte, 0, len(hashes)*tlog.HashSize)
	for i := range hashes {
		b = append(b, hashes[i][:]...)
	}
	return b
}

// loadTree reads the right edge of a tree of that size from its tiles. The
// caller compares the root with a signed one.
func loadTree(dir string, size uint64) (*tree, error) {
	t := &tree{size: size}
	if w := int(size % tileWidth); w > 0 {
		entries := tile{level: -1, n: size / tileWidth, width: w}
		b, _, err := readTile(dir, &entries)
		if err != nil {
			return nil, err
		}
		if t.bundle, err = cutBundle(b, w); err != nil {
			return nil, fmt.Errorf("%s: %w", entries.path(), err)
		}
	}
	for level, n := 0, size; n > 0; level, n = level+1, n/tileWidth {
		hashes := make([]tlog.Hash, 0, tileWidth)
		if w := int(n % tileWidth); w > 0 {
			b, _, err := readTile(dir, &tile{level: level, n: n / tileWidth, width: w})
			if err != nil {
				return nil, err
			}
			for ; len(hashes) < w; b = b[tlog.HashSize:] {
				hashes = append(hashes, tlog.Hash(b[:tlog.HashSize]))
			}
		}
		t.levels = append(t.levels, hashes)
	}
	return t, nil
}

// readTile reads a tile of at least the wanted width, and returns the width
// that it found: a partial one may have given way to a wider one meanwhile
// (C2SP tlog-tiles allows it).
func readTile(dir string, t *tile) ([]byte, int, error) {
	most := tileWidth * (2 + MaxRecord)
	if t.level >= 0 {
		most = tileWidth * tlog.HashSize
	}
	for w := t.width; w <= tileWidth; w++ {
		wider := *t
		wider.width = w
		b, err := readBounded(filepath.Join(dir, wider.path()), int64(most))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, 0, err
		}
		if t.level >= 0 && len(b) != w*tlog.HashSize {
			return nil, 0, fmt.Errorf("audit: %s has %d bytes, %d are due", wider.path(), len(b), w*tlog.HashSize)
		}
		return b, w, nil
	}
	return nil, 0, fmt.Errorf("audit: %s is missing: %w", t.path(), os.ErrNotExist)
}

// cutBundle returns the first n entries of a bundle.
func cutBundle(b []byte, n int) ([]byte, error) {
	at := 0
	for range n {
		if len(b)-at < 2 {
			return nil, errors.New("audit: the bundle ends early")
		}
		at += 2 + int(binary.BigEndian.Uint16(b[at:]))
		if at > len(b) {
			return nil, errors.New("audit: the bundle ends inside a record")
		}
	}
	return b[:at:at], nil
}

// readBounded reads a regular file that is no larger than most.
func readBounded(path string, most int64) ([]byte, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("audit: %s is not a regular file", path)
	}
	if info.Size() > most {
		return nil, fmt.Errorf("audit: %s has %d bytes, the limit is %d", path, info.Size(), most)
	}
	return os.ReadFile(path)
}

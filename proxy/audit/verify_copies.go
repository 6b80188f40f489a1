package audit

import (
	"encoding/binary"
	"fmt"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// copies holds the copies of each record against each other.
type copies struct {
	v       *verifier
	walk    *segmentWalk
	entries [][]byte    // of the current bundle; shorter than hashes when it is damaged
	hashes  []tlog.Hash // of the current level-0 tile; nil when it is damaged
	lost    bool        // the bundle is out of step: a record in it is gone or too many
	base    uint64      // index of entries[0]
}

// at returns the record of an index, or nil if there is no good copy, and its
// leaf hash as most copies have it.
func (c *copies) at(index uint64) ([]byte, tlog.Hash) {
	if index%tileWidth == 0 {
		c.load(index)
	}
	i := int(index - c.base)
	segment := c.walk.record(index)
	var bundle []byte
	if i < len(c.entries) && !c.lost {
		bundle = c.entries[i]
	}
	var inTile tlog.Hash
	haveTile := i < len(c.hashes)
	if haveTile {
		inTile = c.hashes[i]
	}
	inBundle, inSegment := tlog.RecordHash(bundle), tlog.RecordHash(segment)
	report := c.v.report
	switch {
	case bundle != nil && haveTile && inBundle != inTile:
		c.lost = true
		switch {
		case segment == nil:
			report.record(index, ByTile, "%s", c.describe(i))
			return nil, inTile
		case inSegment == inTile:
			report.record(index, ByTile, "%s; the segment still has the record as it was", c.describe(i))
			return segment, inTile
		case inSegment == inBundle:
			c.lost = false
			report.record(index, ByCopy, "its hash in the level-0 tile was changed; segment and bundle agree on the record")
			return bundle, inBundle
		}
		report.record(index, ByCopy, "segment, bundle and tile all differ")
		return nil, inTile
	case segment != nil && (bundle != nil && inSegment != inBundle || bundle == nil && haveTile && inSegment != inTile):
		c.walk.lost = true
		leaf := inTile
		if !haveTile {
			leaf = inBundle
		}
		report.record(index, ByCopy, "the segment's record is not the one in the tree: it was changed, removed, added or moved there")
		return bundle, leaf
	case bundle != nil:
		return bundle, inBundle
	case segment != nil:
		return segment, inSegment
	}
	return nil, inTile
}

// gone reports that nothing is left of this tile and of all segments.
func (c *copies) gone() bool {
	return len(c.entries) == 0 && c.hashes == nil && c.walk.next == len(c.walk.names)
}

// describe says what happened to the i-th entry of the bundle, whose hash is
// not the tile's.
func (c *copies) describe(i int) string {
	is := func(entry, hash int) bool {
		return entry >= 0 && entry < len(c.entries) && hash >= 0 && hash < len(c.hashes) &&
			tlog.RecordHash(c.entries[entry]) == c.hashes[hash]
	}
	for j := i + 1; j < len(c.hashes); j++ {
		if is(i, j) && is(j, i) {
			return fmt.Sprintf("it was swapped with record %d", c.base+uint64(j))
		}
	}
	switch {
	case is(i, i+1):
		return "it was removed from its bundle, the next one stands in its place"
	case is(i, i-1):
		return fmt.Sprintf("record %d stands here a second time", c.base+uint64(i)-1)
	case is(i+1, i):
		return "another record was put in before it"
	}
	return "it was changed in its bundle"
}

// load reads the bundle and the tile that begin with an index.
func (c *copies) load(index uint64) {
	width := int(min(tileWidth, c.v.head.size-index))
	c.base, c.entries, c.hashes, c.lost = index, c.entries[:0], nil, false
	to := index + uint64(width)
	report := c.v.report
	if b, w, err := readTile(c.v.dir, &tile{level: 0, n: index / tileWidth, width: width}); err != nil {
		report.span(index, to, ByFile, "%v", err)
	} else {
		c.hashes = make([]tlog.Hash, min(width, w))
		for i := range c.hashes {
			c.hashes[i] = tlog.Hash(b[i*tlog.HashSize : (i+1)*tlog.HashSize])
		}
	}
	t := tile{level: -1, n: index / tileWidth, width: width}
	b, w, err := readTile(c.v.dir, &t)
	if err != nil {
		report.span(index, to, ByFile, "%v", err)
		return
	}
	n := 0
	for ; n < w && len(b) >= 2; n++ {
		size := 2 + int(binary.BigEndian.Uint16(b))
		if size > len(b) {
			break
		}
		c.entries = append(c.entries, b[2:size])
		b = b[size:]
	}
	if n < w || len(b) > 0 {
		report.span(index, to, ByFile, "the bundle %s should hold %d records and holds %d and %d bytes more", t.path(), w, n, len(b))
	}
}

// segmentWalk reads the records of all segments one after the other.
type segmentWalk struct {
	dir    string
	names  []uint64
	origin string
	report *Report

	next  int // segment to load
	r     frameReader
	on    bool // a segment is loaded
	lost  bool // it is out of step; the next segment's header says where we are
	index uint64
	chain chainHash
}

// record returns the record of that index, or nil if it cannot be read. The
// indexes must come in order.
func (w *segmentWalk) record(index uint64) []byte {
	for {
		if w.on && !w.lost {
			if f, ok := w.frame(); ok {
				w.follow(&f)
				w.index++
				return f.record
			}
			if w.r.bad != "" {
				w.report.record(w.index, ByFrame, "its frame in wal/%s is damaged at byte %d: %s", segmentName(w.names[w.next-1]), w.r.off, w.r.bad)
				w.lost = true
			}
		}
		if w.next == len(w.names) || w.lost && w.names[w.next] > index {
			return nil
		}
		w.load()
	}
}

// frame reads on. What looks damaged at the end of the last segment may be a
// batch that the gateway is writing at this moment: it is read again.
func (w *segmentWalk) frame() (frame, bool) {
	f, ok := w.r.next()
	for try := 0; !ok && w.r.bad != "" && w.next == len(w.names) && try < 5; try++ {
		time.Sleep(20 * time.Millisecond)
		b, err := readBounded(w.path(w.next-1), maxSegment)
		if err != nil || len(b) != len(w.r.b) {
			break
		}
		w.r = frameReader{b: b, off: w.r.off}
		f, ok = w.r.next()
	}
	return f, ok
}

// follow checks the chain, and goes on from what stands there.
func (w *segmentWalk) follow(f *frame) {
	leaf := tlog.RecordHash(f.record)
	if nextChain(&w.chain, &leaf) != f.chain {
		w.report.record(w.index, ByChain, "its chain in wal/%s does not fit: this record or the one before was changed, removed, added or moved", segmentName(w.names[w.next-1]))
	}
	w.chain = f.chain
}

func (w *segmentWalk) path(i int) string { return w.dir + "/wal/" + segmentName(w.names[i]) }

// load begins the next segment.
func (w *segmentWalk) load() {
	name := segmentName(w.names[w.next])
	b, err := readBounded(w.path(w.next), maxSegment)
	var h segmentHeader
	if err == nil {
		h, err = decodeSegmentHeader(b)
	}
	first := w.names[w.next]
	w.next++
	switch {
	case err != nil:
		w.report.span(first, first, ByFile, "wal/%s: %v", name, err)
		w.lost, w.on = true, true
		return
	case h.first != first || h.origin != w.origin && w.origin != "":
		w.report.span(first, first, ByFile, "wal/%s is the segment of %q that begins with record %d", name, h.origin, h.first)
		w.lost, w.on = true, true
		return
	case !w.lost && first != w.index:
		w.report.span(min(first, w.index), max(first, w.index), ByFile, "wal/%s begins with record %d, the segments before end with %d: one is missing or too many", name, first, int64(w.index)-1)
	case !w.lost && h.chain != w.chain:
		w.report.record(first, ByChain, "the header of wal/%s does not follow on the segment before", name)
	}
	w.r, w.index, w.chain = frameReader{b: b, off: block}, h.first, h.chain
	w.on, w.lost = true, false
}

package audit

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// recovered is what a start found in the segments.
type recovered struct {
	index   uint64 // of the next record
	clean   bool   // the last record was log.stop and nothing was torn
	cut     int    // bytes of a torn batch
	segment string // the last one
	unknown []lost
}

// lost is a command that began and whose end nobody recorded.
type lost struct {
	command string
	intent
}

// recover reads the segments from where the newest checkpoint, or the oldest
// command without an outcome, wants it, and leaves the last one open for
// writing.
func (l *Log) recover(head checkpoint) (*recovered, error) {
	segments, err := listSegments(l.dir)
	if err != nil {
		return nil, err
	}
	if len(segments) == 0 {
		if head.size > 0 {
			return nil, fmt.Errorf("audit: %s has a checkpoint over %d records and no segments: records were removed; move the directory aside and keep it", l.dir, head.size)
		}
		l.house.tree = &tree{}
		f, synced, err := l.beginSegment(&segmentHeader{origin: l.o.Origin})
		if err != nil {
			return nil, fmt.Errorf("audit: beginning the log: %w", err)
		}
		l.w.file, l.w.synced, l.w.size, l.w.off = f, synced, l.o.SegmentSize, block
		return &recovered{clean: true}, nil
	}
	t, err := loadTree(l.dir, head.size)
	if err != nil || t.root() != head.root || !t.bundleMatches() {
		t = &tree{} // the tiles are built anew from the segments
	}
	s := scan{l: l, head: head, tree: t, open: l.w.open}
	if s.from, err = s.begin(segments); err != nil {
		return nil, err
	}
	for i := s.from; i < len(segments); i++ {
		if err := s.segment(segments[i], i == len(segments)-1); err != nil {
			return nil, err
		}
	}
	if s.index < head.size {
		return nil, fmt.Errorf("audit: %s was cut: the checkpoint covers %d records, the segments hold %d; move the directory aside and keep it", l.dir, head.size, s.index)
	}
	l.house.tree, l.w.chain = t, s.chain
	f := &recovered{index: s.index, clean: s.cut == 0 && s.last == LogStop, cut: s.cut, segment: segmentName(segments[len(segments)-1])}
	for command, i := range s.open {
		f.unknown = append(f.unknown, lost{command, i})
	}
	slices.SortFunc(f.unknown, func(a, b lost) int { return cmp.Compare(a.index, b.index) })
	return f, s.reopen(segments[len(segments)-1], f.clean)
}

// bundleMatches holds the last entries against their hashes.
func (t *tree) bundleMatches() bool {
	b, n := t.bundle, 0
	for ; len(b) > 0; n++ {
		size := int(b[0])<<8 | int(b[1])
		if n >= len(t.levels[0]) || tlog.RecordHash(b[2:2+size]) != t.levels[0][n] {
			return false
		}
		b = b[2+size:]
	}
	return n == int(t.size%tileWidth)
}

// listSegments returns the indexes that name the segments, ascending.
func listSegments(dir string) ([]uint64, error) {
	list, err := os.ReadDir(dir + "/wal")
	if err != nil {
		return nil, fmt.Errorf("audit: listing segments: %w", err)
	}
	var out []uint64
	for _, e := range list {
		name, ok := strings.CutSuffix(e.Name(), ".seg")
		if !ok {
			continue
		}
		first, err := strconv.ParseUint(name, 10, 53)
		if err != nil || segmentName(first) != e.Name() {
			return nil, fmt.Errorf("audit: %s/wal/%s is not named like a segment", dir, e.Name())
		}
		out = append(out, first)
	}
	slices.Sort(out)
	return out, nil
}

// scan is a walk over the segments at a start.
type scan struct {
	l     *Log
	head  checkpoint
	tree  *tree
	open  map[string]intent
	from  int
	index uint64
	chain chainHash
	last  string // event of the last record
	bytes []byte // of the last segment, and
	end   int    // where its frames end
	cut   int
}

// begin chooses the segment to start from.
func (s *scan) begin(segments []uint64) (int, error) {
	newest := segments[len(segments)-1]
	h, err := readSegmentHeader(s.l.dir, newest)
	if err != nil {
		return 0, err
	}
	need := min(s.tree.size, h.oldest, newest)
	at, _ := slices.BinarySearch(segments, need+1)
	if at == 0 {
		return 0, fmt.Errorf("audit: %s/wal: the segment with record %d is missing", s.l.dir, need)
	}
	if h, err = readSegmentHeader(s.l.dir, segments[at-1]); err != nil {
		return 0, err
	}
	s.index, s.chain = h.first, h.chain
	return at - 1, nil
}

func readSegmentHeader(dir string, first uint64) (segmentHeader, error) {
	path := dir + "/wal/" + segmentName(first)
	f, err := os.Open(path)
	if err != nil {
		return segmentHeader{}, fmt.Errorf("audit: %w", err)
	}
	defer f.Close()
	b := make([]byte, block)
	if _, err := f.ReadAt(b, 0); err != nil {
		return segmentHeader{}, fmt.Errorf("audit: %s: reading the header: %w", path, err)
	}
	h, err := decodeSegmentHeader(b)
	if err != nil {
		return h, fmt.Errorf("%s: %w", path, err)
	}
	return h, nil
}

// segment takes the records of one segment.
func (s *scan) segment(first uint64, last bool) error {
	path := s.l.path("wal", segmentName(first))
	b, err := readBounded(path, maxSegment)
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	h, err := decodeSegmentHeader(b)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if h.origin != s.l.o.Origin {
		return fmt.Errorf("audit: %s belongs to the log %q, not to %q", path, h.origin, s.l.o.Origin)
	}
	if h.first != first || first != s.index || h.chain != s.chain {
		return fmt.Errorf("audit: %s does not follow on record %d: a segment is missing or was replaced", path, s.index)
	}
	r := frameReader{b: b, off: block}
	for {
		f, ok := r.next()
		if !ok {
			break
		}
		if err := s.record(&f); err != nil {
			return fmt.Errorf("audit: %s: record %d: %w", path, s.index, err)
		}
		s.index++
	}
	s.bytes, s.end = b, r.off
	if r.bad == "" {
		return nil
	}
	if !last || batchAfter(b, r.off) || s.index < s.head.size {
		return fmt.Errorf("audit: %s is damaged at byte %d (record %d: %s) and good records follow: this is no torn write; move the directory aside and keep it, sluice audit verify explains", path, r.off, s.index, r.bad)
	}
	s.cut = len(bytes.TrimRight(b[r.off:], "\x00"))
	return nil
}

func (s *scan) record(f *frame) error {
	leaf := tlog.RecordHash(f.record)
	if s.chain = nextChain(&s.chain, &leaf); s.chain != f.chain {
		return errors.New("its chain does not fit: it was changed or moved")
	}
	var event, command, session string
	held := false
	err := checkCanonical(f.record, func(outer, key, value []byte) {
		switch {
		case outer == nil && string(key) == "event":
			event = textOf(value)
		case outer == nil && string(key) == "command":
			command = textOf(value)
		case outer == nil && string(key) == "session":
			session = textOf(value)
		case string(outer) == "decision" && string(key) == "verdict":
			held = textOf(value) == Hold
		}
	})
	if err != nil {
		return err
	}
	w := segmentWriter{open: s.open}
	w.follow(&entry{event: event, command: command, session: session, held: held}, s.index)
	s.last = event
	if s.index != s.tree.size {
		return nil // in the tree already
	}
	if err := s.tree.add(f.record, leaf, s.l.placeTile); err != nil {
		return err
	}
	if s.tree.size == s.head.size && s.tree.root() != s.head.root {
		return fmt.Errorf("the checkpoint over %d records has another root: a record before was changed; sluice audit verify says which", s.head.size)
	}
	return nil
}

// reopen leaves the last segment ready for the next batch. After a stop that
// was not clean its valid part moves to a fresh file first: what a failed
// sync left in the page cache may never have reached the disk.
func (s *scan) reopen(first uint64, clean bool) error {
	l, path := s.l, s.l.path("wal", segmentName(first))
	size, end := int64(len(s.bytes)), padBlock(s.end)
	if !clean {
		size = max(size, l.o.SegmentSize)
		fresh := path + ".new"
		if err := s.copyTo(fresh, size, end); err != nil {
			return fmt.Errorf("audit: copying %s: %w", path, err)
		}
		if err := l.files.Rename(fresh, path); err != nil {
			return fmt.Errorf("audit: replacing %s: %w", path, err)
		}
	}
	f, synced, err := l.files.OpenSegment(path)
	if err != nil {
		return fmt.Errorf("audit: opening %s: %w", path, err)
	}
	l.w.file, l.w.synced, l.w.size, l.w.off = f, synced, size, int64(end)
	return nil
}

func (s *scan) copyTo(path string, size int64, end int) error {
	if err := s.l.files.Prewrite(path, size, nil); err != nil {
		return err
	}
	f, synced, err := s.l.files.OpenSegment(path)
	if err != nil {
		return err
	}
	b := aligned(end)
	copy(b, s.bytes[:s.end])
	err = writeFull(f, b, 0, synced)
	return errors.Join(err, f.Close())
}

package audit

import (
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// VerifyOptions of Verify.
type VerifyOptions struct {
	// Anchors are signed checkpoints of this log that were kept elsewhere. Only
	// they show that the whole directory was put back to an earlier state.
	Anchors [][]byte
	// Recordings is the folder with the chunks, by session; "": dir/rec, or
	// dir/../rec where that is missing.
	Recordings string
}

// Verify checks a log offline; it writes nothing, and may run beside the
// gateway. An error means that nothing could be checked; what is wrong with
// the log is in the report.
//
// Each record is there up to three times: in its segment, in an entry bundle
// and as a hash in the tree. Where they differ, the record is named exactly.
// Where all were changed alike, the signed checkpoints narrow it to a range. A
// party with the signing key and all copies can rewrite what came after the
// last checkpoint kept elsewhere; nothing inside the directory can show that.
func Verify(dir string, vkeys []string, o VerifyOptions) (*Report, error) {
	known, err := verifiers(vkeys)
	if err != nil {
		return nil, err
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return nil, fmt.Errorf("audit: %s is not a log's directory: %w", dir, errors.Join(err, os.ErrNotExist))
	}
	if o.Recordings == "" {
		o.Recordings = filepath.Join(dir, "rec")
		if _, err := os.Stat(o.Recordings); err != nil {
			o.Recordings = filepath.Join(dir, "..", "rec")
		}
	}
	v := &verifier{dir: dir, o: o, report: new(Report)}
	if err := v.checkpoints(known); err != nil {
		return nil, err
	}
	v.anchors(known)
	if err := v.walk(); err != nil {
		return nil, err
	}
	v.report.finish()
	return v.report, nil
}

// verifier is one run of Verify.
type verifier struct {
	dir     string
	o       VerifyOptions
	report  *Report
	head    checkpoint
	roots   []rootAt // of all checkpoints and anchors, by size
	good    uint64   // the largest size whose root was found right
	badRoot bool     // one was found wrong: all later ones are, too
	tree    tree
	records recordChecker
}

// rootAt is a signed root and where it was found.
type rootAt struct {
	checkpoint
	source string
	method string
}

// checkpoints reads cp and the latest checkpoint, in this order: a gateway at
// work may publish another one meanwhile.
func (v *verifier) checkpoints(known note.Verifiers) error {
	sizes, err := checkpointSizes(v.dir)
	if err != nil {
		return err
	}
	for _, size := range sizes {
		name := "cp/" + strconv.FormatUint(size, 10)
		if c, ok := v.checkpoint(name, known); ok {
			if c.size != size {
				v.report.span(0, 0, ByFile, "%s holds the checkpoint over %d records", name, c.size)
			}
			v.report.Checkpoints++
		}
	}
	latest, ok := v.checkpoint(checkpointName, known)
	newer := 0
	for _, r := range v.roots {
		if r.size > v.head.size {
			v.head = r.checkpoint
		}
		if ok && r.size > latest.size {
			newer++
		}
	}
	if newer > 1 { // one may be ahead, when the process stopped between the two files
		v.report.span(latest.size, v.head.size, ByCheckpoint, "the latest checkpoint covers %d records, but cp/%d was published: it was put back to an earlier one", latest.size, v.head.size)
	}
	if ok && !slices.Contains(sizes, latest.size) {
		if _, err := os.Lstat(v.path("cp", strconv.FormatUint(latest.size, 10))); err != nil {
			v.report.span(0, 0, ByFile, "cp/%d is missing, the checkpoint is there", latest.size)
		}
	}
	v.report.Origin, v.report.Size = v.head.origin, v.head.size
	v.report.Root = base64.StdEncoding.EncodeToString(v.head.root[:])
	return nil
}

// checkpoint reads one file and keeps its root, if it is signed rightly.
func (v *verifier) checkpoint(name string, known note.Verifiers) (checkpoint, bool) {
	b, err := readBounded(v.path(name), maxCheckpoint)
	if err != nil {
		v.report.span(0, 0, ByFile, "%s: %v", name, err)
		return checkpoint{}, false
	}
	c, err := openCheckpoint(b, known)
	if err != nil {
		v.report.span(0, 0, BySignature, "%s: %v", name, err)
		return checkpoint{}, false
	}
	if len(v.roots) > 0 && v.roots[0].origin != c.origin {
		v.report.span(0, 0, BySignature, "%s belongs to the log %q, %s to %q", name, c.origin, v.roots[0].source, v.roots[0].origin)
		return checkpoint{}, false
	}
	v.roots = append(v.roots, rootAt{c, name, ByCheckpoint})
	return c, true
}

// anchors adds the checkpoints that were kept elsewhere.
func (v *verifier) anchors(known note.Verifiers) {
	for i, b := range v.o.Anchors {
		name := fmt.Sprintf("anchor %d", i+1)
		c, err := openCheckpoint(b, known)
		switch {
		case err != nil:
			v.report.span(0, 0, BySignature, "%s: %v", name, err)
		case c.origin != v.head.origin && v.head.origin != "":
			v.report.span(0, 0, ByAnchor, "%s is of the log %q, this is %q", name, c.origin, v.head.origin)
		case c.size > v.head.size:
			v.report.span(v.head.size, c.size, ByAnchor, "%s covers %d records, the newest checkpoint here %d: the log was cut or put back to an earlier state", name, c.size, v.head.size)
		default:
			v.roots = append(v.roots, rootAt{c, name, ByAnchor})
			v.report.Anchored = max(v.report.Anchored, c.size)
		}
	}
	slices.SortStableFunc(v.roots, func(a, b rootAt) int { return int(a.size) - int(b.size) })
	for i := 1; i < len(v.roots); i++ {
		if a, b := v.roots[i-1], v.roots[i]; a.size == b.size && a.root != b.root {
			v.report.span(0, a.size, b.method, "%s and %s are both signed over %d records and differ: the log was forked", a.source, b.source, a.size)
		}
	}
	switch {
	case v.report.Anchored > 0:
		v.report.note("the last anchor covers %d records; whoever has the signing key and all copies could have rewritten the %d after it", v.report.Anchored, v.head.size-v.report.Anchored)
	default:
		v.report.note("no anchor was given: that the whole directory was put back to an earlier state, or rewritten with the signing key, cannot be seen")
	}
}

// walk goes through all records once, in order.
func (v *verifier) walk() error {
	names, err := listSegments(v.dir)
	if errors.Is(err, os.ErrNotExist) {
		names, err = nil, nil
		v.report.note("there are no segments: the records are checked in their bundles alone")
	}
	if err != nil {
		v.report.span(0, 0, ByFile, "%v", err)
	}
	w := &segmentWalk{dir: v.dir, names: names, origin: v.head.origin, report: v.report}
	v.records = newRecordChecker(v)
	copies := copies{v: v, walk: w}
	next := 0 // root to compare
	for index := uint64(0); ; index++ {
		for ; next < len(v.roots) && v.roots[next].size == index; next++ {
			v.compareRoot(&v.roots[next])
		}
		if index == v.head.size {
			break
		}
		record, leaf := copies.at(index)
		if record == nil && copies.gone() {
			v.report.span(index, v.head.size, ByFile, "no copy of these records is there")
			v.records.finish()
			return nil
		}
		v.tree.size++
		if err := v.tree.addHash(leaf, v.compareTile); err != nil {
			return err
		}
		v.records.check(index, record)
	}
	v.partials()
	for index := v.head.size; ; index++ {
		record := w.record(index)
		if record == nil {
			break
		}
		v.report.Unsigned++
		v.records.check(index, record)
	}
	if len(names) > 0 && w.index < v.head.size && !w.lost {
		v.report.span(w.index, v.head.size, ByCopy, "the segments end with record %d, the checkpoint covers %d: the tail was cut", int64(w.index)-1, v.head.size)
	}
	v.records.finish()
	return nil
}

func (v *verifier) compareRoot(r *rootAt) {
	if root := v.tree.root(); root == r.root {
		v.good = r.size
		return
	}
	if v.badRoot {
		return // said once: a changed record changes all later roots
	}
	v.badRoot = true
	v.report.span(v.good, r.size, r.method, "the records do not give the root that %s is signed over; up to %d they gave the signed one: a record in between was changed, removed, added or moved in every copy", r.source, v.good)
}

// compareTile holds a full tile above level 0 against the file. Level 0 has
// been compared record by record.
func (v *verifier) compareTile(t tile) error {
	if t.level > 0 {
		v.tileFile(&t)
	}
	return nil
}

// partials does the same for the right edge.
func (v *verifier) partials() {
	for _, t := range v.tree.partials() {
		if t.level > 0 {
			v.tileFile(&t)
		}
	}
}

func (v *verifier) tileFile(t *tile) {
	span := uint64(1)
	for range t.level {
		span *= tileWidth
	}
	from := t.n * tileWidth * span
	b, _, err := readTile(v.dir, t)
	if err != nil {
		v.report.span(from, from+uint64(t.width)*span, ByFile, "%v", err)
		return
	}
	for i := range t.width {
		at := i * tlog.HashSize
		if string(b[at:at+tlog.HashSize]) != string(t.data[at:at+tlog.HashSize]) {
			first := from + uint64(i)*span
			v.report.span(first, first+span, ByTile, "hash %d in %s is not that of these records", i, t.path())
			return
		}
	}
}

func (v *verifier) path(elem ...string) string {
	return filepath.Join(append([]string{v.dir}, elem...)...)
}

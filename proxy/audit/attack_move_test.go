package audit

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
)

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

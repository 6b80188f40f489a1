package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/tlog"
)

// ErrStop, returned by the function given to Scan, ends it without an error.
var ErrStop = errors.New("audit: stop scanning")

// Entry is a record as it was read back. A string that was not UTF-8 reads as
// its base64 form; the raw record has it whole.
type Entry struct {
	Record
	Seq    Seq    `json:"-"`
	Log    string `json:"log"`
	Mono   int64  `json:"mono"` // microseconds since the log was opened
	Elided struct {
		Object string `json:"object"`
		Size   int64  `json:"size"`
	} `json:"elided"`
}

// Decode reads a canonical record.
func Decode(s Seq, raw []byte) (*Entry, error) {
	if bytes.Contains(raw, []byte(`{"base64":"`)) {
		raw = plainBase64(raw)
	}
	e := &Entry{Seq: s}
	if err := json.Unmarshal(raw, e); err != nil {
		return nil, fmt.Errorf("audit: record %d: %w", s-1, err)
	}
	return e, nil
}

// plainBase64 replaces {"base64":"…"} by its string. The mark cannot stand
// inside a string, where its quotes would be escaped.
func plainBase64(raw []byte) []byte {
	out := make([]byte, 0, len(raw))
	for {
		before, after, ok := bytes.Cut(raw, []byte(`{"base64":`))
		out = append(out, before...)
		if !ok {
			return out
		}
		text, rest, ok := bytes.Cut(after, []byte(`"}`))
		if !ok {
			return append(out, after...)
		}
		out = append(append(out, text...), '"')
		raw = rest
	}
}

// Scan calls fn with each record in order, as the segments hold it, up to the
// last whole batch. It may run beside an open log. The bytes are fn's only
// until it returns. Damage ends it with an error that names the record.
func Scan(dir string, fn func(Seq, []byte) error) error { return ScanFrom(dir, 1, fn) }

// ScanFrom is Scan beginning at a record.
func ScanFrom(dir string, from Seq, fn func(Seq, []byte) error) error {
	segments, err := listSegments(dir)
	if err != nil {
		return err
	}
	from = max(from, 1)
	at, found := slices.BinarySearch(segments, uint64(from)-1)
	if !found && at > 0 {
		at--
	}
	for i := at; i < len(segments); i++ {
		err := scanSegment(dir, segments[i], i == len(segments)-1, func(s Seq, raw []byte) error {
			if s < from {
				return nil
			}
			return fn(s, raw)
		})
		if errors.Is(err, ErrStop) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func scanSegment(dir string, first uint64, last bool, fn func(Seq, []byte) error) error {
	path := dir + "/wal/" + segmentName(first)
	b, err := readBounded(path, maxSegment)
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	h, err := decodeSegmentHeader(b)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if h.first != first {
		return fmt.Errorf("audit: %s holds the segment that begins with record %d", path, h.first)
	}
	r, index, chain := frameReader{b: b, off: block}, h.first, h.chain
	for {
		f, ok := r.next()
		if !ok {
			break
		}
		leaf := tlog.RecordHash(f.record)
		if chain = nextChain(&chain, &leaf); chain != f.chain {
			return fmt.Errorf("audit: record %d: its chain does not fit: it was changed or moved", index)
		}
		index++
		if err := fn(Seq(index), f.record); err != nil {
			return err
		}
	}
	if r.bad != "" && (!last || batchAfter(b, r.off)) {
		return fmt.Errorf("audit: %s is damaged at byte %d (record %d: %s)", path, r.off, index, r.bad)
	}
	return nil
}

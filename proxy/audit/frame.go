package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"golang.org/x/mod/sumdb/tlog"
)

// A segment is one header block and then batches. A batch is what one write
// brought: frames one after the other, each on a multiple of 8 bytes, the whole
// padded with zeros to a multiple of 4 KiB. Numbers are big endian.
//
//	frame   length u32 | crc32c u32 | chain 32 bytes | record
//	length  of the record; its top bit marks the first frame of a batch
//	crc32c  of length, chain and record
//	chain   SHA-256 of the chain before and the record's RFC 6962 leaf hash
//
// A record is JSON and has no zero byte, so no text of a client's can look
// like a frame.
const (
	frameHeader = 4 + 4 + 32
	firstFrame  = 1 << 31
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

type chainHash = [sha256.Size]byte

// nextChain links a record to all before it.
func nextChain(prev *chainHash, leaf *tlog.Hash) chainHash {
	var b [2 * sha256.Size]byte
	copy(b[:], prev[:])
	copy(b[sha256.Size:], leaf[:])
	return sha256.Sum256(b[:])
}

func frameSize(record int) int { return (frameHeader + record + 7) &^ 7 }

func padBlock(n int) int { return (n + block - 1) &^ (block - 1) }

// appendFrame appends one frame with its padding.
func appendFrame(b, record []byte, chain *chainHash, first bool) []byte {
	at := len(b)
	n := uint32(len(record))
	if first {
		n |= firstFrame
	}
	b = binary.BigEndian.AppendUint32(b, n)
	b = append(b, 0, 0, 0, 0)
	b = append(b, chain[:]...)
	b = append(b, record...)
	binary.BigEndian.PutUint32(b[at+4:], frameSum(b[at:at+frameHeader], record))
	for len(b)%8 != 0 {
		b = append(b, 0)
	}
	return b
}

func frameSum(head, record []byte) uint32 {
	sum := crc32.Update(0, castagnoli, head[:4])
	sum = crc32.Update(sum, castagnoli, head[8:frameHeader])
	return crc32.Update(sum, castagnoli, record)
}

// frame is one record as a segment holds it. The slices point into the segment.
type frame struct {
	record []byte
	chain  chainHash
}

// frameReader walks the frames of a segment's bytes, header block included.
type frameReader struct {
	b   []byte
	off int // of the next frame; after the end, where the next batch would begin
	bad string
}

// next returns the next frame. At the end it returns false; then bad says
// whether the bytes at off are damaged or simply the end.
func (r *frameReader) next() (frame, bool) {
	b, off := r.b, r.off
	if off%block != 0 && off+4 <= len(b) && zeros(b[off:off+4]) {
		end := padBlock(off)
		if end > len(b) || !zeros(b[off:end]) {
			return r.damaged("padding that is not zero")
		}
		off = end
		r.off = off
	}
	if off+4 > len(b) {
		return frame{}, false
	}
	n := binary.BigEndian.Uint32(b[off:])
	if n == 0 {
		if !zeros(b[off:]) {
			return r.damaged("an empty block before data")
		}
		return frame{}, false
	}
	first := n&firstFrame != 0
	size := int(n &^ firstFrame)
	if size == 0 || size > MaxRecord || off+frameHeader+size > len(b) {
		return r.damaged("a length that cannot be")
	}
	if first && off%block != 0 {
		return r.damaged("a batch that does not begin on a block")
	}
	head, record := b[off:off+frameHeader], b[off+frameHeader:off+frameHeader+size]
	if binary.BigEndian.Uint32(head[4:]) != frameSum(head, record) {
		return r.damaged("checksum")
	}
	end := off + frameSize(size)
	if end > len(b) || !zeros(b[off+frameHeader+size:end]) {
		return r.damaged("padding that is not zero")
	}
	r.off = end
	f := frame{record: record}
	copy(f.chain[:], head[8:])
	return f, true
}

func (r *frameReader) damaged(what string) (frame, bool) {
	r.bad = what
	return frame{}, false
}

// batchAfter reports whether a whole batch begins on a block boundary after
// off. A batch is only written when the one before it is durable, so damage
// before such a batch cannot be a torn write.
func batchAfter(b []byte, off int) bool {
	for at := padBlock(off + 1); at+frameHeader <= len(b); at += block {
		if b[at]&0x80 == 0 {
			continue
		}
		r := frameReader{b: b, off: at}
		if _, ok := r.next(); ok {
			return true
		}
	}
	return false
}

func zeros(b []byte) bool {
	var none [block]byte
	for len(b) > len(none) {
		if !bytes.Equal(b[:len(none)], none[:]) {
			return false
		}
		b = b[len(none):]
	}
	return bytes.Equal(b, none[:len(b)])
}

// segmentHeader is the first block of a segment. It lets a start begin to read
// here: it has the chain so far, and says how far back a command without an
// outcome may lie.
type segmentHeader struct {
	first  uint64 // index of the first record
	oldest uint64 // index of the oldest intent without an outcome, or first
	chain  chainHash
	origin string
}

const segmentMagic = "sluice log 1\n\x00\x00\x00"

func (h *segmentHeader) encode(b []byte) {
	clear(b[:block])
	n := copy(b, segmentMagic)
	binary.BigEndian.PutUint64(b[n:], h.first)
	binary.BigEndian.PutUint64(b[n+8:], h.oldest)
	n += 16
	n += copy(b[n:], h.chain[:])
	binary.BigEndian.PutUint16(b[n:], uint16(len(h.origin)))
	copy(b[n+2:], h.origin)
	binary.BigEndian.PutUint32(b[block-4:], crc32.Checksum(b[:block-4], castagnoli))
}

func decodeSegmentHeader(b []byte) (segmentHeader, error) {
	var h segmentHeader
	if len(b) < block {
		return h, fmt.Errorf("audit: a segment of %d bytes has no header", len(b))
	}
	if string(b[:len(segmentMagic)]) != segmentMagic {
		return h, fmt.Errorf("audit: not a segment of a log (its first bytes are wrong)")
	}
	if binary.BigEndian.Uint32(b[block-4:]) != crc32.Checksum(b[:block-4], castagnoli) {
		return h, fmt.Errorf("audit: a segment's header is damaged (checksum)")
	}
	n := len(segmentMagic)
	h.first = binary.BigEndian.Uint64(b[n:])
	h.oldest = binary.BigEndian.Uint64(b[n+8:])
	n += 16
	n += copy(h.chain[:], b[n:])
	size := int(binary.BigEndian.Uint16(b[n:]))
	if size > maxOrigin {
		return h, fmt.Errorf("audit: a segment's header is damaged (origin)")
	}
	h.origin = string(b[n+2 : n+2+size])
	return h, nil
}

package mask

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"unicode/utf8"
)

// Placeholder stands for a redacted text value. Its length is constant, so
// that it says nothing of what it hides.
const Placeholder = "***"

// Key makes hashes and pseudonyms. It is one for the whole gateway
// (gateway.mask_key) and never leaves it.
type Key struct{ secret []byte }

// NewKey takes at least 16 bytes.
func NewKey(secret []byte) *Key { return &Key{secret: bytes.Clone(secret)} }

func (k *Key) sum(domain, scope string, value []byte) [32]byte {
	m := hmac.New(sha256.New, k.secret)
	var n [4]byte
	for _, part := range [][]byte{[]byte(domain), []byte(scope), value} {
		binary.BigEndian.PutUint32(n[:], uint32(len(part)))
		m.Write(n[:])
		m.Write(part)
	}
	var out [32]byte
	m.Sum(out[:0])
	return out
}

// Hash is 16 hex digits, the same for equal values everywhere.
func (k *Key) Hash(value []byte) string {
	s := k.sum("hash", "", value)
	return hex.EncodeToString(s[:8])
}

// Short is 8 hex digits for what stands in a record in place of a secret:
// enough to see that two are equal, within one scope.
func (k *Key) Short(scope string, value []byte) string {
	s := k.sum("redacted", scope, value)
	return hex.EncodeToString(s[:4])
}

// Digest is a keyed SHA-256 in hex, for bound values and command texts that a
// record names without telling them: a plain hash of a short value could be
// searched for.
func (k *Key) Digest(domain string, value []byte) string {
	s := k.sum(domain, "", value)
	return hex.EncodeToString(s[:])
}

// Pseudonym of a text value keeps its kind: an e-mail address stays one, a
// string of digits with separators keeps its shape, other text becomes a word.
func (k *Key) Pseudonym(scope string, value []byte) string {
	s := k.sum("pseudonym", scope, value)
	if at := bytes.LastIndexByte(value, '@'); at > 0 && at < len(value)-1 {
		return "user-" + hex.EncodeToString(s[:5]) + "@example.invalid"
	}
	if digits := countDigits(value); digits >= 4 && digits*2 >= len(value) {
		out := bytes.Clone(value)
		stream := s[:]
		for i, c := range out {
			if c < '0' || c > '9' {
				continue
			}
			if len(stream) == 0 {
				next := k.sum("pseudonym-more", scope, append([]byte(strconv.Itoa(i)), value...))
				stream = next[:]
			}
			out[i] = '0' + stream[0]%10
			stream = stream[1:]
		}
		return string(out)
	}
	return "p-" + hex.EncodeToString(s[:6])
}

// PluginPseudonym is the stand-in that plugins ask the host for: within a kind
// and a scope.
func (k *Key) PluginPseudonym(kind, scope string, value []byte) []byte {
	return []byte(k.Pseudonym(kind+"\x00"+scope, value))
}

// PseudonymInt maps an integer to another of the same width in bits (16, 32 or
// 64), never negative.
func (k *Key) PseudonymInt(scope string, value int64, bits int) int64 {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(value))
	s := k.sum("pseudonym-int", scope, b[:])
	return int64(binary.BigEndian.Uint64(s[:8]) >> (65 - uint(bits)))
}

// PseudonymUUID maps 16 bytes to a version 8 UUID (RFC 9562 §5.8).
func (k *Key) PseudonymUUID(scope string, value []byte) [16]byte {
	s := k.sum("pseudonym-uuid", scope, value)
	var u [16]byte
	copy(u[:], s[:16])
	u[6] = u[6]&0x0f | 0x80
	u[8] = u[8]&0x3f | 0x80
	return u
}

// PartialText keeps the first letter and the domain of an e-mail address, or the
// last 4 of at least 8 characters; anything shorter is redacted.
func PartialText(value []byte) string { return string(appendPartial(nil, value)) }

func appendPartial(dst, value []byte) []byte {
	if at := bytes.LastIndexByte(value, '@'); at > 0 && at < len(value)-1 && bytes.IndexByte(value[:at], ' ') < 0 {
		_, size := utf8.DecodeRune(value)
		return append(append(append(dst, value[:size]...), "***"...), value[at:]...)
	}
	if n := utf8.RuneCount(value); n >= 8 {
		rest := value
		for range n - 4 {
			_, size := utf8.DecodeRune(rest)
			rest = rest[size:]
		}
		return append(append(dst, "***"...), rest...)
	}
	return append(dst, Placeholder...)
}

// Text is the replacement of a text value under a treatment. null reports
// that the value becomes NULL. Tokenize has no store yet and redacts.
func (k *Key) Text(t Treatment, scope string, value []byte) (replacement string, null bool) {
	b, null := k.AppendText(nil, t, scope, value)
	return string(b), null
}

// AppendText is Text, appended to dst, which must not overlap with value.
func (k *Key) AppendText(dst []byte, t Treatment, scope string, value []byte) (out []byte, null bool) {
	switch t.Action {
	case None:
		return append(dst, value...), false
	case Partial:
		return appendPartial(dst, value), false
	case Pseudonym:
		return append(dst, k.Pseudonym(scope, value)...), false
	case Hash:
		return append(dst, k.Hash(value)...), false
	case Null:
		return dst, true
	default:
		return append(dst, Placeholder...), false
	}
}

func countDigits(b []byte) int {
	n := 0
	for _, c := range b {
		if c >= '0' && c <= '9' {
			n++
		}
	}
	return n
}

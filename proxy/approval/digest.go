package approval

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"

	"sluice.dev/proxy/identity"
)

// Action is what makes two commands the same action: who in proof (asserted
// names are left out, since a retry has new ones), where, as which role, and
// what with which values.
type Action struct {
	Principal  *identity.Principal
	Connection string
	Database   string
	Role       string // the effective one at the resource
	Path       string // how names are resolved there: PostgreSQL's search_path
	Canonical  []byte // the command, comments and spelling apart
	Values     []Value
}

// Value is one bound value. A null differs from an empty one, and a binary one
// from a text of the same bytes.
type Value struct {
	Bytes  []byte
	Null   bool
	Binary bool
}

// Digest names the action. Equal digests mean equal actions.
func (a Action) Digest() string {
	parts := make([][]byte, 0, 16+3*len(a.Values))
	if a.Principal != nil {
		for _, hop := range a.Principal.Proven() {
			issuer := hop.Issuer
			if issuer == "" {
				issuer = a.Principal.Issuer
			}
			parts = append(parts, []byte("hop"), []byte(issuer), []byte(hop.Subject))
		}
	}
	parts = append(parts, []byte("action"), []byte(a.Connection), []byte(a.Database), []byte(a.Role), []byte(a.Path), a.Canonical)
	for _, v := range a.Values {
		switch {
		case v.Null:
			parts = append(parts, []byte("null"), nil)
		case v.Binary:
			parts = append(parts, []byte("binary"), v.Bytes)
		default:
			parts = append(parts, []byte("text"), v.Bytes)
		}
	}
	return Digest(parts...)
}

// Digest is the SHA-256, in hex, of the parts, each preceded by its length in
// eight bytes, big endian, so that no two lists of parts give the same input.
func Digest(parts ...[]byte) string {
	h := sha256.New()
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], uint64(len(parts)))
	h.Write(n[:])
	for _, p := range parts {
		binary.BigEndian.PutUint64(n[:], uint64(len(p)))
		h.Write(n[:])
		h.Write(p)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// seal keys a digest before it is kept. Bound values are often guessable (a card
// number, a date of birth), and an unkeyed digest in a list or a backup would
// let anyone test a guess.
func seal(key []byte, digest string) string {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(digest))
	return hex.EncodeToString(m.Sum(nil))
}

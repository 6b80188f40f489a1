package audit

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/mod/sumdb/note"
)

const (
	maxOrigin  = 255 // bytes
	algEd25519 = 1   // of a note's key (x/mod/sumdb/note, C2SP signed-note)
)

// checkOrigin refuses what could not stand on the first line of a checkpoint
// or name a key: white space, control characters, plus.
func checkOrigin(origin string) error {
	bad := func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) || r == '+' }
	switch {
	case origin == "":
		return errors.New("audit: the log has no origin: give it a name such as \"demo/log/n1\"")
	case len(origin) > maxOrigin:
		return fmt.Errorf("audit: the origin has %d bytes, the limit is %d", len(origin), maxOrigin)
	case !utf8.ValidString(origin) || strings.ContainsFunc(origin, bad):
		return fmt.Errorf("audit: origin %q: white space, control characters and + are not allowed", origin)
	}
	return nil
}

// VKey returns the verifier key of a log, one line that auditors keep
// (x/mod/sumdb/note).
func VKey(origin string, pub ed25519.PublicKey) (string, error) {
	if err := checkOrigin(origin); err != nil {
		return "", err
	}
	return note.NewEd25519VerifierKey(origin, pub)
}

// newSigner returns the note signer of a key.
func newSigner(origin string, key ed25519.PrivateKey) (note.Signer, error) {
	if len(key) != ed25519.PrivateKeySize {
		return nil, fmt.Errorf("audit: the signing key has %d bytes, an ed25519 key has %d", len(key), ed25519.PrivateKeySize)
	}
	pub := append([]byte{algEd25519}, key.Public().(ed25519.PublicKey)...)
	sum := sha256.Sum256([]byte(origin + "\n" + string(pub)))
	seed := append([]byte{algEd25519}, key.Seed()...)
	return note.NewSigner(fmt.Sprintf("PRIVATE+KEY+%s+%08x+%s", origin,
		binary.BigEndian.Uint32(sum[:]), base64.StdEncoding.EncodeToString(seed)))
}

// ParseKey reads an ed25519 private key: PEM with PKCS #8 (openssl genpkey
// -algorithm ed25519), a note's PRIVATE+KEY line, or a seed of 32 bytes in
// base64. Errors never show the key.
func ParseKey(b []byte) (ed25519.PrivateKey, error) {
	if block, _ := pem.Decode(b); block != nil {
		key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		if err != nil {
			return nil, errors.New("audit: the signing key's PEM block is not PKCS #8")
		}
		ed, ok := key.(ed25519.PrivateKey)
		if !ok {
			return nil, fmt.Errorf("audit: the signing key is a %T, ed25519 is needed", key)
		}
		return ed, nil
	}
	text := string(bytes.TrimSpace(b))
	if rest, ok := strings.CutPrefix(text, "PRIVATE+KEY+"); ok {
		if parts := strings.SplitN(rest, "+", 3); len(parts) == 3 {
			text = parts[2]
		}
	}
	raw, err := base64.StdEncoding.DecodeString(text)
	if err == nil && len(raw) == 1+ed25519.SeedSize && raw[0] == algEd25519 {
		raw = raw[1:]
	}
	if err != nil || len(raw) != ed25519.SeedSize {
		return nil, errors.New("audit: the signing key is neither PEM (PKCS #8), nor a note's PRIVATE+KEY line, nor a base64 seed of 32 bytes")
	}
	return ed25519.NewKeyFromSeed(raw), nil
}

// loadKey reads the key file, or makes one: PEM, so that openssl reads it too.
func loadKey(files Files, path string) (ed25519.PrivateKey, error) {
	b, err := os.ReadFile(path)
	if err == nil {
		return ParseKey(b)
	}
	if !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("audit: reading the signing key: %w", err)
	}
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("audit: making a signing key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("audit: making a signing key: %w", err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	if err := files.Write(path, text); err != nil {
		return nil, fmt.Errorf("audit: keeping the new signing key: %w", err)
	}
	return key, nil
}

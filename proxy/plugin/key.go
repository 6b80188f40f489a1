package plugin

import (
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
)

// ParsePublicKey reads the ed25519 key that modules must be signed by: PEM, as
// `openssl pkey -pubout` and `sluice plugin sign --new-key` write it (RFC 8410).
func ParsePublicKey(file []byte) (ed25519.PublicKey, error) {
	b, _ := pem.Decode(file)
	if b == nil {
		return nil, errors.New("not PEM: want an ed25519 public key, -----BEGIN PUBLIC KEY-----")
	}
	if b.Type == "PRIVATE KEY" {
		return nil, errors.New("this is the private key, which stays with whoever signs: name the public one")
	}
	k, err := x509.ParsePKIXPublicKey(b.Bytes)
	if key, ok := k.(ed25519.PublicKey); err == nil && ok {
		return key, nil
	}
	return nil, errors.New("not an ed25519 public key in PEM form")
}

// ParsePrivateKey reads a signing key: PEM, as `openssl genpkey -algorithm
// ed25519` writes it (PKCS #8, RFC 8410), not encrypted.
func ParsePrivateKey(file []byte) (ed25519.PrivateKey, error) {
	b, _ := pem.Decode(file)
	if b == nil {
		return nil, errors.New("not PEM: want an ed25519 private key, -----BEGIN PRIVATE KEY-----")
	}
	k, err := x509.ParsePKCS8PrivateKey(b.Bytes)
	if key, ok := k.(ed25519.PrivateKey); err == nil && ok {
		return key, nil
	}
	return nil, errors.New("not an unencrypted ed25519 private key in PEM form (PKCS #8)")
}

// NewKey makes a key for signing, and both halves as files.
func NewKey() (private, public []byte, err error) {
	pub, priv, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, nil, err
	}
	a, err := x509.MarshalPKCS8PrivateKey(priv)
	if err != nil {
		return nil, nil, err
	}
	b, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		return nil, nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: a}), pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: b}), nil
}

// KeyID is a short name of a public key: the first 16 hex digits of its
// SHA-256.
func KeyID(key ed25519.PublicKey) string {
	sum := sha256.Sum256(key)
	return hex.EncodeToString(sum[:8])
}

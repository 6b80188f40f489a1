package plugin

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
)

// A signed module ends with a custom section "sluice.signature" that holds an
// ed25519 signature of signedText and the SHA-256 of all bytes before it. The
// section has a fixed form, so that there is one way to write a signed module.
const (
	signatureSection = "sluice.signature"
	signedText       = "sluice plugin signature v1\x00"
	signatureBytes   = 2 + 1 + len(signatureSection) + ed25519.SignatureSize
)

func signatureHeader() []byte {
	return append([]byte{0, byte(1 + len(signatureSection) + ed25519.SignatureSize), byte(len(signatureSection))}, signatureSection...)
}

func signedMessage(wasm []byte) []byte {
	sum := sha256.Sum256(wasm)
	return append([]byte(signedText), sum[:]...)
}

// split parts a module from its signature.
func split(wasm []byte) (module, signature []byte) {
	cut := len(wasm) - signatureBytes
	if cut < 8 || !bytes.HasPrefix(wasm[cut:], signatureHeader()) {
		return wasm, nil
	}
	return wasm[:cut], wasm[len(wasm)-ed25519.SignatureSize:]
}

// Sign returns the module with a signature in place of any that it had.
func Sign(wasm []byte, key ed25519.PrivateKey) []byte {
	module, _ := split(wasm)
	out := append(bytes.Clone(module), signatureHeader()...)
	return append(out, ed25519.Sign(key, signedMessage(module))...)
}

// Verify reports why a module is not signed by the key, or nil.
func Verify(wasm []byte, key ed25519.PublicKey) error {
	module, signature := split(wasm)
	if signature == nil {
		return errors.New("the module is not signed")
	}
	if len(key) != ed25519.PublicKeySize || !ed25519.Verify(key, signedMessage(module), signature) {
		return errors.New("the module is not signed by this key")
	}
	return nil
}

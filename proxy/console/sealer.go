package console

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
)

// sealer encrypts what a browser carries for us between two requests of a log-in, with a key that lives as long as
// the process. So a flood of started log-ins costs no memory, and nobody can push another's out.
type sealer struct{ aead cipher.AEAD }

func newSealer() (sealer, error) {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails: it ends the program instead
	block, err := aes.NewCipher(key)
	if err != nil {
		return sealer{}, fmt.Errorf("console: log-in cookie key: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return sealer{}, fmt.Errorf("console: log-in cookie key: %w", err)
	}
	return sealer{aead}, nil
}

var errSeal = errors.New("console: the log-in cookie is not ours or was changed")

func (s sealer) seal(v any) (string, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("console: log-in cookie: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(s.aead.Seal(nil, nil, b, nil)), nil
}

func (s sealer) open(text string, v any) error {
	if len(text) > 4096 {
		return errSeal
	}
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return errSeal
	}
	if b, err = s.aead.Open(nil, nil, b, nil); err != nil {
		return errSeal
	}
	if err := json.Unmarshal(b, v); err != nil {
		return errSeal
	}
	return nil
}

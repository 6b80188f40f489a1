// Package credential knows where the secrets for the resources come from: one file per source. A secret is fetched when
// it is needed and is opaque from then on: nothing that prints, logs or encodes it shows it.
package credential

import (
	"context"
	"crypto/subtle"
	"fmt"
	"log/slog"
)

// Hidden is what stands wherever a secret would be printed.
const Hidden = "‹secret›"

// maxSecret bounds what a source may give, in bytes: a key file fits, a mistake (/dev/zero, a log) does not.
const maxSecret = 64 << 10

// Source is a place that a secret comes from. Fetch may be called by many at once and by every new connection; an error
// names the source and never has the secret, or what was printed beside it, in it. String names the source for plans
// and messages.
type Source interface {
	Fetch(ctx context.Context) (Secret, error)
	String() string
}

// Secret is a value that does not show itself. The zero value is the empty secret.
//
// It is held by a function, and not in a field, because fmt prints the unexported fields of a struct around it by
// reflection and asks no method first.
type Secret struct {
	reveal func() string
}

// NewSecret hides a value.
func NewSecret(value string) Secret {
	return Secret{reveal: func() string { return value }}
}

// Reveal is the value itself, for the resource's ears only.
func (s Secret) Reveal() string {
	if s.reveal == nil {
		return ""
	}
	return s.reveal()
}

// Empty is whether there is nothing to hide.
func (s Secret) Empty() bool { return s.Reveal() == "" }

// Equal compares in constant time.
func (s Secret) Equal(o Secret) bool {
	return subtle.ConstantTimeCompare([]byte(s.Reveal()), []byte(o.Reveal())) == 1
}

// String is Hidden.
func (Secret) String() string { return Hidden }

// GoString is Hidden.
func (Secret) GoString() string { return Hidden }

// Format writes Hidden whatever the verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(Hidden)) }

// LogValue is Hidden.
func (Secret) LogValue() slog.Value { return slog.StringValue(Hidden) }

// MarshalText gives Hidden, and so do JSON, XML and their like.
func (Secret) MarshalText() ([]byte, error) { return []byte(Hidden), nil }

// MarshalBinary gives Hidden, and so does gob.
func (Secret) MarshalBinary() ([]byte, error) { return []byte(Hidden), nil }

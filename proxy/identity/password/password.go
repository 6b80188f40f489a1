// Package password issues session passwords: short credentials that log in to one connection for 15 minutes, for
// clients whose password field is too short for a token (OpenSSH cuts at 1,023 bytes). They are made of A-Za-z0-9-_
// alone, because some clients do not decode what a URL escapes.
//
// A Book is memory of one process: a restart ends all passwords, and each replica knows its own only. It holds digests,
// so that a dump of it logs nobody in.
package password

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"sluice.dev/proxy/identity"
)

// Prefix begins every session password. No token begins so: a JWT begins with the base64url form of '{'.
const Prefix = "slp_"

// entropy is the random part, in bytes; so many that a plain digest keeps it, and guessing is hopeless.
const entropy = 24

// Size is the length of a session password, in bytes.
const Size = len(Prefix) + entropy*4/3

// Is is whether a credential is meant as a session password.
func Is(credential string) bool { return strings.HasPrefix(credential, Prefix) }

var (
	// ErrNotAccepted: unknown, expired or revoked; the three are not told apart.
	ErrNotAccepted = errors.New("the session password is unknown or expired: ask for a new one (sluice creds NAME)")
	// ErrTooMany: a limit of Options.
	ErrTooMany = errors.New("too many session passwords are open")
	// ErrExpired: the login that asks has itself ended.
	ErrExpired = errors.New("the token that asks has expired")
)

// Options bound a Book; zero is the default.
type Options struct {
	Life         time.Duration    // how long a password logs in: 15 minutes
	PerPrincipal int              // open at once for one subject of one issuer: 64
	Total        int              // open at once: 16384
	Now          func() time.Time // the clock
}

// Issued is a new password. The text is nowhere else.
type Issued struct {
	Password   string
	Connection string
	// Expires bounds the log-in, not the session, which ends with the token's own end.
	Expires time.Time
}

type owner struct{ subject, issuer string }

type entry struct {
	principal *identity.Principal
	expires   time.Time
}

// Book holds the open passwords. Its methods are safe for concurrent use.
type Book struct {
	o    Options
	mu   sync.Mutex
	open map[[sha256.Size]byte]entry
	held map[owner]int
}

// New makes an empty book.
func New(o Options) *Book {
	if o.Life <= 0 {
		o.Life = 15 * time.Minute
	}
	if o.PerPrincipal <= 0 {
		o.PerPrincipal = 64
	}
	if o.Total <= 0 {
		o.Total = 16384
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Book{o: o, open: make(map[[sha256.Size]byte]entry), held: make(map[owner]int)}
}

// Issue makes a password that logs p in to the connection alone. It ends no later than p's own login.
func (b *Book) Issue(p *identity.Principal, connection string) (Issued, error) {
	if connection == "" {
		return Issued{}, errors.New("a session password needs a connection")
	}
	if err := p.For(connection); err != nil {
		return Issued{}, err
	}
	var raw [entropy]byte
	rand.Read(raw[:]) //nolint:errcheck // never fails (Go 1.24)
	out := Issued{Password: Prefix + base64.RawURLEncoding.EncodeToString(raw[:]), Connection: connection}
	bound := *p
	bound.Connection = connection

	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.o.Now()
	out.Expires = now.Add(b.o.Life)
	if !p.NotAfter.IsZero() && p.NotAfter.Before(out.Expires) {
		out.Expires = p.NotAfter
	}
	if !now.Before(out.Expires) {
		return Issued{}, ErrExpired
	}
	who := ownerOf(p)
	if len(b.open) >= b.o.Total || b.held[who] >= b.o.PerPrincipal {
		b.drop(func(e entry) bool { return !now.Before(e.expires) })
	}
	if n := b.held[who]; n >= b.o.PerPrincipal {
		return Issued{}, fmt.Errorf("%w: %s has %d, the limit; wait or revoke them", ErrTooMany, p.Subject, n)
	}
	if len(b.open) >= b.o.Total {
		return Issued{}, fmt.Errorf("%w: the gateway has %d, the limit", ErrTooMany, len(b.open))
	}
	b.open[sha256.Sum256([]byte(out.Password))] = entry{&bound, out.Expires}
	b.held[who]++
	return out, nil
}

// Verify proves whose a password is. The principal's Connection is the one that it is for.
func (b *Book) Verify(password string) (*identity.Principal, error) {
	if len(password) != Size {
		return nil, ErrNotAccepted
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	e, ok := b.open[sha256.Sum256([]byte(password))]
	if !ok || !b.o.Now().Before(e.expires) {
		return nil, ErrNotAccepted
	}
	return e.principal, nil
}

// Revoke ends every password of a subject, and says how many there were. Open sessions go on.
func (b *Book) Revoke(subject, issuer string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	now, n := b.o.Now(), 0
	b.drop(func(e entry) bool {
		mine := ownerOf(e.principal) == owner{subject, issuer}
		if mine && now.Before(e.expires) {
			n++
		}
		return mine
	})
	return n
}

func ownerOf(p *identity.Principal) owner { return owner{p.Subject, p.Issuer} }

// drop takes away what gone says; b.mu is held.
func (b *Book) drop(gone func(entry) bool) {
	for k, e := range b.open {
		if !gone(e) {
			continue
		}
		delete(b.open, k)
		who := ownerOf(e.principal)
		if b.held[who]--; b.held[who] == 0 {
			delete(b.held, who)
		}
	}
}

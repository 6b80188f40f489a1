package audit

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
)

// MaxObject is the largest object, in bytes.
const MaxObject = 64 << 20

// known remembers the objects that are surely on disk, so that a long
// statement that comes often is written once. It is emptied when it is full.
type known struct {
	write sync.Mutex // held while an object is written: two may be the same
	mu    sync.Mutex
	set   map[string]struct{}
}

const maxKnown = 4096

func (k *known) has(digest string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	_, ok := k.set[digest]
	return ok
}

func (k *known) put(digest string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.set == nil || len(k.set) >= maxKnown {
		k.set = make(map[string]struct{})
	}
	k.set[digest] = struct{}{}
}

// Object keeps content under its digest, durably, and returns the digest for a
// record: "sha256:…". kind names it in errors: "config", "policy", "plugin".
func (l *Log) Object(kind string, b []byte) (string, error) {
	if len(b) > MaxObject {
		return "", fmt.Errorf("audit: a %s object of %d bytes, the limit is %d", kind, len(b), MaxObject)
	}
	if err := l.Err(); err != nil {
		return "", err
	}
	o := newObject(b)
	if err := l.keep(o); err != nil {
		return "", fmt.Errorf("audit: keeping a %s object: %w", kind, err)
	}
	return o.digest, nil
}

// ReadObject returns the content of a digest that a record names.
func ReadObject(dir, digest string) ([]byte, error) {
	path, err := objectPath(digest)
	if err != nil {
		return nil, err
	}
	b, err := readBounded(dir+"/"+path, MaxObject)
	if err != nil {
		return nil, fmt.Errorf("audit: object %s: %w", digest, err)
	}
	if newObject(b).digest != digest {
		return nil, fmt.Errorf("audit: object %s is damaged: its content has the digest %s", digest, newObject(b).digest)
	}
	return b, nil
}

// ObjectDigest is the digest under which the log keeps content.
func ObjectDigest(b []byte) string { return newObject(b).digest }

func objectPath(digest string) (string, error) {
	name, ok := strings.CutPrefix(digest, "sha256:")
	if !ok || len(name) != 2*sha256.Size || strings.Trim(name, hexDigits) != "" {
		return "", fmt.Errorf("audit: %q is not the digest of an object (sha256: and 64 hex digits)", cutText(digest, 80))
	}
	return "objects/sha256/" + name, nil
}

// keep writes an object unless it is there, whole.
func (l *Log) keep(o object) error {
	if l.known.has(o.digest) {
		return nil
	}
	path, err := objectPath(o.digest)
	if err != nil {
		return err
	}
	l.known.write.Lock()
	defer l.known.write.Unlock()
	if _, err = ReadObject(l.dir, o.digest); errors.Is(err, os.ErrNotExist) {
		err = l.files.Write(l.path(path), o.b)
	}
	if err == nil {
		l.known.put(o.digest)
	}
	return err
}

package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// lockWait is how long OpenFile waits for another process to let go of the
// file: a gateway that is being restarted needs a moment, two gateways on one
// data_dir are a mistake that should be told at once.
const lockWait = 2 * time.Second

// File is a Store in one file, for a gateway on one machine.
type File struct {
	path string
	db   *bolt.DB

	mu     sync.RWMutex // held for reading by every transaction, for writing by Close
	closed bool

	brokenMu sync.Mutex
	broken   error // sticky; set by the first failure after which the disk's content is not known
	stuck    bool  // a transaction ended in a panic and may still hold the database's locks
}

// OpenFile opens the store in path, made with mode 0600 when absent. The
// directory must exist. One process at a time may have it open: ErrInUse.
func OpenFile(path string) (_ *File, err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("state: open %s: file is damaged (%v); restore it from a backup or move it away: %w", path, r, ErrUnavailable)
		}
	}()
	if info, statErr := os.Stat(path); statErr == nil {
		if !info.Mode().IsRegular() {
			return nil, fmt.Errorf("state: open %s: not a regular file: %w", path, ErrUnavailable)
		}
		if info.Mode().Perm()&0o077 != 0 {
			if err := os.Chmod(path, 0o600); err != nil {
				return nil, fmt.Errorf("state: open %s: others may read it and its mode cannot be changed to 0600: %w", path, err)
			}
		}
	}
	db, err := bolt.Open(path, 0o600, &bolt.Options{Timeout: lockWait, FreelistType: bolt.FreelistMapType})
	if errors.Is(err, bolterrors.ErrTimeout) {
		return nil, fmt.Errorf("state: open %s: %w; stop it or choose another data_dir", path, ErrInUse)
	}
	if err != nil {
		return nil, fmt.Errorf("state: open %s: %w: %w", path, err, ErrUnavailable)
	}
	// A new file survives a power cut only when its directory entry does.
	if err := syncDir(filepath.Dir(path)); err != nil {
		return nil, errors.Join(fmt.Errorf("state: sync directory of %s: %w: %w", path, err, ErrUnavailable), db.Close())
	}
	return &File{path: path, db: db}, nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Path of the file.
func (f *File) Path() string { return f.path }

// View implements Store.
func (f *File) View(fn func(Tx) error) error { return f.run(false, fn) }

// Update implements Store. Its error after a failed sync stays: what the disk
// holds is unknown then, and only opening the file again tells.
func (f *File) Update(fn func(Tx) error) error { return f.run(true, fn) }

func (f *File) run(writable bool, fn func(Tx) error) (err error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if f.closed {
		return fmt.Errorf("state: %s is closed: %w", f.path, ErrUnavailable)
	}
	if err := f.fault(); err != nil {
		return err
	}
	// A file cut short under us is a fault in the memory map: an error of the
	// store, not the end of every session of the gateway.
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	ours := false // the panic comes from fn, not from the database
	defer func() {
		if r := recover(); r != nil {
			f.breaks(fmt.Errorf("state: %s is damaged (%v); stop the gateway and restore the file: %w", f.path, r, ErrUnavailable), true)
			if ours {
				panic(r)
			}
			err = f.fault()
		}
	}()

	btx, err := f.db.Begin(writable)
	if err != nil {
		return fmt.Errorf("state: begin on %s: %w: %w", f.path, err, ErrUnavailable)
	}
	t := &fileTx{tx: btx}
	ours = true
	err = fn(t)
	ours = false
	if err != nil || !writable {
		if rbErr := btx.Rollback(); rbErr != nil && err == nil {
			err = fmt.Errorf("state: end reading %s: %w: %w", f.path, rbErr, ErrUnavailable)
		}
		return err
	}
	if err := btx.Commit(); err != nil {
		again := outOfSpace(err)
		err = fmt.Errorf("state: commit to %s: %w: %w", f.path, err, ErrUnavailable)
		if !again {
			f.breaks(err, false)
		}
		return err
	}
	return nil
}

// outOfSpace tells a write that found no room, which leaves the file as it was
// and may work later, from a failed sync, after which the kernel may have
// dropped the dirty pages and a later sync would report success for nothing.
func outOfSpace(err error) bool {
	// bbolt makes the file longer before it writes anything, and wraps that error
	// as text alone.
	if strings.HasPrefix(err.Error(), "file resize error: ") {
		return true
	}
	var pe *fs.PathError
	return errors.As(err, &pe) && pe.Op != "sync" &&
		(errors.Is(pe.Err, syscall.ENOSPC) || errors.Is(pe.Err, syscall.EDQUOT) || errors.Is(pe.Err, syscall.EFBIG))
}

func (f *File) fault() error {
	f.brokenMu.Lock()
	defer f.brokenMu.Unlock()
	return f.broken
}

func (f *File) breaks(err error, stuck bool) {
	f.brokenMu.Lock()
	defer f.brokenMu.Unlock()
	if f.broken == nil {
		f.broken = err
	}
	f.stuck = f.stuck || stuck
}

// Close implements Store. Closing twice is no error.
func (f *File) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil
	}
	f.closed = true
	f.brokenMu.Lock()
	stuck := f.stuck
	f.brokenMu.Unlock()
	if stuck {
		// The database's own lock may be held for ever: closing would wait for it.
		return f.fault()
	}
	if err := f.db.Close(); err != nil {
		return fmt.Errorf("state: close %s: %w", f.path, err)
	}
	return nil
}

type fileTx struct{ tx *bolt.Tx }

func (t *fileTx) Get(bucket, key string) ([]byte, error) {
	b := t.tx.Bucket([]byte(bucket))
	if b == nil {
		return nil, nil
	}
	v := b.Get([]byte(key))
	if v == nil {
		return nil, nil
	}
	return append(make([]byte, 0, len(v)), v...), nil
}

func (t *fileTx) Put(bucket, key string, value []byte) error {
	switch {
	case !t.tx.Writable():
		return ErrReadOnly
	case bucket == "" || key == "" || len(key) > MaxKey:
		return fmt.Errorf("state: key of %d bytes in bucket %q: want 1 to %d", len(key), bucket, MaxKey)
	case len(value) > MaxValue:
		return fmt.Errorf("state: value of %d bytes for %s/%s: limit is %d", len(value), bucket, key, MaxValue)
	}
	b, err := t.tx.CreateBucketIfNotExists([]byte(bucket))
	if err != nil {
		return fmt.Errorf("state: bucket %q: %w: %w", bucket, err, ErrUnavailable)
	}
	if err := b.Put([]byte(key), value); err != nil {
		return fmt.Errorf("state: put %s/%s: %w: %w", bucket, key, err, ErrUnavailable)
	}
	return nil
}

func (t *fileTx) Delete(bucket, key string) error {
	if !t.tx.Writable() {
		return ErrReadOnly
	}
	b := t.tx.Bucket([]byte(bucket))
	if b == nil {
		return nil
	}
	if err := b.Delete([]byte(key)); err != nil {
		return fmt.Errorf("state: delete %s/%s: %w: %w", bucket, key, err, ErrUnavailable)
	}
	return nil
}

func (t *fileTx) ForEach(bucket string, fn func(key string, value []byte) error) error {
	b := t.tx.Bucket([]byte(bucket))
	if b == nil {
		return nil
	}
	return b.ForEach(func(k, v []byte) error { return fn(string(k), v) })
}

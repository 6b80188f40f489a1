package audit

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// Open opens the log in dir, or begins one. After a stop that was not clean it
// cuts a torn last batch, writes log.recover, and for each command without an
// outcome a result "unknown". It refuses a log that another process has open,
// one that is damaged before its end, and one that is shorter than its
// checkpoints: those are for sluice audit verify to explain.
func Open(dir string, o Options) (*Log, error) {
	if err := o.defaults(); err != nil {
		return nil, err
	}
	if err := makeDir(filepath.Join(dir, "wal")); err != nil {
		return nil, fmt.Errorf("audit: making %s: %w", dir, err)
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return nil, fmt.Errorf("audit: keeping others out of %s: %w", dir, err)
	}
	lock, err := lockDir(dir)
	if err != nil {
		return nil, err
	}
	l := &Log{
		dir: dir, o: o, files: o.Files, lock: lock, start: time.Now(),
		kick: make(chan struct{}, 1), quit: make(chan struct{}), failed: make(chan struct{}), queued: make(chan struct{}),
		writerDone: make(chan struct{}), houseDone: make(chan struct{}),
	}
	l.room.L, l.free.L = &l.mu, &l.mu
	l.w.buf = aligned(padBlock(maxBatchBytes + frameSize(MaxRecord)))[:0]
	l.w.open = make(map[string]intent)
	l.preparer.kick, l.preparer.quit, l.preparer.done = make(chan struct{}, 1), make(chan struct{}), make(chan struct{})
	l.house.kick, l.house.quit, l.house.drained = make(chan struct{}, 1), make(chan struct{}), make(chan struct{}, 1)
	if err := l.begin(); err != nil {
		if l.w.file != nil {
			_ = l.w.file.Close()
		}
		_ = lock.Close()
		return nil, err
	}
	return l, nil
}

// begin does what Open says, with the lock held.
func (l *Log) begin() error {
	key := l.o.Key
	var err error
	if key == nil {
		if key, err = loadKey(l.files, l.path("key")); err != nil {
			return err
		}
	}
	if l.signer, err = newSigner(l.o.Origin, key); err != nil {
		return err
	}
	if l.vkey, err = VKey(l.o.Origin, key.Public().(ed25519.PublicKey)); err != nil {
		return err
	}
	head, err := l.head()
	if err != nil {
		return err
	}
	if err := l.sweep(); err != nil {
		return err
	}
	found, err := l.recover(head)
	if err != nil {
		return err
	}
	if err := l.keepVKey(); err != nil {
		return err
	}
	l.next, l.w.index = found.index, found.index
	l.durable.Store(found.index)
	l.house.signed.Store(head.size)
	l.timer = time.AfterFunc(time.Hour, l.due)
	l.timer.Stop()
	go l.write()     // ended and waited for by Close
	go l.housekeep() // the same
	go l.prepare()   // the same
	l.house.poke()
	if err := l.sayOpened(found); err != nil {
		return errors.Join(err, l.Close())
	}
	return nil
}

// keepVKey writes the public key beside the log, for auditors to copy.
func (l *Log) keepVKey() error {
	line := l.vkey + "\n"
	if b, err := os.ReadFile(l.path("vkey")); err == nil && string(b) == line {
		return nil
	}
	if err := l.files.Write(l.path("vkey"), []byte(line)); err != nil {
		return fmt.Errorf("audit: writing the verifier key: %w", err)
	}
	return nil
}

// head returns the newest checkpoint. A stop between the two files that
// publish writes leaves the one in cp ahead.
func (l *Log) head() (checkpoint, error) {
	v, err := note.NewVerifier(l.vkey)
	if err != nil {
		return checkpoint{}, err
	}
	known := note.VerifierList(v)
	none := checkpoint{origin: l.o.Origin, root: (&tree{}).root()}
	names := []string{l.path(checkpointName)}
	sizes, err := checkpointSizes(l.dir)
	if err != nil {
		return none, err
	}
	if len(sizes) > 0 {
		names = append(names, l.path("cp", strconv.FormatUint(sizes[len(sizes)-1], 10)))
	}
	best := none
	for _, name := range names {
		b, err := readBounded(name, maxCheckpoint)
		if errors.Is(err, os.ErrNotExist) && len(sizes) <= 1 {
			continue // not one was published yet, or the first one got no further than cp
		}
		if err != nil {
			return none, fmt.Errorf("audit: the log's checkpoint: %w", err)
		}
		c, err := openCheckpoint(b, known)
		if err != nil {
			return none, fmt.Errorf("audit: %s: %w: the log goes on only under its own key; put that key back", name, err)
		}
		if c.origin != l.o.Origin {
			return none, fmt.Errorf("audit: %s belongs to the log %q, not to %q", name, c.origin, l.o.Origin)
		}
		if c.size > best.size {
			best = c
		}
	}
	return best, nil
}

// checkpointSizes lists what is in cp, ascending.
func checkpointSizes(dir string) ([]uint64, error) {
	list, err := os.ReadDir(filepath.Join(dir, "cp"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("audit: listing checkpoints: %w", err)
	}
	sizes := make([]uint64, 0, len(list))
	for _, e := range list {
		if n, err := strconv.ParseUint(e.Name(), 10, 53); err == nil && strconv.FormatUint(n, 10) == e.Name() {
			sizes = append(sizes, n)
		}
	}
	slices.Sort(sizes)
	return sizes, nil
}

// sweep removes what an earlier process prepared and did not use.
func (l *Log) sweep() error {
	list, err := os.ReadDir(l.path("wal"))
	if err != nil {
		return fmt.Errorf("audit: listing segments: %w", err)
	}
	for _, e := range list {
		if strings.HasSuffix(e.Name(), ".seg") {
			continue
		}
		if err := l.files.Remove(l.path("wal", e.Name())); err != nil {
			return fmt.Errorf("audit: removing what an earlier start left: %w", err)
		}
	}
	if _, err := os.Stat(l.path(ballastName)); err == nil {
		l.house.ballast.Store(true)
	}
	return nil
}

// sayOpened writes the first records of this opening and waits for them.
func (l *Log) sayOpened(f *recovered) error {
	first := Record{Event: LogOpen, Detail: map[string]string{"vkey": l.vkey}}
	switch {
	case f.index == 0:
		first.Event = LogCreate
	case !f.clean:
		first.Event = LogRecover
		first.Detail["cut_bytes"] = strconv.Itoa(f.cut)
		first.Detail["unknown"] = strconv.Itoa(len(f.unknown))
		if f.cut > 0 {
			first.Detail["cut_at"] = fmt.Sprintf("record %d in %s", f.index, f.segment)
		}
	}
	last, err := l.append(&first, internal)
	for _, u := range f.unknown {
		if err != nil {
			break
		}
		last, err = l.append(&Record{
			Event: CommandResult, Session: u.session, Command: u.command, Result: Result{Outcome: Unknown},
			Detail: map[string]string{"reason": "the gateway stopped before the outcome was recorded"},
		}, internal)
	}
	if err != nil {
		return err
	}
	return l.Wait(context.Background(), last) // ends with the write: durable, or the log has failed
}

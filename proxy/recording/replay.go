package recording

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"sluice.dev/proxy/audit"
)

// ErrOpen ends the replay of a recording that the log has no end of: its
// session still runs, or the gateway stopped before it ended.
var ErrOpen = errors.New("recording: the log has no end of this recording: the session still runs, or the gateway stopped during it")

// Replay yields the events of a session in order, holding each chunk against
// the audit log before anything of it is shown. The first error ends it.
func (s *Store) Replay(session string) iter.Seq2[Event, error] {
	return Replay(filepath.Dir(s.dir), s.log.Dir(), session)
}

// Replay is Store.Replay for folders that no gateway has open: of the
// recordings (which holds rec) and of the log.
func Replay(dir, logDir, session string) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		if err := checkID(session); err != nil {
			yield(Event{}, err)
			return
		}
		chunks, end, err := chunksOf(logDir, session)
		if err != nil {
			yield(Event{}, err)
			return
		}
		p := player{dir: filepath.Join(dir, "rec", session)}
		for _, c := range chunks {
			if !p.chunk(c, yield) {
				return
			}
		}
		if err := p.finish(chunks, end); err != nil {
			yield(Event{}, err)
		}
	}
}

// Sessions lists the sessions that have a recording, by name.
func (s *Store) Sessions() ([]string, error) {
	list, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, fmt.Errorf("recording: %w", err)
	}
	var out []string
	for _, e := range list {
		if e.IsDir() {
			out = append(out, e.Name())
		}
	}
	slices.Sort(out)
	return out, nil
}

// chunksOf finds what the log says of a recording; end is nil while it has
// none.
func chunksOf(logDir, session string) (chunks []audit.Recording, end *audit.Recording, err error) {
	mark := []byte(`"id":"` + session + `"`)
	err = audit.Scan(logDir, func(s audit.Seq, raw []byte) error {
		if !bytes.Contains(raw, []byte(`"event":"rec.`)) || !bytes.Contains(raw, mark) {
			return nil
		}
		e, err := audit.Decode(s, raw)
		if err != nil || e.Recording.ID != session {
			return err
		}
		switch e.Event {
		case audit.RecordingChunk:
			chunks = append(chunks, e.Recording)
		case audit.RecordingClose:
			end = &e.Recording
		}
		return nil
	})
	if err == nil && len(chunks) == 0 && end == nil {
		err = fmt.Errorf("recording: the log knows no recording of session %s", session)
	}
	return chunks, end, err
}

// player walks the chunks of one recording.
type player struct {
	dir string
	n   int64
	at  time.Time
}

// chunk yields the events of one chunk, if its digest is the log's.
func (p *player) chunk(c audit.Recording, yield func(Event, error) bool) bool {
	p.n++
	b, err := p.read(c)
	if err != nil {
		yield(Event{}, err)
		return false
	}
	for line := range bytes.Lines(b) {
		dt, e, err := parseLine(bytes.TrimSuffix(line, []byte{'\n'}))
		if err != nil {
			yield(Event{}, fmt.Errorf("%s/%d: %w", p.dir, p.n, err))
			return false
		}
		if e.Meta != nil {
			p.at = e.Meta.Started
		}
		p.at = p.at.Add(dt)
		e.At = p.at
		if !yield(*e, nil) {
			return false
		}
	}
	return true
}

func (p *player) read(c audit.Recording) ([]byte, error) {
	path := filepath.Join(p.dir, strconv.FormatInt(p.n, 10))
	if c.Chunk != p.n {
		return nil, fmt.Errorf("recording: the log has chunk %d where %d is due", c.Chunk, p.n)
	}
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("recording: chunk %s is missing, the log has its digest", path)
	}
	if err != nil {
		return nil, fmt.Errorf("recording: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, c.Bytes+1))
	if err != nil {
		return nil, fmt.Errorf("recording: reading %s: %w", path, err)
	}
	if sum := sha256.Sum256(b); hex.EncodeToString(sum[:]) != c.SHA256 {
		return nil, fmt.Errorf("recording: chunk %s was changed: its digest is not the one in the log", path)
	}
	return b, nil
}

// finish compares the number of chunks with the record of the end.
func (p *player) finish(chunks []audit.Recording, end *audit.Recording) error {
	if end == nil {
		return ErrOpen
	}
	if end.Chunk != int64(len(chunks)) {
		return fmt.Errorf("recording: the log ends %s with %d chunks and has the digests of %d", p.dir, end.Chunk, len(chunks))
	}
	more := filepath.Join(p.dir, strconv.FormatInt(p.n+1, 10))
	if _, err := os.Lstat(more); !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("recording: %s is a chunk that the log does not know", more)
	}
	return nil
}

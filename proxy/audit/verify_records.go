package audit

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// maxClockBack is how far a record's time may lie before an earlier one's
// without a clock.step. Records are stamped by their sessions before they are
// queued, and a session can be slow.
const maxClockBack = time.Minute

// fields are what the checks need of a record.
type fields struct {
	log, event, time, session, command string
	sseq                               uint64
	v                                  string
	subject, issuer                    string
	verdict, ticket                    string // of the decision
	digest, textObject, factsObject    string // of the action
	elided                             string
	outcome                            string
	approval, objects, recording       bool // the record has such a part
}

func (f *fields) take(outer, key, value []byte) {
	switch string(outer) {
	case "":
		f.top(string(key), value)
	case "principal":
		switch string(key) {
		case "subject":
			f.subject = textOf(value)
		case "issuer":
			f.issuer = textOf(value)
		}
	case "decision":
		switch string(key) {
		case "verdict":
			f.verdict = textOf(value)
		case "ticket":
			f.ticket = textOf(value)
		}
	case "action":
		switch string(key) {
		case "digest":
			f.digest = textOf(value)
		case "text_object":
			f.textObject = textOf(value)
		case "facts_object":
			f.factsObject = textOf(value)
		}
	case "config":
		f.objects = f.objects || string(key) == "objects"
	case "elided":
		if string(key) == "object" {
			f.elided = textOf(value)
		}
	case "result":
		if string(key) == "outcome" {
			f.outcome = textOf(value)
		}
	}
}

func (f *fields) top(key string, value []byte) {
	switch key {
	case "log":
		f.log = textOf(value)
	case "event":
		f.event = textOf(value)
	case "time":
		f.time = textOf(value)
	case "session":
		f.session = textOf(value)
	case "command":
		f.command = textOf(value)
	case "session_seq":
		f.sseq, _ = strconv.ParseUint(string(value), 10, 53) // canonical: cannot fail
	case "v":
		f.v = string(value)
	case "approval":
		f.approval = true
	case "recording":
		f.recording = true
	}
}

// recordChecker checks what the records say, one after the other.
type recordChecker struct {
	v        *verifier
	sessions map[string]uint64 // the last number of each
	open     map[string]uint64 // index of each intent without an outcome
	started  uint64            // index of the last opening of the log
	latest   time.Time
	tickets  ticketChecker
	objects  map[string]struct{} // those found right
	chunks   map[string]int64    // of recordings without an end
	gap      bool                // a record before could not be read: counts may be off
}

func newRecordChecker(v *verifier) recordChecker {
	return recordChecker{
		v: v, sessions: make(map[string]uint64), open: make(map[string]uint64), objects: make(map[string]struct{}),
		chunks: make(map[string]int64), tickets: ticketChecker{report: v.report, all: make(map[string]*ticket)},
	}
}

// check takes the next record, nil if no copy of it is left.
func (c *recordChecker) check(index uint64, raw []byte) {
	if raw == nil {
		c.gap = true
		return
	}
	var f fields
	if err := checkCanonical(raw, f.take); err != nil {
		c.v.report.record(index, ByContent, "%v", err)
		return
	}
	if f.v != "1" || f.event == "" {
		c.v.report.record(index, ByContent, "it is not a record of version 1")
		return
	}
	if f.log != c.v.head.origin && c.v.head.origin != "" {
		c.v.report.record(index, ByContent, "it belongs to the log %q", f.log)
	}
	c.clock(index, &f)
	c.session(index, &f)
	c.command(index, &f)
	c.object(index, f.textObject)
	c.object(index, f.factsObject)
	c.object(index, f.elided)
	if !f.approval && !f.objects && !f.recording && f.ticket == "" {
		return
	}
	e, err := Decode(Seq(index+1), raw)
	if err != nil {
		c.v.report.record(index, ByContent, "%v", err)
		return
	}
	for _, digest := range e.Config.Objects {
		c.object(index, digest)
	}
	if f.recording {
		c.recording(index, e)
	}
	c.tickets.check(index, e)
}

func (c *recordChecker) clock(index uint64, f *fields) {
	t, err := time.Parse(timeLayout, f.time)
	if err != nil {
		c.v.report.record(index, ByContent, "its time %q is not one", cutText(f.time, 40))
		return
	}
	switch f.event {
	case ClockStep, LogOpen, LogRecover: // the clock may have been set
		c.latest = t
		return
	}
	if t.Before(c.latest.Add(-maxClockBack)) {
		c.v.report.record(index, ByContent, "its time is %v before that of an earlier record, and no clock.step says why", c.latest.Sub(t))
	}
	if t.After(c.latest) {
		c.latest = t
	}
}

func (c *recordChecker) session(index uint64, f *fields) {
	if f.sseq == 0 || f.session == "" {
		return
	}
	last := c.sessions[f.session]
	if f.sseq != last+1 && !c.gap {
		c.v.report.record(index, ByContent, "number %d of session %s follows on number %d", f.sseq, f.session, last)
	}
	c.sessions[f.session] = f.sseq
}

func (c *recordChecker) command(index uint64, f *fields) {
	switch f.event {
	case LogCreate, LogOpen, LogRecover:
		c.started = index
	case CommandIntent:
		c.v.report.Commands++
		if f.verdict == Hold || f.command == "" {
			return
		}
		if before, ok := c.open[f.command]; ok {
			c.v.report.record(index, ByContent, "a second intent for command %s, whose first is record %d", f.command, before)
		}
		c.open[f.command] = index
	case CommandResult, CommandDeny, CommandCancel:
		if f.outcome == Unknown {
			c.v.report.Unknown++
		}
		delete(c.open, f.command)
	}
}

// object checks that the content a record names is there and unchanged.
func (c *recordChecker) object(index uint64, digest string) {
	if digest == "" {
		return
	}
	if _, ok := c.objects[digest]; ok {
		return
	}
	if _, err := ReadObject(c.v.dir, digest); err != nil {
		c.v.report.record(index, ByContent, "it names an object: %v", err)
		return
	}
	c.objects[digest] = struct{}{}
}

// recording holds a chunk against its digest.
func (c *recordChecker) recording(index uint64, e *Entry) {
	r := &e.Recording
	report := c.v.report
	switch e.Event {
	case RecordingChunk:
		if c.chunks[r.ID]++; c.chunks[r.ID] != r.Chunk && !c.gap {
			report.record(index, ByContent, "chunk %d of recording %s, %d is due", r.Chunk, r.ID, c.chunks[r.ID])
		}
		if err := c.chunk(r); err != nil {
			report.record(index, ByContent, "recording %s: %v", r.ID, err)
		}
	case RecordingClose:
		if c.chunks[r.ID] != r.Chunk && !c.gap {
			report.record(index, ByContent, "recording %s ends with %d chunks, the log has %d", r.ID, r.Chunk, c.chunks[r.ID])
		}
		delete(c.chunks, r.ID)
		if next := c.chunkPath(r.ID, r.Chunk+1); next != "" {
			if _, err := os.Lstat(next); !errors.Is(err, os.ErrNotExist) {
				report.record(index, ByContent, "recording %s has a chunk that the log does not know", r.ID)
			}
		}
	}
}

// chunkPath is where a chunk is; "" if the id could lead out of the folder.
func (c *recordChecker) chunkPath(id string, n int64) string {
	if !filepath.IsLocal(id) || filepath.Base(id) != id {
		return ""
	}
	return filepath.Join(c.v.o.Recordings, id, strconv.FormatInt(n, 10))
}

func (c *recordChecker) chunk(r *Recording) error {
	path := c.chunkPath(r.ID, r.Chunk)
	if path == "" {
		return errors.New("its name leads out of the folder")
	}
	b, err := readBounded(path, max(r.Bytes, 1))
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("chunk %d is missing", r.Chunk)
	}
	if err != nil {
		return fmt.Errorf("chunk %d: %w", r.Chunk, err)
	}
	if sum := sha256.Sum256(b); hex.EncodeToString(sum[:]) != r.SHA256 {
		return fmt.Errorf("chunk %d was changed", r.Chunk)
	}
	return nil
}

// finish reports what only the end shows.
func (c *recordChecker) finish() {
	r := c.v.report
	for command, index := range c.open {
		if index < c.started && !c.gap {
			r.record(index, ByContent, "the intent of command %s has no outcome, although the log was opened again (record %d)", command, c.started)
		} else {
			r.Running++
		}
	}
	r.Sessions = uint64(len(c.sessions))
	if n := len(c.chunks); n > 0 {
		r.note("%d recordings have no end yet", n)
	}
}
